"""What a writer could put into the record against those who read it, or against the server."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from pyarrow import parquet
from service_record import BASE, RUNS, fill, finish_jobs, push, write_run

from saeval.evalsuite.client.wire import OverrideRequest, Scope
from saeval.evalsuite.service.app import create_app
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import Model, Run
from saeval.evalsuite.service.record.verdicts import override_verdict

SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}<!--"
"""In every field that a client may fill."""


def _patch(http: TestClient, content: bytes, sha256: str, length: int | None = None) -> int:
    headers = {"Upload-Offset": "0", "Upload-Length": str(length or len(content))}
    return int(http.patch(f"/api/blobs/{sha256}", content=content, headers=headers).status_code)


def _upload(http: TestClient, content: bytes) -> str:
    sha256 = hashlib.sha256(content).hexdigest()
    assert _patch(http, content, sha256) == 201
    return sha256


class _Scripts(HTMLParser):
    """Elements and attributes of a page that a browser would run or that our policy forbids."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    @classmethod
    def of(cls, page: str) -> list[str]:
        """What is there."""
        reader = cls()
        reader.feed(page)
        return reader.found

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        is_ours = tag == "script" and (given.get("src") or "").startswith("/static/")
        if tag in ("script", "iframe", "object", "embed", "base", "style") and not is_ours:
            self.found.append(tag)
        self.found += [name for name in given if name.startswith("on") or name == "style"]
        for name in ("href", "src", "action", "formaction"):
            if re.match(r"\s*(javascript|data|vbscript):", given.get(name) or "", re.I):
                self.found.append(f"{tag} {name}={given[name]}")


def test_script_in_every_field_is_text_on_every_page(
    http: TestClient, service: Service, tmp_path: Path
) -> None:
    filled = fill(service, tmp_path / "runs", RUNS[:2], items=30)
    run, comparison = list(filled.runs.values())[1], next(iter(filled.comparisons.values()))
    verdict = next(iter(filled.verdicts.values()))
    with service.database.writing() as session:
        row = session.get_one(Run, run)
        row.name = row.recipe = SCRIPT
        session.get_one(Model, row.model_id).name = SCRIPT
        reason = OverrideRequest(decision="hold", reason=SCRIPT)
        override_verdict(session, verdict, reason, SCRIPT)
    body = {"run": run, "reason": SCRIPT}
    assert http.put("/api/baselines/main", json=body).status_code == 200
    model = row.model_id
    pages = ["/", "/runs", f"/runs/{run}", "/models", f"/models/{model}", "/verdicts", "/jobs"]
    pages += [f"/verdicts/{verdict}", f"/comparisons/{comparison}", "/baselines", "/leaderboard"]
    pages += ["/baselines/main", f"/comparisons/{comparison}/items", "/leaderboard/fever"]
    pages += [f"/runs?q={SCRIPT}", f"/comparisons/{comparison}/items?text={SCRIPT}"]
    seen = 0
    for page in pages:
        answer = http.get(page)
        assert answer.status_code in (200, 422), page
        assert "<script>alert" not in answer.text, page
        assert "<img src=x" not in answer.text, page
        assert ">49<!--" not in answer.text, page
        assert _Scripts.of(answer.text) == [], page
        seen += "&lt;script&gt;alert(1)" in answer.text
    assert seen >= 8


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/passwd",
        "/etc/passwd",
        "predictions/../../x.parquet",
        "predictions/..\\..\\x.parquet",
        "predictions/./x.parquet",
        "predictions/x.parquet\x00.json",
        "predictions//x.parquet",
        ".lock",
        "CON",
        "predictions/" + "a" * 400 + ".parquet",
    ],
)
def test_names_of_files_never_reach_the_file_system(
    http: TestClient, service: Service, tmp_path: Path, name: str
) -> None:
    sha256 = _upload(http, b"content")
    before = sorted(path for path in tmp_path.rglob("*") if "record.sqlite" not in path.name)
    answer = http.post("/api/runs", json={"name": "run", "files": {name: sha256}})
    if answer.status_code == 202:
        finish_jobs(service)
        assert http.get(f"/api/runs/{answer.json()['id']}").json()["state"] == "refused"
    else:
        assert answer.status_code == 422
    after = sorted(path for path in tmp_path.rglob("*") if "record.sqlite" not in path.name)
    assert [path for path in after if path not in before and path.is_file()] == []
    assert not Path("/etc/passwd.json").exists()


@pytest.mark.parametrize(
    "path",
    [
        "/api/blobs/..%2f..%2frecord.sqlite",
        "/static/..%2f..%2fapp.py",
        "/static/....//....//app.py",
        "/static/%2e%2e/%2e%2e/app.py",
        "/api/comparisons/x/files/..%2f..%2fsecret",
        "/api/evaluations/x/files/../../record.sqlite",
        "/statistics/..%2f..%2fREADME",
        "/leaderboard/../../etc/passwd",
    ],
)
def test_paths_of_addresses_lead_nowhere(http: TestClient, path: str) -> None:
    answer = http.get(path)
    assert answer.status_code in (404, 422), answer.text
    assert "SQLite format" not in answer.text
    assert "create_app" not in answer.text


def test_a_forged_hash_is_refused_and_nothing_of_it_is_kept(
    http: TestClient, service: Service
) -> None:
    wanted = hashlib.sha256(b"what others trust").hexdigest()
    assert _patch(http, b"something else...", wanted) == 422
    assert list(service.blobs.names()) == []
    assert list(service.settings.uploads.iterdir()) == []
    assert http.get(f"/api/blobs/{wanted}").status_code == 404
    assert _upload(http, b"what others trust") == wanted


def test_a_file_that_is_there_cannot_be_replaced(http: TestClient, service: Service) -> None:
    sha256 = _upload(http, b"the first")
    assert _patch(http, b"the other", sha256) == 201  # what is there is there
    assert service.blobs.read(sha256) == b"the first"


def test_a_longer_upload_than_may_be_is_refused_at_once(http: TestClient) -> None:
    assert _patch(http, b"a", "0" * 64, 2**50) == 413


def _bomb(groups: int) -> bytes:
    """Much in little: one value of a megabyte, a hundred times in each group."""
    rows = 100
    table = pa.table({"task": ["fever"] * rows, "response": ["a" * 2**20] * rows})
    file = io.BytesIO()
    with parquet.ParquetWriter(file, table.schema, compression="zstd") as writer:
        for _ in range(groups):
            writer.write_table(table)
    return file.getvalue()


def test_a_parquet_bomb_is_refused(http: TestClient, service: Service) -> None:
    bomb = _bomb(40)
    assert len(bomb) < 2**20
    sha256 = _upload(http, bomb)
    files = {"predictions/fever.parquet": sha256}
    answer = http.post("/api/runs", json={"name": "bomb", "files": files})
    assert answer.status_code == 202
    finish_jobs(service)
    info = http.get(f"/api/runs/{answer.json()['id']}").json()
    assert info["state"] == "refused"


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"PAR1" + b"\xff" * 5000 + b"PAR1", b"\x80\x04."]
)
def test_what_is_no_parquet_is_refused(http: TestClient, service: Service, content: bytes) -> None:
    sha256 = _upload(http, content or b"x")
    files = {"predictions/fever.parquet": sha256}
    answer = http.post("/api/runs", json={"name": "no parquet", "files": files})
    assert answer.status_code in (202, 422)
    if answer.status_code == 202:
        finish_jobs(service)
        info = http.get(f"/api/runs/{answer.json()['id']}").json()
        assert info["state"] == "refused"
        assert "/" not in (info["reason"] or "").replace("predictions/fever.parquet", "")


def test_deep_and_wide_json_is_refused(http: TestClient) -> None:
    deep = '{"name": "x", "files": ' + '{"a":' * 100_000 + "1" + "}" * 100_000 + "}"
    for body in (deep, "[" * 500_000, '{"name": ' + "9" * 100_000 + "}", '{"name": "\\ud800"}'):
        answer = http.post("/api/runs", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 413, 422), body[:30]


def test_texts_that_a_database_cannot_hold_are_refused(http: TestClient) -> None:
    for name in ("a\x00b", "\ud800", "a" * 501, ""):
        body = {"name": name, "files": {"predictions/x.parquet": "0" * 64}}
        try:
            answer = http.post("/api/runs", json=body)
        except UnicodeEncodeError:  # the client itself cannot say it
            continue
        assert answer.status_code == 422
    for query in ("/api/runs?q=%00", "/api/runs?q=%ed%a0%80", "/api/runs?after=%00", "/runs?q=%00"):
        assert http.get(query).status_code in (200, 422), query


def test_one_writer_cannot_read_what_another_is_sending(
    http: TestClient, service: Service, token: Callable[[Scope], str]
) -> None:
    sha256 = hashlib.sha256(b"half of it, and the rest").hexdigest()
    assert _patch(http, b"half of it,", sha256, 24) == 204
    reader = TestClient(create_app(service), headers={"Authorization": f"Bearer {token('read')}"})
    assert reader.get(f"/api/blobs/{sha256}").status_code == 404
    assert sha256 not in reader.get("/jobs").text


def test_a_run_cannot_name_a_file_that_is_half_there(http: TestClient) -> None:
    sha256 = hashlib.sha256(b"half of it, and the rest").hexdigest()
    assert _patch(http, b"half of it,", sha256, 24) == 204
    body = {"name": "half", "files": {"predictions/fever.parquet": sha256}}
    answer = http.post("/api/runs", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]["detail"] == {"missing": ["predictions/fever.parquet"]}


def test_a_changed_manifest_is_another_run(
    http: TestClient, service: Service, tmp_path: Path
) -> None:
    """Nobody can put other answers under the id of a run that people trust."""
    folder = write_run(tmp_path / "run", BASE, 30)
    first = push(service, folder, BASE)
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace("qwen3-8b", "qwen3-8c"))
    assert push(service, folder, BASE) != first
