"""The record of the looks at checkpoints: gating again after more answers spends what is left of α.

A line of the file, wrapped::

    {"schema": "saeval.look/2", "data": "9f2c…", "sequence": "9f2c…", "number": 1, "model": "51aa…",
     "base": "c0de…", "rules": "7b1e…", "run": null, "answers": {"fever": {"1c9a0f3e…": "88b2…"}}}

It holds hashes alone. A look is recognised by what was looked at: the same answers again are the
same look, whatever the files are called and however they are ordered; a look at the same weights,
or at answers that hold those of an earlier look, is the next one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow.compute as pc
from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from saeval.errors import InputError, SaevalError
from saeval.evalsuite.compare.pairing import PairedPredictions
from saeval.evalsuite.models.types import AnyModel, LocalModel, SavedPredictions
from saeval.evalsuite.store.arrow import characters, floats
from saeval.evalsuite.store.digests import stable_hashes
from saeval.evalsuite.store.prediction import Prediction
from saeval.evalsuite.store.table import PredictionTable, order_of
from saeval.files import AppendOnlyLog
from saeval.json_source import first_problem
from saeval.stats._core.interval import FEWEST_ITEMS

VARIABLE = "SAEVAL_LOOKS"
SCHEMA: Literal["saeval.look/2"] = "saeval.look/2"
"""Lines of the schema before it named items by other hashes: they are known by the model alone."""
_HASH = re.compile("[0-9a-f]{16}")
_KEPT = 128
"""Answers of each task that a line keeps: those with the smallest hashes of their items."""
_ENOUGH = 8
"""Answers in common that tell one checkpoint from another."""


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)
    schema_: Literal["saeval.look/1", "saeval.look/2"] = Field(alias="schema")
    data: str
    sequence: str
    number: int = Field(ge=1)
    model: str | None
    base: str
    rules: str
    run: str | None
    answers: Mapping[str, Mapping[str, str]]


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


def looks_path(path: str | Path | None) -> Path:
    """Where looks are recorded: as given, as ``SAEVAL_LOOKS`` says, or in the user's state."""
    if path is not None:
        return Path(path)
    if named := os.environ.get(VARIABLE):
        return Path(named)
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "saeval" / "looks.jsonl"


def expected_look(path: Path, model: str | None, run: str) -> int:
    """The number of the look that a run will be, by its weights alone: it has no answers yet."""
    try:
        lines = _read(AppendOnlyLog(path, shared=True))
    except OSError:
        return 1
    known = [line.number for line in lines if line.run == run]
    if known:
        return known[-1]
    return 1 + max((line.number for line in lines if model and line.model == model), default=0)


def take_look(path: Path, looked: Looked) -> Place:
    """Record a look and say which one it is.

    Answers too few to test anything are no look. A file that cannot be written is no reason to
    stop: `Place.note` then says that nothing is known of other looks.

    Raises
    ------
    InputError
        If the file holds something else.
    """
    if all(len(pairs.base) < FEWEST_ITEMS for pairs in looked.pairs.values()):
        return Place(
            1, note=f"fewer than {FEWEST_ITEMS} items test nothing, so that it was not counted"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.taking")):
            log = AppendOnlyLog(path, shared=True)
            lines = _read(log)
            line = _next(lines, looked)
            if line not in lines:
                log.append([line.model_dump_json(by_alias=True) + "\n"])
    except InputError:
        raise
    except (OSError, NotImplementedError, SaevalError) as error:
        return Place(
            1,
            note=f"this look could not be recorded ({path}: {_reason(error)}), nor others be "
            "known: the error rates are those of this look by itself",
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


def _next(lines: list[_Line], looked: Looked) -> _Line:
    """The line of a look: an earlier one if it is that look again."""
    data = _hash(
        f"{task} {_answers(pairs.base)} {_answers(pairs.checkpoint)}"
        for task, pairs in sorted(looked.pairs.items())
    )
    known: dict[str, set[str]] = {}
    for line in lines:
        if line.schema_ == SCHEMA:
            for task, kept in line.answers.items():
                known.setdefault(task, set()).update(kept)
    found = {
        task: _some_answers(pairs.checkpoint, known.get(task, set()))
        for task, pairs in looked.pairs.items()
    }
    every = {task: some | others for task, (some, others) in found.items()}
    earlier = [line for line in lines if _is_same_checkpoint(line, looked.model, every)]
    for line in earlier:
        if line.data == data or (looked.run is not None and line.run == looked.run):
            return line
    return _Line(
        schema=SCHEMA,
        data=data,
        sequence=earlier[0].sequence if earlier else data,
        number=1 + max((line.number for line in earlier), default=0),
        model=looked.model,
        base=looked.base,
        rules=looked.rules,
        run=looked.run,
        answers={task: some for task, (some, _) in found.items()},
    )


def _is_same_checkpoint(
    line: _Line, model: str | None, answers: Mapping[str, Mapping[str, str]]
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


def _read(log: AppendOnlyLog) -> list[_Line]:
    lines = []
    for number, text in enumerate(log.read(), start=1):
        try:
            lines.append(_Line.model_validate_json(text))
        except ValidationError as error:
            raise InputError(
                f"{log.path}:{number}: no record of a look: {first_problem(error)}; move the file "
                "away, or name another by --looks"
            ) from None
    return lines


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


def _some_answers(table: PredictionTable, known: Set[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Hashes of the answers to the items with the smallest hashes, and to those that are known."""
    hashes = stable_hashes(table.keys_column(samples=True))
    smallest = np.argsort(hashes, kind="stable")[:_KEPT]
    wanted = np.array([int(item, 16) for item in known if _HASH.fullmatch(item)], dtype=np.uint64)
    found = []
    for rows in (smallest, np.flatnonzero(np.isin(hashes, wanted))):
        items = [f"{number:016x}" for number in hashes[rows].tolist()]
        found.append(dict(zip(items, map(_answer, table.read(rows)), strict=True)))
    return found[0], found[1]


def _answer(prediction: Prediction) -> str:
    said = [prediction.prediction, prediction.confidence, prediction.response]
    return _hash([json.dumps(said)])[:12]


def _hash(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", errors="backslashreplace")).hexdigest()


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
