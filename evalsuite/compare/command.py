"""``saeval run`` and ``saeval compare``, once their arguments are parsed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from saeval.errors import InputError
from saeval.evalsuite.cli.configs import engine_config_from_options, run_config_from_options
from saeval.evalsuite.compare.best import choose
from saeval.evalsuite.compare.plan import BASE
from saeval.evalsuite.compare.reporting import report_comparisons
from saeval.evalsuite.compare.session import Compared, comparing
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.types import AskableModel, SavedPredictions
from saeval.evalsuite.run.manifest import run_identity
from saeval.evalsuite.run.runner import Run, answer_runs, log_throughput
from saeval.evalsuite.run.tasks import check_samples, load_tasks
from saeval.evalsuite.store.paths import RUNS, folder_name
from saeval.evalsuite.store.run_folder import read_run
from saeval.progress import progress_bar
from saeval.stats.checkpoints.results import Best, NoBestError


def run_command(argument: str, out: Path | None, options: Mapping[str, Any]) -> None:
    """``saeval run``: one model's answers in a run folder."""
    console = Console(stderr=True)
    model = resolve_model(argument)
    if isinstance(model, SavedPredictions):
        raise InputError(f"{argument}: these are predictions; `run` needs a model to ask")
    folder = answer_alone(model, out, options, console)
    console.print(f"Predictions: {escape(str(folder))}", highlight=False, soft_wrap=True)


def answer_alone(
    model: AskableModel, out: Path | None, options: Mapping[str, Any], console: Console
) -> Path:
    """Let one model answer; returns its run folder."""
    config, engine = run_config_from_options(options), engine_config_from_options(options, [model])
    asked = load_tasks(config)
    check_samples(asked, config)
    identity = run_identity(model, config, engine) | {
        "tasks": {t.name: t.facts().model_dump() for t in asked}
    }
    folder = out or RUNS / folder_name(model.name, identity)
    run = Run(model, folder, tuple(asked), config)
    with progress_bar(console) as progress:
        answer_runs([run], engine, progress, cache=options["cache"])
    log_throughput(run, console)
    _summarise(folder, console)
    return folder


def compare_command(
    base_argument: str,
    checkpoint_arguments: Sequence[str],
    out: Path | None,
    options: Mapping[str, Any],
) -> None:
    """``saeval compare``: answer what has to be answered, compare, write and print the reports."""
    console = Console(stderr=True)
    if options["best"] is not None and len(checkpoint_arguments) < 2:
        raise InputError("--best: there is one checkpoint only; give several to choose from")
    with comparing(base_argument, checkpoint_arguments, out, options, console) as found:
        best, notes = _best(found, console)
        report_comparisons(
            found.comparisons,
            found.plan.homes,
            found.plan.folder,
            console,
            steps=found.plan.steps,
            best=best,
            notes=notes,
        )


def _best(found: Compared, console: Console) -> tuple[Best | None, tuple[str, ...]]:
    """The best checkpoint, if one is wanted, or why none can be told."""
    if found.plan.wanted is None:
        return None, ()
    names = [comparison.checkpoint.name for comparison in found.comparisons]
    if len(set(names)) < len(names):
        names = list(found.plan.homes)
    answers = [found.answers[name] for name in found.plan.homes]
    try:
        with console.status("statistics: the best checkpoint"):
            best = choose(
                found.plan.wanted,
                found.answers[BASE],
                dict(zip(names, answers, strict=True)),
                found.comparisons[0].settings,
                verdicts=found.verdicts,
                allow_mismatch=found.plan.allow_mismatch,
            )
    except NoBestError as error:
        return None, (f"No best checkpoint is named: {error}.",)
    return best, ()


def _summarise(folder: Path, console: Console) -> None:
    """One line per task on what a run answered."""
    run = read_run(folder)
    for task, facts in run.manifest.tasks.items():
        answers = list(run.predictions[task].values())
        n = facts.items
        counts = {
            "right": sum(answer.correct for answer in answers),
            "abstained": sum(answer.status == "abstained" for answer in answers),
            "invalid": sum(answer.status == "invalid" for answer in answers),
        }
        shares = ", ".join(f"{count / n:.1%} {what}" for what, count in counts.items())
        console.print(f"{task}: {n} items, {shares}", highlight=False)
