"""Numbers as reports write them."""

from __future__ import annotations

from collections.abc import Sequence

from saeval.stats._core.interval import Interval
from saeval.stats.metrics.metric import Scale

MISSING = "–"


def format_value(number: float | None, scale: Scale) -> str:
    """``61.7%`` or ``0.449``."""
    if number is None:
        return MISSING
    text = f"{number:.1%}" if scale == "proportion" else f"{number:.3f}"
    return _minus(text if any(digit in text for digit in "123456789") else text.lstrip("-"))


def format_difference(number: float | None, scale: Scale) -> str:
    """``+8.0 pp`` or ``−0.019``."""
    if number is None:
        return MISSING
    return (
        f"{format_signed(number, scale)} pp"
        if scale == "proportion"
        else format_signed(number, scale)
    )


def format_interval(limits: Interval | None, scale: Scale) -> str:
    """``[+5.7, +10.4]``, in the unit of the difference."""
    if limits is None:
        return MISSING
    return f"[{format_signed(limits.low, scale)}, {format_signed(limits.high, scale)}]"


def format_value_interval(limits: Interval | None, scale: Scale) -> str:
    """``[58.7, 64.7]``, of a value rather than a difference."""
    if limits is None:
        return MISSING
    factor, digits = (100, 1) if scale == "proportion" else (1, 3)
    return _minus(f"[{limits.low * factor:.{digits}f}, {limits.high * factor:.{digits}f}]")


def format_range(limits: Interval, scale: Scale) -> str:
    """``+5.7 to +10.4 pp``."""
    unit = " pp" if scale == "proportion" else ""
    return f"{format_signed(limits.low, scale)} to {format_signed(limits.high, scale)}{unit}"


def format_value_range(limits: Interval, scale: Scale) -> str:
    """``58.7% to 64.7%``, of a value rather than a difference."""
    return f"{format_value(limits.low, scale)} to {format_value(limits.high, scale)}"


def format_margin(margin: float, scale: Scale) -> str:
    """``±5 pp`` or ``±0.05``."""
    return f"±{margin * 100:g} pp" if scale == "proportion" else f"±{margin:g}"


def format_pvalue(p: float | None) -> str:
    """``0.274``, and ``<0.001`` below that."""
    if p is None:
        return MISSING
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def format_small_pvalue(p: float | None) -> str:
    """``0.274``, and ``1.7e-11`` where the size of a tiny p matters."""
    if p is None:
        return MISSING
    return f"{p:.2g}" if p < 0.001 else f"{p:.3f}"


def format_count(number: int) -> str:
    """``1,000``."""
    return f"{number:,}"


def format_items(number: int) -> str:
    """``1 item``, ``1,000 items``."""
    return f"{format_count(number)} item{'' if number == 1 else 's'}"


def format_level(level: float) -> str:
    """``95%`` for .95, ``99.5%`` for .995."""
    return f"{level * 100:.6g}%"


def join_words(parts: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def format_signed(number: float, scale: Scale) -> str:
    """``+8.0`` or ``−0.019``, without a unit."""
    text = f"{number * 100:+.1f}" if scale == "proportion" else f"{number:+.3f}"
    return _minus(text if any(digit in text for digit in "123456789") else text[1:])


def _minus(text: str) -> str:
    return text.replace("-", "−")
