"""A gate's stopping rule: ask the checkpoint until every rule of the policy is decided."""

from __future__ import annotations

import itertools
from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np

from saeval.evalsuite.compare.pairing import (
    TaskPredictions,
    pair,
    task_of_both,
    to_arrays,
)
from saeval.evalsuite.gate.policy import Policy
from saeval.evalsuite.models.training_data import TrainingData
from saeval.evalsuite.run.tasks import LoadedTask
from saeval.evalsuite.store.general import task_of
from saeval.stats.gate.decide import decide_sequentially
from saeval.stats.gate.rules import Rule
from saeval.stats.gate.sequential import SequentialDecision

SMALLEST_BATCH = 64
"""Items asked between two looks, and a tenth of those asked where that is more."""


@dataclass(frozen=True)
class _MonitoredTask:
    """A task that is asked: the labels and the units of its items, and its rules."""

    loaded: LoadedTask
    targets: Set[str]
    units: tuple[str, ...]
    rules: tuple[Rule, ...]


class SequentialGate:
    """Stops a checkpoint's run once the rules are decided (`StoppingRule` of a comparison).

    Parameters
    ----------
    policy
        The rules.
    confidence_level
        1 − what this look may spend of α.
    tasks
        What the checkpoint is asked, in the order in which it is asked.
    samples
        Answers per item.
    training
        What the checkpoint was trained on, if that is known: such items decide nothing.
    allow_mismatch
        Whether prompts and documents may differ between the models.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        confidence_level: float,
        tasks: Sequence[LoadedTask],
        samples: int,
        training: TrainingData | None,
        allow_mismatch: bool,
    ) -> None:
        self.confidence_level = confidence_level
        self._samples = samples
        self._training = training
        self._allow_mismatch = allow_mismatch
        self._tasks = {task.name: _monitor(task, policy) for task in tasks}
        self._is_broken = False

    def n_next_items(
        self, task: LoadedTask, base: TaskPredictions, checkpoint: TaskPredictions
    ) -> int | None:
        """The size of the next batch; 0 once everything is decided, or any rule is broken."""
        if self._is_broken:
            return 0
        decisions = self.decisions(task.name, base, checkpoint)
        rules = self._tasks[task.name].rules
        verdicts = [
            decision.verdict
            for place, decision in decisions.items()
            if decision.verdict is not None and rules[place].is_blocking
        ]
        self._is_broken = "REGRESSION" in verdicts
        if self._is_broken or len(verdicts) == sum(rule.is_blocking for rule in rules):
            return 0
        return max(SMALLEST_BATCH, len(checkpoint) // (10 * self._samples))

    def decisions(
        self,
        name: str,
        base: TaskPredictions,
        checkpoint: TaskPredictions,
        *,
        intervals: bool = False,
    ) -> dict[int, SequentialDecision]:
        """What the answers so far decide of a task's rules, by the rules' places.

        Parameters
        ----------
        name
            Of the task; one that is not asked has no decisions.
        base, checkpoint
            Its predictions.
        intervals
            Whether to compute confidence sequences as well, which takes longer.
        """
        if (task := self._tasks.get(name)) is None:
            return {}
        answered = set(self._answered_units(task, checkpoint))
        clean = exclude_training_items(name, checkpoint, self._training)
        counted = clean.take(np.flatnonzero(clean.codes("item_id", sorted(answered)) >= 0))
        if not len(counted):
            return {}
        pairs = pair(
            task_of_both(name, base, counted), base, counted, allow_mismatch=self._allow_mismatch
        )
        unit_of = dict(zip(task.loaded.ids, _number(task.units), strict=True))
        unit = np.array([unit_of[item] for item in pairs.base.ids()])
        order = np.argsort(unit, kind="stable")
        sizes = np.bincount(list(unit_of.values()))
        monitored = sum(
            rule.is_mean and rule.is_blocking
            for other in self._tasks.values()
            for rule in other.rules
        )
        return decide_sequentially(
            task.rules,
            to_arrays(pairs).subset(order),
            unit[order],
            largest=sizes[: unit.max() + 1] * self._samples,
            confidence_level=self.confidence_level,
            watched=max(monitored, 1),
            intervals=intervals,
        )

    def _answered_units(self, task: _MonitoredTask, answers: TaskPredictions) -> list[str]:
        """Ids of the first items, as far as all of their units are answered in full.

        Those of clusters that were not drawn in proportion to size tell nothing before the end.
        """
        answered = itertools.takewhile(
            lambda item: all((item, sample) in answers for sample in range(self._samples)),
            task.loaded.ids[: task.loaded.sequential],
        )
        ids = list(answered)
        if len(ids) < len(task.units):
            while ids and task.units[len(ids) - 1] == task.units[len(ids)]:
                ids.pop()
        return ids


def exclude_training_items(
    task: str, predictions: TaskPredictions, training: TrainingData | None
) -> TaskPredictions:
    """Predictions for the items that share nothing with what the checkpoint was trained on."""
    if training is None:
        return predictions
    definition = task_of(task, [predictions])
    clean = [training.shared(definition, answer) is None for answer in predictions.values()]
    return predictions.take(np.flatnonzero(clean))


def targets_of(task: LoadedTask) -> set[str]:
    """The labels that the items of a task have."""
    return task.targets


def _monitor(task: LoadedTask, policy: Policy) -> _MonitoredTask:
    targets = targets_of(task)
    rules, _ = policy.rules_for(task.name, targets)
    units = tuple(document["cluster"] or document["id"] for document in task.documents)
    return _MonitoredTask(task, targets, units, rules)


def _number(units: Sequence[str]) -> list[int]:
    """0, 1, 2, … in the order of their first mention."""
    numbers: dict[str, int] = {}
    return [numbers.setdefault(unit, len(numbers)) for unit in units]
