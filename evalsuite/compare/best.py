"""``--best``: which of several checkpoints is the best one, by one metric."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from saeval.errors import InputError
from saeval.evalsuite.compare.comparison import PredictionsByTask, find_shared_items, pair_tasks
from saeval.evalsuite.compare.pairing import WRONG, PairedPredictions, to_arrays
from saeval.evalsuite.gate.policy import ABSTENTION, parse_metric
from saeval.evalsuite.judge.grades import Grades
from saeval.stats._core.answers import joint_answers
from saeval.stats.checkpoints.best import best_checkpoint
from saeval.stats.checkpoints.results import Best, NoBestError
from saeval.stats.compare.evidence import Key
from saeval.stats.compare.metric_table import is_open
from saeval.stats.compare.results import Settings
from saeval.stats.gate.margins import NEGATIVE_FLIPS
from saeval.stats.gate.rules import higher_is_better, metrics_of
from saeval.tasks.registry import get_task

_NOT_RESAMPLED = ("aurc", NEGATIVE_FLIPS[0])


@dataclass(frozen=True)
class SelectionMetric:
    """A metric, by its name and label as in a gate's policy, and the one task it is of or None."""

    metric: str
    label: str | None
    task: str | None = None

    def keys(self, tasks: Iterable[str]) -> dict[str, Key]:
        """The metric as each task has it.

        Raises
        ------
        InputError
            If none has it.
        """
        names = list(tasks)
        if self.task is not None:
            if self.task not in names:
                raise InputError(
                    f"--best: task {self.task} is not compared; compared: {', '.join(names)}"
                )
            names = [self.task]
        found = {}
        for name in names:
            task = get_task(name)
            wrong = WRONG if task.kind == "question" else None
            label = task.abstention if self.label == ABSTENTION else self.label
            key = (self.metric, label)
            known = key in metrics_of(task.labels, task.abstention, wrong)
            if known and not is_open(self.metric, wrong):
                found[name] = key
        if not found:
            words = " ".join(part for part in (self.label, self.metric.replace("_", " ")) if part)
            raise InputError(
                f"--best: {words} is no metric with a good direction on {', '.join(names)}; "
                "choose another one, such as accuracy"
            )
        return found


DEFAULT = SelectionMetric("accuracy", None)


def parse_selection_metric(text: str) -> SelectionMetric:
    """Read ``METRIC`` or ``METRIC@TASK``; metrics are named as in a gate's policy.

    Raises
    ------
    InputError
        If it is no metric to choose by.
    """
    name, _, task = text.partition("@")
    try:
        metric, label = parse_metric(name)
    except ValueError as error:
        raise InputError(f"--best: {error}") from error
    if metric in _NOT_RESAMPLED:
        raise InputError(f"--best: {metric} is not resampled; choose another, such as auroc")
    if higher_is_better(metric) is None:
        raise InputError(
            f"--best: {metric} has no good direction; choose another, such as accuracy"
        )
    return SelectionMetric(metric, label, task.strip() or None)


def choose(
    wanted: SelectionMetric,
    base: PredictionsByTask,
    checkpoints: Mapping[str, PredictionsByTask],
    settings: Settings,
    *,
    verdicts: Grades | None = None,
    allow_mismatch: bool = False,
) -> Best:
    """The best of several checkpoints, on the items that all of them answered.

    Parameters
    ----------
    wanted
        By which metric.
    base, checkpoints
        Predictions by task and item id; those of the checkpoints by their names.
    settings
        Confidence level, replicates, seed.
    verdicts, allow_mismatch
        As the comparisons were made.

    Raises
    ------
    NoBestError
        If none can be told, as a sentence that says why.
    InputError
        If no task has the metric.
    """
    paired = []
    for predictions in checkpoints.values():
        pairs = pair_tasks(base, predictions, allow_mismatch=allow_mismatch)
        paired.append({one.task.name: _graded(one, verdicts, settings) for one in pairs})
    common = [name for name in paired[0] if all(name in other for other in paired)]
    keys = wanted.keys(common)
    if shared := find_shared_items([paired[0][name] for name in keys]):
        raise NoBestError(
            f"tasks {shared[0]} and {shared[1]} ask some items in common; choose by one of them "
            f"(--best METRIC@{shared[0]})"
        )
    answers = {}
    for name in keys:
        shared_items = _on_common_items([of_tasks[name] for of_tasks in paired])
        answers[name] = joint_answers([to_arrays(pairs) for pairs in shared_items])
    return best_checkpoint(answers, keys, list(checkpoints), settings)


def _graded(
    pairs: PairedPredictions, verdicts: Grades | None, settings: Settings
) -> PairedPredictions:
    if verdicts is None or pairs.task.kind != "question":
        return pairs
    return verdicts.graded(pairs, settings.level)[0]


def _on_common_items(several: Sequence[PairedPredictions]) -> list[PairedPredictions]:
    common = set.intersection(*({one.key for one in pairs.base} for pairs in several))
    if not common:
        raise NoBestError(f"no item of {several[0].task.name} was answered by all checkpoints")
    return [
        PairedPredictions(
            pairs.task,
            tuple(one for one in pairs.base if one.key in common),
            tuple(one for one in pairs.checkpoint if one.key in common),
            pairs.unpaired,
        )
        for pairs in several
    ]
