"""The frontier as SVG: right over wrong answers, a mark per prompt, a step line per model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from saeval.reports.figures.labels import Box, nearest_edge, place_labels, text_width
from saeval.reports.figures.panels import SMALL, Panel, new_figure
from saeval.reports.figures.svg import (
    BASE,
    CHECKPOINT,
    HEAT,
    MUTED,
    PAPER,
    RIGHT,
    THIRD,
    WRONG,
    Drawing,
)
from saeval.reports.sanitize import shortened
from saeval.reports.text.frontier import together
from saeval.reports.text.numbers import format_value
from saeval.stats._core.interval import Proportion
from saeval.stats.frontier.results import Frontier, Point
from saeval.terminal_text import one_line

WIDTH, TALL = 520.0, 330.0
_LEFT, _BOTTOM, _SIDE, _ROW = 40.0, 34.0, 14.0, 13.0
_COLOURS = (BASE, CHECKPOINT, HEAT, RIGHT, THIRD, WRONG)
_MARKS = "os^DvpX"
_NAME, _MODEL_NAME = 22, 60
_SMALLEST_SPAN = 0.08
_NEAR = 0.3
_SAME_PLACE = 2.0
_LEADER_FROM = 11.0
_DOTS = 100

Segment = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True)
class _Mark:
    """A point in the figure's units, and how its model is drawn."""

    point: Point
    at: tuple[float, float]
    colour: str
    shape: str
    size: float


def frontier_picture(frontier: Frontier) -> Drawing:
    """Draw every prompt of every model, with intervals, and the front of each model."""
    models = [model.name for model in frontier.models]
    top = _ROW * len(models) + 26
    figure = new_figure(WIDTH, TALL + top + _BOTTOM)
    box = (_LEFT, _BOTTOM, WIDTH - _LEFT - _SIDE, TALL)
    xs = _limits([point.wrong for point in frontier.points])
    ys = _limits([point.right for point in frontier.points])
    panel = Panel(figure, box, xs, ys)
    _axes(panel)
    scale = (box[2] / (xs[1] - xs[0]), box[3] / (ys[1] - ys[0]))
    marks = [
        _Mark(
            point,
            (
                ((point.wrong.value or 0) - xs[0]) * scale[0],
                ((point.right.value or 0) - ys[0]) * scale[1],
            ),
            _COLOURS[index % len(_COLOURS)],
            _MARKS[index % len(_MARKS)],
            max(10.5 - 3 * index, 5.5),
        )
        for index, model in enumerate(models)
        for point in frontier.points
        if point.model == model
    ]
    lines = _everything_answered(panel)
    for index, model in enumerate(models):
        own = [mark.point for mark in marks if mark.point.model == model]
        lines += _front(panel, own, _COLOURS[index % len(_COLOURS)])
    lines += _crosses(panel, marks)
    for mark in marks:
        panel.line(
            (mark.point.wrong.value or 0,),
            (mark.point.right.value or 0,),
            mark.colour,
            marker=mark.shape,
            markersize=mark.size,
            markerfacecolor=mark.colour if mark.point.on_front else PAPER,
            markeredgewidth=1.2,
        )
    to_points = [
        (
            (low_x - xs[0]) * scale[0],
            (low_y - ys[0]) * scale[1],
            (high_x - xs[0]) * scale[0],
            (high_y - ys[0]) * scale[1],
        )
        for (low_x, low_y), (high_x, high_y) in lines
    ]
    _labels(Panel(figure, box, (0, box[2]), (0, box[3])), marks, to_points)
    _legend(Panel(figure, box, (0, box[2]), (0, box[3])), models, box[3])
    return Drawing(figure, description(frontier))


def standalone(svg: str) -> str:
    """A picture for a file of its own: fixed colours, and paper under it."""
    fixed = re.sub(r" class=\"[^\"]*\"(?=[^<>]*>)", "", svg)
    # The label's own quotes are escaped, so this is the end of the element's head.
    head, end, body = fixed.partition('stroke-linecap="butt">')
    paper = f'<rect width="100%" height="100%" fill="{PAPER}"/>'
    return f'{head}font-family="system-ui, sans-serif" {end}\n{paper}\n{body}\n'


def description(frontier: Frontier) -> str:
    """What the picture shows, for those who do not see it."""
    parts = []
    for model in frontier.models:
        own = [point for point in frontier.points if point.model == model.name]
        points = ", ".join(
            f"{shortened(point.system, _NAME)} {format_value(point.right.value, 'proportion')} "
            f"right {format_value(point.wrong.value, 'proportion')} "
            f"wrong{' (front)' if point.on_front else ''}"
            for point in own
        )
        parts.append(f"{shortened(model.name, _MODEL_NAME)}: {points}.")
    return (
        f"Right over wrong answers on {one_line(frontier.task)}, proportions of all items, a point "
        f"per system prompt. {' '.join(parts)}"
    )


def _limits(rates: Sequence[Proportion]) -> tuple[float, float]:
    """What the axis shows: every interval with a margin, and 0 where it is near."""
    ends = [
        end
        for rate in rates
        if rate.interval is not None
        for end in (rate.interval.low, rate.interval.high)
    ]
    low, high = min(ends), max(ends)
    if low < _NEAR * (high - low):
        low = 0.0
    missing = max(_SMALLEST_SPAN - (high - low), 0) / 2
    margin = 0.07 * (high - low) + missing
    # Half a margin beyond 0 or 1, so that a mark on the edge is seen whole.
    return max(low - margin, -margin / 2), min(high + margin, 1 + margin / 2)


def _axes(panel: Panel) -> None:
    across, up = _ticks(panel.x), _ticks(panel.y)
    panel.x_axis(across, [_percent(tick) for tick in across], at=panel.y[0])
    panel.y_axis(up, [_percent(tick) for tick in up])
    middle, title = sum(panel.x) / 2, "wrong or invalid, proportion of all items"
    panel.text(middle, panel.y[0], title, dy=-21, colour=MUTED, align="center")


def _ticks(limits: tuple[float, float]) -> list[float]:
    from matplotlib.ticker import MaxNLocator

    low, high = max(limits[0], -1e-9), min(limits[1], 1 + 1e-9)
    ticks = MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(*limits)
    return [float(tick) for tick in ticks if low <= tick <= high]


def _percent(share: float) -> str:
    return f"{max(share, 0) * 100:.3g}%"


def _everything_answered(panel: Panel) -> list[Segment]:
    """The line on which right and wrong make up all items, for labels as many dots."""
    low, high = max(panel.x[0], 1 - panel.y[1], 0), min(panel.x[1], 1 - panel.y[0], 1)
    if low >= high:
        return []
    panel.line((low, high), (1 - low, 1 - high), MUTED, width=0.9, linestyle=(0, (3, 3)))
    dots = [low + (high - low) * step / _DOTS for step in range(_DOTS + 1)]
    return [((x, 1 - x), (x, 1 - x)) for x in dots]


def _front(panel: Panel, own: Sequence[Point], colour: str) -> list[Segment]:
    """The step line through the front, and paler how far it dominates beyond its ends."""
    steps = sorted({(p.wrong.value or 0, p.right.value or 0) for p in own if p.on_front})
    corners = [steps[0]]
    for x, y in steps[1:]:
        corners += [(x, corners[-1][1]), (x, y)]
    panel.line([x for x, _ in corners], [y for _, y in corners], colour, width=1.5)
    (first_x, first_y), (last_x, last_y) = corners[0], corners[-1]
    ends: list[Segment] = [
        ((first_x, panel.y[0]), (first_x, first_y)),
        ((last_x, last_y), (panel.x[1], last_y)),
    ]
    panel.segments(ends, colour, width=1.0, opacity=0.35)
    between = [_ascending(*both) for both in pairwise(corners)]
    return [*between, *ends]


def _ascending(start: tuple[float, float], end: tuple[float, float]) -> Segment:
    return (min(start[0], end[0]), min(start[1], end[1])), (
        max(start[0], end[0]),
        max(start[1], end[1]),
    )


def _crosses(panel: Panel, marks: Sequence[_Mark]) -> list[Segment]:
    drawn: list[Segment] = []
    for mark in marks:
        right, wrong = mark.point.right, mark.point.wrong
        x, y = wrong.value or 0, right.value or 0
        cross: list[Segment] = []
        if wrong.interval is not None:
            cross.append(((wrong.interval.low, y), (wrong.interval.high, y)))
        if right.interval is not None:
            cross.append(((x, right.interval.low), (x, right.interval.high)))
        panel.segments(cross, mark.colour, width=0.8, opacity=0.55)
        drawn += cross
    return drawn


def _labels(panel: Panel, marks: Sequence[_Mark], lines: Sequence[Box]) -> None:
    groups: list[list[_Mark]] = []
    for mark in marks:
        for group in groups:
            first = group[0]
            apart = max(abs(a - b) for a, b in zip(first.at, mark.at, strict=True))
            if first.point.model == mark.point.model and apart < _SAME_PLACE:
                group.append(mark)
                break
        else:
            groups.append([mark])
    texts = [together([mark.point.system for mark in group], _NAME) for group in groups]
    boxes = place_labels(
        [group[0].at for group in groups],
        [(text_width(text, SMALL) + 2, SMALL + 2.5) for text in texts],
        (2, 2, panel.x[1] - 2, panel.y[1] - 2),
        [_around(mark) for mark in marks],
        [_thick(line) for line in lines],
    )
    for group, text, box in zip(groups, texts, boxes, strict=True):
        mark = group[0]
        edge = nearest_edge(box, mark.at)
        if max(abs(a - b) for a, b in zip(edge, mark.at, strict=True)) > _LEADER_FROM:
            panel.segments([(mark.at, edge)], mark.colour, width=0.5, opacity=0.8)
        middle = (box[1] + box[3]) / 2
        if edge[0] >= box[2]:
            panel.text(box[2] - 1, middle, text, colour=mark.colour, size=SMALL, align="right")
        elif edge[0] > box[0]:
            centre = (box[0] + box[2]) / 2
            panel.text(centre, middle, text, colour=mark.colour, size=SMALL, align="center")
        else:
            panel.text(box[0] + 1, middle, text, colour=mark.colour, size=SMALL)


def _around(mark: _Mark) -> Box:
    (x, y), reach = mark.at, mark.size / 2 + 1
    return x - reach, y - reach, x + reach, y + reach


def _thick(line: Box) -> Box:
    left, bottom, right, top = line
    return left - 1, bottom - 1, right + 1, top + 1


def _legend(panel: Panel, models: Sequence[str], top: float) -> None:
    panel.text(0, top, "right, proportion of all items", dx=-_LEFT + 6, dy=13, colour=MUTED)
    panel.text(panel.x[1], top, "better: up and left", dy=13, colour=MUTED, align="right")
    for index, name in enumerate(models):
        colour = _COLOURS[index % len(_COLOURS)]
        y = top + 16 + _ROW * (len(models) - index)
        panel.line(
            (4,),
            (y,),
            colour,
            marker=_MARKS[index % len(_MARKS)],
            markersize=6.5,
            markeredgewidth=0,
        )
        panel.text(12, y, shortened(name, _MODEL_NAME), colour=colour, bold=True)
