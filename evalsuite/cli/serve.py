"""``saeval serve``: the record of a team, on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from saeval.evalsuite.cli.options import CONTEXT
from saeval.extras import require_extra


@click.group(context_settings=CONTEXT, invoke_without_command=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8500, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--data",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("saeval-record"),
    show_default=True,
    help="Where the record is kept.",
)
@click.option("--database", metavar="URL", help="PostgreSQL in place of SQLite in FOLDER.")
@click.option(
    "--only",
    type=click.Choice(["web", "jobs"]),
    help="Answer requests alone, or do jobs alone, where another process does the rest.",
)
@click.pass_context
def serve(
    context: click.Context,
    host: str,
    port: int,
    data: Path,
    database: str | None,
    only: Literal["web", "jobs"] | None,
) -> None:
    """Serve a team's record of runs, comparisons and verdicts."""
    require_extra("serve", "fastapi", "uvicorn", "sqlalchemy", "alembic", "dbos", "duckdb")
    from saeval.evalsuite.service.settings import ServiceSettings

    context.obj = ServiceSettings(data=data, database=database, host=host, port=port)
    if context.invoked_subcommand is None:
        from saeval.evalsuite.service.server import serve as run_server

        run_server(context.obj, only)
