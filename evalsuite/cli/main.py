"""The ``saeval`` command. Heavy imports happen inside the commands, so that help is instant."""

from __future__ import annotations

import os

import click

from saeval.command_line import run_command_line
from saeval.evalsuite.cli.baseline import baseline
from saeval.evalsuite.cli.compare import compare
from saeval.evalsuite.cli.convert import convert
from saeval.evalsuite.cli.export import export
from saeval.evalsuite.cli.frontier import frontier
from saeval.evalsuite.cli.gate import gate
from saeval.evalsuite.cli.metacognition import metacognition
from saeval.evalsuite.cli.options import CONTEXT
from saeval.evalsuite.cli.power import power
from saeval.evalsuite.cli.push import login, pull, push
from saeval.evalsuite.cli.report import report
from saeval.evalsuite.cli.run import run
from saeval.evalsuite.cli.serve import serve
from saeval.evalsuite.cli.tasks import tasks
from saeval.evalsuite.cli.view import view
from saeval.evalsuite.cli.worker import worker

_INTERRUPTED = "Interrupted. What is finished is kept; run the same command again to resume."


def main(arguments: list[str] | None = None) -> None:
    """Run ``saeval``; see `saeval.command_line` for its exit codes."""
    # Arrow's own allocator keeps what is freed: a seventh of the memory of a comparison.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    run_command_line(cli, arguments, when_interrupted=_INTERRUPTED)


@click.group(context_settings=CONTEXT)
@click.version_option(package_name="saeval")
def cli() -> None:
    """Did training make the model know what it does not know, and may this checkpoint ship?

    \b
    Compare a base model with its LoRA checkpoint on identical prompts:
      saeval compare Qwen/Qwen3-8B ./checkpoint --tasks fever,vitaminc
    Compare answers that exist already:
      saeval compare base.json checkpoint.json
    """


for command in (
    run,
    compare,
    frontier,
    metacognition,
    gate,
    report,
    convert,
    export,
    power,
    baseline,
    serve,
    view,
    push,
    pull,
    login,
    worker,
    tasks,
):
    cli.add_command(command)
