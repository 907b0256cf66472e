"""``saeval push``, ``pull`` and ``login``: runs to and from a server of the record."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from saeval.errors import InputError
from saeval.evalsuite.cli.options import CONTEXT, columns_option

server_option = click.option(
    "--server",
    metavar="URL",
    help="The server of the record (or set SAEVAL_SERVER).",
)
insecure_option = click.option(
    "--insecure",
    is_flag=True,
    help="Let the token go over plain http to another machine, where others can read it.",
)
_FOLLOWS_FOR = 3600.0
"""Seconds for which a server may be away while a run is sent to it."""
_quiet_option = click.option("--quiet", is_flag=True, help="No progress.")


@click.command(context_settings=CONTEXT)
@click.argument("run")
@server_option
@click.option("--name", help="What people will see.  [default: the model's name]")
@click.option("--recipe", help="What the checkpoint was trained by.")
@click.option("--seed", type=click.IntRange(-(2**31), 2**31 - 1), help="Of its training.")
@click.option("--step", type=click.IntRange(0, 2**53), help="Of its training.")
@click.option(
    "--follow",
    is_flag=True,
    help="RUN is still being answered: send it as it grows, until it is finished.",
)
@click.option("--wait", is_flag=True, help="Until the server has checked it; fail if it refuses.")
@columns_option
@insecure_option
@_quiet_option
def push(
    run: str,
    server: str | None,
    follow: bool,
    wait: bool,
    columns: str | None,
    insecure: bool,
    quiet: bool,
    **said: Any,
) -> None:
    """Send a run to a server of the record, and print its address.

    RUN is a finished run folder, the base/ or checkpoint/ of a comparison, or predictions of any
    kind that `saeval compare` reads. They are packed into Parquet; what the server has is not sent
    again, and the same answers are the same run. With --follow, RUN is the folder of a run that is
    still being answered, or soon will be; interrupted, the same command goes on. The token is that
    of SAEVAL_TOKEN, or the one that `saeval login` saved.

    \b
    saeval push runs/base --server https://evals.example
    saeval push out/checkpoint --recipe mixed --seed 1 --step 400
    saeval push runs/checkpoint --follow
    """
    from saeval.evalsuite.cli.output import progress_of
    from saeval.evalsuite.client.client import Client
    from saeval.evalsuite.models.predictions import with_columns
    from saeval.evalsuite.models.push import push as send

    progress = progress_of({"quiet": quiet, "json": False, "brief": False})
    if follow:
        from saeval.evalsuite.worker.follow import follow_run

        if columns is not None:
            raise click.UsageError("--follow takes a run folder, which has no --columns")
        with Client(server, insecure=insecure, patience=_FOLLOWS_FOR) as client:
            evaluation = follow_run(Path(run), client, progress=progress, **said)
            print(f"{client.server}/runs/{evaluation.run}")
        return
    (given,) = with_columns((run,), columns)
    with Client(server, insecure=insecure) as client:
        info = send(given, server=client, progress=progress, **said)
        address = f"{client.server}/runs/{info.id}"
        if wait:
            with progress.status("the server checks it"):
                info = client.wait_for(info)
            if info.state != "ready":
                raise InputError(f"{address}: {info.state}: {info.reason}")
        print(address)


@click.command(context_settings=CONTEXT)
@click.argument("address", metavar="URL/runs/ID")
@click.option(
    "--out",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Nothing may be there yet.  [default: in saeval-runs]",
)
@insecure_option
@_quiet_option
def pull(address: str, out: Path | None, insecure: bool, quiet: bool) -> None:
    """Fetch a run of a server as a run folder, and print where it is.

    What comes is what was pushed, byte for byte, in Parquet; every file is verified by its SHA-256.
    `saeval convert` makes lines of it. URL/baselines/NAME is fetched as well.

    \b
    saeval pull https://evals.example/runs/1f0c9a5be2d84c07b1a3 --out base
    """
    from saeval.evalsuite.cli.output import progress_of
    from saeval.evalsuite.client.addresses import parse_record_address
    from saeval.evalsuite.client.client import Client
    from saeval.evalsuite.models.push import pull as fetch

    progress = progress_of({"quiet": quiet, "json": False, "brief": False})
    found = parse_record_address(address)
    if found is None:
        raise click.BadParameter("give URL/runs/ID or URL/baselines/NAME", param_hint="URL/runs/ID")
    with Client(found.server, insecure=insecure) as client:
        print(fetch(address, out=out, client=client, progress=progress))


@click.command(context_settings=CONTEXT)
@click.argument("server", metavar="URL")
@click.option("--forget", is_flag=True, help="Keep its token no longer.")
@insecure_option
def login(server: str, forget: bool, insecure: bool) -> None:
    """Keep the token of a server, for all commands that speak to it.

    The token is asked for, or read from standard input, and tried. It is kept in a file that only
    you can read, in the folder of your configuration (XDG_CONFIG_HOME, or ~/.config).

    \b
    saeval login https://evals.example
    """
    from saeval.evalsuite.client.client import Client
    from saeval.evalsuite.client.tokens import find_access, forget_token, save_token

    if forget:
        print(f"No token is kept for {server} in {forget_token(server)}")
        return
    find_access(server, "unsaid", insecure=insecure)  # before a secret is typed
    ask: Callable[[], str] = sys.stdin.readline
    if sys.stdin.isatty():
        ask = lambda: click.prompt("Token", hide_input=True, err=True)  # noqa: E731
    token = ask().strip()
    if not token:
        raise click.UsageError("no token was given")
    with Client(server, token, insecure=insecure) as client:
        next(client.runs(), None)
        path = save_token(server, token, insecure=insecure)
        print(f"The token works, and is kept for {client.server} in {path}")
