r"""Answers in the tasks' own format, written from the items alone: what a format warm-up teaches.

::

    LABEL=FAIL         \boxed{Port-au-Prince}        \boxed{Unknown}
    CONF=0.36          CONF=0.81                      CONF=0.07

The answer is the right one. The confidence is drawn evenly from 0 to 1, by item and seed, and says
nothing: it leaves reinforcement learning every confidence to choose from, where a constant would
leave it one. A proportion of the open questions that have an answer is abstained from, so that
abstentions are sampled even where every training question has an answer.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from saeval.tasks.data.fingerprint import make_item_key
from saeval.tasks.registry import get_task
from saeval.tasks.task import Task
from saeval.trainer.data.rows import TrainingRow
from saeval.trainer.recipe.schema import Recipe


def render_formatted_answers(
    rows: Sequence[TrainingRow], recipe: Recipe, left_out: Counter[str]
) -> Iterator[TrainingRow]:
    """Rows with the right answer, or an abstention, in their task's format.

    Parameters
    ----------
    rows
        Items as they are asked.
    recipe
        Its seed, and how many answerable questions are abstained from.
    left_out
        Counts the items whose answer the format cannot hold, as ``unwritable``.
    """
    share = 0.0 if recipe.objective is None else recipe.objective.format_abstentions
    for row in rows:
        task, item = get_task(row.task), json.loads(row.item)
        key = make_item_key(task, item["id"])
        abstains = _draw(recipe.seed, "abstention", key) < share
        answer, prediction = _choose_answer(task, item, row.target, abstains=abstains)
        if answer is not None:
            confidence = _draw(recipe.seed, "confidence", key)
            completion = task.kind.render_answer(answer, confidence)
            if task.parse(item, completion).prediction == prediction:
                yield replace(row, completion=completion)
                continue
        left_out["unwritable"] += 1


def _choose_answer(
    task: Task, item: Mapping[str, Any], target: str, *, abstains: bool
) -> tuple[str | None, str]:
    """What is answered, and what the task must read in it."""
    kind = task.kind
    gold = kind.gold_answers(item)
    if not gold or (abstains and kind.is_open_ended and kind.abstention_answer is not None):
        return kind.abstention_answer, kind.labels.abstention
    return gold[0], target


def _draw(seed: int, what: str, key: str) -> float:
    """A number in [0, 1), the same for an item whatever the others are."""
    digest = hashlib.sha256(f"{seed}:{what}:{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
