"""`saeval.Client`, push, pull and login against a server over real HTTP."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import socket
import stat
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread

import pytest
from builders import LABELS, prediction, run_folder
from command_line import typed
from fastapi.testclient import TestClient
from sqlalchemy import delete, select

import saeval
from saeval.errors import InputError, PairingError, SaevalError
from saeval.evalsuite.client.connection import RequestError, _class_of
from saeval.evalsuite.client.files import hash_file, upload_file
from saeval.evalsuite.client.tokens import find_access, save_token, tokens_file
from saeval.evalsuite.client.wire import RunPage, Scope
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.training_data import load_training_data
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import Blob, Run
from saeval.evalsuite.service.record.ingest import check_run
from saeval.evalsuite.service.record.loading import load_run
from saeval.evalsuite.store.baseline_stores import open_store
from saeval.evalsuite.store.baselines import pin_run

Token = Callable[[Scope], str]


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home-cache"))
    for name in ("SAEVAL_TOKEN", "SAEVAL_SERVER", "SAEVAL_INSECURE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def client(live: str, token: Token) -> Iterator[saeval.Client]:
    with saeval.Client(live, token("admin"), patience=2) as opened:
        yield opened


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(".lock")
    }


def count_parts(client: saeval.Client, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    sent: list[str] = []
    request = client.connection.request

    def counted(method: str, path: str, **options: object) -> object:
        if method == "PATCH":
            sent.append(path)
        return request(method, path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(client.connection, "request", counted)
    return sent


def test_a_run_comes_back_byte_for_byte(
    client: saeval.Client, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = saeval.convert(run_folder(tmp_path / "run"), tmp_path / "packed", to="parquet")
    sent = count_parts(client, monkeypatch)
    info = saeval.push(packed, server=client, recipe="mixed", seed=1, step=400)
    assert (info.name, info.state, info.recipe, info.step, len(sent)) == (
        "qwen", "queued", "mixed", 400, 2,
    )  # fmt: skip
    again = saeval.push(packed, server=client)
    assert (again.id, len(sent)) == (info.id, 2), "what is there is not sent again"
    check_run(service, info.id)
    assert client.wait_for(again).state == "ready"
    pulled = saeval.pull(f"{client.server}/runs/{info.id}", out=tmp_path / "pulled", client=client)
    assert contents(pulled) == contents(packed)
    lines = saeval.convert(pulled, tmp_path / "lines", to="jsonl")
    assert (
        contents(lines)["predictions/fever.jsonl"]
        == (tmp_path / "run/predictions/fever.jsonl").read_bytes()
    )
    with pytest.raises(InputError, match="is there already"):
        saeval.pull(f"{client.server}/runs/{info.id}", out=pulled, client=client)


def test_a_run_in_lines_is_packed_alike_each_time(
    client: saeval.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run_folder(tmp_path / "run")
    sent = count_parts(client, monkeypatch)
    first = saeval.push(folder, server=client)
    again = saeval.push(saeval.read_predictions(folder), server=client)
    assert (again.id, len(sent)) == (first.id, 2)


def test_a_baseline_is_packed_from_its_pinned_answers(
    client: saeval.Client, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run_folder(tmp_path / "run")
    monkeypatch.setenv("SAEVAL_BASELINES", str(tmp_path / "store"))
    saved = saeval.read_predictions(folder)
    assert saved.manifest is not None
    open_store(str(tmp_path / "store")).put(pin_run("main", saved.manifest, saved.predictions))
    info = saeval.push("baseline:main", server=client)
    check_run(service, info.id)
    run = client.run(info.id)
    assert (run.state, run.tasks[0].answers) == ("ready", 30)


def test_answers_of_other_programs_are_pushed(
    client: saeval.Client, service: Service, tmp_path: Path
) -> None:
    lines = [prediction(n, LABELS[n % 2], task=task) for task in ("fever", "vitaminc")
             for n in range(6)]  # fmt: skip
    (tmp_path / "answers.jsonl").write_text("".join(own.to_line() for own in lines))
    info = saeval.push(str(tmp_path / "answers.jsonl"), server=client, name="of a script")
    again = saeval.push(str(tmp_path / "answers.jsonl"), server=client, name="of a script")
    assert again.id == info.id
    check_run(service, info.id)
    run = client.run(info.id)
    assert (run.state, run.reason) == ("ready", None)
    assert sorted(task.task for task in run.tasks) == ["fever", "vitaminc"]
    loaded = load_run(service, info.id)
    given = saeval.read_predictions(tmp_path / "answers.jsonl")
    assert loaded.predictions["vitaminc"] == given.predictions["vitaminc"]


def test_what_a_checkpoint_was_trained_on_goes_along(
    client: saeval.Client, service: Service, tmp_path: Path
) -> None:
    folder = run_folder(tmp_path / "run")
    model = tmp_path / "model"
    model.mkdir()
    hashes = {"ids": [str(n) for n in range(50)], "texts": [], "clusters": []}
    (model / "data.json").write_text(
        json.dumps({"schema": "satrain.data/1", "training": hashes, "seed": 3})
    )
    content = json.loads((folder / "manifest.json").read_text())
    content["model"]["folder"] = str(model)
    (folder / "manifest.json").write_text(json.dumps(content))
    info = saeval.push(folder, server=client)
    check_run(service, info.id)
    assert client.run(info.id).state == "ready"
    loaded = load_run(service, info.id)
    assert loaded.manifest is not None
    assert loaded.manifest.model is not None
    assert loaded.manifest.model.folder is None
    training = load_training_data(loaded)
    assert training is not None
    assert training.ids == set(hashes["ids"])
    pulled = saeval.pull(f"{client.server}/runs/{info.id}", out=tmp_path / "out", client=client)
    assert (pulled / "data.json").read_bytes() == (model / "data.json").read_bytes()


def test_no_folder_that_a_manifest_names_is_looked_into(
    http: TestClient, service: Service, tmp_path: Path, client: saeval.Client
) -> None:
    folder = saeval.convert(run_folder(tmp_path / "run"), tmp_path / "packed", to="parquet")
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "data.json").write_text("{not JSON")
    content = json.loads((folder / "manifest.json").read_text())
    content["model"]["folder"] = str(secret)
    (folder / "manifest.json").write_text(json.dumps(content))
    files = {path: folder / path for path in contents(folder)}
    info = client.upload_run(files, "hostile")
    check_run(service, info.id)
    assert client.run(info.id).state == "ready"


def test_errors_of_the_server_are_ours(client: saeval.Client, live: str, token: Token) -> None:
    with pytest.raises(RequestError, match="there is no run") as caught:
        client.run("0" * 20)
    assert (caught.value.status, caught.value.kind) == (404, "NotFoundError")
    assert issubclass(_class_of("PairingError"), PairingError)
    assert _class_of("Exception") is RequestError
    assert _class_of("SaevalError") is RequestError
    with (
        saeval.Client(live, token("read"), patience=1) as reader,
        pytest.raises(RequestError, match="scope write is needed"),
    ):
        upload_file(reader.connection, Path(__file__), hash_file(Path(__file__)))
    with (
        saeval.Client(live, "saeval_no", patience=1) as stranger,
        pytest.raises(RequestError, match="a token is needed"),
    ):
        stranger.run("0" * 20)
    with (
        saeval.Client("http://127.0.0.1:9", "saeval_x", patience=0.3) as nobody,
        pytest.raises(SaevalError, match="does not answer"),
    ):
        nobody.health()


def test_an_upload_goes_on_where_another_one_stopped(
    client: saeval.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saeval.evalsuite.client.files.PART_BYTES", 1000)
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 30)
    name = hash_file(path)
    headers = {"Upload-Offset": "0", "Upload-Length": str(path.stat().st_size)}
    begin = path.read_bytes()[:2500]
    client.connection.request("PATCH", f"/api/blobs/{name}", content=begin, headers=headers)
    heard: list[int] = []
    assert upload_file(client.connection, path, name, heard.append) == 7680 - 2500
    assert sum(heard) == 7680
    assert upload_file(client.connection, path, name) == 0
    forged = hashlib.sha256(b"other").hexdigest()
    with pytest.raises(InputError, match="is being changed"):
        upload_file(client.connection, path, forged)
    other = tmp_path / "other"
    other.write_bytes(begin[::-1])
    headers["Upload-Length"] = "2500"
    poisoned = hash_file(other)
    client.connection.request(
        "PATCH", f"/api/blobs/{poisoned}", content=b"x" * 1500, headers=headers
    )
    upload_file(client.connection, other, poisoned)
    assert client.connection.request("GET", f"/api/blobs/{poisoned}").content == begin[::-1]


def test_files_of_a_hostile_server_lead_nowhere(
    client: saeval.Client, service: Service, tmp_path: Path
) -> None:
    info = saeval.push(run_folder(tmp_path / "run"), server=client)
    content = next(iter(info.files.values()))
    for name in ("../evil", "/evil", "predictions/../../evil.parquet", "evil", "manifest.json\n"):
        forged = info.model_copy(update={"files": {name: content}})
        with pytest.raises(InputError, match="as no run has"):
            client.download_run(forged, tmp_path / "new")
    forged = info.model_copy(update={"files": {"manifest.json": "0" * 64}})
    with pytest.raises(SaevalError, match="there is no file"):
        client.download_run(forged, tmp_path / "new")
    path = service.blobs.local(content)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(InputError, match="is not what came"):
        client.download_run(info, tmp_path / "new")
    assert [*(tmp_path / "new").rglob("*.p*")] == []


def test_lists_have_all_pages(client: saeval.Client, tmp_path: Path) -> None:
    ids = [saeval.push(run_folder(tmp_path / str(n), items=n + 3, name=str(n)), server=client).id
           for n in range(3)]  # fmt: skip
    pages = client.connection.pages(RunPage, "/api/runs", {"limit": 1, "q": None})
    assert [run.id for page in pages for run in page.runs] == ids[::-1]
    assert [run.id for run in client.runs()] == ids[::-1]
    client.delete_run(ids[0])
    assert [run.id for run in client.runs(state="queued")] == ids[:0:-1]


def test_the_commands(
    live: str,
    token: Token,
    service: Service,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = run_folder(tmp_path / "run")
    code, _, said = typed(capsys, "push", folder)
    assert (code, "no server is named" in said) == (2, True)
    code, _, said = typed(capsys, "push", folder, "--server", live)
    assert (code, "saeval login" in said) == (2, True)
    monkeypatch.setattr("sys.stdin", io.StringIO("saeval_wrong\n"))
    code, _, said = typed(capsys, "login", live)
    assert (code, "a token is needed" in said) == (2, True)
    assert not tokens_file().exists()
    secret = token("write")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{secret}\n"))
    code, out, said = typed(capsys, "login", live)
    assert code == 0, said
    assert secret not in out + said
    assert stat.S_IMODE(tokens_file().stat().st_mode) == 0o600
    code, out, said = typed(capsys, "push", folder, "--server", live, "--step", 5)
    assert code == 0, said
    address = out.strip()
    check_run(service, address.rpartition("/")[2])
    code, out, said = typed(capsys, "pull", address, "--out", tmp_path / "pulled", "--quiet")
    assert (code, out.strip()) == (0, str(tmp_path / "pulled"))
    assert resolve_model(tmp_path / "pulled")
    code, _, said = typed(capsys, "pull", "nowhere")
    assert code == 2
    code, _, said = typed(capsys, "login", live, "--forget")
    assert (code, live in tokens_file().read_text()) == (0, False)


def test_a_token_goes_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAEVAL_TOKEN", "saeval_secret")
    with pytest.raises(InputError, match="plain http"):
        find_access("http://evals.example")
    assert find_access("http://evals.example", insecure=True).token == "saeval_secret"
    assert "secret" not in repr(find_access("https://evals.example/"))
    monkeypatch.setenv("SAEVAL_SERVER", "https://evals.example")
    assert find_access().server == "https://evals.example"
    with pytest.raises(InputError, match="a token is needed"):
        find_access("https://other.example")
    save_token("https://other.example", "saeval_other")
    assert find_access("HTTPS://Other.example:443/").token == "saeval_other"
    assert find_access().token == "saeval_secret"
    save_token("http://plain.example", "saeval_plain", insecure=True)
    assert find_access("http://plain.example").token == "saeval_plain"
    with pytest.raises(InputError, match="plain http"):
        find_access("http://plain.example", "saeval_mine")
    assert find_access("http://[::1]:8500", "saeval_mine").server == "http://[::1]:8500"
    for text in ("ftp://x", "http://", "http://a:b@c", "http://a b", "http://a?q", "http://a:x"):
        with pytest.raises(InputError, match="address"):
            find_access(text, "saeval_mine")
    for secret in ("a b", "a\nb", "\N{GREEK SMALL LETTER ALPHA}"):
        with pytest.raises(InputError, match="letters, digits"):
            find_access("https://evals.example", secret)
    tokens_file().write_text("{")
    with pytest.raises(InputError, match=r"tokens\.json"):
        find_access("https://evals.example", "saeval_mine")


def test_files_that_were_tidied_up_are_sent_again(
    client: saeval.Client, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = saeval.convert(run_folder(tmp_path / "run"), tmp_path / "packed", to="parquet")
    post, calls = client.connection.post, []

    def tidied(*arguments: object, **options: object) -> object:
        if not calls:
            with service.database.writing() as session:
                session.execute(delete(Blob))
            for name in service.blobs.names():
                service.blobs.remove(name)
        calls.append(arguments)
        return post(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(client.connection, "post", tidied)
    info = saeval.push(packed, server=client)
    assert len(calls) == 2
    check_run(service, info.id)
    assert client.run(info.id).state == "ready"


def test_what_had_come_of_a_broken_upload_is_kept(
    client: saeval.Client, token: Token, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(3_000_000))
    name = hash_file(path)
    host, _, port = client.server.removeprefix("http://").partition(":")
    head = (
        f"PATCH /api/blobs/{name} HTTP/1.1\r\nHost: {host}:{port}\r\n"
        f"Authorization: Bearer {token('write')}\r\nUpload-Offset: 0\r\n"
        f"Upload-Length: 3000000\r\nContent-Length: 3000000\r\n\r\n"
    )
    with socket.create_connection((host, int(port))) as raw:
        raw.sendall(head.encode() + path.read_bytes()[:2_000_000])
        time.sleep(0.5)
    for _ in range(100):  # until the server notices
        try:
            answer = client.connection.request("HEAD", f"/api/blobs/{name}")
            break
        except RequestError:
            time.sleep(0.1)
    came = int(answer.headers["Upload-Offset"])
    assert 0 < came <= 2_000_000
    assert upload_file(client.connection, path, name) <= 3_000_000 - came
    assert client.connection.request("GET", f"/api/blobs/{name}").content == path.read_bytes()


def test_what_no_server_takes_is_said_before_it_is_sent(
    client: saeval.Client, live: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_folder(tmp_path / "run")
    with pytest.raises(InputError, match="no such request: `name`"):
        saeval.push(folder, server=client, name="two\nlines")
    with pytest.raises(InputError, match="no such request: `recipe`"):
        saeval.push(folder, server=client, recipe="x" * 501)
    with pytest.raises(InputError, match="no such request: `days`"):
        client.create_token("ci", days=0)
    content = json.loads((folder / "manifest.json").read_text())
    content["identity"]["engine"]["notes"] = "x" * 70_000
    (folder / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(RequestError, match="`identity`: is of 70"):
        saeval.push(folder, server=client)


def test_many_may_load_a_run_at_once(
    client: saeval.Client, service: Service, tmp_path: Path
) -> None:
    info = saeval.push(run_folder(tmp_path / "run"), server=client)
    check_run(service, info.id)

    def load(_: int) -> int:
        table = load_run(service, info.id).predictions["fever"]
        return len(list(table.values()))

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(load, range(32))) == {30}
    kept = service.settings.cache / "runs" / info.id
    assert kept.is_dir()
    client.delete_run(info.id)
    assert not kept.exists()


def test_push_may_wait_for_the_check(
    live: str,
    token: Token,
    service: Service,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SAEVAL_TOKEN", token("write"))
    bad = saeval.convert(run_folder(tmp_path / "lines"), tmp_path / "bad", to="parquet")
    good = shutil.copytree(bad, tmp_path / "good")
    checked: list[str] = []

    def check() -> None:
        while len(checked) < 2:
            with service.database.reading() as session:
                queued = list(session.scalars(select(Run.id).where(Run.state == "queued")))
            for run in queued:
                if not checked:  # what comes first is damaged on the way
                    with service.database.writing() as session:
                        row = session.get(Run, run)
                        assert row is not None
                        row.files = {
                            **row.files,
                            "manifest.json": row.files["predictions/fever.parquet"],
                        }
                check_run(service, run)
                checked.append(run)
            time.sleep(0.05)

    checker = Thread(target=check, daemon=True)
    checker.start()
    code, out, said = typed(capsys, "push", bad, "--server", live, "--wait", "--quiet")
    assert (code, out, "refused: manifest.json" in said) == (2, "", True), said
    code, out, said = typed(capsys, "push", good, "--server", live, "--wait", "--quiet")
    assert (code, out.startswith(live)) == (0, True), said
    checker.join()
    assert len(set(checked)) == 1, "what was refused is checked again"
