"""Why two models' predictions cannot be compared, as data: what differs, on which items."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from saeval.errors import PairingError
from saeval.evalsuite.compare.differences import find_different_pairs
from saeval.evalsuite.compare.group import merge_groups
from saeval.evalsuite.compare.pairing import (
    TaskPredictions,
    common_rows,
    common_tasks,
    left_over,
    no_common_item,
)
from saeval.evalsuite.compare.settings import (
    SAMPLING,
    DifferentSetting,
    check_same_settings,
    compare_options,
    find_different_settings,
    recorded_settings,
)
from saeval.evalsuite.models.types import SavedPredictions
from saeval.evalsuite.store.general import describe_score
from saeval.evalsuite.store.table import PredictionTable
from saeval.stats._core.answers import ScoreDeclaration
from saeval.stats._core.arrays import IntArray


@dataclass(frozen=True)
class SettingMismatch:
    """A setting that the two were asked with in different ways.

    Attributes
    ----------
    task
        What it is a setting of; None for all tasks.
    name
        See `saeval.evalsuite.compare.settings.DifferentSetting`.
    base, checkpoint
        Its values, as the manifests of the runs hold them.
    sentence
        What differs.
    remedy
        What to type to ask the checkpoint as the base was asked; None if no option does that.
    """

    task: str | None
    name: str
    base: Any
    checkpoint: Any
    sentence: str
    remedy: str | None


@dataclass(frozen=True)
class ScoreMismatch:
    """A score that one of the two lacks, None, or that has another range or direction there."""

    name: str
    base: str | None
    checkpoint: str | None


@dataclass(frozen=True)
class Items:
    """Answers, and the ids of the first items that they are to.

    `count` is of answers: an item that was answered several times counts as often.
    """

    count: int
    ids: tuple[str, ...]


@dataclass(frozen=True)
class TaskMismatch:
    """What differs in a task, or a group of tasks, that both sides have.

    Attributes
    ----------
    base, checkpoint, common
        Number of answers of either side, and of those that pair.
    documents, prompts, targets, truncated
        Pairs that differ in it; `truncated` are prompts that were cut to fit one model alone.
    base_only, checkpoint_only
        Answers without a partner, which by themselves are no reason against a comparison.
    scores
        Those that differ.
    reason
        Why the task cannot be compared; None if it can.
    """

    task: str
    base: int
    checkpoint: int
    common: int
    documents: Items
    prompts: Items
    targets: Items
    truncated: Items
    base_only: Items
    checkpoint_only: Items
    scores: tuple[ScoreMismatch, ...]
    reason: str | None


@dataclass(frozen=True)
class Mismatch:
    """Why two models' predictions cannot be compared; `dataclasses.asdict` makes it JSON.

    Attributes
    ----------
    reason
        The sentence of the `PairingError` that `saeval.compare` ends with.
    settings
        Settings that differ.
    sampling
        Options that chose other items, which by themselves are no reason.
    tasks
        All tasks that both sides have; empty if there is none in common.
    base_only_tasks, checkpoint_only_tasks
        Tasks that one side has.
    """

    reason: str
    settings: tuple[SettingMismatch, ...]
    sampling: tuple[SettingMismatch, ...]
    tasks: tuple[TaskMismatch, ...]
    base_only_tasks: tuple[str, ...]
    checkpoint_only_tasks: tuple[str, ...]


def find_mismatch(
    base: SavedPredictions,
    checkpoint: SavedPredictions,
    *,
    allow_mismatch: bool = False,
    limit: int = 100,
) -> Mismatch | None:
    """Why two models' predictions cannot be compared; None exactly where they can.

    Parameters
    ----------
    base, checkpoint
        Predictions that exist, of all their tasks.
    allow_mismatch
        As `saeval.compare` takes it.
    limit
        Of the ids of items that are named of each kind.

    Raises
    ------
    InputError
        If answers cannot be read.
    """
    sides = merge_groups(base.predictions, checkpoint.predictions)
    tasks = tuple(
        _compare_task(name, own, sides[1][name], allow_mismatch, limit)
        for name, own in sides[0].items()
        if name in sides[1]
    )
    runs = [
        (side.argument, recorded_settings(side.manifest))
        for side in (base, checkpoint)
        if side.manifest is not None
    ]
    reasons: list[str | None] = [] if allow_mismatch else [*_reasons(check_same_settings, runs)]
    reasons += [*_reasons(common_tasks, *sides), *(task.reason for task in tasks)]
    reason = next(filter(None, reasons), None)
    if reason is None:
        return None
    settings: tuple[SettingMismatch, ...] = ()
    sampling: tuple[SettingMismatch, ...] = ()
    if len(runs) == 2:
        (_, there), (_, here) = runs
        settings = _to_settings(find_different_settings(there, here))
        sampling = _to_settings(compare_options(there, here, SAMPLING, here="here"))
    return Mismatch(
        reason=reason,
        settings=settings,
        sampling=sampling,
        tasks=tasks,
        base_only_tasks=tuple(name for name in sides[0] if name not in sides[1]),
        checkpoint_only_tasks=tuple(name for name in sides[1] if name not in sides[0]),
    )


def _compare_task(
    name: str,
    base: TaskPredictions,
    checkpoint: TaskPredictions,
    allow_mismatch: bool,
    limit: int,
) -> TaskMismatch:
    reasons = [*_reasons(common_tasks, {name: base}, {name: checkpoint})]
    rows = common_rows(base, checkpoint)
    if not len(rows[0]):
        reasons.append(no_common_item(name, base, checkpoint))
    pairs = base.take(rows[0]), checkpoint.take(rows[1])
    different = {}
    for found in find_different_pairs(name, *pairs):
        different[found.aspect] = _items(pairs[0], found.rows, limit)
        if not (allow_mismatch and found.may_be_allowed):
            reasons.append(found.reason)
    none = Items(0, ())
    return TaskMismatch(
        task=name,
        base=len(base),
        checkpoint=len(checkpoint),
        common=len(rows[0]),
        documents=different.get("documents", none),
        prompts=different.get("prompts", none),
        targets=different.get("targets", none),
        truncated=different.get("truncated", none),
        base_only=_items(base, left_over(base, rows[0]), limit),
        checkpoint_only=_items(checkpoint, left_over(checkpoint, rows[1]), limit),
        scores=_compare_scores(base, checkpoint),
        reason=reasons[0] if reasons else None,
    )


def _reasons(check: Callable[..., object], *arguments: object) -> Iterator[str]:
    """Why a check stops, if it does."""
    try:
        check(*arguments)
    except PairingError as error:
        yield str(error)


def _items(table: PredictionTable, rows: IntArray, limit: int) -> Items:
    if not table.has_samples:
        return Items(len(rows), tuple(table.take(rows[:limit]).ids()))
    ids = pc.unique(table.columns["item_id"].take(pa.array(rows)))
    return Items(len(rows), tuple(ids[:limit].to_pylist()))


def _compare_scores(
    base: TaskPredictions, checkpoint: TaskPredictions
) -> tuple[ScoreMismatch, ...]:
    of_base, of_checkpoint = _describe_scores(base), _describe_scores(checkpoint)
    return tuple(
        ScoreMismatch(name, of_base.get(name), of_checkpoint.get(name))
        for name in dict.fromkeys((*of_base, *of_checkpoint))
        if of_base.get(name) != of_checkpoint.get(name)
    )


def _describe_scores(table: PredictionTable) -> dict[str, str]:
    """What the scores of the first answer that has each are."""
    described = {}
    for name in table.scores:
        first = pc.index(table.score(name).is_valid(), pa.scalar(True)).as_py()
        low, high, better = (
            table.score(name, field)[first].as_py() for field in ("low", "high", "higher_is_better")
        )
        limits = None if low is None or high is None else (low, high)
        described[name] = describe_score(ScoreDeclaration(name, limits, better, False))
    return described


def _to_settings(differences: Sequence[DifferentSetting]) -> tuple[SettingMismatch, ...]:
    return tuple(
        SettingMismatch(own.task, own.name, own.there, own.now, own.text, own.remedy)
        for own in differences
    )
