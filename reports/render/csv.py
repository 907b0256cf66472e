"""Results as long tables; a value that does not exist is empty."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from saeval.reports.text.significance import tasks_and_pooled
from saeval.stats._core.interval import Interval
from saeval.stats.checkpoints.results import CheckpointSeries
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.results import Comparison
from saeval.stats.frontier.results import BeyondFront, Frontier
from saeval.stats.gate.results import Gate, RuleResult
from saeval.stats.metacognition.results import Metacognition, ModelMetacognition
from saeval.terminal_text import printable

COMPARISON_COLUMNS = (
    "task",
    "metric",
    "label",
    "items",
    "base",
    "base_low",
    "base_high",
    "base_interval_method",
    "checkpoint",
    "checkpoint_low",
    "checkpoint_high",
    "checkpoint_interval_method",
    "difference",
    "difference_low",
    "difference_high",
    "difference_interval_method",
    "noise",
    "p",
    "test",
    "p_max_t",
    "p_holm",
    "p_bh",
    "higher_is_better",
    "headline",
    "level",
    "replicates",
    "seed",
)

_GATE_COLUMNS = (
    "task", "metric", "label", "kind", "limit", "source", "estimate", "low", "high",
    "interval_method", "p_pass", "p_regression", "p_holm", "verdict", "items", "decided_after",
    "items_to_decide", "note", "tier",
)  # fmt: skip
_FRONTIER_COLUMNS = (
    "model", "system", "items", "right", "right_low", "right_high", "right_interval_method",
    "wrong", "wrong_low", "wrong_high", "wrong_interval_method", "declined", "unreadable",
    "hallucination_items", "hallucination", "hallucination_low", "hallucination_high",
    "on_front", "beyond_base_front_p", "beyond_base_front_p_holm", "level",
)  # fmt: skip
_METACOGNITION_COLUMNS = (
    "model", "task", "part", "metric", "items", "value", "low", "high", "reference", "difference",
    "difference_low", "difference_high", "p", "test", "p_holm", "p_bh",
)  # fmt: skip
"""`reference` is what `value` is compared with: the confidence stated with the answer in the part
``beside stated``, the base in the part ``difference``."""

Value = str | int | float | None


def comparison_csv(comparison: Comparison) -> str:
    """One row per task, metric and label, pooled last; a value that does not exist is empty.

    Numbers are written in full. A text cell that a spreadsheet would run as a formula gets an
    apostrophe in front (OWASP, "CSV Injection").
    """
    return csv_text(COMPARISON_COLUMNS, _rows(comparison))


def series_csv(series: CheckpointSeries) -> str:
    """The same of every checkpoint, with its name and, in a run, its step in the first columns."""
    steps = series.steps or (None,) * len(series.comparisons)
    rows = (
        (comparison.checkpoint.name, step, *row)
        for step, comparison in zip(steps, series.comparisons, strict=True)
        for row in _rows(comparison)
    )
    return csv_text(("checkpoint_name", "step", *COMPARISON_COLUMNS), rows)


def gate_csv(gate: Gate) -> str:
    """One row per rule and task."""
    return csv_text(_GATE_COLUMNS, map(_rule_row, gate.results))


def frontier_csv(frontier: Frontier) -> str:
    """One row per model and prompt."""
    tested = {(point.model, point.system): point for point in frontier.beyond}
    rows = (
        (
            point.model,
            point.system,
            frontier.items,
            point.right.value,
            *_limits(point.right.interval),
            point.wrong.value,
            *_limits(point.wrong.interval),
            point.abstained,
            point.invalid,
            point.hallucination.total,
            point.hallucination.value,
            *_limits(point.hallucination.interval)[:2],
            str(point.on_front).lower(),
            *_beyond(tested.get((point.model, point.system))),
            frontier.confidence_level,
        )
        for point in frontier.points
    )
    return csv_text(_FRONTIER_COLUMNS, rows)


def metacognition_csv(result: Metacognition) -> str:
    """One row per model, task, part and metric."""
    return csv_text(
        _METACOGNITION_COLUMNS, (row for model in result.models for row in _model_rows(model))
    )


def csv_text(columns: Sequence[str], rows: Iterable[tuple[Value, ...]]) -> str:
    """A table with a header line; text that a spreadsheet would run is made harmless."""
    return csv_lines(chain([tuple(columns)], rows))


def csv_lines(rows: Iterable[tuple[Value, ...]]) -> str:
    """Lines of a table, as `csv_text` writes them."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([_safe(cell) for cell in row] for row in rows)
    return out.getvalue()


def _rows(comparison: Comparison) -> Iterator[tuple[Value, ...]]:
    settings = comparison.settings
    for task in tasks_and_pooled(comparison):
        for row in task.metrics:
            yield (
                *_cells(task.task, row),
                settings.confidence_level,
                settings.n_resamples,
                settings.seed,
            )


def _cells(task: str, row: MetricComparison) -> tuple[Value, ...]:
    return (
        task,
        row.metric,
        row.label,
        row.items,
        row.base,
        *_limits(row.base_interval),
        row.checkpoint,
        *_limits(row.checkpoint_interval),
        row.difference,
        *_limits(row.confidence_interval),
        row.noise,
        row.pvalue,
        row.method,
        row.pvalue_max_t,
        row.pvalue_holm,
        row.pvalue_bh,
        None if row.higher_is_better is None else str(row.higher_is_better).lower(),
        str(row.headline).lower(),
    )


def _limits(interval: Interval | None) -> tuple[Value, Value, Value]:
    return (
        (None, None, None) if interval is None else (interval.low, interval.high, interval.method)
    )


def _safe(cell: Value) -> Value:
    if not isinstance(cell, str):
        return cell
    text = printable(cell)
    return f"'{text}" if text.lstrip()[:1] in {"=", "+", "-", "@"} or text[:1] in "\t\n" else text


def _rule_row(result: RuleResult) -> tuple[Value, ...]:
    rule = result.rule
    return (
        result.task,
        rule.metric,
        rule.label,
        rule.kind,
        rule.limit,
        rule.source,
        result.estimate,
        *_limits(result.interval),
        result.pvalue_pass,
        result.pvalue_regression,
        result.pvalue_holm,
        result.verdict,
        result.items,
        result.decided_after,
        result.items_to_decide,
        result.note,
        rule.tier,
    )


def _beyond(point: BeyondFront | None) -> tuple[Value, Value]:
    return (None, None) if point is None else (point.pvalue, point.pvalue_holm)


def _model_rows(model: ModelMetacognition) -> Iterator[tuple[Value, ...]]:
    name = model.model.name
    for task in model.tasks:
        if task.single is not None:
            for estimate in task.single.estimates:
                value = (estimate.metric, estimate.items, estimate.value)
                yield _padded(name, task.task, "single", *value, *_limits(estimate.interval)[:2])
            for row in task.single.beside_stated:
                yield _compared(name, task.task, "beside stated", row)
        if task.pairwise is not None:
            choices = task.pairwise
            for share in (
                choices.accuracy,
                choices.position_bias,
                choices.consistency,
                choices.agreement,
                choices.invalid_rate,
            ):
                value = (share.name, share.pairs, share.value)
                yield _padded(name, task.task, "pairwise", *value, *_limits(share.interval)[:2])
    for differences in model.differences:
        for row in differences.metrics:
            yield _compared(name, differences.task, "difference", row)


def _padded(*cells: Value) -> tuple[Value, ...]:
    return (*cells, *[None] * (len(_METACOGNITION_COLUMNS) - len(cells)))


def _compared(model: str, task: str, part: str, row: MetricComparison) -> tuple[Value, ...]:
    return (
        model,
        task,
        part,
        row.metric,
        row.items,
        row.checkpoint,
        *_limits(row.checkpoint_interval)[:2],
        row.base,
        row.difference,
        *_limits(row.confidence_interval)[:2],
        row.pvalue,
        row.method,
        row.pvalue_holm,
        row.pvalue_bh,
    )
