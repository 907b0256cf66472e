"""How pages write times, numbers, names and verdicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from markupsafe import Markup, escape

from saeval.evalsuite.service.record.overviews.leaderboard import Entry, Table
from saeval.reports.text.numbers import (
    format_count,
    format_difference,
    format_interval,
    format_value,
)
from saeval.reports.text.significance import GLYPHS
from saeval.stats._core.interval import Interval
from saeval.stats.metrics.metric import Scale
from saeval.stats.metrics.registry import find_metric
from saeval.terminal_text import one_line, printable

_HASH = 10
_UNITS = ("B", "kB", "MB", "GB", "TB")
_VERDICTS = {
    "PASS": ("pass", "✓"),
    "REGRESSION": ("regression", "✗"),
    "INCONCLUSIVE": ("inconclusive", "?"),
}
_DECISIONS = {"ship": "shipped", "hold": "held back"}


def time_element(value: datetime) -> Markup:
    """A ``<time>`` in UTC to the minute, which the script makes relative."""
    return Markup('<time datetime="{}">{}</time>').format(
        value.isoformat(timespec="seconds").replace("+00:00", "Z"), f"{value:%Y-%m-%d %H:%M} UTC"
    )


@cache
def verdict_badge(result: str | None, state: str = "ready") -> Markup:
    """``✓ PASS``; the state where there is no result yet."""
    if result is None:
        return state_badge(state)
    name, sign = _VERDICTS.get(result, ("inconclusive", "?"))
    return Markup('<span class="verdict {}"><span aria-hidden="true">{}</span> {}</span>').format(
        name, sign, result
    )


@cache
def state_badge(state: str) -> Markup:
    """The state of what is computed."""
    return Markup('<span class="state {}">{}</span>').format(state, state)


@cache
def override_badge(decision: str) -> Markup:
    """What a person decided beside a verdict."""
    return Markup('<span class="override {}">{} by override</span>').format(
        decision, _DECISIONS.get(decision, decision)
    )


def decided_by(summary: str) -> str:
    """What a verdict's first sentence says beside the verdict itself."""
    head, sep, rest = summary.partition(": ")
    return rest[:1].upper() + rest[1:] if sep and head in _VERDICTS else summary


def short_hash(value: str | None) -> Markup:
    """The first digits of a hash, with all of it as a title."""
    if not value:
        return Markup("–")
    return Markup('<code class="hash" title="{}">{}</code>').format(value, value[:_HASH])


def size(number: int) -> str:
    """``3.4 MB``."""
    amount = float(number)
    for unit in _UNITS:
        if amount < 1000 or unit == _UNITS[-1]:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError


def proportion(number: float | None) -> str:
    """``61.7%``."""
    return format_value(number, "proportion")


@cache
def scale_of(metric: str) -> Scale:
    """Of a metric by its name; a score if it is not registered."""
    known = find_metric(metric)
    return known.scale if known is not None else "score"


def metric_value(number: float | None, metric: str) -> str:
    """``61.7%`` or ``0.449``."""
    return format_value(number, scale_of(metric))


def metric_change(number: float | None, metric: str) -> str:
    """``+8.0 pp`` or ``−0.019``."""
    return format_difference(number, scale_of(metric))


def metric_limits(limits: tuple[float | None, float | None], metric: str) -> str:
    """``[+5.7, +10.4]``, of a difference; nothing where there are none."""
    low, high = limits
    if low is None or high is None:
        return ""
    return format_interval(Interval(low, high, ""), scale_of(metric))


@cache
def direction(verdict: str) -> Markup:
    """``✓ better``."""
    glyph = next((sign for name, sign in GLYPHS.items() if name == verdict), "")
    tone = verdict if verdict in ("better", "worse", "higher", "lower") else "none"
    return Markup('<span class="sign {}"><span aria-hidden="true">{}</span> {}</span>').format(
        tone, glyph, verdict
    )


def interval_picture(entry: Entry, table: Table) -> Markup:
    """An interval on the scale of its table, for the eye; the numbers stand beside it."""
    low = min(other.low for other in table.entries)
    span = max(other.high for other in table.entries) - low or 1.0

    def x(value: float) -> float:
        return round(3 + 154 * (value - low) / span, 1)

    return Markup(
        '<svg class="interval" viewBox="0 0 160 12" aria-hidden="true" focusable="false">'
        '<path class="rule" d="M0 6H160"/><path class="bar" d="M{} 6H{}"/>'
        '<circle class="dot" cx="{}" cy="6" r="3.5"/></svg>'
    ).format(x(entry.low), x(entry.high), x(entry.accuracy))


def setting(value: Any) -> str:
    """A setting as a line."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return one_line(", ".join(f"{key} {setting(inner)}" for key, inner in value.items()))
    if isinstance(value, list | tuple):
        return one_line(", ".join(setting(inner) for inner in value))
    return one_line(str(value))


def breakable(text: str) -> Markup:
    """A name that may be broken after a slash, a dash or an underscore."""
    escaped = str(escape(one_line(text)))
    for sign in ("/", "_", "-"):
        escaped = escaped.replace(sign, f"{sign}<wbr>")
    return Markup(escaped)


FILTERS: dict[str, Callable[..., Any]] = {
    "line": one_line,
    "printable": printable,
    "time": time_element,
    "verdict": verdict_badge,
    "state": state_badge,
    "override": override_badge,
    "decided_by": decided_by,
    "hash": short_hash,
    "size": size,
    "proportion": proportion,
    "count_of": format_count,
    "setting": setting,
    "value_of": metric_value,
    "change_of": metric_change,
    "limits_of": metric_limits,
    "direction": direction,
    "interval_picture": interval_picture,
    "breakable": breakable,
}
"""By name in templates."""
