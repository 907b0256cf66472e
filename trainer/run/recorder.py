"""What is seen and kept of a training while it runs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from saeval.errors import RunFolderError
from saeval.trainer.data.rows import TrainingRow
from saeval.trainer.recipe.schema import Recipe
from saeval.trainer.run.alarms import Alarm, AlarmMonitor
from saeval.trainer.run.folder import (
    EVALUATION,
    METRICS,
    TRAINING,
    add_row,
    mark_complete,
    move_to_history,
    write_json,
)
from saeval.trainer.run.metrics import evaluate_responses
from saeval.trainer.run.page import write_run_page

_WATCHED = ("abstention_rate", "format_rate", "confidence_spread")
_SHOWN = {"accuracy": "accuracy", "abstention_recall": "abstention recall", "brier": "Brier"}


class Recorder(AbstractContextManager["Recorder"]):
    """The callbacks of a run: progress bar, files, alarms.

    Parameters
    ----------
    recipe, out, holdout
        Of the run.
    training
        What ``training.json`` says; it is brought up to date and written.
    console
        Where it is shown.

    Attributes
    ----------
    stop
        Set it to have the run saved and stopped.
    stopped_by
        Names of the alarms that stopped it.
    """

    def __init__(
        self,
        recipe: Recipe,
        out: Path,
        holdout: Sequence[TrainingRow],
        training: dict[str, Any],
        console: Console,
    ) -> None:
        self.stop = False
        self.stopped_by: list[str] = []
        self._recipe, self._out, self._holdout = recipe, out, holdout
        self._training, self._console = training, console
        self._numbers = ("loss",) if recipe.supervised else ("reward", "accuracy")
        self._monitor = AlarmMonitor(recipe.alarms)
        # In supervised fine-tuning nothing is sampled but at evaluations.
        self._holdout_monitor = (
            AlarmMonitor(recipe.alarms, "evaluations") if recipe.supervised else None
        )
        self._since = time.perf_counter()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[numbers]}"),
            console=console,
        )
        self._bar = self._progress.add_task(
            escape(recipe.name),
            total=recipe.optimisation.steps,
            completed=training["step"],
            numbers="",
        )

    def __enter__(self) -> Recorder:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def on_step(self, step: int, metrics: Mapping[str, float]) -> bool:
        """Note the numbers of a step and ask to stop if an alarm or a person says so."""
        row = {"step": step, **metrics}
        row.pop("epoch", None)
        try:
            alarms = self._monitor.check_step(step, row)
        except RunFolderError as error:
            raise RunFolderError(
                f"{error}: training is spoilt from here on and was stopped; checkpoints up to "
                f"step {self._training['step']} are kept in {self._out}; lower "
                "optimisation.learning_rate in a new --out"
            ) from error
        add_row(self._out / METRICS, row)
        self._training["metrics"]["last_step"] = row
        self._note_alarms(alarms)
        self._progress.update(
            self._bar,
            completed=step,
            numbers="  ".join(f"{name} {row[name]:.3f}" for name in self._numbers if name in row),
        )
        return self.stop or bool(self.stopped_by)

    def on_evaluation(self, step: int, responses: Sequence[str]) -> None:
        """Note what the held-out responses show; in between, draw the pictures anew."""
        row = {"step": step, **evaluate_responses(self._holdout, responses)}
        add_row(self._out / EVALUATION, row)
        metrics = self._training["metrics"]
        metrics.setdefault("before", row)
        metrics["after"] = row
        said = (
            f"{words} {row[name]:.3f}" for name, words in _SHOWN.items() if row[name] is not None
        )
        self._console.print(f"step {step}, held out: {', '.join(said)}", highlight=False)
        if self._holdout_monitor is not None and step > 0:
            seen = {name: row[name] for name in _WATCHED if row[name] is not None}
            self._note_alarms(self._holdout_monitor.check_step(step, seen))
        if 0 < step < self._recipe.optimisation.steps:
            write_run_page(self._out, self._recipe, self._training)

    def on_save(self, step: int, folder: Path) -> None:
        """Count on a checkpoint from now on."""
        mark_complete(folder, keep=self._recipe.saving.keep)
        self.note(step=step)

    def on_history(self, step: int, folder: Path) -> None:
        """Keep a checkpoint for comparison beside the run."""
        move_to_history(self._out, step, folder, self._training)

    def _note_alarms(self, alarms: Sequence[Alarm]) -> None:
        self._training["alarms"] += [asdict(alarm) for alarm in alarms]
        for alarm in alarms:
            self._console.print(f"[yellow]Alarm[/] at step {alarm.step}: {escape(alarm.text)}")
        if self._recipe.alarms.stop:
            self.stopped_by += [alarm.name for alarm in alarms]

    def note(self, **facts: Any) -> None:
        """Write facts into ``training.json``."""
        now = time.perf_counter()
        self._training["seconds"] = round(self._training["seconds"] + now - self._since, 1)
        self._since = now
        self._training.update(facts)
        write_json(self._out / TRAINING, self._training)
