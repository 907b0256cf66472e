"""Two models' predictions of one task, put side by side by item id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from saeval.errors import InputError, PairingError
from saeval.evalsuite.store.general import RIGHT, WRONG, GeneralTask, task_of
from saeval.evalsuite.store.prediction import Key, Prediction
from saeval.stats._core.answers import (
    Answers,
    PairedAnswers,
    ScoreDeclaration,
    paired_answers,
)
from saeval.stats.compare.published import PublishedAnswers
from saeval.stats.compare.results import Unpaired
from saeval.tasks.task import Task
from saeval.terminal_text import quoted

TaskPredictions = Mapping[Key, Prediction]
"""One model's predictions of one task."""
PredictionsByTask = Mapping[str, TaskPredictions]

_EXAMPLES = 5
_NAMES = {
    "document_hash": "documents",
    "prompt_hash": "prompts",
    "target_hash": "targets",
}


@dataclass(frozen=True)
class PairedPredictions:
    """Predictions of the same items, in the order of their ids, and the items left over."""

    task: Task
    base: tuple[Prediction, ...]
    checkpoint: tuple[Prediction, ...]
    unpaired: Unpaired


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
    return [
        pair(tasks[name], base[name], checkpoint[name], allow_mismatch=allow_mismatch)
        for name in names
    ]


def task_of_both(name: str, base: TaskPredictions, checkpoint: TaskPredictions) -> Task:
    """The task that two models' predictions are of; see `task_of`.

    Raises
    ------
    PairingError
        If the two have other scores.
    """
    sides = [next((p.scores for p in side.values()), {}) for side in (base, checkpoint)]
    if base and checkpoint and sides[0].keys() != sides[1].keys():
        has = [", ".join(map(quoted, scores)) or "none" for scores in sides]
        raise PairingError(
            f"task {quoted(name)}: base has the scores {has[0]}, checkpoint {has[1]}; score both "
            "by the same metrics and filters"
        )
    try:
        return task_of(name, [*base.values(), *checkpoint.values()])
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
    common = sorted(base.keys() & checkpoint.keys())
    if not common:
        raise PairingError(
            f"task {task.name}: base and checkpoint have no item in common "
            f"({len(base)} and {len(checkpoint)} items, for example {next(iter(base))[0]!r} and "
            f"{next(iter(checkpoint))[0]!r}); are they the same data set?"
        )
    for field in ("target_hash",) if allow_mismatch else _NAMES:
        different = [item for item in common if _differ(field, base[item], checkpoint[item])]
        if different:
            remedy = (
                "run both models with the same task version, data and prompt"
                if field == "target_hash"
                else "run both with the same task version, data and prompt, or compare all the "
                "same with --allow-mismatch (in Python allow_mismatch=True)"
            )
            raise PairingError(
                f"task {task.name}: {_NAMES[field]} differ on {len(different)} of {len(common)} "
                f"items ({', '.join(_ids(different))}"
                f"{', …' if len(different) > _EXAMPLES else ''}); {remedy}"
            )
    if not allow_mismatch:
        _check_truncation(task, [(base[key], checkpoint[key]) for key in common])
    only_base = sorted(base.keys() - checkpoint.keys())
    only_checkpoint = sorted(checkpoint.keys() - base.keys())
    return PairedPredictions(
        task=task,
        base=tuple(base[item] for item in common),
        checkpoint=tuple(checkpoint[item] for item in common),
        unpaired=Unpaired(
            len(only_base),
            len(only_checkpoint),
            _ids(only_base),
            _ids(only_checkpoint),
        ),
    )


def _check_truncation(task: Task, both: Sequence[tuple[Prediction, Prediction]]) -> None:
    cut = [
        base.item_id
        for base, checkpoint in both
        if base.usage and checkpoint.usage and base.usage.truncated != checkpoint.usage.truncated
    ]
    if cut:
        raise PairingError(
            f"task {task.name}: {len(cut)} prompts were cut to fit one model and not the other "
            f"({', '.join(cut[:_EXAMPLES])}); give both the same length with --model-args "
            "max_length, or compare all the same with --allow-mismatch (in "
            "Python allow_mismatch=True)"
        )


def _differ(field: str, base: Prediction, checkpoint: Prediction) -> bool:
    """By hash; rows of a data frame, which have none, by the texts that both have."""
    hashes = getattr(base, field), getattr(checkpoint, field)
    is_hashed = None not in (base.document_hash, checkpoint.document_hash)
    if is_hashed or None not in hashes:
        return bool(hashes[0] != hashes[1])
    if field != "document_hash":
        return False
    shown, other = base.document, checkpoint.document
    return any(
        one and two and one != two
        for one, two in ((shown.claim, other.claim), (shown.evidence, other.evidence))
    )


def pairing_caution(pairs: PairedPredictions) -> str | None:
    """What the pairing could not be sure of, where predictions do not say their hashes."""
    both = list(zip(pairs.base, pairs.checkpoint, strict=True))
    hashed = [None not in (b.document_hash, c.document_hash) for b, c in both]
    unsure = []
    if not all(hashed):
        with_text = sum(bool(b.document.claim and c.document.claim) for b, c in both)
        by = "item id and target alone" if with_text == 0 else "their texts"
        if 0 < with_text < len(both):
            by = "their texts, or by target alone where they have none"
        unsure.append(f"documents were compared by {by}")
    if any((b.prompt_hash is None) != (c.prompt_hash is None) for b, c in both):
        unsure.append("prompts were not compared")
    if not unsure:
        return None
    return (
        f"Task {pairs.task.name}: {' and '.join(unsure)}, since not all predictions have their "
        "hashes."
    )


def _ids(keys: Sequence[Key]) -> tuple[str, ...]:
    return tuple(item for item, _ in keys[:_EXAMPLES])


def find_shared_items(paired: Sequence[PairedPredictions]) -> tuple[str, str] | None:
    """Two tasks that ask the same, if there are any; a mixture names its items anew."""
    first_task: dict[tuple[str, tuple[str, ...]], str] = {}
    for pairs in paired:
        for document in {(p.document.claim, p.document.evidence) for p in pairs.base}:
            if document == ("", ()):  # predictions that do not say what they answer
                continue
            if (other := first_task.setdefault(document, pairs.task.name)) != pairs.task.name:
                return other, pairs.task.name
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
        np.array([names.index(p.target) for p in pairs.base]),
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
    names, index = np.unique([p.task for p in pairs.base], return_inverse=True)
    return index if len(names) > 1 else None


def cluster_indices(predictions: Sequence[Prediction]) -> npt.NDArray[np.int64] | None:
    """The items' clusters as numbers; None unless every item has one and some share it.

    Several samples of one item are a cluster, unless the item is in a larger one.
    """
    several = any(p.sample_index for p in predictions)
    several |= len({p.task for p in predictions}) > 1 and any(p.cluster_id for p in predictions)
    clusters = [
        cluster
        for p in predictions
        if (cluster := p.cluster_id or (f"item {p.item_id}" if several else None)) is not None
    ]
    if len(clusters) < len(predictions):
        return None
    names, index = np.unique(clusters, return_inverse=True)
    return index if len(names) < len(clusters) else None


def _answers(predictions: tuple[Prediction, ...], task: Task, labels: tuple[str, ...]) -> Answers:
    probabilities = np.full((len(predictions), len(labels)), np.nan)
    for row, prediction in enumerate(predictions):
        if prediction.label_probabilities is not None:
            probabilities[row] = [prediction.label_probabilities[label] for label in labels]
    scores = task.scores if isinstance(task, GeneralTask) else ()
    normalised = [p.confidence_normalised for p in predictions] if scores else []
    return Answers(
        predicted=np.array([_index(p.prediction, labels) for p in predictions]),
        confidence=np.array(
            [np.nan if (c := _stated(p, task)) is None else c for p in predictions]
        ),
        label_probabilities=None if np.isnan(probabilities).all() else probabilities,
        scores={
            score.name: np.array([p.scores[score.name].value for p in predictions])
            for score in scores
        },
        confidence_normalised=None
        if all(c is None for c in normalised)
        else np.array([np.nan if c is None else c for c in normalised]),
    )


def _stated(prediction: Prediction, task: Task) -> float | None:
    """The confidence in the answer; an abstention that is no verdict has no answer."""
    abstained = prediction.status == "abstained" and not task.kind.abstention_is_verdict
    return None if abstained else prediction.confidence


def _index(label: str | None, labels: tuple[str, ...]) -> int:
    return len(labels) if label is None else labels.index(label)


def to_published_answers(
    predictions: tuple[Prediction, ...], labels: tuple[str, ...]
) -> PublishedAnswers:
    """As a published study read them; where its file does not say, as our parser does."""
    answers = [
        (p.published.label, p.published.confidence, p.published.valid)
        if p.published is not None
        else (p.prediction, p.confidence, p.status != "invalid")
        for p in predictions
    ]
    return PublishedAnswers(
        predicted=np.array([_index(label, labels) for label, _, _ in answers]),
        confidence=np.array([np.nan if c is None else c for _, c, _ in answers]),
        valid=np.array([valid for _, _, valid in answers]),
    )
