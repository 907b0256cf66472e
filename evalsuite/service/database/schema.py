"""The schema of the database: made, upgraded and checked by Alembic."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from saeval.errors import InputError
from saeval.evalsuite.service.database.connect import Database

_MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(database: Database, revision: str = "head") -> None:
    """Make the tables, or bring them to this version, in one transaction.

    Of several servers that start at once, one does it and the others wait.

    Raises
    ------
    InputError
        If they are of a newer version of saeval.
    """
    with database.alone() as connection:
        upgrade_within(connection, revision)


def upgrade_within(connection: Connection, revision: str = "head") -> None:
    """`upgrade` in a transaction that is there.

    Raises
    ------
    InputError
        If the tables are of a newer version of saeval.
    """
    there = current_revision(connection)
    if there is not None and there not in revisions():
        raise InputError(f"the database has the schema {there} of a newer saeval; upgrade saeval")
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def current_revision(connection: Connection) -> str | None:
    """Of the schema that is there; None if there is none."""
    return MigrationContext.configure(connection).get_current_revision()


def revisions() -> list[str]:
    """All revisions of the schema, the first one first."""
    scripts = ScriptDirectory(str(_MIGRATIONS)).walk_revisions()
    return [script.revision for script in scripts][::-1]
