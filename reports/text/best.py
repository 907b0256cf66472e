"""Sentences about the best of several checkpoints."""

from __future__ import annotations

from collections.abc import Sequence

from saeval.reports.text.numbers import (
    format_difference,
    format_interval,
    format_level,
    format_value,
    join_words,
)
from saeval.stats.checkpoints.results import Best
from saeval.stats.metrics.registry import get_metric

NOTE = (
    "The best of several is lucky on average (the winner’s curse). The intervals hold for all "
    "checkpoints together, so they hold for the one that was chosen, too. The truly best one is "
    "among those that may be the best, with the confidence of the intervals. Wins are the "
    "proportion of the resamples in which a checkpoint is the best."
)


def best_title(best: Best) -> str:
    """``Best checkpoint (NA recall)``."""
    return f"Best checkpoint ({get_metric(best.metric).title_for(best.label)})"


def best_sentences(best: Best) -> tuple[str, ...]:
    """Which is the best, how much of its gain is luck, and which others may be."""
    scale = get_metric(best.metric).scale
    where = best.tasks[0] if len(best.tasks) == 1 else f"the mean of {join_words(best.tasks)}"
    level = format_level(best.confidence_level)
    (chosen,) = (candidate for candidate in best.candidates if candidate.name == best.chosen)
    sentences = [
        f"{best.chosen} is the best on {where}: {format_value(best.base, scale)} → "
        f"{format_value(chosen.value, scale)}, {format_difference(best.difference, scale)} as "
        "observed.",
        f"Corrected for having been chosen from {len(best.candidates)} that is "
        f"{format_difference(best.corrected, scale)}, with a {level} interval of "
        f"{format_interval(best.interval, scale)} that holds although it was chosen.",
    ]
    equal = [
        candidate.name
        for candidate in best.candidates
        if candidate.value == chosen.value and candidate.name != best.chosen
    ]
    if equal:
        sentences.append(f"Equally good, and named later: {_some(equal)}.")
    if best.interval is None or best.interval.low <= 0 <= best.interval.high:
        sentences.append("So it is not shown that the best checkpoint differs from the base.")
    elif (best.interval.low > 0) != best.higher_is_better:
        sentences.append("So even the best checkpoint is worse than the base.")
    others = [
        candidate.name
        for candidate in best.candidates
        if candidate.maybe_best and candidate.name != best.chosen
    ]
    wins = f"It is the best in {chosen.best_proportion:.0%} of the resamples"
    if not others:
        sentences.append(f"{wins}, and all others are shown to be behind it.")
    elif len(others) == len(best.candidates) - 1:
        sentences.append(f"{wins}; no other checkpoint is shown to be behind it.")
    else:
        sentences.append(f"{wins}; not shown to be behind it: {_some(others)}.")
    if best.left_out:
        sentences.append(f"Without a value, and so left out: {_some(best.left_out)}.")
    return tuple(sentences)


def _some(names: Sequence[str], most: int = 8) -> str:
    more = [f"{len(names) - most} more"] if len(names) > most else []
    return join_words([*names[:most], *more])
