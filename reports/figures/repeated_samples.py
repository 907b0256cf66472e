"""What became of items that were asked several times, drawn."""

from __future__ import annotations

from saeval.reports.figures.panels import SMALL, Panel, new_figure
from saeval.reports.figures.svg import (
    BASE,
    CHECKPOINT,
    HEAT,
    INK,
    MUTED,
    RIGHT,
    THIRD,
    WRONG,
    Drawing,
)
from saeval.reports.text.numbers import format_count
from saeval.stats.compare.repeated_samples import RepeatedSamples
from saeval.stats.metrics.registry import get_metric
from saeval.terminal_text import one_line

WIDTH = 300.0
_SHADES = ((RIGHT, 0.9), (RIGHT, 0.4), (THIRD, 0.35), (THIRD, 0.85), (WRONG, 0.85))
_NARROWEST = 0.1
"""A part of the bar narrower than this has no room for its share."""
_LEFT, _CELL, _HEAD, _BAR = 82.0, 25.0, 40.0, 18.0


def sample_outcomes(task: str, repeated: RepeatedSamples) -> Drawing:
    """The five classes as a bar per model, and the table of how items moved between them."""
    titles = [get_metric(outcome).title.lower() for outcome in repeated.outcomes]
    size = len(titles)
    tall, wide = _CELL * size, WIDTH - _LEFT - 6
    figure = new_figure(WIDTH, tall + _HEAD + 2.4 * _BAR + 12)
    bars = Panel(figure, (_LEFT, tall + _HEAD, wide, 2.4 * _BAR), (0, 1), (0, 2.4 * _BAR))
    totals = (
        ("base", BASE, [sum(row) for row in repeated.counts]),
        ("checkpoint", CHECKPOINT, [sum(column) for column in zip(*repeated.counts, strict=True)]),
    )
    for bottom, (who, colour, counts) in zip((1.3 * _BAR, 0), totals, strict=True):
        _bar(bars, bottom, who, colour, counts)
    _moves(Panel(figure, (_LEFT, 6, wide, tall), (0, size), (0, size)), titles, repeated)
    totals_text = "; ".join(
        f"{who}: " + ", ".join(f"{title} {n}" for title, n in zip(titles, counts, strict=True))
        for who, _, counts in totals
    )
    moved = ", ".join(
        f"{titles[i]} to {titles[j]} {n}"
        for i, row in enumerate(repeated.counts)
        for j, n in enumerate(row)
        if n and i != j
    )
    label = (
        f"{one_line(task)}: what became of {repeated.samples} samples of each of "
        f"{repeated.items} items. {totals_text}. Moved: {moved or 'none'}."
    )
    return Drawing(figure, label)


def _bar(panel: Panel, bottom: float, who: str, colour: str, counts: list[int]) -> None:
    total = max(sum(counts), 1)
    panel.text(0, bottom + _BAR / 2, who, dx=-5, colour=colour, align="right", bold=True)
    left = 0.0
    for n, (shade, opacity) in zip(counts, _SHADES, strict=True):
        right = left + n / total
        if n:
            panel.rectangles([(left, bottom, right, bottom + _BAR)], shade, opacity=opacity)
        if n / total > _NARROWEST:
            panel.text((left + right) / 2, bottom + _BAR / 2, f"{n / total:.0%}", align="center")
        left = right


def _moves(panel: Panel, titles: list[str], repeated: RepeatedSamples) -> None:
    """Rows are the base's classes, with the colours of the bars as their legend."""
    size = len(titles)
    most = max(max(max(row) for row in repeated.counts), 1)
    for i, (row, (shade, opacity)) in enumerate(zip(repeated.counts, _SHADES, strict=True)):
        bottom = size - 1 - i
        legend = (-1.82, bottom + 0.3, -1.66, bottom + 0.7)
        panel.rectangles([legend], shade, opacity=opacity)
        panel.text(0, bottom + 0.5, titles[i], dx=-5, colour=BASE, align="right", size=SMALL)
        for line, word in enumerate(titles[i].split()):
            panel.text(
                i + 0.5, size, word, dy=17 - 9 * line, colour=CHECKPOINT, align="center", size=SMALL
            )
        for j, n in enumerate(row):
            box = (j + 0.015, bottom + 0.04, j + 0.985, bottom + 0.96)
            panel.rectangles([box], HEAT, opacity=0.06 + 0.6 * (n / most) ** 0.5)
            colour = INK if n else MUTED
            panel.text(
                j + 0.5, bottom + 0.5, format_count(n), align="center", colour=colour, bold=i == j
            )
