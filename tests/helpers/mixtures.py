"""Data folders and recipes for tests of mixtures, small enough to read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from saeval.trainer.recipe.schema import Recipe

LABELS = ("SUPPORTS", "REFUTES", "NOT ENOUGH INFO")


def vitaminc(number: int, **changed: Any) -> dict[str, Any]:
    """Row `number` of VitaminC; every field is its own unless changed."""
    return {
        "unique_id": f"{number}_1",
        "case_id": f"case {number}",
        "claim": f"Person {number} is {20 + number} years old.",
        "evidence": f"Person {number} was born long ago.",
        "label": LABELS[number % 3],
        "page": f"Person {number}",
    } | changed


def fever(number: int, **changed: Any) -> dict[str, Any]:
    """Row `number` of FEVER with gold evidence."""
    return {
        "id": str(number),
        "claim": f"Town {number} lies by the sea.",
        "label": LABELS[number % 3],
        "evidence": [[f"Town_{number}", 0, f"Town {number} lies inland ."]],
    } | changed


def write_rows(folder: Path, file: str, rows: Sequence[dict[str, Any]]) -> Path:
    """A file of JSON lines under a data folder, which is returned."""
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def data_of(folder: Path) -> Path:
    """60 items each to train and to evaluate on, of VitaminC and FEVER; nothing is shared."""
    for name, row in (("vitaminc", vitaminc), ("fever", fever)):
        test = "test" if name == "vitaminc" else "fever_gold_evidence"
        write_rows(folder, f"{name}/train.jsonl", [row(number) for number in range(60)])
        write_rows(folder, f"{name}/{test}.jsonl", [row(number) for number in range(100, 160)])
    return folder


def recipe_of(*sources: dict[str, Any], **data: Any) -> Recipe:
    """A recipe that trains on these sources."""
    others = {name: data.pop(name) for name in ("evaluation", "optimisation") if name in data}
    return Recipe.model_validate_json(
        json.dumps(
            {
                "name": "small",
                "summary": "A small one",
                "source": "test",
                "data": {"sources": sources, **data},
                "optimisation": {"steps": 3, "learning_rate": 1e-5, "prompts_per_step": 4},
            }
            | others
        )
    )
