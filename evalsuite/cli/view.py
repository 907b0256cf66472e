"""``saeval view``: finished folders in the browser."""

from __future__ import annotations

from pathlib import Path

import click

from saeval.evalsuite.cli.options import CONTEXT
from saeval.extras import require_extra


@click.command(context_settings=CONTEXT)
@click.argument(
    "folders", metavar="FOLDER...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="To listen on, on this machine alone.  [default: any that is free]",
)
@click.option("--no-browser", is_flag=True, help="Print the address, and open no browser.")
def view(folders: tuple[Path, ...], port: int, no_browser: bool) -> None:
    """Look at finished runs and comparisons in the browser, every item of them.

    FOLDER is what `saeval run`, `compare` or `gate` wrote, a folder of such folders, or a file of
    predictions. Nothing is written to it. The address that is printed signs in once, on this
    machine alone.

    \b
    saeval view saeval-runs/base-vs-checkpoint
    saeval view saeval-runs
    """
    require_extra("serve", "fastapi", "uvicorn", "sqlalchemy", "alembic", "duckdb")
    from saeval.evalsuite.service.view.server import view as show
    from saeval.progress import ConsoleProgress, GuardedConsole

    progress = ConsoleProgress(GuardedConsole(stderr=True))
    show(folders, port=port, browser=not no_browser, progress=progress)
