"""``saeval worker``: this machine's models for a server's evaluations."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

import click

from saeval.evalsuite.cli.options import CONTEXT
from saeval.evalsuite.cli.push import insecure_option, server_option
from saeval.extras import require_extra


@click.command(context_settings=CONTEXT)
@server_option
@click.option("--name", metavar="NAME", help="As the server shows it.  [default: HOST-PROCESS]")
@click.option(
    "--allow-models",
    metavar="GLOB",
    multiple=True,
    help="Models it may ask, such as 'Qwen/*', '/checkpoints/*' or 'http://localhost:8000/v1#*'; "
    "repeatable.  [default: every model of the hub, no folder and no server]",
)
@click.option("--once", is_flag=True, help="Answer one evaluation, if there is one, and end.")
@click.option(
    "--poll",
    metavar="SECONDS",
    type=click.FloatRange(min=0.1),
    default=5.0,
    show_default=True,
    help="Ask again so often where there is nothing to do.",
)
@click.option(
    "--cache",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="SAEVAL_CACHE",
    help="Keep answers here across evaluations: a base is asked once for all.",
)
@insecure_option
@click.option("--quiet", is_flag=True, help="Say nothing.")
def worker(
    server: str | None,
    name: str | None,
    allow_models: tuple[str, ...],
    once: bool,
    poll: float,
    cache: Path | None,
    insecure: bool,
    quiet: bool,
) -> None:
    """Answer the evaluations that a server's users post, with the models of this machine.

    A server can have it ask the models that are allowed, about registered tasks, and nothing else:
    no setting names a file, an address or code. It is stopped with Ctrl-C, and the next worker goes
    on where it was. The token is that of SAEVAL_TOKEN, or the one that `saeval login` saved.

    \b
    saeval worker --server https://evals.example --allow-models '/checkpoints/*'
    """
    require_extra("run", "torch", "transformers", "lm_eval")
    from saeval.evalsuite.cli.configs import stderr_progress
    from saeval.evalsuite.worker.worker import Worker, WorkerSettings
    from saeval.progress import SILENT

    progress = SILENT if quiet else stderr_progress()
    settings = WorkerSettings(_check_name(name), allow_models, poll, cache)
    own = Worker.open(server, settings, progress, insecure=insecure)
    try:
        if not once:
            progress.log(f"Worker {settings.name} waits for evaluations of {own.connection.server}")
            own.work()
        elif not own.work_once():
            progress.log("There is nothing to answer.")
    finally:
        own.close()


def _check_name(name: str | None) -> str:
    if name is None:
        host = re.sub(r"[^A-Za-z0-9._-]+", "-", platform.node()).strip("-._")[:80]
        return f"{host or 'worker'}-{os.getpid()}"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise click.BadParameter(
            "a name holds letters, digits, '.', '_' and '-' alone", param_hint="--name"
        )
    return name
