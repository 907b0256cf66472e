"""Training without a mixture: rows of the made-up world, and a process that can be killed.

::

    python by_hand.py BASE OUT RECIPE [KEY=VALUE]...
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from tasks.factworld.questions import generate_questions
from tasks.factworld.world import generate
from tasks.registry import TASKS
from trainer.data import TrainingRow, training_row
from trainer.recipe import Recipe
from trainer.recipe_files import load_recipe
from trainer.run import run

SMALL = (
    "optimisation.prompts_per_step=2",
    "optimisation.group_size=4",
    "optimisation.temperature=1",
    "optimisation.max_completion_length=12",
    "optimisation.learning_rate=1e-3",
)
"""Sizes for a tiny model, and a learning rate at which each step changes its weights."""


@dataclass(frozen=True)
class Rows:
    """Some rows of the kinds of task that a recipe trains on."""

    training: tuple[TrainingRow, ...]
    held_out: tuple[TrainingRow, ...]
    manifest: dict[str, Any] = field(default_factory=lambda: {"rows": "by hand"})


def rows(recipe: Recipe) -> Rows:
    kinds = {TASKS[task].kind for task in recipe.tasks}
    made: list[TrainingRow] = []
    if "verification" in kinds:
        task = TASKS["factworld"]
        made += [training_row(task, item, recipe.prompt) for item in generate("train", 40)]
    if "question" in kinds:
        task = TASKS["factworld_questions"]
        made += [training_row(task, item, recipe.prompt) for item in generate_questions(40)]
    return Rows(tuple(made[:-8]), tuple(made[-8:]))


def train(base: Path, out: Path, recipe_name: str, *changes: str) -> int:
    """Train on these rows and return the exit code."""
    recipe = load_recipe(recipe_name, [*SMALL, *changes])
    return run(recipe, str(base), base, out, rows(recipe), Console(quiet=True))


if __name__ == "__main__":
    sys.exit(train(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]))
