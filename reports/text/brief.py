"""A line per task, for chat and pull requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from saeval.reports.text.frontier import sentences
from saeval.reports.text.gate import format_rules, headline, measured, rule_name
from saeval.reports.text.metacognition import in_sentences
from saeval.reports.text.metric_names import metric_name, metric_of
from saeval.reports.text.numbers import (
    format_count,
    format_difference,
    format_interval,
    format_items,
    format_value,
    join_words,
)
from saeval.reports.text.verdict import VERDICT_NAMES, signed_rows, verdict
from saeval.stats.checkpoints.results import CheckpointSeries
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.results import Comparison, TaskComparison
from saeval.stats.frontier.results import Frontier
from saeval.stats.gate.results import Gate, RuleResult
from saeval.stats.metacognition.results import Metacognition

_NAMED = 4


def in_brief(
    result: Comparison | CheckpointSeries | Gate | Frontier | Metacognition,
) -> Iterator[str]:
    """Lines that say the whole in short.

    Of a comparison a line per task, of several checkpoints one per checkpoint and task; of a gate
    its verdict and a line per task; of a frontier and of metacognition a sentence per model.
    """
    match result:
        case Comparison():
            yield from _of_comparison(result, "")
        case CheckpointSeries():
            for comparison in result.comparisons:
                yield from _of_comparison(comparison, f"{comparison.checkpoint.name}, ")
        case Gate():
            yield f"{headline(result)}{_look(result)}"
            for task in dict.fromkeys(rule.task for rule in result.results):
                yield _of_rules(task, result)
        case Frontier():
            yield from sentences(result)
        case Metacognition():
            yield from in_sentences(result)


def _of_comparison(comparison: Comparison, prefix: str) -> Iterator[str]:
    level = comparison.settings.confidence_level
    for task in comparison.tasks:
        parts = [f"{prefix}{task.task}: {VERDICT_NAMES[verdict(task, level)]}"]
        left = task.unpaired.base_only + task.unpaired.checkpoint_only
        unpaired = f", {format_count(left)} unpaired" if left else ""
        parts[0] += f" ({format_items(task.items)}{unpaired})"
        headline_rows = [row for row in task.metrics if row.headline]
        if headline_rows:
            parts.append(_values(headline_rows[0], task))
        for direction in ("worse", "better"):
            rows = [
                row
                for row, sign in signed_rows(task, level)
                if sign.is_significant and sign.direction == direction
            ]
            if rows:
                parts.append(f"{direction}: {_listed([_change(row, task) for row in rows])}")
        yield "; ".join(parts)


def _values(row: MetricComparison, task: TaskComparison) -> str:
    scale = metric_of(row).scale
    values = f"{format_value(row.base, scale)} → {format_value(row.checkpoint, scale)}"
    limits = row.confidence_interval
    interval = "" if limits is None else f" {format_interval(limits, scale)}"
    return f"{_change(row, task)}{interval}, {values}"


def _change(row: MetricComparison, task: TaskComparison) -> str:
    name = metric_name(row, task.abstention)
    return f"{name} {format_difference(row.difference, metric_of(row).scale)}"


def _of_rules(task: str, gate: Gate) -> str:
    results = [result for result in gate.results if result.task == task]
    blocking = [result for result in results if result.rule.is_blocking]
    passed = sum(result.verdict == "PASS" for result in blocking)
    counts = f"{passed} of {format_rules(len(blocking))} passed" if blocking else "advisory rules"
    parts = [f"{task}: {counts}"]
    for word, verdict_of_rule in (("broken", "REGRESSION"), ("undecided", "INCONCLUSIVE")):
        named = [_rule(result) for result in results if result.verdict == verdict_of_rule]
        if named:
            parts.append(f"{word}: {_listed(named)}")
    return "; ".join(parts)


def _rule(result: RuleResult) -> str:
    advisory = "" if result.rule.is_blocking else " (advisory)"
    return f"{rule_name(result.rule)} {measured(result)}{advisory}"


def _look(gate: Gate) -> str:
    """Which look it was, and its share of α, where it was not the first."""
    look = gate.look
    if look is None or look.number == 1:
        return ""
    return f" Look {look.number}, at α = {look.alpha:.3g} of {1 - gate.confidence_level:.3g}."


def _listed(names: Sequence[str]) -> str:
    more = [f"{len(names) - _NAMED} more"] if len(names) > _NAMED else []
    return join_words([*names[:_NAMED], *more])
