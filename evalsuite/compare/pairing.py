"""Two models' predictions of one task, put side by side by item id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from saeval.errors import InputError, PairingError
from saeval.evalsuite.compare.differences import AT_A_TIME, find_different_pairs, first_ids
from saeval.evalsuite.store.arrow import codes, field, flags, floats, number, one_array
from saeval.evalsuite.store.digests import NO_TEXT, text_numbers
from saeval.evalsuite.store.general import RIGHT, WRONG, GeneralTask, task_of
from saeval.evalsuite.store.table import PredictionTable, order_of
from saeval.stats._core.answers import (
    Answers,
    PairedAnswers,
    ScoreDeclaration,
    paired_answers,
)
from saeval.stats._core.arrays import FloatArray, IntArray
from saeval.stats.compare.published import PublishedAnswers
from saeval.stats.compare.results import Unpaired
from saeval.tasks.task import Task
from saeval.terminal_text import quoted

TaskPredictions = PredictionTable
"""One model's predictions of one task."""
PredictionsByTask = Mapping[str, TaskPredictions]


@dataclass(frozen=True)
class PairedPredictions:
    """Predictions of the same items, in the order of their ids, and the items left over."""

    task: Task
    base: PredictionTable
    checkpoint: PredictionTable
    unpaired: Unpaired

    def __len__(self) -> int:
        return len(self.base)

    def take(self, rows: IntArray) -> PairedPredictions:
        """Some of the pairs."""
        return replace(self, base=self.base.take(rows), checkpoint=self.checkpoint.take(rows))


def pair_tasks(
    base: PredictionsByTask, checkpoint: PredictionsByTask, *, allow_mismatch: bool = False
) -> list[PairedPredictions]:
    """The pairs of every task that both sides have.

    Raises
    ------
    PairingError
        If no task is common, one asks each model about its own answers, or `pair` finds that the
        two were not asked the same.
    """
    return [
        pair(task, base[name], checkpoint[name], allow_mismatch=allow_mismatch)
        for name, task in common_tasks(base, checkpoint).items()
    ]


def common_tasks(base: PredictionsByTask, checkpoint: PredictionsByTask) -> dict[str, Task]:
    """The tasks that both sides have, in the order of the base.

    Raises
    ------
    PairingError
        If there is none, the two have other scores, or one asks each model about its own answers.
    """
    names = [name for name in base if name in checkpoint]
    if not names:
        raise PairingError(
            f"no task in common: base has {', '.join(base)}; checkpoint has {', '.join(checkpoint)}"
        )
    tasks = {name: task_of_both(name, base[name], checkpoint[name]) for name in names}
    if own := [name for name in names if tasks[name].asks_about_own_answers]:
        raise PairingError(
            f"task {own[0]}: each model was asked about answers of its own, so their items are not "
            "the same; `saeval metacognition BASE CHECKPOINT` compares what they know of them"
        )
    return tasks


def task_of_both(name: str, base: TaskPredictions, checkpoint: TaskPredictions) -> Task:
    """The task that two models' predictions are of; see `task_of`.

    Raises
    ------
    PairingError
        If the two have other scores.
    """
    sides = [base.scores, checkpoint.scores]
    if len(base) and len(checkpoint) and set(sides[0]) != set(sides[1]):
        has = [", ".join(map(quoted, scores)) or "none" for scores in sides]
        raise PairingError(
            f"task {quoted(name)}: base has the scores {has[0]}, checkpoint {has[1]}; score both "
            "by the same metrics and filters"
        )
    try:
        return task_of(name, [base, checkpoint])
    except InputError as error:
        raise PairingError(str(error)) from error


def pair(
    task: Task,
    base: TaskPredictions,
    checkpoint: TaskPredictions,
    *,
    allow_mismatch: bool = False,
) -> PairedPredictions:
    """Pair by item id and number of the sample; document, prompt and target must be the same.

    Raises
    ------
    PairingError
        If no id is common, or an item differs and `allow_mismatch` is false. Targets must
        always agree.
    """
    rows = common_rows(base, checkpoint)
    if not len(rows[0]):
        raise PairingError(no_common_item(task.name, base, checkpoint))
    pairs = PairedPredictions(
        task,
        base.take(rows[0]),
        checkpoint.take(rows[1]),
        Unpaired(
            len(base) - len(rows[0]),
            len(checkpoint) - len(rows[1]),
            first_ids(base, left_over(base, rows[0])),
            first_ids(checkpoint, left_over(checkpoint, rows[1])),
        ),
    )
    different = find_different_pairs(
        task.name, pairs.base, pairs.checkpoint, allow_mismatch=allow_mismatch
    )
    if first := next(different, None):
        raise PairingError(first.reason)
    return pairs


def no_common_item(task: str, base: TaskPredictions, checkpoint: TaskPredictions) -> str:
    """Why nothing of a task can be paired."""
    return (
        f"task {task}: base and checkpoint have no item in common "
        f"({len(base)} and {len(checkpoint)} items, for example {next(iter(base))[0]!r} and "
        f"{next(iter(checkpoint))[0]!r}); are they the same data set?"
    )


def common_rows(base: PredictionTable, checkpoint: PredictionTable) -> tuple[IntArray, IntArray]:
    """The rows of the items that both have, in the order of their ids."""
    keys = _keys(base, checkpoint)
    orders = [order_of(own) for own in keys]
    if len(keys[0]) == len(keys[1]):
        ordered = [own.take(order) for own, order in zip(keys, orders, strict=True)]
        if ordered[0].equals(ordered[1]):
            return orders[0], orders[1]
    place = np.asarray(pc.fill_null(pc.index_in(keys[0], value_set=keys[1]), -1), dtype=np.int64)
    rows = orders[0][place[orders[0]] >= 0]
    return rows, place[rows]


def missing_items(own: PredictionTable, others: PredictionTable) -> int:
    """How many items of others one has not, or not with all their samples."""
    keys = _keys(own, others)
    lacks = ~np.asarray(pc.is_in(keys[1], value_set=keys[0]))
    if not lacks.any():
        return 0
    return len(others.take(np.flatnonzero(lacks)).distinct("item_id"))


def _keys(base: PredictionTable, checkpoint: PredictionTable) -> tuple[Any, Any]:
    """What the rows of each are paired by."""
    several = base.has_samples or checkpoint.has_samples
    return base.keys_column(samples=several), checkpoint.keys_column(samples=several)


def left_over(table: PredictionTable, paired: IntArray) -> IntArray:
    """The rows of items without a partner, in the order of their ids."""
    is_left = np.ones(len(table), dtype=np.bool_)
    is_left[paired] = False
    rows = np.flatnonzero(is_left)
    if not len(rows):
        return rows
    return rows[order_of(table.take(rows).keys_column(samples=table.has_samples))]


def pairing_caution(pairs: PairedPredictions) -> str | None:
    """What the pairing could not be sure of, where predictions do not say their hashes."""
    base, checkpoint = pairs.base, pairs.checkpoint
    unsure = []
    if (base.is_null("document_hash") | checkpoint.is_null("document_hash")).any():
        with_text = 0
        for place in range(0, len(pairs), AT_A_TIME):
            rows = np.arange(place, min(place + AT_A_TIME, len(pairs)))
            sides = (own.read_texts(rows)["claim"] for own in (base, checkpoint))
            one, two = (text_numbers(claims) != NO_TEXT for claims in sides)
            with_text += int((one & two).sum())
        by = "item id and target alone" if with_text == 0 else "their texts"
        if 0 < with_text < len(pairs):
            by = "their texts, or by target alone where they have none"
        unsure.append(f"documents were compared by {by}")
    if (base.is_null("prompt_hash") != checkpoint.is_null("prompt_hash")).any():
        unsure.append("prompts were not compared")
    if not unsure:
        return None
    return (
        f"Task {pairs.task.name}: {' and '.join(unsure)}, since not all predictions have their "
        "hashes."
    )


def find_shared_items(paired: Sequence[PairedPredictions]) -> tuple[str, str] | None:
    """Two tasks that ask the same, if there are any; a mixture names its items anew."""
    if len(paired) < 2:
        return None
    texts = [pairs.base.texts() for pairs in paired]
    seen = texts[0]
    for place, own in enumerate(texts[1:], start=1):
        shared = np.intersect1d(seen, own)
        if len(shared):
            first = next(task for task, other in enumerate(texts) if shared[0] in other)
            return paired[first].task.name, paired[place].task.name
        seen = np.union1d(seen, own)
    return None


def to_arrays(pairs: PairedPredictions) -> PairedAnswers:
    """The pairs as arrays."""
    task, labels = pairs.task, pairs.task.labels
    names = labels.names
    abstention: str | None = labels.abstention
    scores: tuple[ScoreDeclaration, ...] = ()
    is_graded = True
    if isinstance(task, GeneralTask):
        scores, is_graded = task.scores, task.is_graded
        if not task.abstains:
            names, abstention = (RIGHT, WRONG), None
    return paired_answers(
        names,
        abstention,
        pairs.base.codes("target", names),
        _answers(pairs.base, task, names),
        _answers(pairs.checkpoint, task, names),
        cluster_indices(pairs.base),
        stratum=_subjects(pairs) if scores else None,
        wrong=labels.wrong,
        scores=scores,
        is_graded=is_graded,
    )


def _subjects(pairs: PairedPredictions) -> npt.NDArray[np.int64] | None:
    """The task of each item of a group, as numbers; None of a task."""
    names = sorted(pairs.base.distinct("task"))
    return pairs.base.codes("task", names) if len(names) > 1 else None


def cluster_indices(predictions: PredictionTable) -> npt.NDArray[np.int64] | None:
    """The items' clusters as numbers; None unless every item has one and some share it.

    Several samples of one item are a cluster, unless the item is in a larger one.
    """
    lacks = predictions.is_null("cluster_id") | (predictions.codes("cluster_id", [""]) == 0)
    several = predictions.has_samples
    several |= len(predictions.distinct("task")) > 1 and not lacks.all()
    if lacks.any() and not several:
        return None
    clusters = one_array(predictions.columns["cluster_id"])
    if lacks.any():
        own = pc.binary_join_element_wise("item ", one_array(predictions.columns["item_id"]), "")
        clusters = pc.if_else(pa.array(lacks), own, clusters.cast(pa.string()))
    names, index = number(clusters)
    return index if names < len(index) else None


def _answers(predictions: PredictionTable, task: Task, labels: tuple[str, ...]) -> Answers:
    scores = task.scores if isinstance(task, GeneralTask) else ()
    normalised = predictions.floats("confidence_normalised") if scores else None
    return Answers(
        predicted=_predicted(predictions.codes("prediction", labels), labels),
        confidence=_stated(predictions, task),
        label_probabilities=predictions.probabilities(labels),
        scores={score.name: floats(predictions.score(score.name)) for score in scores},
        confidence_normalised=None
        if normalised is None or np.isnan(normalised).all()
        else normalised,
    )


def _stated(predictions: PredictionTable, task: Task) -> FloatArray:
    """The confidence in the answer; an abstention that is no verdict has no answer."""
    confidence = predictions.floats("confidence")
    if not task.kind.abstention_is_verdict:
        abstained = predictions.codes("status", ["abstained"]) == 0
        confidence = np.where(abstained, np.nan, confidence)
    return confidence


def _predicted(codes: IntArray, labels: Sequence[str]) -> IntArray:
    """Invalid answers, −1, as the number of labels."""
    return np.where(codes < 0, codes.dtype.type(len(labels)), codes)


def to_published_answers(predictions: PredictionTable, labels: tuple[str, ...]) -> PublishedAnswers:
    """As a published study read them; where its file does not say, as our parser does."""
    published = predictions.columns["published"]
    from_file = ~predictions.is_null("published")
    label = np.where(
        from_file,
        codes(field(published, "label"), labels),
        predictions.codes("prediction", labels),
    )
    valid = predictions.codes("status", ["invalid"]) < 0
    return PublishedAnswers(
        predicted=_predicted(label, labels),
        confidence=np.where(
            from_file,
            predictions.numbers("published", "confidence"),
            predictions.floats("confidence"),
        ),
        valid=np.where(from_file, flags(field(published, "valid")), valid),
    )
