"""A record in one file: its tables as lines of JSON, and its files.

The file is a tar archive, the same from SQLite as from PostgreSQL::

    record.json            what it is: schema of the tables, version, time
    tables/<name>.jsonl    the rows of a table, one a line
    files/<sha256>         a file
    end.json               rows and SHA-256 of each table, number of files

Browsers that are signed in, links and unfinished uploads are left out.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO, BinaryIO, ClassVar

from sqlalchemy import Connection

from saeval.errors import InputError
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.connect import Database
from saeval.evalsuite.service.database.schema import current_revision
from saeval.evalsuite.service.database.tables import now
from saeval.evalsuite.service.operations.table_rows import read_rows, reflect
from saeval.files import Manifest, replace_file

HEAD, END = "record.json", "end.json"
TABLES, FILES = "tables/", "files/"
LEFT_OUT = frozenset({"revision", "sign_in", "upload"})
"""Tables that are of a moment."""


class BackupHead(Manifest):
    """What a backup is of."""

    SCHEMA: ClassVar[str] = "saeval.record/1"

    revision: str
    version: str
    created: str


class TableEnd(Manifest):
    """Rows and SHA-256 of a table of a backup."""

    SCHEMA: ClassVar[str] = "saeval.record-table/1"

    rows: int
    sha256: str


class BackupEnd(Manifest):
    """What a whole backup holds."""

    SCHEMA: ClassVar[str] = "saeval.record-end/1"

    tables: dict[str, TableEnd]
    files: int


@dataclass(frozen=True)
class BackupSize:
    """How much a backup holds."""

    rows: int
    files: int
    bytes: int


class HashingReader:
    """A file that is hashed as it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Some bytes."""
        block = self._file.read(size)
        self.digest.update(block)
        return block


def back_up(service: Service, path: Path) -> BackupSize:
    """Write a record into one file, as it is at one moment, while the server runs.

    Raises
    ------
    InputError
        If the file exists, or a file of the record is missing or is not what it was.
    """
    if path.exists():
        raise InputError(f"{path}: exists; a backup overwrites nothing, choose another name")
    with (
        replace_file(path) as file,
        tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive,
        _at_one_moment(service.database) as connection,
    ):
        revision = current_revision(connection)
        assert revision is not None
        head = BackupHead(
            schema=BackupHead.SCHEMA,
            revision=revision,
            version=version("saeval"),
            created=now().isoformat(),
        )
        _add_bytes(archive, HEAD, head.to_json().encode())
        tables: dict[str, TableEnd] = {}
        names: list[str] = []
        for table in reflect(connection):
            if table.name in LEFT_OUT:
                continue
            with tempfile.TemporaryFile() as lines:
                tables[table.name] = _write_lines(lines, read_rows(connection, table))
                _add_file(archive, f"{TABLES}{table.name}.jsonl", lines)
            if table.name == "blob":
                names = [row["sha256"] for row in read_rows(connection, table)]
        size = sum(_add_blob(service, archive, sha256) for sha256 in names)
        whole = BackupEnd(schema=BackupEnd.SCHEMA, tables=tables, files=len(names))
        _add_bytes(archive, END, whole.to_json().encode())
    path.chmod(0o600)
    return BackupSize(sum(table.rows for table in tables.values()), len(names), size)


@contextmanager
def _at_one_moment(database: Database) -> Iterator[Connection]:
    """A connection that sees the record as it is now, whatever is written meanwhile."""
    with database.engine.connect() as connection:
        if database.kind == "postgresql":  # SQLite's readers always do
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            yield connection


def _write_lines(file: BinaryIO, rows: Iterator[dict[str, object]]) -> TableEnd:
    digest, n_rows = hashlib.sha256(), 0
    for row in rows:
        line = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        digest.update(line)
        file.write(line)
        n_rows += 1
    return TableEnd(schema=TableEnd.SCHEMA, rows=n_rows, sha256=digest.hexdigest())


def _add_blob(service: Service, archive: tarfile.TarFile, sha256: str) -> int:
    try:
        path = service.blobs.local(sha256)
    except FileNotFoundError:
        message = f"the file {sha256} of the record is missing; `saeval serve check` lists all"
        raise InputError(message) from None
    with path.open("rb") as file:
        reader = HashingReader(file)
        size = _add_file(archive, f"{FILES}{sha256}", file, reader)
    if reader.digest.hexdigest() != sha256:
        raise InputError(f"the file {sha256} of the record is not what it was: restore it")
    return size


def _add_file(
    archive: tarfile.TarFile, name: str, file: BinaryIO, reader: HashingReader | None = None
) -> int:
    entry = tarfile.TarInfo(name)
    entry.size = file.seek(0, io.SEEK_END)
    file.seek(0)
    archive.addfile(entry, reader or file)
    return entry.size


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    _add_file(archive, name, io.BytesIO(content))
