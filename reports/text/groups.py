"""Groups of items in words."""

from __future__ import annotations

from collections.abc import Sequence

from saeval.reports.text.metric_names import metric_name
from saeval.reports.text.numbers import join_words
from saeval.reports.text.significance import sign_of
from saeval.stats.compare.groups import GroupComparison


def group_summary(groups: Sequence[GroupComparison], label: str | None, level: float) -> str:
    """``11 groups; better: incorrect rate in 3; worse: correct rate in 1``."""
    counts: dict[str, dict[str, int]] = {}
    for group in groups:
        for row in group.metrics:
            sign = sign_of(row, level)
            if sign.is_significant:
                name = metric_name(row, label)
                of_direction = counts.setdefault(sign.direction, {})
                of_direction[name] = of_direction.get(name, 0) + 1
    parts = [f"{len(groups)} groups"]
    for direction, metrics in counts.items():
        named = join_words([f"{name} in {number}" for name, number in metrics.items()])
        parts.append(f"{direction}: {named}")
    return "; ".join(parts if counts else [*parts, "no significant change in any"])
