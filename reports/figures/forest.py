"""The forest plot: every headline difference of every task with its interval."""

from __future__ import annotations

from collections.abc import Sequence

from saeval.reports.figures.labels import text_width
from saeval.reports.figures.panels import NORMAL, SMALL, Panel, new_figure
from saeval.reports.figures.svg import INK, MUTED, PAPER, Drawing
from saeval.reports.sanitize import shortened
from saeval.reports.text.metric_names import metric_name, metric_of
from saeval.reports.text.numbers import format_difference, format_interval
from saeval.reports.text.significance import sign_of, tasks_and_pooled
from saeval.stats.compare.groups import SUBJECT
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.results import Comparison, TaskComparison
from saeval.stats.metrics.metric import Scale
from saeval.terminal_text import one_line

WIDTH = 300.0
_END = 232.0
"""Where the plot ends and the column of values begins."""
_LEAST_ROOM, _MOST_ROOM = 82.0, 128.0
"""For the names, left of the plot; longer ones are cut in their middle."""
_INDENT = 4.0
_PER_TICK = 29.0
_LONGEST = 80
_ROW, _HEAD, _TOP, _BOTTOM = 12.5, 17.0, 4.0, 30.0

SCALES: tuple[Scale, ...] = ("proportion", "score")

Block = tuple[str, list[tuple[str, MetricComparison, bool]]]


def forest_scales(comparison: Comparison) -> tuple[Scale, ...]:
    """The scales that have a plot: shares, in percentage points, and scores."""
    return tuple(scale for scale in SCALES if _blocks(comparison, scale))


def forest_plot(comparison: Comparison, scale: Scale) -> Drawing:
    """Every headline difference on one scale with its interval."""
    return _forest(_blocks(comparison, scale), comparison.settings.confidence_level, scale)


def subject_plot(task: TaskComparison, level: float) -> Drawing:
    """The main score of every part of a group with its interval, the largest loss first."""
    row_of = {
        group.name: group.metrics[0]
        for group in task.groups
        if group.dimension == SUBJECT and group.metrics[0].difference is not None
    }
    family = name_family(list(row_of))
    rows = sorted(row_of.items(), key=lambda item: _gain(item[1]))
    named = [(one_line(name.removeprefix(family), _LONGEST), row, False) for name, row in rows]
    first = rows[0][1]
    title = one_line(metric_name(first, None), _LONGEST)
    return _forest([(title, named)], level, metric_of(first).scale)


def _gain(row: MetricComparison) -> float:
    return (row.difference or 0.0) * (-1 if row.higher_is_better is False else 1)


def _blocks(comparison: Comparison, scale: Scale) -> list[Block]:
    """Rows by metric, in the order of the first task that has it."""
    blocks: dict[str, list[tuple[str, MetricComparison, bool]]] = {}
    family = name_family([task.task for task in comparison.tasks])
    for task in tasks_and_pooled(comparison):
        for row in task.metrics:
            if not row.headline or row.difference is None:
                continue
            if metric_of(row).scale == scale:
                name = metric_name(row, task.abstention)
                entry = (
                    one_line(task.task.removeprefix(family), _LONGEST),
                    row,
                    task is comparison.pooled,
                )
                blocks.setdefault(one_line(name, _LONGEST), []).append(entry)
    return list(blocks.items())


def name_family(names: Sequence[str]) -> str:
    """What several names all begin with up to an underscore, such as ``factworld_``, or nothing."""
    heads = {name.partition("_")[0] for name in names if "_" in name}
    same = len(names) > 1 and len(heads) == 1 and all("_" in name for name in names)
    return f"{heads.pop()}_" if same else ""


def _forest(blocks: list[Block], level: float, scale: Scale) -> Drawing:
    from matplotlib.ticker import MaxNLocator

    factor = 100 if scale == "proportion" else 1
    ends = [0.0]
    for _, rows in blocks:
        for _, row, _ in rows:
            limits = row.confidence_interval
            ends.append((row.difference or 0) * factor)
            ends.extend(() if limits is None else (limits.low * factor, limits.high * factor))
    low, high = min(ends), max(ends)
    pad = max(high - low, 1e-3) * 0.04
    low, high = low - pad, high + pad
    tall = sum(_HEAD + _ROW * len(rows) for _, rows in blocks)
    figure = new_figure(WIDTH, tall + _TOP + _BOTTOM)
    left = _room(blocks) + _INDENT
    panel = Panel(figure, (left, _BOTTOM, _END - left, tall), (low, high), (0, tall))
    locator = MaxNLocator(int((_END - left) / _PER_TICK))
    ticks = [tick for tick in locator.tick_values(low, high) if low <= tick <= high]
    unit = "percentage points" if scale == "proportion" else "scores"
    panel.x_axis(ticks, [_tick(tick) for tick in ticks], title=f"checkpoint − base, {unit}")
    panel.segments([((0, 0), (0, tall))], MUTED, width=0.9)
    y = tall
    for name, rows in blocks:
        y -= _HEAD
        panel.text(low, y + 4, _fitted(name, NORMAL, _MOST_ROOM), dx=2 - left, bold=True)
        for task, row, is_pooled in rows:
            y -= _ROW
            y_row, colour = y + _ROW / 2, MUTED if is_pooled else INK
            shown = _fitted(task, SMALL, _MOST_ROOM - _INDENT)
            panel.text(low, y_row, shown, dx=2 + _INDENT - left, colour=colour, size=SMALL)
            _row(panel, y_row, row, level, colour)
    label = "Differences, checkpoint minus base, with intervals. " + " ".join(
        f"{name}: "
        + ", ".join(
            f"{task} {format_difference(row.difference, scale)} "
            f"{format_interval(row.confidence_interval, scale)} {sign_of(row, level).text}"
            for task, row, _ in rows
        )
        + "."
        for name, rows in blocks
    )
    return Drawing(figure, label)


def _room(blocks: list[Block]) -> float:
    """How wide the longest name is, within what is left for names."""
    widths = [text_width(name, NORMAL) for name, _ in blocks]
    widths += [_INDENT + text_width(task, SMALL) for _, rows in blocks for task, _, _ in rows]
    return min(max(_LEAST_ROOM, *widths), _MOST_ROOM)


def _fitted(text: str, size: float, room: float) -> str:
    """`text`, cut in its middle to so many points."""
    limit = len(text)
    while limit > 1 and text_width(shortened(text, limit), size) > room:
        limit -= 1
    return shortened(text, limit)


def _row(panel: Panel, y: float, row: MetricComparison, level: float, colour: str) -> None:
    scale = metric_of(row).scale
    factor = 100 if scale == "proportion" else 1
    sign = sign_of(row, level)
    high = panel.x[1]
    limits = row.confidence_interval
    if limits is not None:
        ends = (limits.low * factor, limits.high * factor)
        panel.segments([((ends[0], y), (ends[1], y))], colour, width=1.3)
    panel.line(
        ((row.difference or 0) * factor,),
        (y,),
        colour,
        marker="o",
        markersize=5,
        markerfacecolor=colour if sign.is_significant else PAPER,
    )
    change = format_difference(row.difference, scale)
    panel.text(
        high, y, change, dx=50, colour=colour, size=SMALL, align="right", bold=sign.is_significant
    )
    panel.text(high, y, sign.mark, dx=58, colour=colour, size=SMALL, align="center")


def _tick(value: float) -> str:
    return "0" if abs(value) < 1e-12 else f"{value:+.6g}".replace("-", "−")
