"""``saeval serve token|backup|restore|upgrade|retain|check``: the care of a record."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from saeval.command_line import CHECK_FAILED
from saeval.evalsuite.cli.options import CONTEXT

if TYPE_CHECKING:
    from saeval.evalsuite.service.context import Service
    from saeval.evalsuite.service.settings import ServiceSettings

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(context_settings=CONTEXT)
def token() -> None:
    """Make, list and revoke tokens: what programs and browsers sign in with."""


@token.command(context_settings=CONTEXT)
@click.argument("name")
@click.option(
    "--scope",
    type=click.Choice(["read", "write", "gate", "admin"]),
    default="read",
    show_default=True,
    help="What it allows; each includes those before it.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 3650),
    default=90,
    show_default=True,
    help="Until it expires.",
)
@click.option("--never-expires", is_flag=True, help="In place of --days.")
@click.pass_obj
def create(settings: ServiceSettings, /, name: str, never_expires: bool, **given: Any) -> None:
    """Make a token; its secret is printed once and kept nowhere."""
    from saeval.errors import InputError
    from saeval.evalsuite.client.wire import TokenRequest
    from saeval.evalsuite.service.record.tokens import create_token
    from saeval.evalsuite.store.baselines import is_name
    from saeval.json_source import validate

    if not is_name(name):
        raise InputError(
            f"token {name[:100]!r}: a name is of letters, digits, '.', '_' and '-', and begins "
            "with a letter or digit"
        )
    if never_expires:
        given["days"] = None
    request = validate(TokenRequest, {"name": name, **given}, "token")
    with _opened(settings, new=True) as service, service.database.writing() as session:
        info = create_token(session, request, _who())
    click.echo(info.secret)


@token.command("list", context_settings=CONTEXT)
@click.pass_obj
def list_(settings: ServiceSettings) -> None:
    """List tokens, without their secrets."""
    from rich.table import Table

    from saeval.evalsuite.service.record.tokens import list_tokens
    from saeval.progress import GuardedConsole

    with _opened(settings) as service, service.database.reading() as session:
        tokens = list_tokens(session)
    table = Table("id", "name", "scope", "made", "expires", "revoked", "last used", box=None)
    for each in tokens:
        times = (each.created, each.expires, each.revoked, each.last_used)
        days = ("" if time is None else f"{time:%Y-%m-%d}" for time in times)
        table.add_row(each.id, each.name, each.scope, *days)
    GuardedConsole().print(table)


@token.command(context_settings=CONTEXT)
@click.argument("token_id", metavar="ID")
@click.pass_obj
def revoke(settings: ServiceSettings, token_id: str) -> None:
    """Let a token, and who signed in with it, do nothing from now on."""
    from saeval.evalsuite.service.record.tokens import revoke_token

    with _opened(settings) as service, service.database.writing() as session:
        info = revoke_token(session, token_id, _who())
    click.echo(f"revoked {info.name} ({info.id})")


@click.command(context_settings=CONTEXT)
@click.argument("file", type=_FILE)
@click.pass_obj
def backup(settings: ServiceSettings, file: Path) -> None:
    """Write the whole record into FILE, while the server runs.

    It can be restored to SQLite and to PostgreSQL. Unfinished uploads and browsers that are signed
    in are left out.
    """
    from saeval.evalsuite.service.operations.backup import back_up

    with _opened(settings) as service:
        size = back_up(service, file)
    click.echo(f"{file}: {size.rows:,} rows and {size.files:,} files ({_size(size.bytes)})")


@click.command(context_settings=CONTEXT)
@click.argument("file", type=_FILE)
@click.pass_obj
def restore(settings: ServiceSettings, file: Path) -> None:
    """Bring back the record of FILE where there is none, verified; nothing is overwritten."""
    from saeval.evalsuite.service.operations.restore import restore as bring_back

    size = bring_back(settings, file)
    click.echo(f"{settings.data}: {size.rows:,} rows and {size.files:,} files restored")


@click.command(context_settings=CONTEXT)
@click.pass_obj
def upgrade(settings: ServiceSettings) -> None:
    """Bring the tables to this version of saeval, in one transaction, as a start does too."""
    from saeval.evalsuite.service.database.connect import Database
    from saeval.evalsuite.service.database.schema import current_revision
    from saeval.evalsuite.service.database.schema import upgrade as upgrade_tables
    from saeval.files import make_folder

    make_folder(settings.data)
    database = Database(settings.database_url)
    try:
        with database.engine.connect() as connection:
            before = current_revision(connection)
        upgrade_tables(database)
        with database.engine.connect() as connection:
            after = current_revision(connection)
    finally:
        database.close()
    click.echo(f"schema {after}" if before == after else f"schema {before or 'none'} → {after}")


@click.command(context_settings=CONTEXT)
@click.option(
    "--days",
    type=click.IntRange(min=1),
    required=True,
    help="Runs younger than this stay.",
)
@click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing.")
@click.pass_obj
def retain(settings: ServiceSettings, days: int, dry_run: bool) -> None:
    """Remove old runs that no verdict, baseline or evaluation needs, and files of nothing.

    Verdicts, baselines and the audit log are never removed. Files that came in the last day stay.
    """
    from saeval.evalsuite.service.operations.retention import retain as remove_unneeded

    with _opened(settings) as service:
        removed = remove_unneeded(service, days, _who(), dry_run=dry_run)
    click.echo(
        f"{'would remove' if dry_run else 'removed'} {len(removed.runs):,} runs, "
        f"{len(removed.comparisons):,} comparisons, {len(removed.files):,} files "
        f"({_size(removed.bytes)}) and {len(removed.uploads):,} uploads that were given up"
    )
    for run in removed.runs if dry_run else ():
        click.echo(f"run {run}")


@click.command(context_settings=CONTEXT)
@click.pass_context
def check(context: click.Context) -> None:
    """Read every file of the record: is it there, and is it what it was? Exit code 4 if not."""
    from saeval.evalsuite.service.operations.check import check_files

    with _opened(context.obj) as service:
        problems = 0
        for problem in check_files(service):
            click.echo(f"{problem.sha256}: {problem.problem}")
            problems += 1
    click.echo(f"{problems or 'no'} problems")
    if problems:
        context.exit(CHECK_FAILED)


COMMANDS = (token, backup, restore, upgrade, retain, check)


@contextmanager
def _opened(settings: ServiceSettings, *, new: bool = False) -> Iterator[Service]:
    """The record; where there is none, none is made unless it may be `new`."""
    from saeval.errors import InputError
    from saeval.evalsuite.service.context import Service

    if settings.database is None and not new and not settings.data.is_dir():
        raise InputError(f"{settings.data}: there is no record; give --data before the command")
    service = Service.open(settings)
    try:
        yield service
    finally:
        service.close()


def _who() -> str:
    """For the audit log."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    return f"{user} (command line)"


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 2**20:,.1f} MiB"
