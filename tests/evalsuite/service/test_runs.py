"""Files are uploaded, a run is made of them, checked and found again."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from builders import LABELS, prediction, run_folder
from fastapi.testclient import TestClient
from sqlalchemy import select

import saeval
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.types import SavedPredictions
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import Audit, ItemSet
from saeval.evalsuite.service.record.ingest import check_run
from saeval.evalsuite.service.record.item_sets import write_items
from saeval.evalsuite.service.record.loading import load_run


def files_of(folder: Path) -> dict[str, Path]:
    return {
        str(path.relative_to(folder)): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(".lock")
    }


def packed(folder: Path, *, name: str = "qwen", items: int = 30) -> Path:
    source = run_folder(folder / f"lines-{name}", name=name, items=items)
    manifest = source / "manifest.json"
    content = hashlib.sha256(name.encode()).hexdigest()
    manifest.write_text(manifest.read_text().replace("c" * 64, content))
    return saeval.convert(source, folder / f"packed-{name}", to="parquet")


def send(http: TestClient, content: bytes, sha256: str | None = None) -> str:
    sha256 = sha256 or hashlib.sha256(content).hexdigest()
    headers = {"Upload-Offset": "0", "Upload-Length": str(len(content))}
    answer = http.patch(f"/api/blobs/{sha256}", content=content, headers=headers)
    assert answer.status_code == 201, answer.text
    return sha256


def push(http: TestClient, folder: Path, **more: object) -> dict[str, object]:
    files = {name: send(http, path.read_bytes()) for name, path in files_of(folder).items()}
    answer = http.post("/api/runs", json={"name": "a run", "files": files, **more})
    assert answer.status_code in (200, 202), answer.text
    return {"status": answer.status_code, **answer.json()}


def test_a_run_is_checked_and_read_back(http: TestClient, service: Service, tmp_path: Path) -> None:
    folder = packed(tmp_path)
    made = push(http, folder, recipe="mixed", seed=3, step=100)
    assert (made["status"], made["state"], made["tasks"]) == (202, "queued", [])
    check_run(service, str(made["id"]))
    run = http.get(f"/api/runs/{made['id']}").json()
    assert (run["state"], run["reason"], run["recipe"], run["step"]) == (
        "ready",
        None,
        "mixed",
        100,
    )
    assert run["model"]["content"] == hashlib.sha256(b"qwen").hexdigest()
    (task,) = run["tasks"]
    assert (task["task"], task["version"], task["items"], task["answers"]) == ("fever", "1", 30, 30)
    assert task["accuracy"] == 1
    assert task["abstention_rate"] == pytest.approx(1 / 3)
    assert task["invalid_rate"] == 0
    loaded, given = load_run(service, str(made["id"])), resolve_model(folder)
    assert isinstance(given, SavedPredictions)
    assert loaded.manifest == given.manifest
    assert loaded.name == "qwen"
    assert loaded.predictions["fever"] == given.predictions["fever"]
    shutil.rmtree(service.settings.cache)
    assert load_run(service, str(made["id"])).content == given.content


def test_the_same_run_is_there_already(http: TestClient, service: Service, tmp_path: Path) -> None:
    folder = packed(tmp_path)
    first = push(http, folder)
    again = push(http, folder, recipe="mixed")
    assert (again["status"], again["id"], again["recipe"]) == (200, first["id"], "mixed")
    with service.database.reading() as session:
        actions = [row.action for row in session.scalars(select(Audit))]
    assert actions.count("run.create") == 1
    assert actions.count("blob.create") == 2
    answer = http.post("/api/runs", json={"name": "n", "files": again["files"], "recipe": "other"})
    assert answer.status_code == 409
    assert "recipe mixed, not other" in answer.json()["error"]["message"]


def test_files_that_are_missing_are_named(http: TestClient) -> None:
    files = {"predictions/fever.parquet": "0" * 64, "manifest.json": send(http, b"{}")}
    answer = http.post("/api/runs", json={"name": "n", "files": files})
    assert answer.status_code == 422
    assert answer.json()["error"]["detail"] == {"missing": ["predictions/fever.parquet"]}


@pytest.mark.parametrize(
    "name",
    [
        "../x.parquet",
        "predictions/../x.parquet",
        "predictions/a/b.parquet",
        "/etc/passwd",
        "predictions/.hidden.parquet",
        "predictions/fever.jsonl",
        "predictions/fever.parquet\n",
        "predictions/" + "\N{GRINNING FACE}" * 3 + ".parquet",
        "predictions/" + "x" * 101 + ".parquet",
        "predictions/" + "\N{CJK UNIFIED IDEOGRAPH-4E00}" * 90 + ".parquet",
        "PREDICTIONS/fever.parquet",
    ],
)
def test_other_names_of_files_are_refused(http: TestClient, name: str) -> None:
    files = {name: send(http, b"x")}
    answer = http.post("/api/runs", json={"name": "n", "files": files})
    assert answer.status_code == 422
    assert answer.json()["error"]["kind"] in ("RefusedError", "InputError")


def test_answers_of_another_program_need_no_manifest(
    http: TestClient, service: Service, tmp_path: Path
) -> None:
    lines = tmp_path / "answers.jsonl"
    lines.write_text("".join(prediction(n, LABELS[0]).to_line() for n in range(6)))
    saeval.convert(lines, tmp_path / "run" / "predictions" / "anything.parquet")
    made = push(http, tmp_path / "run")
    check_run(service, str(made["id"]))
    run = http.get(f"/api/runs/{made['id']}").json()
    assert (run["state"], run["model"]["name"]) == ("ready", "a run")
    assert run["tasks"][0]["task"] == "fever"
    assert run["tasks"][0]["accuracy"] == pytest.approx(1 / 3)
    assert len(load_run(service, str(made["id"])).predictions["fever"]) == 6


def test_the_same_questions_are_one_set_of_items(
    http: TestClient, service: Service, tmp_path: Path
) -> None:
    hashes = []
    for name, items in (("one", 30), ("two", 30), ("three", 29)):
        made = push(http, packed(tmp_path, name=name, items=items))
        check_run(service, str(made["id"]))
        run = http.get(f"/api/runs/{made['id']}").json()
        hashes.append(run["tasks"][0]["items_hash"])
    assert hashes[0] == hashes[1] != hashes[2]
    with service.database.reading() as session:
        sets = {row.hash: row for row in session.scalars(select(ItemSet))}
    assert {sets[name].items for name in hashes} == {30, 29}
    assert service.blobs.has(sets[hashes[0]].blob)


def test_altered_answers_are_refused_without_a_path_of_the_server(
    http: TestClient, service: Service, tmp_path: Path
) -> None:
    folder, other = packed(tmp_path), packed(tmp_path, name="other", items=29)
    shutil.copy(other / "predictions/fever.parquet", folder / "predictions/fever.parquet")
    made = push(http, folder)
    check_run(service, str(made["id"]))
    run = http.get(f"/api/runs/{made['id']}").json()
    assert run["state"] == "refused"
    assert "29 of 30 answers" in run["reason"] or "checksum" in run["reason"]
    assert str(service.settings.data) not in run["reason"]
    answer = http.get("/api/runs", params={"state": "refused"}).json()
    assert [row["id"] for row in answer["runs"]] == [made["id"]]


def test_a_manifest_must_agree_with_the_answers(
    http: TestClient, service: Service, tmp_path: Path
) -> None:
    folder = packed(tmp_path)
    content = json.loads((folder / "manifest.json").read_text())
    for change in (
        {"parquet": {}},
        {"tasks": {"vitaminc": content["tasks"]["fever"]}},
        {"tasks": {"fever": content["tasks"]["fever"] | {"items": 29}}},
        {"tasks": {}},
    ):
        (folder / "manifest.json").write_text(json.dumps(content | change))
        made = push(http, folder)
        check_run(service, str(made["id"]))
        run = http.get(f"/api/runs/{made['id']}").json()
        assert run["state"] == "refused", change


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"schema": "saeval.run/1", "kind": "comparison", "identity": {}}',
        b'{"schema": "saeval.run/1", "kind": "run", "identity": {}}',
        b'{"schema": "saeval.run/1", "kind": "run", "identity": {"model": {"name": "m"}},'
        b' "tasks": {"../x": {"items": 1}}}',
        b"[" * 100_000,
    ],
)
def test_a_bad_manifest_is_refused_at_once(http: TestClient, content: bytes) -> None:
    files = {"manifest.json": send(http, content), "predictions/fever.parquet": send(http, b"x")}
    answer = http.post("/api/runs", json={"name": "n", "files": files})
    assert answer.status_code == 422
    assert "manifest.json" in answer.json()["error"]["message"]


def test_odd_names_in_a_manifest_are_shown_plain(
    http: TestClient, service: Service, tmp_path: Path
) -> None:
    folder = packed(tmp_path)
    content = json.loads((folder / "manifest.json").read_text())
    content["identity"]["model"] = {"name": "a\x00b\n<script>" + "x" * 1000, "content": "\x00"}
    content["identity"]["engine"]["name"] = "\x00"
    (folder / "manifest.json").write_text(json.dumps(content))
    made = push(http, folder)
    assert made["model"]["name"].startswith("a\ufffdb <script>")
    assert len(made["model"]["name"]) <= 500


def test_runs_are_found_page_by_page(http: TestClient, service: Service, tmp_path: Path) -> None:
    ids = []
    for number in range(5):
        folder = packed(tmp_path, name=f"model_{number}", items=3)
        ids.append(push(http, folder, recipe="a" if number % 2 else "b")["id"])
    check_run(service, ids[2])
    seen, after = [], None
    for _ in range(3):
        query = {"limit": 2} | ({"after": after} if after else {})
        page = http.get("/api/runs", params=query).json()
        seen += [run["id"] for run in page["runs"]]
        after = page["next"]
    assert (seen, after) == (ids[::-1], None)

    def found(**query: str) -> list[str]:
        return [run["id"] for run in http.get("/api/runs", params=query).json()["runs"]]

    assert found(recipe="a") == [ids[3], ids[1]]
    assert found(q="MODEL_3") == [ids[3]]
    assert found(q="%") == []
    assert found(q=ids[0][:8]) == [ids[0]]
    assert found(model="model_4") == [ids[4]]
    assert found(task="fever") == [ids[2]]
    assert found(state="queued", recipe="b") == [ids[4], ids[0]]
    assert http.get("/api/runs", params={"after": "x"}).status_code == 422


@pytest.mark.parametrize("column", ["claim", "evidence", "prompt", "target"])
def test_questions_of_a_table_that_differ_are_other_items(
    service: Service, tmp_path: Path, column: str
) -> None:
    def write(name: str, **changed: str) -> Path:
        rows = [
            {"claim": "c", "evidence": "e", "prompt": "p", "target": "PASS"} | {"qid": str(number)}
            for number in range(30)
        ]
        rows[7].update(changed)
        path = tmp_path / f"{name}.csv"
        names = ("qid", "claim", "evidence", "prompt", "target")
        lines = [",".join((*names, "answer"))]
        lines += [",".join(row[own] for own in names) + ",NA" for row in rows]
        path.write_text("\n".join(lines))
        columns = (
            "id=qid,target=target,prediction=answer,claim=claim,evidence=evidence,"
            "prompt_hash=prompt,task=:fever"
        )
        table = saeval.read_predictions(path, columns=columns)
        return saeval.convert(table, tmp_path / f"{name}.parquet")

    first, same = write("first"), write("same")
    other = write("other", **{column: "FAIL" if column == "target" else "x"})
    target = tmp_path / "items.parquet"
    paths = (first, same, other)
    found = [write_items(path, "fever", None, target).hash for path in paths]
    assert found[0] == found[1] != found[2]


def test_a_run_that_nothing_needs_is_removed(
    http: TestClient, service: Service, tmp_path: Path
) -> None:
    made = push(http, packed(tmp_path))
    check_run(service, str(made["id"]))
    assert http.delete(f"/api/runs/{made['id']}").status_code == 204
    assert http.get(f"/api/runs/{made['id']}").status_code == 404
    assert http.delete(f"/api/runs/{made['id']}").status_code == 404
