"""From a recipe's sources to the rows that are trained on and those that are held out.

The manifest of a mixture, which lies as ``data.json`` in a checkpoint's folder::

    {"schema": "satrain.data/1", "seed": 0,
     "sources": [{"task": "vitaminc", "split": "train", "weight": null, "items": 340,
                  "labels": {"FAIL": 113, "NA": 114, "PASS": 113},
                  "dropped": {"cluster": 12, "text": 3}, "documents": "5f1c…"}],
     "held_out": [{"task": "vitaminc", "items": 200, "labels": {…}, "documents": "e201…"}],
     "not_checked": {},
     "training": {"ids": ["01ab…", …], "texts": […], "clusters": […]}}

``documents`` is a hash of the rows, ``dropped`` counts those passed over on the way to them, and
``training`` holds the hashes of `saeval.tasks.data.fingerprint` of what is trained on, by which
`saeval compare`
finds evaluated items among them. In supervised fine-tuning ``objective`` says how many targets each
part of it has, and how many items have none and why.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from saeval.errors import DataError
from saeval.trainer.data.holdout import load_evaluation_items
from saeval.trainer.data.profile import read_profile
from saeval.trainer.data.rows import TrainingRow, make_training_row
from saeval.trainer.data.select_items import ItemSelector, SelectedItem
from saeval.trainer.data.sft_targets import make_targets, missing_profile_error
from saeval.trainer.recipe.schema import Recipe

SCHEMA = "satrain.data/1"

Part = TypeVar("Part")


@dataclass(frozen=True)
class Mixture:
    """What a checkpoint is made from.

    Attributes
    ----------
    training
        In the order of training, with their targets in supervised fine-tuning. Where sources, or
        parts of the objective, have weights, rows are repeated so that any stretch holds them in
        that proportion.
    holdout
        For evaluation during training; none shares an id, a wording or a cluster with `training`.
    manifest
        As the module shows it; plain JSON.
    """

    training: tuple[TrainingRow, ...]
    holdout: tuple[TrainingRow, ...]
    manifest: dict[str, Any]


def build_mixture(
    recipe: Recipe,
    *,
    data_dir: str | None = None,
    seed: int | None = None,
    base_content: str | None = None,
    on_task: Callable[[str], None] = lambda name: None,
) -> Mixture:
    """Choose the items of every source, apart from what is evaluated, and put them in order.

    The outcome depends on the recipe, the seed and the set of documents, not on their order.

    Parameters
    ----------
    recipe
        Checked.
    data_dir
        Folder of local data; else ``SAEVAL_DATA``, else the hub.
    seed
        The recipe's where not given.
    base_content
        `saeval.hub.model_content` of the base; where given, a profile of another is refused.
    on_task
        Called with what is loaded before it is.

    Raises
    ------
    DataError
        If a task has no such split, data or profile cannot be found, read or used, or fewer items
        are left than asked for.
    """
    seed = recipe.seed if seed is None else seed
    profile = None
    if recipe.needs_profile and recipe.data.profile is None:
        raise missing_profile_error(recipe)
    if recipe.data.profile is not None:
        profile = read_profile(Path(recipe.data.profile))
        profile.check(recipe, base_content)
    on_task("evaluation")
    evaluated = load_evaluation_items(recipe, data_dir, seed)
    selector = ItemSelector(recipe.prompt, evaluated.holdout, seed, data_dir, profile)
    chosen: list[list[SelectedItem]] = []
    dropped: list[Counter[str]] = []
    for number, source in enumerate(recipe.data.sources):
        on_task(source.task)
        kept, passed_over = selector.select(number, source)
        chosen.append(kept)
        dropped.append(passed_over)
    prompts = recipe.optimisation.steps * recipe.optimisation.prompts_per_step
    weights = [source.weight for source in recipe.data.sources]
    if None in weights:
        order = sorted((item for part in chosen for item in part), key=lambda i: _place(i, seed))
    else:
        order = _in_turns(chosen, [weight or 0.0 for weight in weights], prompts)
    if recipe.data.order == "easy_first":
        order = _easy_first(order)
    holdout = [
        [make_training_row(task, item, recipe.prompt) for item in items]
        for task, items in evaluated.rows
    ]
    identities = [item.identity for item in order]
    manifest = {
        "schema": SCHEMA,
        "seed": seed,
        "sources": [
            {
                "task": source.task,
                "split": source.split,
                "weight": source.weight,
                **_summary([item.row for item in part]),
                "dropped": dict(sorted(counts.items())),
            }
            for source, part, counts in zip(recipe.data.sources, chosen, dropped, strict=True)
        ],
        "held_out": [
            {"task": task.name, **_summary(rows)}
            for (task, _), rows in zip(evaluated.rows, holdout, strict=True)
        ],
        "not_checked": evaluated.not_checked,
        "training": {
            "ids": sorted({item.id for item in identities}),
            "texts": sorted({item.text for item in identities}),
            "clusters": sorted({cluster for item in identities for cluster in item.clusters}),
        },
    }
    training = [item.row for item in order]
    if recipe.objective is not None:
        by_part = make_targets(training, profile, recipe)
        shares = list(recipe.objective.weights.values())
        training = _in_turns([each.rows for each in by_part.values()], shares, prompts)
        manifest["objective"] = {
            name: {"targets": len(each.rows), "left_out": dict(each.left_out)}
            for name, each in by_part.items()
        }
    return Mixture(tuple(training), tuple(row for rows in holdout for row in rows), manifest)


def _place(item: SelectedItem, seed: int) -> tuple[bytes, str]:
    """Where an item comes among those of all sources, whatever the others are."""
    key = item.identity.id
    return hashlib.sha256(f"{seed}:{key}".encode()).digest(), key


def _in_turns(
    parts: Sequence[Sequence[Part]], weights: Sequence[float], prompts: int
) -> list[Part]:
    """Parts in proportion to their weights, evenly spread, each gone through again when it ends.

    As long as the part that is drawn most rarely for its size needs to come once, but no longer
    than a run's prompts or all items, whichever are more.
    """
    shares = [weight / sum(weights) for weight in weights]
    whole = max(len(part) / share for part, share in zip(parts, shares, strict=True))
    length = min(whole, max(prompts, sum(map(len, parts))))
    turns = []
    for number, (part, share) in enumerate(zip(parts, shares, strict=True)):
        times = max(1, round(length * share))
        turns += [((turn + 0.5) / times, number, part[turn % len(part)]) for turn in range(times)]
    return [item for *_, item in sorted(turns, key=lambda turn: turn[:2])]


def _easy_first(order: Sequence[SelectedItem]) -> list[SelectedItem]:
    """From what the base mostly answers correctly to what it does not; equals stay as they were."""
    unknown = sum(item.pass_rate is None for item in order)
    if unknown:
        raise DataError(
            f"`data.order: easy_first` needs a profile of every item; {unknown} of {len(order)} "
            "have none: make it with `satrain profile RECIPE --base MODEL --out FILE` and give "
            "data.profile=FILE"
        )
    return sorted(order, key=lambda item: -(item.pass_rate or 0.0))


def _summary(rows: Iterable[TrainingRow]) -> dict[str, Any]:
    rows = list(rows)
    contents = "\n".join(sorted(row.item for row in rows))
    return {
        "items": len(rows),
        "labels": dict(sorted(Counter(row.target for row in rows).items())),
        "documents": hashlib.sha256(contents.encode(errors="backslashreplace")).hexdigest(),
    }
