"""From a model's answers and its replies about them to what it knows of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from saeval.evalsuite.store.prediction import Prediction
from saeval.evalsuite.store.run_files import iterate_answers
from saeval.stats._core.interval import FEWEST_ITEMS
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.results import ModelDescription
from saeval.stats.metacognition.choices import NO_CHOICE
from saeval.stats.metacognition.pairwise import pairwise_choices
from saeval.stats.metacognition.pairwise_differences import pairwise_differences
from saeval.stats.metacognition.results import (
    ModelMetacognition,
    TaskDifferences,
    TaskMetacognition,
)
from saeval.stats.metacognition.single_answers import certainty_differences, single_answers
from saeval.tasks.metacognition.items import is_informative_pair, make_pair_id, match_questions
from saeval.tasks.types import OwnAnswer

Pair = tuple[OwnAnswer, OwnAnswer]

_POSITIONS = {"A": 0, "B": 1}
_MOSTLY = 0.8
"""Where fewer of the base's answers are answers of the checkpoint, too, a report says so."""


@dataclass(frozen=True)
class SelfKnowledge:
    """One model's answers to all tasks, and by id its replies about them.

    `certainty` is NaN and `choice` is `NO_CHOICE` where the reply could not be read.
    """

    answers: tuple[OwnAnswer, ...]
    certainty: Mapping[str, float]
    choice: Mapping[str, int]

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(answer.task for answer in self.answers))

    def of(self, task: str) -> list[OwnAnswer]:
        """Its answers to one task, given or not."""
        return [answer for answer in self.answers if answer.task == task]

    def given(self, task: str) -> dict[str, OwnAnswer]:
        """The answers that were given, by id, in the order of their ids."""
        answers = {answer.id: answer for answer in self.of(task) if answer.answer is not None}
        return dict(sorted(answers.items()))

    def pairs(self, task: str, seed: int) -> dict[str, Pair]:
        """The pairs that count for it, by id."""
        matched = match_questions(self.of(task), seed)
        return {make_pair_id(*pair): pair for pair in matched if is_informative_pair(*pair)}

    def choices(self, pairs: Sequence[Pair]) -> list[list[int]]:
        """The positions chosen in a pair's own order and in reverse."""
        return [
            [self.choice.get(make_pair_id(*order), NO_CHOICE) for order in (pair, pair[::-1])]
            for pair in pairs
        ]

    def certainties(self, answers: Sequence[OwnAnswer]) -> list[float]:
        return [self.certainty.get(answer.id, math.nan) for answer in answers]


def read_self_knowledge(answers: Sequence[OwnAnswer], folder: Path) -> SelfKnowledge:
    """Read the replies of the run in a folder; there are none where nothing was asked."""
    return SelfKnowledge(
        tuple(answers),
        {
            reply.item_id: math.nan if reply.confidence is None else reply.confidence
            for reply in _replies(folder, "confidence")
        },
        {
            reply.item_id: _POSITIONS.get(reply.prediction or "", NO_CHOICE)
            for reply in _replies(folder, "pairwise")
        },
    )


def _replies(folder: Path, task: str) -> list[Prediction]:
    return list(iterate_answers(folder, task))


def summarize_model(
    knowledge: SelfKnowledge, model: ModelDescription, settings: StatsConfig
) -> ModelMetacognition:
    """One model on every task."""
    return ModelMetacognition(
        model, tuple(_task(knowledge, task, settings) for task in knowledge.tasks)
    )


def _task(knowledge: SelfKnowledge, task: str, settings: StatsConfig) -> TaskMetacognition:
    given = list(knowledge.given(task).values())
    pairs = list(knowledge.pairs(task, settings.seed).values())
    single = pairwise = None
    if given:
        single = single_answers(
            knowledge.certainties(given),
            [answer.right for answer in given],
            [math.nan if answer.confidence is None else answer.confidence for answer in given],
            _clusters(given),
            settings,
        )
    if pairs:
        pairwise = pairwise_choices(
            knowledge.choices(pairs),
            _right(pairs),
            [knowledge.certainties(pair) for pair in pairs],
            confidence_level=settings.confidence_level,
        )
    return TaskMetacognition(
        task=task,
        questions=len(knowledge.of(task)),
        attempted=len(given),
        right=sum(answer.right for answer in given),
        pairs_matched=sum(1 for _ in match_questions(knowledge.of(task), settings.seed)),
        single=single,
        pairwise=pairwise,
    )


def compare_models(
    base: SelfKnowledge, checkpoint: SelfKnowledge, settings: StatsConfig
) -> tuple[TaskDifferences, ...]:
    """The differences on every task, over what both models answered."""
    return tuple(_differences(base, checkpoint, task, settings) for task in base.tasks)


def _differences(
    base: SelfKnowledge, checkpoint: SelfKnowledge, task: str, settings: StatsConfig
) -> TaskDifferences:
    before, after = base.given(task), checkpoint.given(task)
    common = [name for name in before if name in after]
    rows: tuple[MetricComparison, ...] = ()
    answers = pairs = 0
    if common:
        first, second = [before[name] for name in common], [after[name] for name in common]
        stated, stated_after = base.certainties(first), checkpoint.certainties(second)
        answers = int((~np.isnan(stated) & ~np.isnan(stated_after)).sum())
        rows = certainty_differences(
            [answer.right for answer in first],
            stated,
            [answer.right for answer in second],
            stated_after,
            _clusters(first),
            settings,
        )
    pairs_before = base.pairs(task, settings.seed)
    pairs_after = checkpoint.pairs(task, settings.seed)
    if both := [name for name in pairs_before if name in pairs_after]:
        pairs = len(both)
        own = [pairs_before[name] for name in both]
        own_after = [pairs_after[name] for name in both]
        rows += pairwise_differences(
            base.choices(own),
            _right(own),
            checkpoint.choices(own_after),
            _right(own_after),
            confidence_level=settings.confidence_level,
        )
    return TaskDifferences(task, answers, pairs, rows)


def _right(pairs: Sequence[Pair]) -> list[int]:
    """Which question of each pair the model got right."""
    return [0 if first.right else 1 for first, _ in pairs]


def _clusters(answers: Sequence[OwnAnswer]) -> list[str] | None:
    """The cluster of each answer if every one has one and some share it."""
    groups = [answer.group for answer in answers if answer.group is not None]
    shared = len(set(groups)) < len(groups) == len(answers)
    return groups if shared else None


def metacognition_cautions(models: Sequence[ModelMetacognition]) -> list[str]:
    """Sentences that a reader must see before the numbers: where there was little to ask."""
    cautions = []
    base = {task.task: task for task in models[0].tasks}
    for model in models:
        for task in model.tasks:
            who = f"{model.model.name} on {task.task}"
            pairs = task.pairwise.pairs if task.pairwise else 0
            if task.single is None:
                cautions.append(
                    f"{who}: declined every question, or gave nothing that can be read; there is "
                    "nothing to ask about."
                )
            elif task.right in (0, task.attempted):
                what = "right" if task.right else "wrong"
                cautions.append(f"{who}: all answers are {what}; there is nothing to tell apart.")
            elif pairs < FEWEST_ITEMS:
                cautions.append(
                    f"{who}: only {pairs} of {task.pairs_matched} pairs have exactly one right "
                    f"answer; below {FEWEST_ITEMS} nothing is tested. Ask more questions."
                )
        for differences in model.differences:
            attempted = base[differences.task].attempted
            if differences.answers < _MOSTLY * attempted:
                cautions.append(
                    f"{model.model.name} on {differences.task}: differences rest on the "
                    f"{differences.answers} of the base’s {attempted} answers that both models "
                    "gave and judged."
                )
    return cautions
