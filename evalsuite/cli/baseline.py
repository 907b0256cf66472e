"""``saeval baseline``: answers of a base that checkpoints are held to, pinned by their hashes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from saeval.evalsuite.cli.help import AskingCommand
from saeval.evalsuite.cli.options import (
    CONTEXT,
    question_options,
    seed_option,
    system_option,
    tasks_option,
)


def _store_option(command: Callable[..., None]) -> Callable[..., None]:
    return click.option(
        "--store",
        metavar="FOLDER|URL",
        envvar="SAEVAL_BASELINES",
        default="saeval-baselines",
        show_default=True,
        help="Where baselines are: a folder that can be committed, or a URL such as "
        "s3://bucket/baselines (or set SAEVAL_BASELINES, which gate and compare read, too).",
    )(command)


@click.group(context_settings=CONTEXT)
def baseline() -> None:
    """Pin the answers of a base, so that every checkpoint is held to the same ones.

    \b
    saeval baseline save main runs/base
    saeval gate baseline:main ./checkpoint --tasks fever,vitaminc
    """


@baseline.command("save", cls=AskingCommand, context_settings=CONTEXT)
@click.argument("name")
@click.argument("model")
@_store_option
@click.option("--replace", is_flag=True, help="Put it in the place of the baseline of that name.")
@tasks_option(required=False)
@question_options
@system_option
@seed_option
def save(name: str, model: str, store: str, replace: bool, **options: Any) -> None:
    """Pin the answers of MODEL under NAME.

    MODEL is a finished run folder (also the base/ folder of a comparison), or a model as `saeval
    run` takes it, which is asked first.

    \b
    saeval baseline save main runs/base
    saeval baseline save main Qwen/Qwen3-8B --tasks fever,vitaminc --per-label 500,250,250
    """
    from saeval.evalsuite.cli.baseline_commands import save_command

    save_command(name, model, store, replace, options)


@baseline.command("list", context_settings=CONTEXT)
@_store_option
def list_baselines(store: str) -> None:
    """Name, model, tasks and items, when it was saved, and size of each."""
    from saeval.evalsuite.cli.baseline_commands import list_command

    list_command(store)


@baseline.command("show", context_settings=CONTEXT)
@click.argument("name")
@_store_option
def show(name: str, store: str) -> None:
    """How the answers of NAME were had, and whether its files are as they were saved.

    Exit code 2 if any file is not.
    """
    from saeval.evalsuite.cli.baseline_commands import show_command

    show_command(name, store)
