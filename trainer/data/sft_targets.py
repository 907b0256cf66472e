r"""What supervised fine-tuning teaches, written from the base's own samples but for `format`.

A profile says that the base was right in 3 of 16 samples of a question, declined in 2, could be
read in all, and said Lyon in the first. Its targets::

    abstention    \boxed{Unknown}           for 3/16 is below `known_from`;
                  CONF=0.81                 1 − 3/16, how often abstaining was better
    confidence    \boxed{Lyon}              an answer of its own, right or wrong,
                  CONF=0.19                 3/16
    own_answer    CONF=0.21                 3/14 of the answers that it gave, after "Lyon"
    pairwise      \boxed{B}                 for a second question with more than 3/16

The first sample stands for all: over many items it is right as often as the confidence says.
Proportions are of the valid samples. Sources: R-Tuning, arXiv:2311.09677, for abstention;
Steyvers, Belém, Smyth, arXiv:2510.05126, for the others.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from saeval.errors import DataError
from saeval.tasks.data.fingerprint import make_item_key
from saeval.tasks.format.render import render_box, render_confidence
from saeval.tasks.metacognition.items import make_pair_id, match_questions
from saeval.tasks.registry import get_task
from saeval.tasks.task import Task
from saeval.tasks.types import ConfidenceItem, OwnAnswer, PairwiseItem
from saeval.trainer.data.format_targets import render_formatted_answers
from saeval.trainer.data.profile import Profile, ProfileEntry
from saeval.trainer.data.rows import TrainingRow, make_training_row
from saeval.trainer.recipe.schema import Recipe

REASONS = {
    "unreadable": "have no sample that can be read",
    "unwritable": "have an answer that the task's format cannot hold",
    "declined": "are declined by the base",
    "tied": "are in a pair that the base is right on equally often",
}
"""Why an item has no target."""


@dataclass(frozen=True)
class Sampled:
    """An item with what the base's samples did.

    Attributes
    ----------
    row, task, item
        As it is asked.
    answer
        Of the first valid sample; an abstention is one, too.
    share
        The proportion of valid samples that are right.
    given_share
        Of the answers that were given, those that are right; None if none was given.
    """

    row: TrainingRow
    task: Task
    item: Mapping[str, Any]
    answer: str
    share: float
    given_share: float | None

    @property
    def has_answer(self) -> bool:
        """Whether an answer exists, so that abstaining is not right."""
        return self.row.target != self.task.labels.abstention


@dataclass(frozen=True)
class ObjectiveTargets:
    """What one part of an objective teaches: its rows, and how many items it leaves out and why."""

    rows: tuple[TrainingRow, ...]
    left_out: Counter[str]


def missing_profile_error(recipe: Recipe) -> DataError:
    """What to do where supervised fine-tuning has no profile of its items."""
    return DataError(
        "`objective` makes its targets from what the base answers; make a profile with `satrain "
        f"profile {recipe.name} --base MODEL --out FILE` and give data.profile=FILE"
    )


def make_targets(
    rows: Sequence[TrainingRow], profile: Profile | None, recipe: Recipe
) -> dict[str, ObjectiveTargets]:
    """The targets of each part of a recipe's objective that has a weight.

    Parameters
    ----------
    rows
        The items in the order of training.
    profile
        It has an entry of each; None where the objective needs none.
    recipe
        Its objective, and how the model is asked.

    Raises
    ------
    DataError
        If a profile is missing, lacks items or answers, or a part has no target at all.
    """
    if recipe.objective is None:
        return {}
    if profile is None and recipe.needs_profile:
        raise missing_profile_error(recipe)
    sampled: list[Sampled] = []
    unreadable = 0
    if profile is not None:
        sampled, unreadable = _sampled(rows, profile, recipe)
    makers = {
        "format": lambda left: render_formatted_answers(rows, recipe, left),
        "abstention": lambda left: _abstention(sampled, recipe.objective.known_from, left),
        "confidence": lambda left: _confidence(sampled, left),
        "own_answer": lambda left: _own_answer(sampled, recipe, left),
        "pairwise": lambda left: _pairwise(sampled, recipe, left),
    }
    by_part = {}
    for name in recipe.objective.weights:
        left_out = Counter({"unreadable": unreadable} if unreadable and name != "format" else {})
        by_part[name] = ObjectiveTargets(tuple(makers[name](left_out)), left_out)
        if not by_part[name].rows:
            why = "".join(f"; {count} {REASONS[reason]}" for reason, count in left_out.items())
            raise DataError(f"`objective.{name}`: no item of {len(rows)} gives a target{why}")
    return by_part


def _sampled(
    rows: Sequence[TrainingRow], profile: Profile, recipe: Recipe
) -> tuple[list[Sampled], int]:
    """The items of which any sample can be read, and the number of the others."""
    sampled, unreadable, missing = [], 0, 0
    for row in rows:
        task, item = get_task(row.task), json.loads(row.item)
        entry = profile.entries.get(make_item_key(task, item["id"]))
        if entry is None:
            missing += 1
            continue
        readable = profile.header.sampling.samples - entry.invalid
        if readable == 0:
            unreadable += 1
            continue
        if entry.answer is None:
            raise DataError(
                f"{profile.path}: item {entry.item} has no `answer`; make the profile again"
            )
        sampled.append(
            Sampled(
                row,
                task,
                item,
                entry.answer,
                entry.right / readable,
                _given(row, task, entry, readable),
            )
        )
    if missing:
        raise DataError(
            f"{profile.path}: has no entry of {missing} of {len(rows)} items; `satrain profile "
            f"{recipe.name}` with the same changes and --out adds them"
        )
    return sampled, unreadable


def _given(row: TrainingRow, task: Task, entry: ProfileEntry, readable: int) -> float | None:
    n_answers = readable - entry.abstained
    if n_answers == 0:
        return None
    return 0.0 if row.target == task.labels.abstention else entry.right / n_answers


def _abstention(
    sampled: Sequence[Sampled], known_from: float, left_out: Counter[str]
) -> Iterator[TrainingRow]:
    for item in sampled:
        kind = item.task.kind
        known = item.share >= known_from
        declines = not known or not item.has_answer
        answer = kind.abstention_answer if declines else kind.gold_answers(item.item)[0]
        if answer is None:
            left_out["unwritable"] += 1
            continue
        completion = kind.render_answer(answer, item.share if known else 1 - item.share)
        prediction = kind.labels.abstention if declines else item.row.target
        if item.task.parse(item.item, completion).prediction == prediction:
            yield replace(item.row, completion=completion)
        else:
            left_out["unwritable"] += 1


def _confidence(sampled: Sequence[Sampled], left_out: Counter[str]) -> Iterator[TrainingRow]:
    for each in sampled:
        completion = each.task.kind.render_answer(each.answer, each.share)
        reading = each.task.parse(each.item, completion)
        if reading.status == "abstained" or reading.answer == each.answer:
            yield replace(each.row, completion=completion)
        else:
            left_out["unwritable"] += 1


def _own_answer(
    sampled: Sequence[Sampled], recipe: Recipe, left_out: Counter[str]
) -> Iterator[TrainingRow]:
    for each in _questions(sampled):
        if each.given_share is None or each.answer == each.task.kind.abstention_answer:
            left_out["declined"] += 1
            continue
        own = _own(each)
        judged = ConfidenceItem(
            id=own.id,
            cluster=own.group,
            question=own.question,
            answer=each.answer,
            target="RIGHT" if each.given_share >= 0.5 else "WRONG",
        )
        row = make_training_row(get_task("confidence"), judged, recipe.prompt)
        yield replace(row, completion=render_confidence(each.given_share))


def _pairwise(
    sampled: Sequence[Sampled], recipe: Recipe, left_out: Counter[str]
) -> Iterator[TrainingRow]:
    """Both orders of each pair, as the task shows them; questions without an answer are in none."""
    shares: dict[str, float] = {}
    own: dict[str, OwnAnswer] = {}
    for each in _questions(sampled):
        if each.has_answer:
            question = _own(each)
            own[question.id], shares[question.id] = question, each.share
    for pair in match_questions(list(own.values()), recipe.seed):
        if shares[pair[0].id] == shares[pair[1].id]:
            left_out["tied"] += 2
            continue
        for first, second in (pair, pair[::-1]):
            better = "A" if shares[first.id] > shares[second.id] else "B"
            shown = PairwiseItem(
                id=make_pair_id(first, second),
                cluster=make_pair_id(*pair),
                first=first.question,
                second=second.question,
                target=better,
            )
            row = make_training_row(get_task("pairwise"), shown, recipe.prompt)
            yield replace(row, completion=render_box(better))


def _questions(sampled: Sequence[Sampled]) -> Iterator[Sampled]:
    return (each for each in sampled if each.task.kind.is_open_ended)


def _own(each: Sampled) -> OwnAnswer:
    """A question as the metacognition tasks take it; what was answered plays no part here."""
    return OwnAnswer(
        task=each.task.name,
        item=each.item["id"],
        cluster=each.row.cluster,
        question=each.item["question"],
        answer=None,
        right=False,
        confidence=None,
    )
