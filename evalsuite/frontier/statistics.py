"""From answers under several system prompts to a frontier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version

import numpy as np
import numpy.typing as npt

from saeval.evalsuite.compare.pairing import cluster_indices
from saeval.evalsuite.run.system_prompts import SystemPrompt
from saeval.evalsuite.store.prediction import Prediction
from saeval.evalsuite.store.table import PredictionTable
from saeval.stats.compare.results import ModelDescription
from saeval.stats.frontier.dominance import beyond_front, dominances
from saeval.stats.frontier.pareto import Outcomes, points
from saeval.stats.frontier.results import SCHEMA_VERSION, Frontier
from saeval.stats.frontier.utility import utilities
from saeval.tasks.task import Task

_MANY_INVALID = 0.05
_FEW_ITEMS = 200
_NAMED = 4

PredictionsByPrompt = Mapping[tuple[str, str], Sequence[Prediction]]
"""Predictions of the same items in the same order, by the names of model and system prompt."""


def compute_frontier(
    task: Task,
    predictions: PredictionsByPrompt,
    models: Sequence[ModelDescription],
    systems: Sequence[SystemPrompt],
    level: float,
    cautions: Sequence[str] = (),
) -> Frontier:
    """From answers to the frontier.

    Parameters
    ----------
    task
        What was asked.
    predictions
        By the names of model and system prompt.
    models
        The base first.
    systems
        In the order in which they are shown.
    level
        Confidence level.
    cautions
        Sentences on the models that reports must show.
    """
    outcomes = {
        model.name: [
            _outcomes(task, model.name, system.name, predictions[model.name, system.name])
            for system in systems
        ]
        for model in models
    }
    items = next(iter(predictions.values()))
    answerable = np.array([p.target != task.labels.abstention for p in items])
    cluster = cluster_indices(PredictionTable.of(items))
    everything = [outcome for own in outcomes.values() for outcome in own]
    base, *checkpoints = outcomes.values()
    rivals = [outcome for own in checkpoints for outcome in own]
    result = Frontier(
        schema=SCHEMA_VERSION,
        saeval_version=version("saeval"),
        task=task.name,
        kind=task.kind.name,
        items=len(items),
        clusters=None if cluster is None else len(np.unique(cluster)),
        answerable=int(answerable.sum()),
        confidence_level=level,
        models=tuple(models),
        systems={system.name: system.text for system in systems},
        points=points(everything, answerable, cluster, level),
        dominances=dominances(base, rivals, cluster, level),
        beyond=beyond_front([*base, _declining(task, answerable)], rivals, cluster, level),
        utilities=utilities(outcomes, cluster, level),
        warnings=tuple(cautions),
    )
    return replace(result, warnings=(*cautions, *_warnings(result, predictions)))


def _outcomes(task: Task, model: str, system: str, predictions: Sequence[Prediction]) -> Outcomes:
    """What became of every item.

    Of an open question, right is only the right answer: that a question without one was declined
    earns nothing, as SimpleQA counts, but it costs nothing either. In fact verification NA is one
    of the three verdicts, and right where it is due.
    """
    correct = np.array([p.correct for p in predictions])
    declined = np.array([p.status == "abstained" for p in predictions])
    unreadable = np.array([p.status == "invalid" for p in predictions])
    right = correct if task.kind.abstention_is_verdict else correct & ~declined
    return Outcomes(model, system, right, declined, unreadable)


def _declining(task: Task, answerable: npt.NDArray[np.bool_]) -> Outcomes:
    """What declining every item is worth."""
    every = np.ones_like(answerable)
    right = ~answerable if task.kind.abstention_is_verdict else ~every
    return Outcomes("", "declining everything", right, every, ~every)


def _warnings(result: Frontier, predictions: PredictionsByPrompt) -> list[str]:
    warnings = []
    for model in result.models:
        responses = {
            tuple(p.response for p in items)
            for (name, _), items in predictions.items()
            if name == model.name
        }
        if len(responses) == 1 and len(result.systems) > 1:
            warnings.append(
                f"{model.name} gives the same answers under every prompt, word for word: does the "
                "system prompt reach it (--apply-chat-template)?"
            )
    for (name, system), items in predictions.items():
        if cut := sum(p.usage.truncated for p in items if p.usage is not None):
            warnings.append(f"{name}, {system}: {cut} prompts were cut to fit the model.")
    many = [
        f"{point.model}, {point.system} {point.invalid:.1%}"
        for point in result.points
        if point.invalid > _MANY_INVALID
    ]
    if many:
        named = "; ".join(many[:_NAMED] + ([f"{len(many) - _NAMED} more"] * (len(many) > _NAMED)))
        warnings.append(f"Answers that cannot be read count as wrong, and there are many: {named}.")
    if result.items < _FEW_ITEMS:
        warnings.append(f"Only {result.items} items: the intervals are wide.")
    if result.clusters is not None and result.clusters < _FEW_ITEMS:
        warnings.append(f"Only {result.clusters} clusters: the intervals are somewhat too narrow.")
    return warnings
