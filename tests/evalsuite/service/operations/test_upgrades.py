from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from service_rows import N_ROWS, all_rows, fill_tables
from sqlalchemy import inspect, text

from saeval.errors import InputError
from saeval.evalsuite.service.database.connect import Database
from saeval.evalsuite.service.database.schema import current_revision, revisions, upgrade
from saeval.evalsuite.service.database.tables import Base


@pytest.fixture
def database(tmp_path: Path, database_url: str | None):
    """Without tables."""
    made = Database(database_url or f"sqlite:///{tmp_path / 'record.sqlite'}")
    yield made
    made.close()


@pytest.mark.parametrize("revision", revisions())
def test_an_upgrade_from_every_revision_loses_nothing(database: Database, revision: str) -> None:
    upgrade(database, revision)
    with database.engine.begin() as connection:
        before = fill_tables(connection)
    assert all(len(rows) == N_ROWS for name, rows in before.items() if name != "revision")
    upgrade(database)
    with database.engine.connect() as connection:
        assert current_revision(connection) == revisions()[-1]
        after = all_rows(connection)
    assert set(after) == set(Base.metadata.tables)
    for name, rows in before.items():
        kept = [{column: row[column] for column in rows[0]} for row in after[name]]
        assert kept == rows, name


def test_of_servers_that_start_at_once_one_makes_the_tables(
    tmp_path: Path, database_url: str | None
) -> None:
    url = database_url or f"sqlite:///{tmp_path / 'record.sqlite'}"
    start = Barrier(6)

    def begin(_: int) -> int:
        database = Database(url)
        start.wait()
        upgrade(database)
        number = database.revision()
        database.close()
        return number

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(begin, range(6))) == [0] * 6


def test_after_an_upgrade_rows_can_be_added(database: Database) -> None:
    upgrade(database, revisions()[0])
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE revision SET number = 5"))
    upgrade(database)
    with database.writing() as session:
        from saeval.evalsuite.service.record.audit import write_audit

        write_audit(session, "somebody", "test", "nothing")
    assert database.revision() == 6


def test_tables_of_a_newer_version_are_left_alone(database: Database) -> None:
    upgrade(database)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(InputError, match="9999 of a newer saeval"):
        upgrade(database)


def test_a_revision_that_fails_leaves_what_was_there(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alembic import op

    real = op.create_table
    made: list[str] = []

    def fail_at_the_fifth(name: str, *columns: object, **options: object) -> object:
        made.append(name)
        if len(made) == 5:
            raise RuntimeError("power cut")
        return real(name, *columns, **options)

    monkeypatch.setattr(op, "create_table", fail_at_the_fifth)
    with pytest.raises(RuntimeError, match="power cut"):
        upgrade(database)
    assert inspect(database.engine).get_table_names() == []
