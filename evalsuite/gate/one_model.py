"""Whether a checkpoint can be told from its base at all: one model does not improve on itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa

from saeval.evalsuite.compare.pairing import common_rows
from saeval.evalsuite.compare.results import ComparedPredictions
from saeval.evalsuite.store.probe_scores import distance
from saeval.evalsuite.store.table import EMPTY, PredictionTable
from saeval.stats.gate.results import RuleResult


def withhold_improvement(
    results: Sequence[RuleResult], predictions: ComparedPredictions
) -> tuple[RuleResult, ...]:
    """The results, with no ``must_improve`` passed where the two are one model.

    They are if their label log-probabilities on the first prompts are no further apart than one
    model's are from themselves, or if all their answers to a task are the same.
    """
    reasons = {
        result.task: _why_one(result.task, predictions)
        for result in results
        if result.rule.kind == "must_improve" and result.verdict == "PASS"
    }
    return tuple(
        replace(result, verdict="INCONCLUSIVE", note=reason)
        if result.rule.kind == "must_improve" and (reason := reasons.get(result.task))
        else result
        for result in results
    )


def _why_one(task: str, predictions: ComparedPredictions) -> str | None:
    base, checkpoint = predictions.base_proof, predictions.checkpoint_proof
    if base is not None and checkpoint is not None:
        apart = distance(base.scores, checkpoint.scores)
        floor = max(base.floor, checkpoint.floor)
        if base.prompts == checkpoint.prompts and any(base.scores) and apart <= floor:
            return (
                f"the checkpoint is the base as far as can be measured: their label "
                f"log-probabilities are {apart:.2g} apart on {len(base.scores)} prompts, and one "
                f"model's from themselves up to {floor:.2g}"
            )
    rows = common_rows(predictions.base[task], predictions.checkpoint.get(task, EMPTY))
    before = predictions.base[task].take(rows[0])
    after = predictions.checkpoint.get(task, EMPTY).take(rows[1])
    if len(before) and _read_the_same(before, after) and _say_the_same(before, after):
        return f"all {len(before)} answers of the checkpoint are those of the base"
    return None


def _read_the_same(before: PredictionTable, after: PredictionTable) -> bool:
    """Whether all labels and confidences are the same."""
    return all(
        before.columns[name].cast(kind).equals(after.columns[name].cast(kind))
        for name, kind in (
            ("prediction", pa.string()),
            ("status", pa.string()),
            ("confidence", pa.float64()),
        )
    )


def _say_the_same(before: PredictionTable, after: PredictionTable) -> bool:
    both = zip(before.values(), after.values(), strict=True)
    return all(one.response == two.response for one, two in both)
