"""What ``satrain`` shows of a training and a profile on the console."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from saeval.progress import Bars, ConsoleProgress
from saeval.trainer.backends.protocol import Checkpoint, TrainingPlan
from saeval.trainer.data.profile import Profile
from saeval.trainer.run.alarms import Alarm
from saeval.trainer.run.manifest import TrainingManifest
from saeval.trainer.run.observer import TrainingObserver

_EVALUATED = {"accuracy": "accuracy", "abstention_recall": "abstention recall", "brier": "Brier"}
_OF_COMPLETIONS = {"reward": "reward", "accuracy": "accuracy", "outcome/invalid": "invalid"}
_COLUMNS = ("accuracy", "abstention_recall", "false_abstention", "invalid", "brier")


class TrainingDisplay(TrainingObserver):
    """Shows a training on a console; `close` it when it is over or has failed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None
        self._shown = ExitStack()
        self._bars: Bars | None = None
        self._bar = self._step = 0
        self._numbers: Mapping[str, str] = {}
        self._total = 0
        self._begun: tuple[int, float] | None = None

    def close(self) -> None:
        """Stop what moves on the console."""
        if self._status is not None:
            self._status.stop()
        self._shown.close()
        self._bars = None

    def on_load(self, what: str) -> None:
        if self._status is None:
            self._status = self._console.status("loading items")
            self._status.start()
        self._status.update(f"loading {what}")

    def on_start(self, plan: TrainingPlan, resumed_step: int | None) -> None:
        self.close()
        recipe = plan.recipe
        begun = f"{len(plan.training)} training items, {len(plan.holdout)} held out"
        if resumed_step is not None:
            begun = f"goes on from step {resumed_step}"
        self._console.print(
            f"{recipe.name} on {plan.base}: {begun} → {plan.out}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        self._numbers = {"loss": "loss"} if recipe.supervised else _OF_COMPLETIONS
        self._total, self._begun = recipe.optimisation.steps, None
        self._bars = self._shown.enter_context(ConsoleProgress(self._console).bars())
        self._step = resumed_step or 0
        self._bar = self._bars.add(
            recipe.name, total=recipe.optimisation.steps, completed=self._step
        )

    def on_damage(self, checkpoint: Path, problem: str, resumed_step: int | None) -> None:
        start = "at the beginning" if resumed_step is None else f"after step {resumed_step}"
        self._console.print(
            f"{checkpoint.name} cannot be resumed from ({problem}): training goes on {start}.",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )

    def on_step(self, step: int, metrics: Mapping[str, Any]) -> None:
        if self._bars is not None:
            shown = "  ".join(
                f"{title} {metrics[name]:.3f}"
                for name, title in self._numbers.items()
                if name in metrics
            )
            self._bars.note(self._bar, shown)
            self._bars.advance(self._bar, step - self._step)
            self._step = step
            if not self._console.is_terminal:
                self._print_step(step, shown)

    def _print_step(self, step: int, shown: str) -> None:
        """One line, with the time left by the steps since the first that was seen."""
        now = time.monotonic()
        if self._begun is None:
            self._begun = step, now
        first, since = self._begun
        left = ""
        if step > first:
            seconds = round((self._total - step) * (now - since) / (step - first))
            left = f"  {timedelta(seconds=seconds)} left"
        self._console.print(
            f"step {step} of {self._total}: {shown}{left}", highlight=False, soft_wrap=True
        )

    def on_evaluation(self, step: int, metrics: Mapping[str, Any]) -> None:
        shown = ", ".join(
            f"{title} {metrics[name]:.3f}"
            for name, title in _EVALUATED.items()
            if metrics[name] is not None
        )
        self._console.print(f"step {step}, held out: {shown}", highlight=False)

    def on_alarm(self, alarm: Alarm) -> None:
        self._console.print(f"[yellow]Alarm[/] at step {alarm.step}: {escape(alarm.text)}")

    def on_stop_request(self) -> None:
        self._console.print("Saving after this step; Ctrl-C again to stop at once.")

    def on_already_finished(self, out: Path) -> None:
        self.close()
        self._console.print(
            f"{out} is finished; delete it, or choose another --out, to train again."
        )

    def on_end(
        self, plan: TrainingPlan, checkpoint: Checkpoint, training: TrainingManifest
    ) -> None:
        self.close()
        self._console.print(_tabulate_evaluations(training))
        if checkpoint.finished:
            template = " --apply-chat-template" if plan.recipe.prompt.chat_template is True else ""
            message = f"Next: saeval compare {plan.base} {plan.out}{template}"
        else:
            alarms = ", ".join(checkpoint.stopped_by)
            cause = f"an alarm ({alarms})" if alarms else "you"
            message = (
                f"Stopped by {cause} at step {checkpoint.step} of {training.steps}; {plan.out} "
                "holds the checkpoint as it is, and the same command goes on from there."
            )
        self._console.print(message, highlight=False, markup=False, soft_wrap=True)


def _tabulate_evaluations(training: TrainingManifest) -> Table:
    table = Table(title="Held-out items")
    table.add_column("step", justify="right")
    for name in _COLUMNS:
        table.add_column(name.replace("_", " "), justify="right")
    for when in ("before", "after"):
        if row := training.metrics.get(when):
            cells = ("–" if row[name] is None else f"{row[name]:.3f}" for name in _COLUMNS)
            table.add_row(str(row["step"]), *cells)
    return table


class ProfileDisplay(AbstractContextManager["ProfileDisplay"]):
    """Shows how far a profile is."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("loading items")
        self._shown = ExitStack()
        self._bars: Bars | None = None
        self._bar = self._done = 0

    def __enter__(self) -> ProfileDisplay:
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()
        self._shown.close()

    def on_load(self, what: str) -> None:
        """Before something is loaded."""
        self._status.update(f"loading {what}")

    def on_progress(self, done: int, total: int) -> None:
        """After so many items of all."""
        if self._bars is None:
            self._status.stop()
            self._bars = self._shown.enter_context(ConsoleProgress(self._console).bars())
            self._bar = self._bars.add("sampling", total=total)
        self._bars.advance(self._bar, done - self._done)
        self._done = done


def print_profile_summary(profile: Profile, console: Console) -> None:
    """How often the base was right, abstained or was invalid, and what to do with the file."""
    samples, entries = profile.header.sampling.samples, list(profile.entries.values())
    responses = max(1, len(entries) * samples)
    never = sum(entry.right == 0 for entry in entries)
    always = sum(entry.right == samples for entry in entries)
    console.print(
        f"{len(entries)} items × {samples} samples: "
        f"{sum(entry.right for entry in entries) / responses:.1%} right, "
        f"{sum(entry.abstained for entry in entries) / responses:.1%} abstained, "
        f"{sum(entry.invalid for entry in entries) / responses:.1%} unreadable\n"
        f"always right {always}, sometimes {len(entries) - always - never}, never {never}\n"
        f"Use it with data.profile={profile.path}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
