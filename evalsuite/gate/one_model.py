"""Whether a checkpoint can be told from its base at all: one model does not improve on itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from saeval.evalsuite.compare.results import ComparedPredictions
from saeval.evalsuite.engines.adapter_check import distance
from saeval.evalsuite.store.prediction import Prediction
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
    base_answers, answers = predictions.base[task], predictions.checkpoint.get(task, {})
    common = base_answers.keys() & answers.keys()
    if common and all(_said(base_answers[key]) == _said(answers[key]) for key in common):
        return f"all {len(common)} answers of the checkpoint are those of the base"
    return None


def _said(prediction: Prediction) -> tuple[object, ...]:
    return prediction.response, prediction.prediction, prediction.confidence, prediction.status
