"""The care of a record on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import fails, typed

from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import Audit, Blob
from saeval.evalsuite.service.settings import ServiceSettings

pytest.importorskip("fastapi")


@pytest.fixture
def serve(tmp_path: Path) -> list[object]:
    """The beginning of a command."""
    return ["serve", "--data", tmp_path / "record"]


def test_a_token_is_printed_once_and_revoked(capsys, tmp_path, serve):
    code, secret, _ = typed(capsys, *serve, "token", "create", "ci", "--scope", "gate")
    assert code == 0
    assert secret.startswith("saeval_")
    _, listed, _ = typed(capsys, *serve, "token", "list")
    assert secret.strip() not in listed
    row = next(line for line in listed.splitlines() if " ci " in line)
    assert "gate" in row
    assert typed(capsys, *serve, "token", "revoke", row.split()[0])[0] == 0
    service = Service.open(ServiceSettings(data=tmp_path / "record"))
    with service.database.reading() as session:
        actions = [row.action for row in session.query(Audit).order_by(Audit.id)]
    service.close()
    assert actions == ["token.create", "token.revoke"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["token", "create", "not a name"], "token 'not a name': a name is of letters, digits"),
        (["token", "revoke", "nobody"], "no token nobody"),
        (["restore", "missing.tar"], "there is a record already"),
        (["--database", "mysql://x/y", "check"], "not in mysql"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(capsys, serve, command, message):
    typed(capsys, *serve, "token", "create", "first")
    assert message in fails(capsys, *serve, *command)


def test_a_record_that_is_not_there_is_not_made(capsys, tmp_path, serve):
    for command in (["backup", tmp_path / "b.tar"], ["retain", "--days", "3"], ["check"]):
        assert "there is no record" in fails(capsys, *serve, *command)
    assert not (tmp_path / "record").exists()


def test_backup_restore_check_and_retain(capsys, tmp_path, serve):
    typed(capsys, *serve, "token", "create", "first")
    service = Service.open(ServiceSettings(data=tmp_path / "record"))
    sha256 = service.blobs.put_bytes(b"content")
    with service.database.writing() as session:
        session.add(Blob(sha256=sha256, bytes=7))
    service.close()
    code, printed, _ = typed(capsys, *serve, "backup", tmp_path / "b.tar")
    assert code == 0
    assert "1 files" in printed
    other = ["serve", "--data", tmp_path / "other"]
    assert typed(capsys, *other, "restore", tmp_path / "b.tar")[0] == 0
    assert typed(capsys, *other, "check")[:2] == (0, "no problems\n")
    (tmp_path / "other/blobs" / sha256[:2] / sha256).write_bytes(b"else")
    code, printed, _ = typed(capsys, *other, "check")
    assert (code, printed) == (4, f"{sha256}: changed\n1 problems\n")
    code, printed, _ = typed(capsys, *other, "retain", "--days", "1", "--dry-run")
    assert code == 0
    assert printed.startswith("would remove 0 runs")
    assert typed(capsys, *other, "upgrade")[1].startswith("schema ")


def test_a_proxy_must_be_an_address(capsys, serve):
    assert "is no address" in fails(capsys, *serve, "--proxy", "proxy.example", "check")
