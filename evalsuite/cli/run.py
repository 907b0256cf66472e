"""``saeval run``: one model's predictions in a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from saeval.evalsuite.cli.help import AskingCommand
from saeval.evalsuite.cli.options import (
    CONTEXT,
    file_format_option,
    out_option,
    output_options,
    question_options,
    seed_option,
    system_option,
    tasks_option,
)
from saeval.terminal_text import one_line

if TYPE_CHECKING:
    from saeval.evalsuite.store.run_folder import RunPredictions


@click.command(cls=AskingCommand, context_settings=CONTEXT)
@click.argument("model")
@tasks_option(required=True)
@question_options
@file_format_option
@system_option
@seed_option
@out_option("saeval-runs/MODEL-HASH")
@output_options
def run(model: str, out: Path | None, **options: Any) -> None:
    """Answer tasks with one MODEL and keep its predictions in a run folder.

    MODEL is a model folder, a PEFT adapter folder, a hub id, or a model of a server
    (http://host:port/v1#model).

    \b
    saeval run ./base --tasks vitaminc --limit 500 --out runs/base
    saeval compare runs/base ./checkpoint --tasks vitaminc --limit 500
    """
    from saeval.evalsuite.cli.configs import to_keywords
    from saeval.evalsuite.cli.output import progress_of, show_json
    from saeval.evalsuite.run.model_run import run as answer

    progress = progress_of(options)
    predictions = answer(model, out=out or "auto", progress=progress, **to_keywords(options))
    if options["json"]:
        show_json(predictions.manifest.to_json())
    for line in summarize_run(predictions):
        if options["brief"]:
            print(one_line(line))
        else:
            progress.log(line)
    progress.log(f"Predictions: {predictions.folder}")


def summarize_run(predictions: RunPredictions) -> list[str]:
    """A line per task on what a run answered."""
    lines = []
    for task, facts in predictions.manifest.tasks.items():
        answers, n_items = predictions.predictions[task], facts.items
        targets = [label for label in answers.distinct("target") if label is not None]
        target = answers.codes("target", targets)
        counts = {"right": int((target == answers.codes("prediction", targets)).sum())}
        for status in ("abstained", "invalid"):
            counts[status] = int((answers.codes("status", [status]) == 0).sum())
        proportions = ", ".join(f"{count / n_items:.1%} {what}" for what, count in counts.items())
        lines.append(f"{task}: {n_items} items, {proportions}")
    return lines
