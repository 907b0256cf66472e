"""Profiles as `satrain profile` would write them, of a base that is as good as a test wants."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from saeval.hub import model_content
from saeval.tasks.data.fingerprint import make_item_key
from saeval.tasks.registry import get_task
from saeval.trainer.data.mixture import build_mixture
from saeval.trainer.data.profile import SCHEMA, hash_prompt
from saeval.trainer.data.rows import TrainingRow
from saeval.trainer.recipe.schema import Recipe

SAMPLES = 4

Sampled = Callable[[int, TrainingRow], dict[str, Any]]
"""The number of an item and its row as fields of its entry."""


def mixed(number: int, row: TrainingRow) -> dict[str, Any]:
    """Right 4, 3, 1 and 0 of 4 times in turns; where it is never right it says something else."""
    right = (4, 3, 1, 0)[number % 4]
    kind = get_task(row.task).kind
    item = json.loads(row.item)
    declines = row.target in ("NA", "UNKNOWN")
    gold = kind.abstention_answer if declines else row.target
    if kind.is_open_ended and not declines:
        gold = item["answers"][0]
    wrong = "Lyon" if kind.is_open_ended else ("FAIL" if row.target == "PASS" else "PASS")
    return {
        "right": right,
        "abstained": right if declines else 0,
        "answer": gold if right else wrong,
    }


def rows_of(recipe: Recipe) -> Sequence[TrainingRow]:
    """What the recipe trains on, before there are targets."""
    return build_mixture(recipe.model_copy(update={"objective": None})).training


def write_profile(path: Path, recipe: Recipe, base: Path | None, sampled: Sampled = mixed) -> Path:
    """A finished profile of every item that the recipe trains on."""
    rows = rows_of(recipe)
    optimisation = recipe.optimisation
    lines: list[dict[str, Any]] = [
        {
            "schema": SCHEMA,
            "base": str(base),
            "content": "abc" if base is None else model_content(base),
            "items": len(rows),
            "prompt": recipe.prompt.model_dump(),
            "sampling": {
                "samples": SAMPLES,
                "temperature": optimisation.temperature,
                "max_completion_length": optimisation.max_completion_length,
                "seed": recipe.seed,
            },
        }
    ]
    for number, row in enumerate(rows):
        key = make_item_key(get_task(row.task), json.loads(row.item)["id"])
        found = {"invalid": 0, "confidence": None, **sampled(number, row)}
        lines.append({"item": key, "prompt": hash_prompt(row), **found})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path
