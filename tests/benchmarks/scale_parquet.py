"""The predictions of `scale_data` as Parquet, made from arrays: ten million take minutes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scale_data import CHUNK, LABELS, LEVELS, Answers, Items, make_answers, make_items, sentences

from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.parquet_predictions import write_rows
from saeval.evalsuite.store.parquet_rows import SCHEMA

_ACCURACIES = (0.45, 0.46)
_STATED = [f"{level / (LEVELS - 1):.2f}" for level in range(LEVELS)]


def make_parquet_pair(folder: Path, n: int) -> list[Path]:
    """The files of a base and a checkpoint, to one task, with verbal confidences."""
    items = make_items(n, 0)
    paths = []
    for seed, (name, accuracy) in enumerate(
        zip(("base", "checkpoint"), _ACCURACIES, strict=True), start=1
    ):
        answers = make_answers(items, accuracy, seed, continuous=False)
        paths.append(folder / f"{name}.parquet")
        write_rows(paths[-1], tables_of(items, answers))
    return paths


def tables_of(items: Items, answers: Answers, task: str = "fever") -> Iterator[pa.Table]:
    n = len(items.target)
    rng = np.random.default_rng([3, n])
    claims, evidence, reasons = (
        pa.array(sentences(rng, *size)) for size in ((997, 18), (991, 30), (983, 40))
    )
    for start in range(0, n, CHUNK):
        part = slice(start, min(start + CHUNK, n))
        numbers = np.arange(part.start, part.stop)
        rows = len(numbers)
        hashes = rng.bytes(64 * rows).hex()
        given, target = answers.predicted[part], items.target[part]
        invalid = given == len(LABELS)
        label = _of(LABELS, np.where(invalid, 0, given), invalid)
        reason = reasons.take(pa.array((numbers + given) % len(reasons)))
        stated = _of(_STATED, np.rint((LEVELS - 1) * answers.confidence[part]).astype(int))
        said = pc.binary_join_element_wise(
            reason, "\nLABEL=", label, "\nCONF=", stated, "", null_handling="replace"
        )
        texts = evidence.take(pa.array(numbers % len(evidence)))
        digits = pa.array([f"{number:08}" for number in numbers.tolist()])
        fixed: dict[str, Any] = {
            "task": pa.repeat(pa.scalar(task), rows),
            "item_id": pc.binary_join_element_wise(task, digits, "-"),
            "target": _of(LABELS, target),
            "prediction": label,
            "status": _of(("answered", "answered", "abstained", "invalid"), given),
            "correct": pa.array(given == target),
            "confidence": pa.array(answers.confidence[part], mask=invalid),
            "response": pc.if_else(pa.array(invalid), reason, said),
            "sample_index": pa.array(np.zeros(rows, dtype=np.int64)),
            "usage": _struct(
                "usage",
                pa.array(150 + numbers % 97),
                *(pa.repeat(pa.scalar(value), rows) for value in (0, 57, False)),
            ),
            "document": _struct(
                "document",
                pc.binary_join_element_wise(
                    digits, claims.take(pa.array(numbers % len(claims))), ": "
                ),
                _lists(np.arange(rows + 1), texts),
                _lists(np.zeros(rows + 1), texts.slice(0, 0)),
                pa.nulls(rows, pa.string()),
                pa.nulls(rows, pa.int64()),
            ),
            "document_hash": pa.array([hashes[at : at + 64] for at in range(0, len(hashes), 128)]),
            "prompt_hash": pa.array([hashes[at : at + 64] for at in range(64, len(hashes), 128)]),
            "target_hash": _of([hash_text(name) for name in LABELS], target),
            "right_in_reasoning": pa.array(np.zeros(rows, dtype=bool)),
        }
        columns = [
            fixed[field.name] if field.name in fixed else pa.array([None] * rows, field.type)
            for field in SCHEMA
        ]
        yield pa.table(columns, schema=SCHEMA)


def _of(values: Sequence[str], which: np.ndarray, missing: np.ndarray | None = None) -> Any:
    return pa.array(list(values)).take(pa.array(which, mask=missing))


def _lists(offsets: np.ndarray, texts: Any) -> Any:
    kind = SCHEMA.field("document").type.field("evidence").type
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), texts, type=kind)


def _struct(name: str, *columns: Any) -> Any:
    return pa.StructArray.from_arrays(list(columns), fields=list(SCHEMA.field(name).type))
