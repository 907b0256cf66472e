"""A comparison with the predictions that it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from saeval.errors import InputError
from saeval.evalsuite.compare.changed_items import find_changed_predictions, to_rows
from saeval.evalsuite.compare.changed_items_file import CHANGED_ITEMS, read_task
from saeval.evalsuite.compare.grading import apply_grades
from saeval.evalsuite.compare.group import merge_groups
from saeval.evalsuite.compare.pairing import (
    PairedPredictions,
    PredictionsByTask,
    TaskPredictions,
    pair,
    task_of_both,
)
from saeval.evalsuite.judge.grades import Grades
from saeval.evalsuite.models.training_data import TrainingData
from saeval.evalsuite.store.manifest import Proof
from saeval.evalsuite.store.table import EMPTY
from saeval.stats._core.interval import Interval
from saeval.stats.checkpoints import results as series_results
from saeval.stats.compare import results
from saeval.stats.compare.changed_items import KindOfChange
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.results import TaskComparison
from saeval.tasks.task import Task

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow
    from matplotlib.figure import Figure

Change = Literal["broken", "fixed", "other", "all"]
"""Right with the base alone, right with the checkpoint alone, or any other label."""


_HIDDEN = {"serialized": False}
"""Metadata of a field that is no part of the result and not written with it."""


@dataclass(frozen=True)
class ComparedPredictions:
    """What a comparison was computed from.

    Attributes
    ----------
    base, checkpoint
        All predictions by task and item, paired or not; the tasks of a group are one (see
        `saeval.evalsuite.compare.group.merge_groups`).
    grades
        Of a judge, which stand in place of the default grader's; None without one.
    training
        What the checkpoint was trained on; None where that is not known.
    allow_mismatch
        Whether prompts and documents may differ between the two.
    base_proof, checkpoint_proof
        What was proven of each before and after it was asked; None where that is not known.
    """

    base: PredictionsByTask
    checkpoint: PredictionsByTask
    grades: Grades | None = None
    training: TrainingData | None = None
    allow_mismatch: bool = False
    base_proof: Proof | None = None
    checkpoint_proof: Proof | None = None

    def __post_init__(self) -> None:
        base, checkpoint = merge_groups(self.base, self.checkpoint)
        object.__setattr__(self, "base", base)
        object.__setattr__(self, "checkpoint", checkpoint)

    def pair(self, task: str, level: float) -> PairedPredictions:
        """The pairs of one task, as they were compared."""
        pairs = self.pair_items(task, self.base[task], self.checkpoint[task])
        return apply_grades(pairs, self.grades, level)[0]

    def task(self, name: str) -> Task:
        """The task or group of that name."""
        return task_of_both(name, self.base[name], self.checkpoint.get(name, EMPTY))

    def pair_items(
        self, task: str, base: TaskPredictions, checkpoint: TaskPredictions
    ) -> PairedPredictions:
        """The pairs of some items of a task, as the default grader reads them."""
        return pair(
            task_of_both(task, base, checkpoint),
            base,
            checkpoint,
            allow_mismatch=self.allow_mismatch,
        )


@dataclass(frozen=True)
class Comparison(results.Comparison):
    """A base and a checkpoint on the same items: `saeval.compare` returns it.

    All numbers of `saeval.stats.compare.results.Comparison`, and the predictions that they rest on.

    Attributes
    ----------
    predictions
        What it was computed from; None where that is not at hand (see `load_comparison`).
    folder
        Where its answers and reports are; None if nothing was written.

    Examples
    --------
    >>> comparison = saeval.compare("base.jsonl", "checkpoint.jsonl")   # doctest: +SKIP
    >>> comparison["fever"]["auroc"].difference                         # doctest: +SKIP
    >>> comparison["fever"]["recall", "NA"].confidence_interval         # doctest: +SKIP
    >>> comparison.to_frame().query("pvalue_holm < 0.05")               # doctest: +SKIP
    >>> comparison.changed_items("fever", kind="broken").head()         # doctest: +SKIP
    """

    predictions: ComparedPredictions | None = field(
        default=None, repr=False, compare=False, metadata=_HIDDEN
    )
    folder: Path | None = field(default=None, repr=False, compare=False, metadata=_HIDDEN)

    @classmethod
    def from_result(
        cls,
        result: results.Comparison,
        predictions: ComparedPredictions | None = None,
        folder: Path | None = None,
    ) -> Comparison:
        """The numbers together with what they were computed from."""
        values = {f.name: getattr(result, f.name) for f in fields(results.Comparison)}
        return cls(**values, predictions=predictions, folder=folder)

    @property
    def all_tasks(self) -> tuple[TaskComparison, ...]:
        """Every task, and the pooled tasks if there are any."""
        return self.tasks if self.pooled is None else (*self.tasks, self.pooled)

    def to_frame(self) -> pd.DataFrame:
        """One row per task, metric and label; the pooled tasks, if there are any, come last.

        Returns
        -------
        pandas.DataFrame
            Columns ``task, metric, label, items``; for the base, the checkpoint and their
            difference the value and its interval (``base, base_low, base_high, …``); ``noise,
            pvalue, method, pvalue_max_t, pvalue_holm, pvalue_bh, higher_is_better, headline``. A
            value that does not exist is missing (None or NaN).
        """
        import pandas as pd

        rows = [_to_row(task.task, metric) for task in self.all_tasks for metric in task.metrics]
        return pd.DataFrame(rows)

    def changed_items(self, task: str, *, kind: Change = "all") -> pd.DataFrame:
        """The items whose label changed from base to checkpoint, all of them.

        Parameters
        ----------
        task
            Name of a task.
        kind
            ``broken`` (right with the base alone), ``fixed`` (right with the checkpoint alone),
            ``other`` (right with neither), or ``all`` (any change of the label).

        Returns
        -------
        pandas.DataFrame
            One row per item, in the order of their ids. Texts are as the models wrote them; from
            the file beside the reports they come for the first 10,000 items, and are None for more.

        Raises
        ------
        InputError
            If neither the predictions nor the file of changed items are at hand.
        """
        import pandas as pd

        if kind not in get_args(Change):
            raise InputError(f"`kind` must be broken, fixed, other or all, found {kind!r}")
        table = self._read_changed(task, None if kind == "all" else kind)
        names = [name for name in table.column_names if name != "task"]
        return pd.DataFrame(to_rows(table), columns=names)

    def _read_changed(self, task: str, kind: KindOfChange | None) -> pyarrow.Table:
        """From the predictions, or from the file beside the reports."""
        self._check_compared(task)
        if self.predictions is not None:
            changed = find_changed_predictions(self.paired(task))
            return changed.read_all(kind)
        if self.folder is None:
            raise missing_predictions(self)
        return read_task(self.folder / CHANGED_ITEMS, self, task, kind)

    def paired(self, task: str) -> PairedPredictions:
        """The pairs of one task, as they were compared."""
        self._check_compared(task)
        if task not in self._pairs:
            if self.predictions is None:
                raise missing_predictions(self)
            self._pairs[task] = self.predictions.pair(task, self.settings.confidence_level)
        return self._pairs[task]

    def _check_compared(self, task: str) -> None:
        names = [own.task for own in self.tasks]
        if task not in names:
            raise InputError(f"no task {task!r} was compared; compared: {', '.join(names)}")

    @cached_property
    def _pairs(self) -> dict[str, PairedPredictions]:
        return {}

    def plot_forest(self) -> Figure:
        """Plot every headline difference with its interval."""
        from saeval.reports.plots import plot_forest

        return plot_forest(self)

    def plot_reliability(self, task: str) -> Figure:
        """Plot accuracy over stated confidence, for both models."""
        from saeval.reports.plots import plot_reliability

        return plot_reliability(self, task)

    def plot_confidence(self, task: str) -> Figure:
        """Plot histograms of stated confidence, by outcome and by label."""
        from saeval.reports.plots import plot_confidence

        return plot_confidence(self, task)

    def plot_risk_coverage(self, task: str) -> Figure:
        """Plot the error rate among the most confident answers."""
        from saeval.reports.plots import plot_risk_coverage

        return plot_risk_coverage(self, task)

    def plot_transitions(self, task: str) -> Figure:
        """Plot how often each label of the base became each label of the checkpoint."""
        from saeval.reports.plots import plot_transitions

        return plot_transitions(self, task)

    def __repr__(self) -> str:
        from saeval.evalsuite.compare.notebook import comparison_to_text

        return comparison_to_text(self)

    def _repr_html_(self) -> str:
        from saeval.evalsuite.compare.notebook import comparison_to_html

        return comparison_to_html(self)


def missing_predictions(comparison: results.Comparison) -> InputError:
    """The error where a comparison's predictions are needed and not at hand."""
    base, checkpoint = comparison.base.source, comparison.checkpoint.source
    return InputError(
        "the predictions of this comparison are not at hand, only its numbers: put back "
        f"{base} and {checkpoint} as they were, and load its folder (saeval.load_comparison); or "
        "make the comparison anew (saeval.compare)"
    )


@dataclass(frozen=True)
class CheckpointSeries(series_results.CheckpointSeries):
    """One base and several checkpoints: `saeval.compare_checkpoints` returns it.

    Attributes
    ----------
    folder
        Where its answers and reports are; None if nothing was written.
    """

    comparisons: tuple[Comparison, ...]
    folder: Path | None = field(default=None, repr=False, compare=False, metadata=_HIDDEN)

    @classmethod
    def from_result(
        cls, result: series_results.CheckpointSeries, folder: Path | None = None
    ) -> CheckpointSeries:
        """A series of comparisons that `saeval.compare` made, with its folder."""
        values = {f.name: getattr(result, f.name) for f in fields(series_results.CheckpointSeries)}
        return cls(**values, folder=folder)

    def __getitem__(self, checkpoint: str) -> Comparison:
        """The comparison with the checkpoint of that name."""
        for comparison in self.comparisons:
            if comparison.checkpoint.name == checkpoint:
                return comparison
        names = ", ".join(comparison.checkpoint.name for comparison in self.comparisons)
        raise KeyError(f"no checkpoint {checkpoint!r}; there are {names}")

    def __iter__(self) -> Iterator[Comparison]:
        return iter(self.comparisons)

    def to_frame(self) -> pd.DataFrame:
        """The rows of every comparison, after its ``checkpoint_name`` and ``step``."""
        import pandas as pd

        steps = self.steps or (None,) * len(self.comparisons)
        frames = []
        for comparison, step in zip(self.comparisons, steps, strict=True):
            frame = comparison.to_frame()
            frame.insert(0, "checkpoint_name", comparison.checkpoint.name)
            frame.insert(1, "step", step)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.comparisons))

    def _repr_html_(self) -> str:
        from saeval.evalsuite.compare.notebook import series_to_html

        return series_to_html(self)


def _to_row(task: str, metric: MetricComparison) -> dict[str, object]:
    return {
        "task": task,
        "metric": metric.metric,
        "label": metric.label,
        "items": metric.items,
        "base": metric.base,
        **_ends("base", metric.base_interval),
        "checkpoint": metric.checkpoint,
        **_ends("checkpoint", metric.checkpoint_interval),
        "difference": metric.difference,
        **_ends("difference", metric.confidence_interval),
        "noise": metric.noise,
        "pvalue": metric.pvalue,
        "method": metric.method,
        "pvalue_max_t": metric.pvalue_max_t,
        "pvalue_holm": metric.pvalue_holm,
        "pvalue_bh": metric.pvalue_bh,
        "higher_is_better": metric.higher_is_better,
        "headline": metric.headline,
    }


def _ends(name: str, interval: Interval | None) -> dict[str, float | None]:
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    return {f"{name}_low": low, f"{name}_high": high}
