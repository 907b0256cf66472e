"""What a model is asked about its own answers: one answer at a time, or two questions.

A model answered open questions, and a grader said which answers are right. An item of `confidence`
shows it an answer that it gave, one of `pairwise` two questions of which it got exactly one right.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from saeval.tasks.types import ConfidenceItem, OwnAnswer, PairwiseItem


def build_confidence_items(answers: Sequence[OwnAnswer], seed: int = 0) -> list[ConfidenceItem]:
    """An item per answer that was given, in the order of the answers; the seed changes nothing."""
    return [
        ConfidenceItem(
            id=answer.id,
            cluster=answer.group,
            question=answer.question,
            answer=answer.answer,
            target="RIGHT" if answer.right else "WRONG",
        )
        for answer in answers
        if answer.answer is not None
    ]


def build_pairwise_items(answers: Sequence[OwnAnswer], seed: int) -> list[PairwiseItem]:
    """Two items, one per order, for every matched pair that counts for this model.

    Notes
    -----
    Every pair appears once in each order, so a model that always chooses the same position is
    right in exactly half of its replies.
    """
    return [
        PairwiseItem(
            id=make_pair_id(first, second),
            cluster=make_pair_id(*pair),
            first=first.question,
            second=second.question,
            target="A" if first.right else "B",
        )
        for pair in match_questions(answers, seed)
        if is_informative_pair(*pair)
        for first, second in (pair, pair[::-1])
    ]


def make_pair_id(first: OwnAnswer, second: OwnAnswer) -> str:
    """Of two questions in this order."""
    return f"{first.id}|{second.id}"


def is_informative_pair(first: OwnAnswer, second: OwnAnswer) -> bool:
    """Whether the model gave an answer to both questions and exactly one of them is right.

    A model that abstains has stated already that it does not know; to take its question as the one
    it would get wrong would count that a second time.
    """
    given = first.answer is not None and second.answer is not None
    return given and first.right != second.right


def match_questions(
    answers: Sequence[OwnAnswer], seed: int
) -> Iterator[tuple[OwnAnswer, OwnAnswer]]:
    """Match the questions of each task two by two.

    The order is that of a hash of seed and item, and it does not matter what was answered: models
    that were asked the same questions get the same pairs. Questions of one cluster never form a
    pair; a question left over at the end has none.
    """
    tasks = dict.fromkeys(answer.task for answer in answers)
    for task in tasks:
        waiting: list[OwnAnswer] = []  # all of one cluster, or there would be a pair among them
        for answer in sorted(
            (a for a in answers if a.task == task),
            key=lambda a: (hashlib.sha256(f"pair {seed}:{a.item}".encode()).digest(), a.item),
        ):
            if waiting and (answer.group is None or answer.group != waiting[0].group):
                yield waiting.pop(0), answer
            else:
                waiting.append(answer)
