"""A record as rows: one per answer, one per metric, one per rule of a gate."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from saeval.evalsuite.export.record import ModelRecord, Record
from saeval.evalsuite.export.texts import cleaned
from saeval.evalsuite.store.prediction import Prediction
from saeval.reports.text.metric_names import metric_name
from saeval.stats._core.interval import Interval
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.results import TaskComparison
from saeval.stats.gate.results import Gate


def scores_of(answer: Prediction) -> dict[str, float]:
    """What counts for an answer, by the names of lm-eval.

    Of a task of ours these are what its harness task logs (``acc``, ``abstained``, ``invalid``), of
    another the scores that it brought.
    """
    if answer.scores:
        return {name: score.value for name, score in answer.scores.items()}
    return {
        "acc": float(answer.correct),
        "abstained": float(answer.status == "abstained"),
        "invalid": float(answer.status == "invalid"),
    }


def read_as(answer: Prediction) -> dict[str, Any]:
    """How an answer was read, which other tools have no fields for; without what there is not."""
    found = {
        "status": answer.status,
        "label": answer.prediction,
        "target": answer.target,
        "confidence": answer.confidence,
        "confidence_normalised": answer.confidence_normalised,
        "group": answer.group,
        "label_probabilities": answer.label_probabilities,
        "scores": scores_of(answer),
        "document_hash": answer.document_hash,
        "prompt_hash": answer.prompt_hash,
        "target_hash": answer.target_hash,
    }
    return {name: value for name, value in found.items() if value is not None}


def answers_of(record: Record) -> Iterator[tuple[ModelRecord, Prediction]]:
    """Every answer of every model."""
    for model in record.models:
        for answers in model.answers.values():
            for answer in answers:
                yield model, answer


def answer_row(model: ModelRecord, answer: Prediction) -> dict[str, Any]:
    """One answer; what is not flat is JSON."""
    probabilities = answer.label_probabilities
    return {
        "role": model.role,
        "model": model.name,
        "task": answer.task,
        "group": answer.group,
        "item_id": cleaned(answer.item_id),
        "sample_index": answer.sample_index,
        "cluster_id": None if answer.cluster_id is None else cleaned(answer.cluster_id),
        "target": answer.target,
        "prediction": answer.prediction,
        "status": answer.status,
        "correct": answer.correct,
        "confidence": answer.confidence,
        "confidence_normalised": answer.confidence_normalised,
        "label_probabilities": None if probabilities is None else json.dumps(probabilities),
        "scores": json.dumps(scores_of(answer)),
        "question": cleaned(answer.document.claim),
        "evidence": json.dumps([cleaned(text) for text in answer.document.evidence]),
        "right_answers": json.dumps([cleaned(text) for text in answer.document.answers]),
        "answer": None if answer.answer is None else cleaned(answer.answer),
        "response": cleaned(answer.response),
        "document_hash": answer.document_hash,
        "prompt_hash": answer.prompt_hash,
        "target_hash": answer.target_hash,
    }


def metric_rows(record: Record) -> list[dict[str, Any]]:
    """One row per task, metric and label; of a run, its own value as ``model``."""
    return [_metric_row(record, task, row) for task, row in record.rows()]


def _metric_row(record: Record, task: TaskComparison, row: MetricComparison) -> dict[str, Any]:
    found: dict[str, Any] = {
        "task": task.task,
        "metric": row.metric,
        "label": row.label,
        "title": metric_name(row, task.abstention),
        "items": row.items,
    }
    for model in record.models:
        found[model.role] = model.value(row)
        found |= _ends(model.role, model.interval(row))
    if record.kind != "run":
        found |= {
            "difference": row.difference,
            **_ends("difference", row.confidence_interval),
            "pvalue": row.pvalue,
            "pvalue_holm": row.pvalue_holm,
            "pvalue_bh": row.pvalue_bh,
            "method": row.method,
            "noise": row.noise,
        }
    return found | {"higher_is_better": row.higher_is_better, "headline": row.headline}


def _ends(name: str, interval: Interval | None) -> dict[str, float | None]:
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    return {f"{name}_low": low, f"{name}_high": high}


def rule_rows(gate: Gate) -> list[dict[str, Any]]:
    """One row per rule and task."""
    return [
        {
            "task": result.task,
            "metric": result.rule.metric,
            "label": result.rule.label,
            "rule": result.rule.kind,
            "limit": result.rule.limit,
            "verdict": result.verdict,
            "estimate": result.estimate,
            **_ends("estimate", result.interval),
            "pvalue_pass": result.pvalue_pass,
            "pvalue_regression": result.pvalue_regression,
            "pvalue_holm": result.pvalue_holm,
            "items": result.items,
            "method": result.method,
            "note": result.note,
        }
        for result in gate.results
    ]


def settings_of(record: Record) -> dict[str, str]:
    """What all numbers rest on, and what they say, as texts."""
    found = {
        "saeval.kind": record.kind,
        "saeval.folder": record.name,
        "saeval.identity": record.identity,
    }
    if record.headline is not None:
        found["saeval.headline"] = record.headline
    if record.gate is not None:
        found |= {"saeval.verdict": record.gate.verdict, "saeval.policy": record.gate.policy}
    if (comparison := record.comparison) is not None:
        settings = comparison.settings
        found |= {
            "saeval.version": comparison.saeval_version,
            "saeval.confidence_level": str(settings.confidence_level),
            "saeval.n_resamples": str(settings.n_resamples),
            "saeval.seed": str(settings.seed),
            "saeval.tests_in_family": str(comparison.tests_in_family),
        }
        if record.kind == "run":
            del found["saeval.tests_in_family"]
    return found


def columns_of(rows: list[dict[str, Any]]) -> Mapping[str, list[Any]]:
    """Rows of the same keys, by column."""
    return {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}
