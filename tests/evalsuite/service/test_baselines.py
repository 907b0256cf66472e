"""Baselines, tokens and the audit; runs and baselines of a server as models everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from builders import run_folder, two_files
from command_line import typed
from fastapi.testclient import TestClient
from sqlalchemy import select

import saeval
from saeval.errors import InputError, SaevalError
from saeval.evalsuite.client.addresses import parse_record_address
from saeval.evalsuite.client.connection import RequestError
from saeval.evalsuite.client.wire import Scope
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.types import SavedPredictions, ServedModel
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import Audit, now
from saeval.evalsuite.service.record.ingest import check_run

Token = Callable[[Scope], str]


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home-cache"))
    for name in ("SAEVAL_TOKEN", "SAEVAL_SERVER", "SAEVAL_INSECURE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def client(live: str, token: Token, monkeypatch: pytest.MonkeyPatch) -> Iterator[saeval.Client]:
    secret = token("admin")
    monkeypatch.setenv("SAEVAL_TOKEN", secret)
    with saeval.Client(live, patience=2) as opened:
        yield opened


def pushed(client: saeval.Client, service: Service, folder: Path, **run: object) -> str:
    info = saeval.push(run_folder(folder, **run), server=client)  # type: ignore[arg-type]
    check_run(service, info.id)
    return info.id


def test_a_baseline_has_a_history(
    client: saeval.Client, service: Service, live: str, token: Token, tmp_path: Path
) -> None:
    first = pushed(client, service, tmp_path / "1", items=6)
    second = pushed(client, service, tmp_path / "2", items=7)
    assert client.set_baseline("main", first, "the first").history[0].version == 1
    again = client.set_baseline("main", first, "once more")
    assert [version.reason for version in again.history] == ["the first"]
    client.set_baseline("main", second)
    back = client.set_baseline("main", first, "the second was wrong")
    assert [version.run for version in back.history] == [first, second, first]
    assert [version.version for version in back.history] == [3, 2, 1]
    assert back.run.id == first
    client.set_baseline("Another", second)
    assert [info.name for info in client.baselines()] == ["Another", "main"]
    with pytest.raises(RequestError, match="needed by a baseline, main"):
        client.delete_run(second if second < first else first)
    with saeval.Client(live, token("write"), patience=1) as writer:
        with pytest.raises(RequestError, match="scope gate is needed"):
            writer.set_baseline("main", second)
        assert writer.baseline("main").run.id == first
    with saeval.Client(live, token("gate"), patience=1) as gatekeeper:
        assert gatekeeper.set_baseline("main", second).history[0].by == "test-gate"
    actions = [(entry.action, entry.object) for entry in client.audit()]
    assert actions.count(("baseline.set", "main")) == 4
    detail = next(e.detail for e in client.audit() if e.detail and e.detail.get("reason"))
    assert detail == {"run": first, "before": second, "reason": "the second was wrong"}


def test_only_a_ready_run_becomes_a_baseline(
    client: saeval.Client, service: Service, tmp_path: Path
) -> None:
    info = saeval.push(run_folder(tmp_path / "run"), server=client)
    with pytest.raises(RequestError, match="is queued; a baseline must be ready"):
        client.set_baseline("main", info.id)
    with pytest.raises(RequestError, match="there is no run"):
        client.set_baseline("main", "0" * 20)
    with pytest.raises(RequestError, match="there is no baseline"):
        client.baseline("main")
    for name in ("-x", "a" * 101, "%2e%2e", "a%0a"):
        with pytest.raises(RequestError):
            client.set_baseline(name, info.id)


def test_tokens_are_made_and_revoked_by_administrators(
    client: saeval.Client, live: str, token: Token
) -> None:
    made = client.create_token("ci", "write", days=None)
    assert made.secret is not None
    assert [(own.name, own.secret) for own in client.tokens()][:1] == [("ci", None)]
    with saeval.Client(live, made.secret, patience=1) as other:
        assert list(other.runs()) == []
        with pytest.raises(RequestError, match="scope admin is needed"):
            other.tokens()
        with pytest.raises(RequestError, match="scope admin is needed"):
            next(other.audit())
        client.revoke_token(made.id)
        with pytest.raises(RequestError, match="a token is needed"):
            next(other.runs(), None)
    with pytest.raises(RequestError, match="there is no token"):
        client.revoke_token("0" * 20)
    secrets = [made.secret, token("read")]
    assert all(s not in str(entry) for entry in client.audit() for s in secrets)


def test_the_audit_is_read_page_by_page(http: TestClient, service: Service) -> None:
    with service.database.writing() as session:
        for number in range(5):
            same = now() - timedelta(days=1)
            session.add(Audit(at=same, who="x", action="a", object=str(number)))
    seen, after = [], None
    for _ in range(4):
        query = {"who": "x", "limit": 2} | ({"after": after} if after else {})
        page = http.get("/api/audit", params=query).json()
        seen += [entry["object"] for entry in page["entries"]]
        if (after := page["next"]) is None:
            break
    assert seen == ["4", "3", "2", "1", "0"]
    assert http.get("/api/audit", params={"object": "3"}).json()["entries"][0]["who"] == "x"
    with service.database.reading() as session:
        assert session.scalar(select(Audit).where(Audit.action == "token.create")) is not None


def test_addresses_are_told_from_models_of_servers() -> None:
    found = parse_record_address("HTTPS://Evals.example:443/team/runs/1f0c9a5b/")
    assert str(found) == "https://evals.example/team/runs/1f0c9a5b"
    assert isinstance(resolve_model("http://127.0.0.1:8000/runs/abc#model"), ServedModel)
    for text in (
        "http://x/v1",
        "http://x/runs/",
        "http://x/runs/a/b",
        "http://x/models/a",
        "runs/a",
    ):
        assert parse_record_address(text) is None, text
    with pytest.raises(InputError, match="no password"):
        resolve_model("http://me:secret@x/runs/abc")


def test_a_run_of_a_server_is_a_model(
    client: saeval.Client, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = pushed(client, service, tmp_path / "run")
    client.set_baseline("main", run)
    found = resolve_model(f"{client.server}/baselines/main")
    given = resolve_model(tmp_path / "run")
    assert isinstance(found, SavedPredictions)
    assert isinstance(given, SavedPredictions)
    assert found.predictions["fever"] == given.predictions["fever"]
    assert (found.argument, found.name) == (f"{client.server}/baselines/main", "qwen")
    downloaded = []
    monkeypatch.setattr(
        "saeval.evalsuite.client.client.download_file",
        lambda *arguments: downloaded.append(arguments),
    )
    resolve_model(f"{client.server}/runs/{run}")
    assert downloaded == [], "its files are in the cache"


def test_an_altered_cache_is_fetched_again(
    client: saeval.Client, service: Service, tmp_path: Path
) -> None:
    run = pushed(client, service, tmp_path / "run")
    found = resolve_model(f"{client.server}/runs/{run}")
    assert isinstance(found, SavedPredictions)
    found.files[0].write_bytes(b"something else")
    again = resolve_model(f"{client.server}/runs/{run}")
    assert isinstance(again, SavedPredictions)
    assert len(again.predictions["fever"]) == 30


def test_a_refused_run_is_no_model(client: saeval.Client, service: Service, tmp_path: Path) -> None:
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions" / "x.parquet").write_bytes(b"PAR1")
    info = client.upload_run(
        {"predictions/x.parquet": tmp_path / "predictions" / "x.parquet"}, "bad"
    )
    check_run(service, info.id)
    with pytest.raises(InputError, match=r"the server refused the run: predictions/x\.parquet"):
        resolve_model(f"{client.server}/runs/{info.id}")
    with pytest.raises(SaevalError, match="there is no run"):
        resolve_model(f"{client.server}/runs/{'0' * 20}")


def test_the_commands_take_addresses(
    client: saeval.Client,
    service: Service,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    addresses = []
    for path in two_files(tmp_path, items=60):
        info = saeval.push(str(path), server=client, name=path.stem)
        check_run(service, info.id)
        addresses.append(f"{client.server}/runs/{info.id}")
    client.set_baseline("main", addresses[0].rpartition("/")[2])
    addresses[0] = f"{client.server}/baselines/main"
    files = ("base.jsonl", "checkpoint.jsonl")
    by_address = saeval.compare(*addresses, n_resamples=1000).to_frame()
    assert by_address.equals(saeval.compare(*files, n_resamples=1000).to_frame())
    few = ["--replicates", 1000]
    code, out, said = typed(capsys, "compare", *addresses, "--brief", *few)
    assert (code, "fever" in out) == (0, True), said
    assert typed(capsys, "gate", *addresses, *few)[0] == typed(capsys, "gate", *files, *few)[0] != 2
    exported = saeval.export(
        f"{client.server}/runs/{pushed(client, service, tmp_path / 'run')}", "parquet"
    )
    assert Path(exported.place).is_relative_to("saeval-runs")
    assert Path(exported.place).exists()
