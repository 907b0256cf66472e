"""One task's pictures as SVG; base and checkpoint have the same two colours everywhere."""

from __future__ import annotations

from collections.abc import Sequence

from saeval.reports.figures.panels import NORMAL, SMALL, Panel, new_figure
from saeval.reports.figures.svg import (
    BASE,
    CHECKPOINT,
    GRID,
    HEAT,
    MUTED,
    RIGHT,
    THIRD,
    WRONG,
    Drawing,
)
from saeval.reports.text.metric_names import confidence_word
from saeval.reports.text.numbers import format_count
from saeval.stats._core.results import RiskCoverage
from saeval.stats.compare.model_result import ModelResult
from saeval.stats.compare.results import TaskComparison
from saeval.terminal_text import one_line

WIDTH = 300.0
_MODELS = (("base", BASE), ("checkpoint", CHECKPOINT))
_LABEL_COLOURS = (HEAT, THIRD, MUTED)
_FIFTHS = (0.0, 0.5, 1.0)
_FIFTH_LABELS = ("0", "0.5", "1")


def reliability_diagram(task: TaskComparison) -> Drawing:
    """Accuracy against stated confidence with Wilson intervals, and below how many items."""
    figure = new_figure(WIDTH, 214)
    word = confidence_word(task)
    most = max(
        (bin_.items for model in _results(task) for bin_ in model.reliability),
        default=1,
    )
    for index, (model, (who, colour)) in enumerate(zip(_results(task), _MODELS, strict=True)):
        left = 26 + index * 142
        panel = Panel(figure, (left, 62, 128, 128), (0, 1), (0, 1))
        panel.x_axis(_FIFTHS, _FIFTH_LABELS)
        panel.y_axis(_FIFTHS, _FIFTH_LABELS if index == 0 else ("", "", ""))
        panel.line((0, 1), (0, 1), MUTED, width=0.8, linestyle=(0, (3, 3)))
        bins = model.reliability
        panel.segments(
            [
                ((b.mean_confidence, b.interval.low), (b.mean_confidence, b.interval.high))
                for b in bins
            ],
            colour,
            width=1.2,
            opacity=0.45,
        )
        for bin_ in bins:
            size = 2.5 + 6.5 * (bin_.items / most) ** 0.5
            panel.line(
                (bin_.mean_confidence,),
                (bin_.accuracy,),
                colour,
                marker="os"[index],
                markersize=size,
                markeredgewidth=0,
                alpha=0.85,
            )
        panel.text(0, 1, who, dy=10, colour=colour, bold=True)
        if not bins:
            panel.text(0.5, 0.5, "none stated", colour=MUTED, align="center")
        counts = Panel(figure, (left, 22, 128, 24), (0, 1), (0, most))
        counts.rectangles(
            [(b.mean_confidence - 0.01, 0, b.mean_confidence + 0.01, b.items) for b in bins],
            colour,
            opacity=0.6,
        )
        counts.segments([((0, 0), (1, 0))], GRID)
        if bins:
            top = max(bins, key=lambda b: b.items)
            counts.text(
                top.mean_confidence,
                top.items,
                format_count(top.items),
                dx=-3,
                dy=-4,
                size=SMALL,
                align="right",
            )
        counts.text(0, most / 2, "items", dx=2, colour=MUTED, size=SMALL)
        counts.text(0.5, 0, word, dy=-10, colour=MUTED, size=SMALL, align="center")
    label = f"Reliability of {one_line(task.task)}: accuracy at each level of {word}. "
    label += " ".join(
        f"{who}: "
        + ", ".join(
            f"{b.mean_confidence:.2f} {b.accuracy:.2f} of {b.items}" for b in model.reliability
        )
        + "."
        for model, (who, _) in zip(_results(task), _MODELS, strict=True)
    )
    return Drawing(figure, label)


def confidence_histograms(task: TaskComparison) -> Drawing:
    """Items per tenth of stated confidence, split by outcome and by given label."""
    figure = new_figure(WIDTH, 206)
    outcome = (("correct", RIGHT), ("wrong", WRONG))
    by_label = tuple(
        (label, _LABEL_COLOURS[index % len(_LABEL_COLOURS)])
        for index, label in enumerate(task.base.histogram.by_label)
    )
    most = max(
        (
            sum(counts)
            for model in _results(task)
            for split in (model.histogram.by_outcome, model.histogram.by_label)
            for counts in zip(*split.values(), strict=True)
        ),
        default=1,
    )
    most = max(most, 1)
    for row, (model, (who, colour)) in enumerate(zip(_results(task), _MODELS, strict=True)):
        bottom = 112 - row * 88
        for column, (series, split) in enumerate(
            ((outcome, model.histogram.by_outcome), (by_label, model.histogram.by_label))
        ):
            panel = Panel(figure, (30 + column * 139, bottom, 128, 62), (0, 1), (0, most))
            panel.x_axis(_FIFTHS, _FIFTH_LABELS)
            panel.y_axis((0, most), ("0", format_count(most)) if column == 0 else ("", ""))
            _stack(panel, [(split.get(key, (0,) * 10), shade) for key, shade in series])
            panel.text(0, most, who, dx=3, dy=-6, colour=colour, bold=True)
            if row == 0:
                _legend(panel, most, series)
    word = confidence_word(task)
    label = (
        f"{word[0].upper()}{word[1:]} on {one_line(task.task)} in tenths, base above "
        "checkpoint: at the left right and wrong answers, at the right the labels given."
    )
    return Drawing(figure, label)


def _stack(panel: Panel, series: Sequence[tuple[Sequence[int], str]]) -> None:
    below = [0] * 10
    for counts, colour in series:
        panel.rectangles(
            [
                (i / 10 + 0.008, low, (i + 1) / 10 - 0.008, low + n)
                for i, (low, n) in enumerate(zip(below, counts, strict=True))
                if n
            ],
            colour,
        )
        below = [low + n for low, n in zip(below, counts, strict=True)]


def _legend(panel: Panel, top: float, series: Sequence[tuple[str, str]]) -> None:
    dx = 0.0
    for key, colour in series:
        word = one_line(key, 12)
        panel.text(0, top, "■", dx=dx, dy=9, colour=colour, size=NORMAL)
        panel.text(0, top, word, dx=dx + 9, dy=9, size=SMALL)
        dx += 15 + 5.0 * len(word)


def risk_coverage_curves(task: TaskComparison) -> Drawing:
    """Error rate among the most confident items, for every share of them."""
    figure = new_figure(WIDTH, 190)
    curves = [model.risk_coverage for model in _results(task)]
    highest = max((_highest_risk(curve) for curve in curves if curve is not None), default=1.0)
    top = next(limit for limit in (0.1, 0.2, 0.4, 0.6, 0.8, 1.0) if highest <= limit)
    panel = Panel(figure, (34, 32, 250, 132), (0, 1), (0, top))
    title = "the most confident proportion of the answers"
    panel.x_axis((0, 0.25, 0.5, 0.75, 1), ("0", "25%", "50%", "75%", "100%"), title=title)
    panel.y_axis((0, top / 2, top), [f"{tick:.0%}" for tick in (0, top / 2, top)])
    panel.text(0, top, "error rate", dx=4, dy=-7, colour=MUTED, size=SMALL)
    curve_names = []
    for index, (curve, (who, colour)) in enumerate(zip(curves, _MODELS, strict=True)):
        if curve is None:
            curve_names.append(f"{who}: none stated")
            continue
        style = (0, (5, 2)) if index == 0 else "solid"
        panel.line(curve.coverage, curve.risk, colour, width=1.6, linestyle=style, clip=True)
        curve_names.append(f"{who} AURC {curve.aurc:.3f}")
    for index, (curve_name, (_, colour)) in enumerate(zip(curve_names, _MODELS, strict=True)):
        panel.text(0, top, curve_name, dx=index * 125, dy=11, colour=colour, bold=True)
    label = (
        f"Risk and coverage on {one_line(task.task)}: error rate among the most confident "
        f"proportion of items. {'; '.join(curve_names)}."
    )
    return Drawing(figure, label)


def _highest_risk(curve: RiskCoverage) -> float:
    """Without the first twentieth, where one item moves the curve from bottom to top."""
    return max(
        risk
        for coverage, risk in zip(curve.coverage, curve.risk, strict=True)
        if coverage >= 0.05 or coverage == curve.coverage[-1]
    )


def transition_matrix(task: TaskComparison) -> Drawing:
    """How often each base label became each checkpoint label, as a heat map with counts."""
    if task.transitions is None:
        raise ValueError(f"nothing is right or wrong in {task.task}")
    labels = [one_line(label, 10) for label in task.transitions.labels]
    counts = task.transitions.counts
    size = len(labels)
    figure = new_figure(WIDTH, 46 + 30 * size)
    panel = Panel(figure, (62, 8, 230, 30 * size), (0, size), (0, size))
    most = max(max(max(row) for row in counts), 1)
    for i, row in enumerate(counts):
        bottom = size - 1 - i
        for j, n in enumerate(row):
            box = (j + 0.02, bottom + 0.03, j + 0.98, bottom + 0.97)
            panel.rectangles([box], HEAT, opacity=0.06 + 0.6 * (n / most) ** 0.5)
            panel.text(j + 0.5, bottom + 0.5, format_count(n), align="center", bold=i == j)
        panel.text(0, bottom + 0.5, labels[i], dx=-5, colour=BASE, align="right")
    for j, label in enumerate(labels):
        panel.text(j + 0.5, size, label, dy=9, colour=CHECKPOINT, align="center")
    panel.text(0, size, "base", dx=-5, dy=22, colour=BASE, align="right", bold=True)
    panel.text(size / 2, size, "checkpoint", dy=22, colour=CHECKPOINT, align="center", bold=True)
    cells = "; ".join(
        f"{labels[i]} to {labels[j]} {n}"
        for i, row in enumerate(counts)
        for j, n in enumerate(row)
        if n
    )
    label = f"Labels of {one_line(task.task)}, from base to checkpoint: {cells}."
    return Drawing(figure, label)


def _results(task: TaskComparison) -> tuple[ModelResult, ModelResult]:
    return task.base, task.checkpoint
