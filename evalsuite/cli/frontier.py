"""``saeval frontier``: one task under several system prompts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from saeval.evalsuite.cli.help import AskingCommand
from saeval.evalsuite.cli.options import (
    CONTEXT,
    complete_tasks,
    known_tasks,
    level_option,
    out_option,
    output_options,
    question_options,
    seed_option,
)


@click.command(cls=AskingCommand, context_settings=CONTEXT)
@click.argument("model")
@click.argument("checkpoints", metavar="[CHECKPOINT]...", nargs=-1)
@click.option(
    "--systems",
    metavar="FILES",
    required=True,
    help="System prompts, a file each: a quoted glob, files joined with commas, or a folder.",
)
@click.option(
    "--task",
    metavar="NAME",
    required=True,
    callback=lambda _, __, value: known_tasks([value])[0],
    shell_complete=complete_tasks,
    help="The task; see `saeval tasks list`.",
)
@click.option("--no-plain", is_flag=True, help="Leave out the run without a system prompt.")
@question_options
@seed_option
@level_option
@out_option("saeval-runs/MODELS-frontier-TASK-HASH")
@output_options
def frontier(
    model: str,
    checkpoints: tuple[str, ...],
    systems: str,
    task: str,
    no_plain: bool,
    out: Path | None,
    **options: Any,
) -> None:
    """Is the CHECKPOINT better, or could a prompt have bought the same from MODEL?

    Asks every model the same items under each system prompt ("answer only if sure", "always
    answer", …) and without one, and draws the share of right answers over the share of wrong ones
    with each model's Pareto front. Each checkpoint is tested, item by item, against every prompt
    of MODEL. A file is a prompt; its name without the ending is the prompt's name.

    \b
    saeval frontier ./base ./checkpoint --systems 'prompts/*.txt' --task simpleqa
    saeval frontier Qwen/Qwen3-8B --systems prompts/ --task fever --apply-chat-template

    Prompts and checkpoints may be added with the same --out: only they are asked.
    """

    from saeval.evalsuite.cli.configs import to_keywords
    from saeval.evalsuite.cli.output import progress_of, show_result
    from saeval.evalsuite.frontier.frontier import frontier as ask_under_prompts

    result = ask_under_prompts(
        model,
        checkpoints,
        task=task,
        systems=systems,
        plain=not no_plain,
        confidence_level=options["level"],
        out=out or "auto",
        progress=progress_of(options),
        **to_keywords({**options, "tasks": None, "system": None}),
    )
    show_result(result, options)
