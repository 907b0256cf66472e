"""The checkpoints of one run over its steps: a picture and a sentence per metric."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

from saeval.reports.figures.forest import name_family
from saeval.reports.figures.panels import SMALL, Panel, new_figure
from saeval.reports.figures.svg import (
    BASE,
    CHECKPOINT,
    HEAT,
    INK,
    PAPER,
    RIGHT,
    THIRD,
    WRONG,
    Drawing,
)
from saeval.reports.text.metric_names import metric_name
from saeval.reports.text.numbers import (
    format_count,
    format_difference,
    format_interval,
    format_value,
    join_words,
)
from saeval.reports.text.significance import sign_of
from saeval.stats.checkpoints.results import CheckpointSeries
from saeval.stats.compare.abstention import find
from saeval.stats.compare.direction import Direction
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.results import TaskComparison
from saeval.stats.metrics.metric import Scale
from saeval.stats.metrics.registry import get_metric
from saeval.terminal_text import one_line

SHOWN: tuple[tuple[str, bool], ...] = (
    ("accuracy", False),
    ("correct_rate", False),
    ("recall", True),
    ("false_abstention_rate", False),
    ("auroc", False),
    ("brier", False),
)
"""What is drawn, and whether it is the one of the abstaining class."""

NOTE = (
    "Step 0 and the dashed line are the base. Bars are the {level} interval of each checkpoint’s "
    "difference from the base, drawn from the dashed line. Filled marks are significant by Holm’s "
    "p over all checkpoints, tasks and metrics; hollow ones are not."
)
_NOISE = "not significant at any step"
_COLOURS = (CHECKPOINT, HEAT, RIGHT, THIRD, WRONG, INK)
_MARKS = "os^Dvp"
_SMALLEST_SPAN = 0.05
_WIDTH, _TALL, _LEFT, _RIGHT, _BOTTOM, _ROW = 300.0, 132.0, 40.0, 12.0, 32.0, 12.0


@dataclass(frozen=True)
class Curve:
    """One task's rows by step; a step without a value is not there."""

    task: str
    steps: tuple[int, ...]
    rows: tuple[MetricComparison, ...]


@dataclass(frozen=True)
class OverSteps:
    """One metric: its name, how it is written, and a curve per task."""

    name: str
    scale: Scale
    curves: tuple[Curve, ...]
    metric: str = ""


def over_steps(family: CheckpointSeries) -> tuple[OverSteps, ...]:
    """The metrics of `SHOWN` that any task has; none unless the family has steps."""
    return tuple(_metrics(family)) if family.steps is not None else ()


def _metrics(family: CheckpointSeries) -> Iterator[OverSteps]:
    for metric, of_abstention in SHOWN:
        curves, names, scale = [], set(), get_metric(metric).scale
        for name in family.task_names:
            points = []
            for step, comparison in zip(family.steps or (), family.comparisons, strict=True):
                task = next((task for task in comparison.tasks if task.task == name), None)
                row = None if task is None else _row(task, metric, of_abstention)
                if task is not None and row is not None:
                    points.append((step, row))
                    names.add(metric_name(row, task.abstention))
            if points:
                steps, rows = zip(*points, strict=True)
                curves.append(Curve(name, steps, rows))
        if curves:
            general = get_metric(metric).title.format(label="Abstention")
            yield OverSteps(
                names.pop() if len(names) == 1 else general, scale, tuple(curves), metric
            )


def _row(task: TaskComparison, metric: str, of_abstention: bool) -> MetricComparison | None:
    if of_abstention and task.abstention is None:
        return None
    return find(task, metric, task.abstention if of_abstention else None)


def step_sentences(metric: OverSteps, level: float) -> tuple[str, ...]:
    """For each task: at which steps the metric differs significantly from the base.

    Examples
    --------
    ``fever: better from step 200 on.``
    """
    return tuple(f"{curve.task}: {_when_significant(curve, level)}." for curve in metric.curves)


def _when_significant(curve: Curve, level: float) -> str:
    signs = [sign_of(row, level).direction for row in curve.rows]
    directions: tuple[Direction, ...] = ("better", "worse", "higher", "lower")
    parts = []
    for direction in directions:
        steps = [s for s, sign in zip(curve.steps, signs, strict=True) if sign == direction]
        if not steps:
            continue
        if len(steps) == len(curve.steps):
            when = "at every step"
        elif len(steps) > 1 and steps == list(curve.steps[-len(steps) :]):
            when = f"from step {format_count(steps[0])} on"
        else:
            listed = join_words([format_count(step) for step in steps])
            when = f"at step{'s' if len(steps) > 1 else ''} {listed}"
        parts.append(f"{direction} {when}")
    if parts:
        return ", ".join(parts)
    alone = {"untested": "untested", "equivalent": "equivalent at every step"}
    return alone.get(signs[0], _NOISE) if len(set(signs)) == 1 else _NOISE


def steps_picture(metric: OverSteps, level: float) -> Drawing:
    """The metric over the steps as a picture, one line per task.

    Parameters
    ----------
    metric
        One of `over_steps`.
    level
        Confidence level, by which marks are filled.
    """
    shared = name_family([curve.task for curve in metric.curves])
    several = len(metric.curves) > 1
    legend = _ROW * ceil(len(metric.curves) / 2) if several else _ROW
    figure = new_figure(_WIDTH, _TALL + _BOTTOM + legend + 8)
    last = max(step for curve in metric.curves for step in curve.steps)
    box = (_LEFT, _BOTTOM, _WIDTH - _LEFT - _RIGHT, _TALL)
    panel = Panel(figure, box, (-0.03 * last, 1.03 * last), _limits(metric))
    _axes(panel, metric, last)
    for index, curve in enumerate(metric.curves):
        colour, mark = _COLOURS[index % len(_COLOURS)], _MARKS[index % len(_MARKS)]
        # Bars of several tasks at one step stand side by side.
        side = index - (len(metric.curves) - 1) / 2
        apart = side * min(0.012 * last, 0.6 * _gap(metric) / len(metric.curves))
        _curve(panel, curve, level, colour, mark, colour if several else BASE, apart)
        place = box[2] / 2 * (index % 2)
        if several:
            height = legend - _ROW * (index // 2) - 2
            title = one_line(curve.task.removeprefix(shared), 22)
            panel.line(
                (panel.x[0] + (place + 4) * last * 1.06 / box[2],),
                (panel.y[1] + height * (panel.y[1] - panel.y[0]) / box[3],),
                colour,
                marker=mark,
                markersize=5,
            )
            panel.text(panel.x[0], panel.y[1], title, dx=place + 12, dy=height, size=SMALL)
    return Drawing(figure, _description(metric, level))


def _curve(
    panel: Panel, curve: Curve, level: float, colour: str, mark: str, base_colour: str, apart: float
) -> None:
    known = [row.base or 0 for row in curve.rows]
    xs = [step + apart for step in curve.steps]
    values = [row.checkpoint or 0 for row in curve.rows]
    panel.line((0, *curve.steps), (known[0], *known), base_colour, width=1, linestyle=(0, (4, 3)))
    panel.line((0, *xs), (known[0], *values), colour, width=1.5)
    panel.segments(
        [
            ((x, limits[0]), (x, limits[1]))
            for x, row in zip(xs, curve.rows, strict=True)
            if (limits := _bar(row)) is not None
        ],
        colour,
        width=1.2,
        opacity=0.6,
    )
    panel.line((0,), (known[0],), base_colour, marker=mark, markersize=5, markerfacecolor=PAPER)
    for x, value, row in zip(xs, values, curve.rows, strict=True):
        face = colour if sign_of(row, level).is_significant else PAPER
        panel.line((x,), (value,), colour, marker=mark, markersize=5, markerfacecolor=face)


def _bar(row: MetricComparison) -> tuple[float, float] | None:
    """The interval of the difference from where the base is, as far as the metric can go."""
    limits, base = row.confidence_interval, row.base or 0
    return None if limits is None else (max(base + limits.low, 0), min(base + limits.high, 1))


def _limits(metric: OverSteps) -> tuple[float, float]:
    """Every value and interval with a margin."""
    rows = [row for curve in metric.curves for row in curve.rows]
    ends = [end for row in rows for end in (row.base or 0, row.checkpoint or 0, *(_bar(row) or ()))]
    low, high = min(ends), max(ends)
    margin = max(0.06 * (high - low), (_SMALLEST_SPAN - (high - low)) / 2)
    return low - margin, high + margin


def _axes(panel: Panel, metric: OverSteps, last: int) -> None:
    from matplotlib.ticker import MaxNLocator

    steps = sorted({step for curve in metric.curves for step in curve.steps} | {0})
    ticks: Sequence[float] = steps
    if len(steps) > 9 or _gap(metric) < last / 12:
        ticks = [t for t in MaxNLocator(6, integer=True).tick_values(0, last) if 0 <= t <= last]
    labels = [format_count(round(tick)) for tick in ticks]
    panel.x_axis(ticks, labels, title="step", at=panel.y[0])
    low, high = max(panel.y[0], -1e-9), min(panel.y[1], 1 + 1e-9)
    up = MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(*panel.y)
    up = [tick for tick in up if low <= tick <= high]
    panel.y_axis(up, [_label(tick, metric.scale) for tick in up])


def _gap(metric: OverSteps) -> int:
    """The least number of steps between two points, the base's among them."""
    steps = sorted({step for curve in metric.curves for step in curve.steps} | {0})
    return min(later - earlier for earlier, later in pairwise(steps))


def _label(tick: float, scale: Scale) -> str:
    shown = f"{tick * 100:.6g}%" if scale == "proportion" else f"{tick:.6g}"
    return "0" if abs(tick) < 1e-12 else shown.replace("-", "−")


def _description(metric: OverSteps, level: float) -> str:
    parts = []
    for curve in metric.curves:
        first = format_value(curve.rows[0].base, metric.scale)
        values = ", ".join(
            f"step {step} {format_value(row.checkpoint, metric.scale)} "
            f"({format_difference(row.difference, metric.scale)} "
            f"{format_interval(row.confidence_interval, metric.scale)} {sign_of(row, level).text})"
            for step, row in zip(curve.steps, curve.rows, strict=True)
        )
        parts.append(f"{one_line(curve.task)}: base {first}; {values}.")
    return f"{one_line(metric.name)} over the steps, with the difference. {' '.join(parts)}"
