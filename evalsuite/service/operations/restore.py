"""A backup into an empty place: on SQLite or PostgreSQL, whichever it came from."""

from __future__ import annotations

import json
import re
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, Table, update

from saeval.errors import InputError
from saeval.evalsuite.service.blobs import BlobStore
from saeval.evalsuite.service.database.connect import Database
from saeval.evalsuite.service.database.schema import (
    current_revision,
    revisions,
    upgrade_within,
)
from saeval.evalsuite.service.operations.backup import (
    END,
    FILES,
    HEAD,
    LEFT_OUT,
    TABLES,
    BackupEnd,
    BackupHead,
    BackupSize,
    HashingReader,
)
from saeval.evalsuite.service.operations.table_rows import reflect, write_rows
from saeval.evalsuite.service.settings import ServiceSettings
from saeval.files import make_folder

_BLOCK = 2**20
_LARGEST_HEAD = 2**20
_NAME = re.compile(rf"{FILES}([0-9a-f]{{64}})|{TABLES}([a-z_]{{1,60}})\.jsonl|{HEAD}|{END}")
_COMPUTED = ("run", "comparison", "verdict")


def restore(settings: ServiceSettings, path: Path) -> BackupSize:
    """Bring back a record where there is none; all of its tables are there afterwards, or none.

    What was being computed when the backup was made is computed anew.

    Raises
    ------
    InputError
        If there is a record already, or the file is not a whole backup.
    """
    for folder in (settings.data, settings.uploads, settings.cache):
        make_folder(folder)
    settings.data.chmod(0o700)
    database = Database(settings.database_url)
    try:
        with database.engine.connect() as connection:
            _check_empty(connection, settings)
        with tempfile.TemporaryDirectory(dir=settings.uploads) as aside:
            blobs = BlobStore(settings.blobs_url, settings.cache)
            backup = _Backup(path, blobs, Path(aside))
            backup.read()
            with database.engine.begin() as connection:
                _check_empty(connection, settings)
                upgrade_within(connection, backup.head.revision)
                rows = _fill(connection, backup)
                upgrade_within(connection)
        return BackupSize(rows, backup.n_files, backup.bytes)
    finally:
        database.close()


class _Backup:
    """A backup whose files are kept by their content and whose tables are laid aside."""

    head: BackupHead
    end: BackupEnd

    def __init__(self, path: Path, blobs: BlobStore, aside: Path) -> None:
        self._path, self._blobs, self._aside = path, blobs, aside
        self.tables: set[str] = set()
        self.n_files = self.bytes = 0

    def read(self) -> None:
        """All of it, verified."""
        end: BackupEnd | None = None
        digests: dict[str, str] = {}
        try:
            with tarfile.open(self._path, "r|") as archive:
                for number, entry in enumerate(archive):
                    match = _NAME.fullmatch(entry.name)
                    content = archive.extractfile(entry) if entry.isreg() else None
                    if match is None or content is None or (number == 0) != (entry.name == HEAD):
                        raise InputError(f"{self._path}: holds {entry.name!r}: no backup of ours")
                    reader = HashingReader(content)
                    if entry.name == HEAD:
                        head = reader.read(_LARGEST_HEAD)
                        self.head = BackupHead.parse(head, f"{self._path}: {HEAD}")
                        self._check_revision()
                    elif entry.name == END:
                        where = f"{self._path}: {END}"
                        end = BackupEnd.parse(reader.read(_LARGEST_HEAD), where)
                    elif match[1]:
                        self._keep(reader, match[1])
                    else:
                        with (self._aside / match[2]).open("xb") as lines:
                            _copy(reader, lines)
                        self.tables.add(match[2])
                        digests[match[2]] = reader.digest.hexdigest()
        except FileExistsError as error:
            raise InputError(f"{self._path}: holds something twice: no backup of ours") from error
        except FileNotFoundError:
            raise InputError(f"{self._path}: there is no such file") from None
        except (tarfile.TarError, EOFError) as error:
            raise InputError(f"{self._path}: no whole backup of ours: {error}") from error
        if end is None:
            raise InputError(f"{self._path}: its end is missing; take another backup")
        expected = {name: table.sha256 for name, table in end.tables.items()}
        if digests != expected or self.n_files != end.files:
            raise InputError(f"{self._path}: its tables or files are not what its end says")
        self.end = end

    def _check_revision(self) -> None:
        if self.head.revision not in revisions():
            raise InputError(
                f"{self._path}: of the newer saeval {self.head.version}; upgrade saeval"
            )

    def _keep(self, reader: HashingReader, sha256: str) -> None:
        aside = self._aside / sha256
        with aside.open("xb") as file:
            self.bytes += _copy(reader, file)
        if reader.digest.hexdigest() != sha256:
            raise InputError(f"{self._path}: its file {sha256} is not what it was")
        self._blobs.take(aside, sha256)
        self.n_files += 1

    def rows(self, name: str) -> Iterator[dict[str, Any]]:
        """Of a table."""
        with (self._aside / name).open("rb") as lines:
            for line in lines:
                yield json.loads(line)


def _fill(connection: Connection, backup: _Backup) -> int:
    """All rows, into tables of the backup's own revision."""
    tables = {table.name: table for table in reflect(connection)}
    missing = set(tables) - LEFT_OUT - backup.tables
    if missing or not backup.tables <= set(tables):
        raise InputError("the tables of the backup are not those of its revision")
    n_rows = 0
    for name, table in tables.items():
        if name in backup.tables:
            count = write_rows(connection, table, backup.rows(name))
            if count != backup.end.tables[name].rows:
                raise InputError(f"the table {name} of the backup has other rows than it says")
            n_rows += count
    for name in _COMPUTED:
        _compute_anew(connection, tables[name])
    return n_rows


def _compute_anew(connection: Connection, table: Table) -> None:
    connection.execute(update(table).where(table.c.state == "running").values(state="queued"))


def _check_empty(connection: Connection, settings: ServiceSettings) -> None:
    if current_revision(connection) is not None:
        raise InputError(
            f"{settings.data}: there is a record already, and a backup overwrites nothing; give "
            "another --data, and for PostgreSQL an empty database by --database"
        )


def _copy(reader: HashingReader, file: IO[bytes]) -> int:
    size = 0
    while block := reader.read(_BLOCK):
        size += file.write(block)
    return size
