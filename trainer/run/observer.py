"""Who watches a training: told what happens, and silent by default."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saeval.trainer.backends.protocol import Checkpoint, TrainingPlan
    from saeval.trainer.run.alarms import Alarm
    from saeval.trainer.run.manifest import TrainingManifest


class TrainingObserver:
    """Override what should be seen; each method does nothing here."""

    def on_load(self, what: str) -> None:
        """Before the items of a task are loaded."""

    def on_damage(self, checkpoint: Path, problem: str, resumed_step: int | None) -> None:
        """When a checkpoint cannot be resumed from, and one before it, or none, is instead."""

    def on_start(self, plan: TrainingPlan, resumed_step: int | None) -> None:
        """Before the first step, or the first after `resumed_step`."""

    def on_step(self, step: int, metrics: Mapping[str, Any]) -> None:
        """After an optimisation step."""

    def on_evaluation(self, step: int, metrics: Mapping[str, Any]) -> None:
        """After an evaluation of the held-out items."""

    def on_alarm(self, alarm: Alarm) -> None:
        """When an alarm goes off."""

    def on_stop_request(self) -> None:
        """When Ctrl-C or SIGTERM asks to save and stop."""

    def on_end(
        self, plan: TrainingPlan, checkpoint: Checkpoint, training: TrainingManifest
    ) -> None:
        """After the last step, when everything is written."""

    def on_already_finished(self, out: Path) -> None:
        """Instead of all that, where the folder holds the finished run."""
