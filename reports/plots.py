"""The pictures of the reports as matplotlib figures, for a notebook or a paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saeval.reports.figures.forest import forest_plot, forest_scales
from saeval.reports.figures.frontier import frontier_picture
from saeval.reports.figures.steps import over_steps, steps_picture
from saeval.reports.figures.task import (
    confidence_histograms,
    reliability_diagram,
    risk_coverage_curves,
    transition_matrix,
)
from saeval.reports.text.significance import tasks_and_pooled
from saeval.stats.checkpoints.results import CheckpointSeries
from saeval.stats.compare.results import Comparison, TaskComparison
from saeval.stats.frontier.results import Frontier
from saeval.stats.metrics.metric import Scale

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_forest(comparison: Comparison, scale: Scale | None = None) -> Figure:
    """Every headline difference with its interval.

    Parameters
    ----------
    comparison
        What to draw.
    scale
        ``proportion`` for the metrics in per cent, ``score`` for the others; by default the first
        that the comparison has.

    Raises
    ------
    ValueError
        If the comparison has no metric on that scale.
    """
    scales = forest_scales(comparison)
    chosen = scale or (scales[0] if scales else "proportion")
    if chosen not in scales:
        raise ValueError(f"`scale`: no headline metric has a difference on the scale {chosen!r}")
    return forest_plot(comparison, chosen).figure


def plot_reliability(comparison: Comparison, task: str) -> Figure:
    """Accuracy at each level of stated confidence with Wilson intervals, and how many items.

    Parameters
    ----------
    comparison
        What to draw.
    task
        Name of one of its tasks, or ``pooled``.
    """
    return reliability_diagram(_task(comparison, task)).figure


def plot_confidence(comparison: Comparison, task: str) -> Figure:
    """Items per tenth of stated confidence, by outcome and by label; as `plot_reliability`."""
    return confidence_histograms(_task(comparison, task)).figure


def plot_risk_coverage(comparison: Comparison, task: str) -> Figure:
    """Error rate among the most confident answers; as `plot_reliability`."""
    return risk_coverage_curves(_task(comparison, task)).figure


def plot_transitions(comparison: Comparison, task: str) -> Figure:
    """Labels from base to checkpoint as a heat map with counts; as `plot_reliability`."""
    return transition_matrix(_task(comparison, task)).figure


def plot_frontier(frontier: Frontier) -> Figure:
    """Right over wrong answers, a mark per system prompt and a front per model."""
    return frontier_picture(frontier).figure


def plot_steps(series: CheckpointSeries, metric: str = "accuracy") -> Figure:
    """A metric over the steps of one training run, a line per task.

    Parameters
    ----------
    series
        Checkpoints of one run.
    metric
        ``accuracy``, ``correct_rate``, ``recall`` (of the class that abstains),
        ``false_abstention_rate``, ``auroc`` or ``brier``.

    Raises
    ------
    ValueError
        If the checkpoints are not of one run, or no task has the metric.
    """
    curves = {curve.metric: curve for curve in over_steps(series)}
    if metric not in curves:
        known = ", ".join(curves) or "none: the checkpoints have no steps"
        raise ValueError(f"`metric`: {metric!r} is not drawn over the steps; known: {known}")
    return steps_picture(curves[metric], series.settings.confidence_level).figure


def _task(comparison: Comparison, name: str) -> TaskComparison:
    tasks = {task.task: task for task in tasks_and_pooled(comparison)}
    if name not in tasks:
        raise ValueError(f"`task`: the comparison has no {name!r}; known: {', '.join(tasks)}")
    return tasks[name]
