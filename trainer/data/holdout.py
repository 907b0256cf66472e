"""What is evaluated during training and after it, and how training is kept apart from it.

Where a source trains on another split than `saeval` evaluates, every evaluated item counts. Where
it trains on that very split (``split: test``), a seeded share of it is held out, and only that
counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from saeval.errors import DataError
from saeval.tasks.data.fingerprint import Fingerprint, fingerprint_item, list_datasets
from saeval.tasks.data.loading import find_source_task, load_items
from saeval.tasks.data.sampling import sample_items
from saeval.tasks.registry import get_task
from saeval.tasks.task import EVALUATED_SPLIT, MixedSource, Task
from saeval.tasks.types import Item
from saeval.trainer.recipe.schema import Recipe

HOLDOUT_FRACTION = 0.2
"""Of the units (clusters, or items without one) of a split that is trained on and evaluated."""


class Holdout:
    """What training must not have in common with evaluation.

    Parameters
    ----------
    identities
        Of the evaluated items.
    """

    def __init__(self, identities: Iterable[Fingerprint]) -> None:
        known = list(identities)
        self._ids = {item.id for item in known}
        self._texts = {item.text for item in known}
        self._clusters = {cluster for item in known for cluster in item.clusters}

    def find_overlap(self, item: Fingerprint) -> str | None:
        """What an item shares with an evaluated one: ``id``, ``text``, ``cluster`` or nothing."""
        if item.id in self._ids:
            return "id"
        if item.text in self._texts:
            return "text"
        return "cluster" if self._clusters.intersection(item.clusters) else None


@dataclass(frozen=True)
class EvaluationItems:
    """The evaluated side of a mixture.

    Attributes
    ----------
    rows
        Each task with the items that are evaluated during training, in seeded order.
    holdout
        What training must not share: with those, with the rest of their tasks, and with the
        evaluated items of the tasks that are trained on.
    not_checked
        Tasks that are trained on and whose evaluated items cannot be loaded, and why.
    """

    rows: tuple[tuple[Task, list[Item]], ...]
    holdout: Holdout
    not_checked: dict[str, str]


def load_evaluation_items(recipe: Recipe, data_dir: str | None, seed: int) -> EvaluationItems:
    """Load what a recipe's training is evaluated on.

    Raises
    ------
    DataError
        If a task that is evaluated during training cannot be loaded, or nothing of it is left to
        hold out.
    """
    trained = {
        name
        for source in recipe.data.sources
        if source.split == EVALUATED_SPLIT
        for name in list_datasets(get_task(source.task))
    }
    evaluated = recipe.evaluation.tasks or recipe.tasks
    rows, known, not_checked = [], [], {}
    for name in dict.fromkeys((*evaluated, *recipe.tasks)):
        task = get_task(name)
        try:
            items = load_items(task, data_dir)
        except DataError as error:
            if name in evaluated:
                raise DataError(
                    f"{error}; or name other tasks to evaluate on in `evaluation.tasks`"
                ) from error
            not_checked[name] = str(error)
            continue
        mixed = isinstance(task.source, MixedSource)
        kept = []
        for item in items:
            fingerprint = fingerprint_item(task, item.as_row())
            in_trained = (find_source_task(item) if mixed else task.dataset) in trained
            if not in_trained or is_in_holdout(fingerprint, seed):
                kept.append(item)
                known.append(fingerprint)
        if name in evaluated:
            if not kept:
                raise DataError(
                    f"task {name}: its {len(items)} items are too few to hold a share out of"
                )
            limit = recipe.evaluation.items
            part = find_source_task if mixed else None
            rows.append((task, sample_items(kept, seed=seed, limit=limit, group_of=part)))
    return EvaluationItems(tuple(rows), Holdout(known), not_checked)


def is_in_holdout(item: Fingerprint, seed: int) -> bool:
    """Whether an item's unit falls into the proportion that is held out; no other item matters."""
    digest = hashlib.sha256(f"{seed}:held out:{item.unit}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < HOLDOUT_FRACTION * 2**64
