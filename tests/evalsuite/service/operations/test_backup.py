from __future__ import annotations

import json
import tarfile
import threading
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from service_rows import all_rows, fill_tables
from sqlalchemy import func, inspect, select, update

from saeval.errors import InputError
from saeval.evalsuite.service.blobs import BlobStore
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.connect import Database
from saeval.evalsuite.service.database.schema import current_revision, revisions, upgrade
from saeval.evalsuite.service.database.tables import Audit, Blob, Comparison, Run, Verdict
from saeval.evalsuite.service.operations.backup import LEFT_OUT, back_up
from saeval.evalsuite.service.operations.check import check_files
from saeval.evalsuite.service.operations.restore import restore
from saeval.evalsuite.service.record.audit import write_audit
from saeval.evalsuite.service.settings import ServiceSettings

Place = Callable[[str], ServiceSettings]
CONTENTS = [f"file {n}".encode() * n for n in range(3)]
Members = list[tuple[str, bytes]]


@pytest.fixture
def filled(service: Service) -> Service:
    """A record with rows in every table, and three files."""
    names = [service.blobs.put_bytes(content) for content in CONTENTS]
    with service.database.engine.begin() as connection:
        fill_tables(connection, names)
    return service


@pytest.fixture
def archive(filled: Service, tmp_path: Path) -> Path:
    """Its backup."""
    path = tmp_path / "backup.tar"
    back_up(filled, path)
    return path


def kept_rows(service: Service) -> dict[str, object]:
    with service.database.engine.connect() as connection:
        return {k: rows for k, rows in all_rows(connection).items() if k not in LEFT_OUT}


def read_members(path: Path) -> Members:
    with tarfile.open(path) as tar:
        return [(entry.name, tar.extractfile(entry).read()) for entry in tar]


def write_members(path: Path, members: Members) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, BytesIO(content))
    return path


def test_what_is_restored_is_what_was_there(
    filled: Service, archive: Path, place: Place, tmp_path: Path
) -> None:
    before = kept_rows(filled)
    ours = filled.database.kind
    for number, kind in enumerate(
        ("sqlite", ours)
    ):  # to the other database and back, where there is another
        settings = place(kind)
        assert restore(settings, archive).files == len(CONTENTS)
        there = Service.open(settings)
        assert there.database.kind == kind
        assert kept_rows(there) == before
        assert sorted(map(there.blobs.read, there.blobs.names())) == sorted(CONTENTS)
        archive = tmp_path / f"{number}-from-{kind}.tar"
        back_up(there, archive)
        with there.database.writing() as session:  # keys that are counted go on
            last = session.scalar(select(func.max(Audit.id)))
            write_audit(session, "somebody", "test", "nothing")
            session.flush()
            assert session.scalar(select(func.max(Audit.id))) == last + 1
        there.close()


def test_a_backup_of_an_older_version_is_brought_to_this_one(
    settings: ServiceSettings, place: Place, tmp_path: Path
) -> None:
    settings.data.mkdir()
    old = Service(
        settings, Database(settings.database_url), BlobStore(settings.blobs_url, tmp_path)
    )
    upgrade(old.database, revisions()[0])
    names = [old.blobs.put_bytes(content) for content in CONTENTS]
    with old.database.engine.begin() as connection:
        before = fill_tables(connection, names)
    back_up(old, tmp_path / "old.tar")
    old.close()
    head = dict(read_members(tmp_path / "old.tar"))["record.json"]
    assert json.loads(head)["revision"] == revisions()[0]
    restored = place(old.database.kind)
    restore(restored, tmp_path / "old.tar")
    there = Database(restored.database_url)
    with there.engine.connect() as connection:
        assert current_revision(connection) == revisions()[-1]
        rows = all_rows(connection)
    there.close()
    for row, was in zip(rows["verdict"], before["verdict"], strict=True):
        assert {name: row[name] for name in was} == was


def test_what_was_being_computed_is_computed_anew(
    filled: Service, place: Place, tmp_path: Path
) -> None:
    with filled.database.writing() as session:
        for kind in (Run, Comparison, Verdict):
            session.execute(update(kind).values(state="running"))
    back_up(filled, tmp_path / "running.tar")
    settings = place("sqlite")
    restore(settings, tmp_path / "running.tar")
    rows = kept_rows(there := Service.open(settings))
    there.close()
    for kind in ("run", "comparison", "verdict"):
        assert {row["state"] for row in rows[kind]} == {"queued"}


def test_a_backup_is_of_one_moment_while_others_write(
    filled: Service, place: Place, tmp_path: Path
) -> None:
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            sha256 = filled.blobs.put_bytes(f"written meanwhile {number}".encode())
            with filled.database.writing() as session:
                session.add(Blob(sha256=sha256, bytes=1))
                write_audit(session, "somebody", "blob.create", sha256)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            back_up(filled, tmp_path / f"{number}.tar")
    finally:
        stop.set()
        writer.join()
    for number in range(5):
        settings = place("sqlite")
        restore(settings, tmp_path / f"{number}.tar")
        there = Service.open(settings)
        rows = kept_rows(there)
        written = {row["object"] for row in rows["audit"] if row["action"] == "blob.create"}
        names = {row["sha256"] for row in rows["blob"]}
        assert written <= names
        assert len(names) == len(written) + len(CONTENTS)
        assert set(there.blobs.names()) == names
        there.close()


def test_nothing_is_overwritten(filled: Service, archive: Path, place: Place) -> None:
    before = archive.read_bytes()
    with pytest.raises(InputError, match="overwrites nothing"):
        back_up(filled, archive)
    assert archive.read_bytes() == before
    rows = kept_rows(filled)
    with pytest.raises(InputError, match="there is a record already"):
        restore(filled.settings, archive)
    assert kept_rows(filled) == rows


def test_a_file_that_is_gone_or_changed_is_said(filled: Service, tmp_path: Path) -> None:
    gone, changed, _ = sorted(filled.blobs.names())
    filled.blobs.local(changed).write_bytes(b"something else")
    with pytest.raises(InputError, match=f"{changed} of the record is not what it was"):
        back_up(filled, tmp_path / "backup.tar")
    filled.blobs.remove(gone)
    with pytest.raises(InputError, match=f"{gone} of the record is missing"):
        back_up(filled, tmp_path / "backup.tar")
    assert not (tmp_path / "backup.tar").exists()
    problems = {problem.sha256: problem.problem for problem in check_files(filled)}
    assert problems[gone] == "missing"
    assert problems[changed] == "changed"


def _without_end(members: Members) -> Members:
    return members[:-1]


def _flipped(prefix: str) -> Callable[[Members], Members]:
    def flip(members: Members) -> Members:
        position = next(
            n for n, (name, content) in enumerate(members) if name.startswith(prefix) and content
        )
        name, content = members[position]
        members[position] = (name, content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
        return members

    return flip


def _with(name: str, content: bytes = b"") -> Callable[[Members], Members]:
    return lambda members: [*members[:3], (name, content), *members[3:]]


def _without(prefix: str) -> Callable[[Members], Members]:
    def drop(members: Members) -> Members:
        position = next(n for n, (name, _) in enumerate(members) if name.startswith(prefix))
        return members[:position] + members[position + 1 :]

    return drop


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (_without_end, "its end is missing"),
        (_flipped("files/"), "is not what it was"),
        (_flipped("tables/run."), "not what its end says"),
        (_without("files/"), "not what its end says"),
        (_without("tables/audit"), "not what its end says"),
        (_without("record.json"), "no backup of ours"),
        (_with("../../evil"), "no backup of ours"),
        (_with("/etc/evil"), "no backup of ours"),
        (_with("files/../evil"), "no backup of ours"),
        (_with("tables/run.jsonl"), "twice"),
        (_with("tables/token.jsonl/../../x"), "no backup of ours"),
        (_with("tables/other.jsonl"), "not what its end says"),
        (lambda members: [("record.json", b"{}"), *members[1:]], "not a manifest"),
        (lambda members: [], "its end is missing"),
    ],
)
def test_what_is_no_whole_backup_makes_no_record(
    archive: Path,
    place: Place,
    tmp_path: Path,
    edit: Callable[[Members], Members],
    message: str,
) -> None:
    path = write_members(tmp_path / "edited.tar", edit(read_members(archive)))
    settings = place("sqlite")
    with pytest.raises(InputError, match=message):
        restore(settings, path)
    database = Database(settings.database_url)
    assert inspect(database.engine).get_table_names() == []
    database.close()
    assert not list(settings.uploads.iterdir())
    restore(settings, archive)  # what was left is in nobody's way


@pytest.mark.parametrize("size", [0, 100, 5000, -600])
def test_a_torn_backup_makes_no_record(
    archive: Path, place: Place, tmp_path: Path, size: int
) -> None:
    torn = tmp_path / "torn.tar"
    whole = archive.read_bytes()
    end = whole.rstrip(b"\0")
    torn.write_bytes(end[:size] if size < 0 else whole[:size])
    settings = place("sqlite")
    with pytest.raises(InputError):
        restore(settings, torn)
    database = Database(settings.database_url)
    assert inspect(database.engine).get_table_names() == []
    database.close()


def test_links_in_a_backup_are_not_followed(archive: Path, place: Place, tmp_path: Path) -> None:
    with tarfile.open(archive, "a") as tar:
        link = tarfile.TarInfo("files/" + "0" * 64)
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    with pytest.raises(InputError, match="no backup of ours"):
        restore(place("sqlite"), archive)


def test_secrets_are_not_in_a_backup(
    service: Service, token: Callable[[str], str], tmp_path: Path
) -> None:
    secret = token("admin")
    back_up(service, tmp_path / "backup.tar")
    assert secret.encode() not in (tmp_path / "backup.tar").read_bytes()
    assert (tmp_path / "backup.tar").stat().st_mode & 0o077 == 0
