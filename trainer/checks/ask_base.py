"""A base, asked some made-up items before it is trained, as training would ask it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from saeval.errors import ModelError
from saeval.hub import check_model_folder, has_chat_template
from saeval.tasks.registry import get_task
from saeval.tasks.task import FunctionSource
from saeval.trainer.checks.findings import Finding
from saeval.trainer.checks.first_batch import judge_answers
from saeval.trainer.data.base_sampler import BaseSampler
from saeval.trainer.data.profile import SamplingSettings
from saeval.trainer.data.rows import TrainingRow, make_training_row
from saeval.trainer.recipe.schema import Recipe

ITEMS, SAMPLES = 8, 2
_MADE_UP = {"verification": "factworld", "question": "factworld_questions"}


def ask_base(recipe: Recipe, base: str) -> list[Finding]:
    """Whether a base in a folder answers in the format; nothing where `base` holds no weights.

    It is sampled on `ITEMS` items of each kind that the recipe trains on, `SAMPLES` times each.

    Raises
    ------
    ModelError
        If the folder holds a model that cannot be loaded.
    """
    folder, least = Path(base), recipe.alarms.first_batch_parsable_below
    if recipe.supervised or least is None or not _is_model(folder):
        return []
    recipe = recipe.for_base(folder)
    rows = list(_rows(recipe))
    if not rows:
        return []
    sampling = SamplingSettings(
        samples=SAMPLES,
        temperature=recipe.optimisation.temperature,
        max_completion_length=recipe.optimisation.max_completion_length,
        seed=recipe.seed,
    )
    responses = BaseSampler(folder, sampling).sample(rows, recipe.seed)
    finding = judge_answers(
        recipe,
        rows,
        responses,
        least_parsable=least,
        base=base,
        has_chat_template=has_chat_template(folder),
        compares_rewards=False,
    )
    if finding is not None:
        return [finding]
    answered = f"{ITEMS} made-up items of each kind, {SAMPLES} times each"
    return [Finding("base-answers", f"the base was asked {answered}: it can be trained", "note")]


def _is_model(folder: Path) -> bool:
    try:
        check_model_folder(folder, "")
    except ModelError:
        return False
    return True


def _rows(recipe: Recipe) -> Iterator[TrainingRow]:
    for kind in dict.fromkeys(get_task(name).kind.name for name in recipe.tasks):
        task = get_task(_MADE_UP[kind]) if kind in _MADE_UP else None
        if task is not None and isinstance(task.source, FunctionSource):
            for item in task.source.load()[:ITEMS]:
                yield make_training_row(task, item, recipe.prompt)
