"""Looks at checkpoints: gating again after more answers spends what is left of α.

A look is recognised by what was looked at: the same answers again are the same look, whatever the
files are called and however they are ordered; a look at the same weights, or at answers that hold
those of an earlier look, is the next one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc

from saeval.evalsuite.compare.pairing import PairedPredictions
from saeval.evalsuite.gate.look_record import (
    SCHEMA,
    LookLine,
    LookRecord,
    RecordUnavailableError,
)
from saeval.evalsuite.models.types import AnyModel, LocalModel, SavedPredictions
from saeval.evalsuite.store.arrow import characters, floats
from saeval.evalsuite.store.digests import Digests, stable_hashes
from saeval.evalsuite.store.prediction import Prediction
from saeval.evalsuite.store.table import PredictionTable, order_of
from saeval.stats._core.arrays import IntArray
from saeval.stats._core.interval import FEWEST_ITEMS

_HASH = re.compile("[0-9a-f]{16}")
_KEPT = 128
"""Answers of each task that a line keeps: those with the smallest hashes of their items."""
_ENOUGH = 8
"""Answers in common that tell one checkpoint from another."""


@dataclass(frozen=True)
class Looked:
    """What a gate looks at.

    Attributes
    ----------
    pairs
        The answers that count, by task.
    model
        Of the checkpoint's weights, where they are known (`model_key`).
    base
        Of the base's answers or weights.
    rules
        Of the metrics that the policy's rules are about.
    run
        Of a run that stops once it is decided, which is one look however often it is resumed.
    """

    pairs: Mapping[str, PairedPredictions]
    model: str | None
    base: str
    rules: str
    run: str | None = None


@dataclass(frozen=True)
class Place:
    """Number of a look at a checkpoint, and of the checkpoint; `note` if they are not known."""

    number: int
    checkpoints: int = 1
    note: str | None = None


def expected_look(record: LookRecord, model: str | None, run: str) -> int:
    """The number of the look that a run will be, by its weights alone: it has no answers yet."""
    try:
        with record.open() as known:
            lines = known.lines
    except RecordUnavailableError:
        return 1
    numbers = [line.number for line in lines if line.run == run]
    if numbers:
        return numbers[-1]
    return 1 + max((line.number for line in lines if model and line.model == model), default=0)


def take_look(record: LookRecord, looked: Looked) -> Place:
    """Record a look and say which one it is.

    Answers too few to test anything are no look. A record that cannot be written is no reason to
    stop: `Place.note` then says that nothing is known of other looks.

    Raises
    ------
    InputError
        If the record is a file that holds something else.
    """
    if all(len(pairs.base) < FEWEST_ITEMS for pairs in looked.pairs.values()):
        return Place(
            1, note=f"fewer than {FEWEST_ITEMS} items test nothing, so that it was not counted"
        )
    data = _hash(
        f"{task} {_answers(pairs.base)} {_answers(pairs.checkpoint)}"
        for task, pairs in sorted(looked.pairs.items())
    )
    answers = {task: _AnswersByHash(pairs.checkpoint) for task, pairs in looked.pairs.items()}
    try:
        with record.open() as known:
            lines = known.lines
            line = _next(lines, looked, data, answers)
            if line not in lines:
                known.append(line)
    except RecordUnavailableError as error:
        return Place(
            1,
            note=f"this look could not be recorded ({error}), nor others be known: the error rates "
            "are those of this look by itself",
        )
    same = {
        other.sequence
        for other in (*lines, line)
        if (other.base, other.rules) == (line.base, line.rules)
    }
    return Place(line.number, len(same))


def model_key(model: AnyModel) -> str | None:
    """Of a model's weights; None where they are not known, as behind a server."""
    if isinstance(model, LocalModel):
        return _hash([model.content, model.adapter_content or ""])
    if isinstance(model, SavedPredictions):
        known = model.identity.get("model", {})
        if content := known.get("content"):
            return _hash([content, known.get("adapter_content") or ""])
    return None


def answers_key(tasks: Mapping[str, PredictionTable]) -> str:
    """Of all answers as far as statistics see them, whatever their order."""
    return _hash(f"{name} {_answers(table)}" for name, table in sorted(tasks.items()))


class _AnswersByHash:
    """A checkpoint's answers to a task by the hashes of their items; hashed before it is looked up.

    `smallest` are those to the items with the smallest hashes.
    """

    def __init__(self, table: PredictionTable) -> None:
        self._table = table
        self._hashes: Digests = stable_hashes(table.keys_column(samples=True))
        self.smallest = self._read(np.argsort(self._hashes, kind="stable")[:_KEPT])

    def with_known(self, known: Set[str]) -> dict[str, str]:
        """The smallest, and those to items that are known."""
        wanted = [int(item, 16) for item in known - self.smallest.keys() if _HASH.fullmatch(item)]
        rows = np.flatnonzero(np.isin(self._hashes, np.array(wanted, dtype=np.uint64)))
        return self.smallest | self._read(rows)

    def _read(self, rows: IntArray) -> dict[str, str]:
        items = [f"{number:016x}" for number in self._hashes[rows].tolist()]
        return dict(zip(items, map(_answer, self._table.read(rows)), strict=True))


def _next(
    lines: Sequence[LookLine],
    looked: Looked,
    data: str,
    answers: Mapping[str, _AnswersByHash],
) -> LookLine:
    """The line of a look: an earlier one if it is that look again."""
    known: dict[str, set[str]] = {}
    for line in lines:
        if line.schema_ == SCHEMA:
            for task, kept in line.answers.items():
                known.setdefault(task, set()).update(kept)
    every = {task: own.with_known(known.get(task, set())) for task, own in answers.items()}
    earlier = [line for line in lines if _is_same_checkpoint(line, looked.model, every)]
    for line in earlier:
        if line.data == data or (looked.run is not None and line.run == looked.run):
            return line
    return LookLine(
        schema=SCHEMA,
        data=data,
        sequence=earlier[0].sequence if earlier else data,
        number=1 + max((line.number for line in earlier), default=0),
        model=looked.model,
        base=looked.base,
        rules=looked.rules,
        run=looked.run,
        answers={task: own.smallest for task, own in answers.items()},
    )


def _is_same_checkpoint(
    line: LookLine, model: str | None, answers: Mapping[str, Mapping[str, str]]
) -> bool:
    tasks = line.answers.keys() & answers.keys()
    if tasks and model is not None and line.model == model:
        return True
    common = agreeing = fewest = 0
    for task in tasks:
        kept, now = line.answers[task], answers[task]
        shared = kept.keys() & now.keys()
        common += len(shared)
        agreeing += sum(kept[item] == now[item] for item in shared)
        fewest += min(len(kept), len(now), _ENOUGH)
    return 0 < fewest <= common == agreeing


def _answers(table: PredictionTable) -> str:
    """Of all that statistics see of answers, in the order of the items."""
    keys = table.keys_column(samples=True)
    ordered = table.take(order_of(keys))
    digest = hashlib.sha256()
    for text in (*_buffers(ordered.keys_column(samples=True)), *_columns(ordered)):
        digest.update(text)
    return digest.hexdigest()


def _columns(table: PredictionTable) -> Iterator[bytes]:
    labels = sorted(filter(None, table.distinct("prediction")))
    yield json.dumps(labels).encode()
    yield table.codes("prediction", labels).tobytes()
    yield table.floats("confidence").tobytes()
    probabilities = table.probabilities(sorted(table.labels)) if table.labels else None
    yield b"" if probabilities is None else probabilities.tobytes()
    for name in sorted(table.scores):
        yield name.encode() + floats(table.score(name)).tobytes()


def _buffers(strings: Any) -> Iterator[bytes]:
    """What strings are, as bytes: their lengths, then all their characters."""
    yield np.asarray(pc.binary_length(strings)).tobytes()
    yield characters(strings).tobytes()


def _answer(prediction: Prediction) -> str:
    said = [prediction.prediction, prediction.confidence, prediction.response]
    return _hash([json.dumps(said)])[:12]


def _hash(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", errors="backslashreplace")).hexdigest()
