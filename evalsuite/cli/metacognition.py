"""``saeval metacognition``: questions to models about their own answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from saeval.evalsuite.cli.help import AskingCommand
from saeval.evalsuite.cli.options import (
    CONTEXT,
    level_option,
    out_option,
    output_options,
    question_options,
    replicates_option,
    seed_option,
    system_option,
    tasks_option,
)


@click.command(cls=AskingCommand, context_settings=CONTEXT)
@click.argument("base")
@click.argument("checkpoints", metavar="[CHECKPOINT]...", nargs=-1)
@tasks_option(required=True, own=True)
@question_options
@system_option
@seed_option
@replicates_option
@level_option
@out_option("saeval-runs/metacognition-BASE-CHECKPOINT-HASH")
@output_options
def metacognition(
    base: str, checkpoints: tuple[str, ...], out: Path | None, **options: Any
) -> None:
    """Does BASE know which of its own answers are right, and does a CHECKPOINT know better?

    Each model answers tasks of open questions. Then it is asked about its own answers in two ways:
    how certain it is of each, and which of two questions it is more likely to get right, of which
    it got exactly one right; in both orders. Models are named as for `saeval compare`, but
    predictions cannot be asked.

    \b
    saeval metacognition ./base --tasks triviaqa,popqa --limit 1000
    saeval metacognition ./base ./trained-on-triviaqa ./trained-on-popqa --tasks triviaqa,popqa

    With checkpoints, a table shows what each gained over the base on each task: a row per
    checkpoint, a column per task and way of asking, p values corrected over all of it.
    """

    from saeval.evalsuite.cli.configs import to_keywords
    from saeval.evalsuite.cli.output import progress_of, show_result
    from saeval.evalsuite.metacognition.metacognition import metacognition as ask_about_answers

    result = ask_about_answers(
        base,
        checkpoints,
        out=out or "auto",
        progress=progress_of(options),
        **to_keywords(options),
    )
    show_result(result, options)
