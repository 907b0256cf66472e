"""Equivalence margins of metrics that there are."""

from __future__ import annotations

from collections.abc import Iterable

from saeval.errors import InputError
from saeval.stats.compare.config import StatsConfig
from saeval.stats.metrics.registry import list_metrics
from saeval.suggest import closest, did_you_mean
from saeval.terminal_text import quoted


def check_margins(settings: StatsConfig, compared: Iterable[str] | None = None) -> None:
    """Stop at a margin of a metric that is neither known nor compared.

    Before it is known what another program's scores are called, only at what is nearly the name of
    a metric.
    """
    known = {*list_metrics(), *(compared or ())}
    for name in settings.equivalence_margins or {}:
        may_be_score = compared is None and closest(name, known, cutoff=0.8) is None
        if name not in known and not may_be_score:
            raise InputError(
                f"equivalence margin of {quoted(name)}: there is no such metric; "
                f"{did_you_mean(name, sorted(known))}"
            )
