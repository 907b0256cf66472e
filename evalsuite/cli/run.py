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
    from saeval.progress import Progress


@click.command(cls=AskingCommand, context_settings=CONTEXT)
@click.argument("model")
@tasks_option(required=True)
@question_options
@file_format_option
@system_option
@seed_option
@out_option("saeval-runs/MODEL-HASH")
@click.option(
    "--server",
    metavar="URL",
    help="Let a worker of this server ask MODEL; the run is there then, and in --out if given.",
)
@click.option(
    "--shard",
    metavar="I/N|slurm",
    help="Ask the I-th of N parts of the items alone, in --out/shard-I-of-N; compare and others "
    "take --out once all are there. slurm: as the job of a Slurm array.",
)
@output_options
def run(
    model: str, out: Path | None, server: str | None, shard: str | None, **options: Any
) -> None:
    """Answer tasks with one MODEL and keep its predictions in a run folder.

    MODEL is a model folder, a PEFT adapter folder, a hub id, or a model of a server
    (http://host:port/v1#model) or of several that share its items (joined with commas).

    \b
    saeval run ./base --tasks vitaminc --limit 500 --out runs/base
    saeval compare runs/base ./checkpoint --tasks vitaminc --limit 500
    saeval run ./checkpoint --tasks vitaminc --limit 500 --out runs/mine --shard 2/4
    saeval run /checkpoints/400 --tasks vitaminc --server https://evals.example
    """
    from saeval.evalsuite.cli.configs import to_keywords
    from saeval.evalsuite.cli.output import progress_of, show_json
    from saeval.evalsuite.run.model_run import run as answer

    progress = progress_of(options)
    if server is not None:
        if shard is not None:
            raise click.UsageError("--shard: a worker of a server asks all items; leave it out")
        _run_on_server(model, out, server, progress, options)
        return
    predictions = answer(
        model, out=out or "auto", shard=shard, progress=progress, **to_keywords(options)
    )
    if options["json"]:
        show_json(predictions.manifest.to_json())
    for line in summarize_run(predictions):
        if options["brief"]:
            print(one_line(line))
        else:
            progress.log(line)
    progress.log(f"Predictions: {predictions.folder}")


def _run_on_server(
    model: str, out: Path | None, server: str, progress: Progress, options: dict[str, Any]
) -> None:
    from saeval.evalsuite.cli.configs import to_engine_config, to_run_config
    from saeval.evalsuite.client.client import Client
    from saeval.evalsuite.models.push import pull
    from saeval.evalsuite.worker.remote import run_on_server

    with Client(server) as client:
        run_config, engine_config = to_run_config(options), to_engine_config(options)
        info = run_on_server(model, client, run_config, engine_config, progress)
        address = f"{client.server}/runs/{info.run}"
        if out is not None:
            pull(address, out=out, client=client, progress=progress)
        print(address)


def summarize_run(predictions: RunPredictions) -> list[str]:
    """A line per task on what a run answered."""
    lines = []
    for task, facts in predictions.manifest.tasks.items():
        n_items = facts.items
        if not n_items:  # of a small shard
            lines.append(f"{task}: 0 items")
            continue
        answers = predictions.predictions[task]
        targets = [label for label in answers.distinct("target") if label is not None]
        target = answers.codes("target", targets)
        counts = {"right": int((target == answers.codes("prediction", targets)).sum())}
        for status in ("abstained", "invalid"):
            counts[status] = int((answers.codes("status", [status]) == 0).sum())
        proportions = ", ".join(f"{count / n_items:.1%} {what}" for what, count in counts.items())
        lines.append(f"{task}: {n_items} items, {proportions}")
    return lines
