"""A metric of checkpoints over steps, drawn as a small SVG whose colours are the stylesheet's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from saeval.reports.text.numbers import format_count, format_value
from saeval.stats.metrics.metric import Scale

_WIDTH, _HEIGHT = 340, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 10, 26
_STYLES = 5
"""Lines that the stylesheet tells apart."""
_Place = Callable[[float], float]


@dataclass(frozen=True)
class Mark:
    """A checkpoint, or several seeds of one: value, limits, and how it was found."""

    step: int
    value: float
    low: float
    high: float
    verdict: str


@dataclass(frozen=True)
class Line:
    """The checkpoints of a recipe, by step."""

    name: str
    marks: tuple[Mark, ...]


def draw_steps(
    lines: Sequence[Line], base: tuple[float, float] | None, scale: Scale, title: str
) -> Markup:
    """An ``<svg>`` with one line per recipe and the base as a dashed one.

    `base` is its least and largest value: a metric rests on the items where both models have it.
    """
    marks = [mark for line in lines for mark in line.marks]
    values = [end for m in marks for end in (m.low, m.high, m.value)]
    values += base or ()
    low, high = min(values), max(values)
    margin = max((high - low) * 0.08, 0.01)
    low, high = low - margin, high + margin
    if scale == "proportion":
        low, high = max(low, 0.0), min(high, 1.0)
    last = max(mark.step for mark in marks) or 1

    def x(step: float) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * step / last, 1)

    def y(value: float) -> float:
        return round(_TOP + (_HEIGHT - _TOP - _BOTTOM) * (high - value) / (high - low), 1)

    parts = [*_axes(sorted({mark.step for mark in marks}), low, high, scale, x, y)]
    if base is not None:
        parts.append(
            f'<rect class="base-band" x="{_LEFT}" y="{y(base[1])}" '
            f'width="{_WIDTH - _LEFT - _RIGHT}" height="{round(y(base[0]) - y(base[1]), 1)}"/>'
            f'<path class="base-line" d="M{_LEFT} {y(sum(base) / 2)}H{_WIDTH - _RIGHT}"/>'
            f'<text class="base-name" x="{_LEFT + 4}" y="{y(base[1]) - 4}">base</text>'
        )
    for number, line in enumerate(lines):
        parts.append(f'<g class="line-{number % _STYLES}">{_line(line, x, y)}</g>')
    return Markup(
        f'<svg class="steps" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )


def _axes(
    steps: Sequence[int], low: float, high: float, scale: Scale, x: _Place, y: _Place
) -> Iterator[str]:
    for tick in _ticks(low, high):
        yield f'<path class="rule" d="M{_LEFT} {y(tick)}H{_WIDTH - _RIGHT}"/>'
        text = f"{tick:.0%}" if scale == "proportion" else f"{tick:.3g}"
        yield f'<text x="{_LEFT - 6}" y="{y(tick) + 4}" text-anchor="end">{text}</text>'
    yield f'<path class="axis" d="M{_LEFT} {_HEIGHT - _BOTTOM}H{_WIDTH - _RIGHT}"/>'
    shown: list[float] = []
    for step in (0, *steps):
        if not shown or x(step) - shown[-1] > 44:
            shown.append(x(step))
            anchor = "end" if x(step) > _WIDTH - _RIGHT - 14 else "middle"
            yield (
                f'<text x="{x(step)}" y="{_HEIGHT - 8}" text-anchor="{anchor}">'
                f"{format_count(step)}</text>"
            )


def _line(line: Line, x: _Place, y: _Place) -> str:
    path = "L".join(f"{x(mark.step)} {y(mark.value)}" for mark in line.marks)
    bars = "".join(
        f'<path class="bar" d="M{x(m.step)} {y(m.low)}V{y(m.high)}"/>' for m in line.marks
    )
    dots = "".join(
        f'<circle class="dot {escape(m.verdict)}" cx="{x(m.step)}" cy="{y(m.value)}" r="3.5"/>'
        for m in line.marks
    )
    return f'<path class="line" d="M{path}"/>{bars}{dots}'


def _ticks(low: float, high: float) -> list[float]:
    span = high - low
    unit = next(u for u in (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1e9) if span / u <= 5)
    first = int(low / unit) - 1
    ticks = [round(unit * k, 6) for k in range(first, first + 9)]
    return [tick for tick in ticks if low <= tick <= high]


def describe(
    lines: Sequence[Line], base: tuple[float, float] | None, scale: Scale, name: str
) -> str:
    """What the picture shows, in words."""
    parts = [f"{name} over steps."]
    if base is not None:
        parts.append(f"Base {format_value(sum(base) / 2, scale)}.")
    for line in lines:
        values = ", ".join(f"{m.step}: {format_value(m.value, scale)}" for m in line.marks)
        parts.append(f"{line.name}: {values}.")
    return " ".join(parts)
