"""``saeval serve``: the record of a team, on this machine."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any, Literal

import click

from saeval.evalsuite.cli.options import CONTEXT
from saeval.evalsuite.cli.serve_commands import COMMANDS
from saeval.extras import require_extra


def _check_networks(
    _: click.Context, __: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    for value in values:
        try:
            ipaddress.ip_network(value, strict=False)
        except ValueError:
            raise click.BadParameter(f"{value!r} is no address or network") from None
    return values


@click.group(context_settings=CONTEXT, invoke_without_command=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8500,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 is any that is free.",
)
@click.option(
    "--data",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("saeval-record"),
    show_default=True,
    help="Where the record is kept.",
)
@click.option(
    "--database",
    metavar="URL",
    envvar="SAEVAL_DATABASE",
    help="PostgreSQL in place of SQLite in FOLDER (or set SAEVAL_DATABASE).",
)
@click.option(
    "--blobs",
    metavar="URL",
    envvar="SAEVAL_BLOBS",
    help="Where files are kept, as fsspec has it, in place of FOLDER.",
)
@click.option(
    "--public-url", metavar="URL", help="As users reach it, such as https://record.example.org."
)
@click.option(
    "--proxy-user-header",
    metavar="NAME",
    help="Header in which a reverse proxy names the user that it signed in (OIDC).  [default: none "
    "is believed]",
)
@click.option(
    "--proxy-scope",
    type=click.Choice(["read", "write", "gate", "admin"]),
    default="gate",
    show_default=True,
    help="What such a user may do.",
)
@click.option(
    "--proxy",
    "proxies",
    metavar="ADDRESS",
    multiple=True,
    callback=_check_networks,
    help="Address or network of a proxy on another machine that is believed; repeatable.",
)
@click.option(
    "--only",
    type=click.Choice(["web", "jobs"]),
    help="Answer requests alone, or do jobs alone, where another process does the rest.",
)
@click.option("--access-log", is_flag=True, help="A line on standard error for each request.")
@click.pass_context
def serve(
    context: click.Context,
    /,
    only: Literal["web", "jobs"] | None,
    access_log: bool,
    **given: Any,
) -> None:
    """Serve a team's record of runs, comparisons and verdicts.

    \b
    saeval serve
    saeval serve token create ci --scope gate
    saeval serve --data record backup record.tar
    """
    require_extra("serve", "fastapi", "uvicorn", "sqlalchemy", "alembic", "dbos", "duckdb")
    from saeval.evalsuite.service.settings import ServiceSettings

    context.obj = ServiceSettings(**given)
    if context.invoked_subcommand is None:
        from saeval.evalsuite.service.security.access_log import log_requests
        from saeval.evalsuite.service.server import serve as run_server

        if access_log:
            log_requests()
        run_server(context.obj, only)


for command in COMMANDS:
    serve.add_command(command)
