"""What is kept of a training while it runs: files, alarms, and word to an observer."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from saeval.errors import RunFolderError
from saeval.trainer.data.rows import TrainingRow
from saeval.trainer.recipe.schema import Recipe
from saeval.trainer.run.alarms import Alarm, AlarmMonitor
from saeval.trainer.run.checkpoints import seal_checkpoint
from saeval.trainer.run.folder import (
    EVALUATION,
    METRICS,
    append_row,
    move_to_history,
    read_rows,
)
from saeval.trainer.run.manifest import TrainingManifest
from saeval.trainer.run.metrics import evaluate_responses
from saeval.trainer.run.observer import TrainingObserver
from saeval.trainer.run.page import write_run_page

_MONITORED = ("abstention_rate", "format_rate", "confidence_spread")


class Recorder:
    """The callbacks of a run.

    Parameters
    ----------
    recipe, out, holdout
        Of the run.
    training
        What ``training.json`` says when it begins.
    observer
        Is told what happens.

    Attributes
    ----------
    training
        What ``training.json`` says now.
    signal
        Number of the signal that asked for an end; set it to have the run saved and stopped.
    stopped_by
        Names of the alarms that stopped it.
    """

    def __init__(
        self,
        recipe: Recipe,
        out: Path,
        holdout: Sequence[TrainingRow],
        training: TrainingManifest,
        observer: TrainingObserver,
    ) -> None:
        self.training = training
        self.signal = 0
        self.stopped_by: list[str] = []
        self._recipe, self._out, self._holdout = recipe, out, holdout
        self._observer = observer
        self._monitor = AlarmMonitor(recipe.alarms)
        # In supervised fine-tuning nothing is sampled but at evaluations.
        self._holdout_monitor = (
            AlarmMonitor(recipe.alarms, "evaluations") if recipe.supervised else None
        )
        self._updated = time.perf_counter()
        for row in read_rows(out / METRICS):  # an alarm is about several steps in a row
            self._monitor.check_step(row["step"], _numbers(row))
        for row in read_rows(out / EVALUATION):
            self._check_holdout(row)

    def on_step(self, step: int, metrics: Mapping[str, float]) -> bool:
        """Record the numbers of a step; True if an alarm or a person asks to stop."""
        row = {"step": step, **metrics}
        row.pop("epoch", None)
        try:
            alarms = self._monitor.check_step(step, row)
        except RunFolderError as error:
            raise RunFolderError(
                f"{error}: training is spoilt from here on and was stopped; checkpoints up to "
                f"step {self.training.step} are kept in {self._out}; lower "
                "optimisation.learning_rate in a new --out"
            ) from error
        append_row(self._out / METRICS, row)
        self._update_metrics(last_step=row)
        self._record_alarms(alarms)
        self._observer.on_step(step, row)
        return bool(self.signal or self.stopped_by)

    def on_evaluation(self, step: int, responses: Sequence[str]) -> None:
        """Record the metrics of the held-out responses; in between, draw the run page anew."""
        row = {"step": step, **evaluate_responses(self._holdout, responses)}
        append_row(self._out / EVALUATION, row)
        self._update_metrics(before=self.training.metrics.get("before", row), after=row)
        self._observer.on_evaluation(step, row)
        self._record_alarms(self._check_holdout(row))
        if 0 < step < self._recipe.optimisation.steps:
            write_run_page(self._out, self._recipe, self.training)

    def on_save(self, step: int, folder: Path) -> None:
        """Resume from this checkpoint from now on."""
        self.update_training(step=step)
        self.training.write(folder)
        seal_checkpoint(folder, keep=self._recipe.saving.keep)
        self.training.write(self._out)

    def on_history(self, step: int, folder: Path) -> None:
        """Keep a checkpoint for comparison beside the run."""
        move_to_history(self._out, step, folder, self.training)

    def update_training(self, **facts: Any) -> None:
        """Change facts of `training`, which is written when the files that they vouch for are."""
        now = time.perf_counter()
        seconds = round(self.training.seconds + now - self._updated, 1)
        self._updated = now
        self.training = self.training.update(seconds=seconds, **facts)

    def _update_metrics(self, **metrics: Mapping[str, Any]) -> None:
        self.training = self.training.update(metrics={**self.training.metrics, **metrics})

    def _check_holdout(self, row: Mapping[str, Any]) -> list[Alarm]:
        """The alarms of an evaluation that is not the first."""
        if self._holdout_monitor is None or not row["step"]:
            return []
        metrics = {name: value for name, value in _numbers(row).items() if name in _MONITORED}
        return self._holdout_monitor.check_step(row["step"], metrics)

    def _record_alarms(self, alarms: Sequence[Alarm]) -> None:
        self.training = self.training.update(alarms=[*self.training.alarms, *map(asdict, alarms)])
        for alarm in alarms:
            self._observer.on_alarm(alarm)
        if self._recipe.alarms.stop:
            self.stopped_by += [alarm.name for alarm in alarms]


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    """Of a row that may have been read from a file."""
    numbers = {name: value for name, value in row.items() if isinstance(value, int | float)}
    return {name: value for name, value in numbers.items() if math.isfinite(value)}
