"""Predictions in Parquet: nothing is lost, and what is wrong is named."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from builders import LABELS, prediction
from pyarrow import parquet

from saeval.errors import InputError
from saeval.evalsuite.importers.registry import import_predictions
from saeval.evalsuite.store import json_lines, parquet_predictions
from saeval.evalsuite.store.parquet_predictions import read_rows, read_table, write_rows
from saeval.evalsuite.store.parquet_rows import SCHEMA, rows_of
from saeval.evalsuite.store.prediction import (
    Prediction,
    PublishedReading,
    Score,
    ShownDocument,
    Usage,
)

PROBABILITIES = {"PASS": 0.25, "FAIL": 0.5, "NA": 0.25}
KINDS: dict[str, list[Prediction]] = {
    "plain": [prediction(n, LABELS[n % 2]) for n in range(5)],
    "invalid": [prediction(0, None), prediction(1)],
    "probabilities": [prediction(n, label_probabilities=PROBABILITIES) for n in range(3)],
    "labels in another order": [
        prediction(n, label_probabilities=dict(sorted(PROBABILITIES.items(), reverse=n % 2 == 0)))
        for n in range(4)
    ],
    "probabilities of some": [
        prediction(n, label_probabilities=PROBABILITIES if n % 2 else None) for n in range(4)
    ],
    "samples": [prediction(n // 2, sample_index=n % 2) for n in range(6)],
    "usage": [
        prediction(0, usage=Usage(prompt_tokens=2**52, response_tokens=3, truncated=True)),
        prediction(1),
    ],
    "scores": [
        prediction(
            n,
            scores={
                "acc": Score(value=float(n % 3 == 0)),
                "f1,none": Score(value=-2.5, range=None, higher_is_better=False),
            },
            confidence_normalised=0.1,
            group="mmlu",
        )
        for n in range(4)
    ],
    "scores in another order": [
        prediction(n, scores={name: Score(value=float(n % 3 == 0)) for name in names})
        for n, names in enumerate(("ab", "ba", "b"))
    ],
    "open questions": [
        prediction(
            n,
            cluster_id=f"c{n}",
            answer="Paris",
            right_in_reasoning=n == 1,
            document=ShownDocument(
                claim="Where?", evidence=(), answers=("Paris", "paris"), topic="t", popularity=-n
            ),
        )
        for n in range(3)
    ],
    "published": [
        prediction(0, published=PublishedReading(label="PASS", confidence=1.0, valid=True)),
        prediction(1, published=PublishedReading(valid=False)),
        prediction(2),
    ],
    "odd texts": [prediction(0, response='"label_probabilities": {"PASS": \u2028\x00\\"🙂}')],
    "no hash of the document": [prediction(0, document_hash=None)],
}


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_lost(kind: str, tmp_path: Path) -> None:
    predictions = KINDS[kind]
    write_rows(tmp_path / "p.parquet", [rows_of(predictions)])
    assert [own for _, own in read_rows(tmp_path / "p.parquet")] == predictions
    table = read_table(tmp_path / "p.parquet")
    backwards = np.arange(len(predictions))[::-1]
    assert table.read(backwards) == predictions[::-1]
    assert table.read_texts(backwards)["response"].to_pylist() == [
        own.response for own in predictions[::-1]
    ]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "no hash" not in kind])
def test_lines_become_the_same_rows_and_columns(kind: str, tmp_path: Path) -> None:
    lines = tmp_path / "p.jsonl"
    lines.write_text("".join(own.to_line() for own in KINDS[kind]), encoding="utf-8")
    write_rows(tmp_path / "p.parquet", json_lines.read_rows(lines))
    again = "".join(own.to_line() for _, own in read_rows(tmp_path / "p.parquet"))
    assert again == lines.read_text(encoding="utf-8")
    from_lines, table = json_lines.read_table(lines), read_table(tmp_path / "p.parquet")
    assert table.columns.to_pylist() == from_lines.columns.to_pylist()
    assert table.scores == from_lines.scores
    assert table.labels == from_lines.labels


def test_lines_that_arrow_reads_make_no_objects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = tmp_path / "p.jsonl"
    for kind in ("plain", "probabilities", "scores"):
        predictions = KINDS[kind]
        if kind == "scores":  # a score without bounds cannot be told from one that says nothing
            predictions = [own.model_copy(update={"scores": {"acc": own.scores["acc"]}})
                           for own in predictions]  # fmt: skip
        lines.write_text("".join(own.to_line() for own in predictions), encoding="utf-8")
        with monkeypatch.context() as patch:
            patch.setattr(json_lines, "_read_lines", _never)
            write_rows(tmp_path / "p.parquet", json_lines.read_rows(lines))
            patch.setattr(parquet_predictions, "_by_objects", _never)
            assert len(read_table(tmp_path / "p.parquet")) == len(predictions)


def _never(*_: object) -> None:
    raise AssertionError


def test_row_groups_are_bounded_and_their_texts_are_read_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_predictions, "_GROUP_ROWS", 10)
    predictions = [prediction(n) for n in range(35)]
    write_rows(tmp_path / "p.parquet", [rows_of(predictions[:17]), rows_of(predictions[17:])])
    about = parquet.ParquetFile(tmp_path / "p.parquet").metadata
    assert [about.row_group(n).num_rows for n in range(about.num_row_groups)] == [10, 10, 10, 5]
    assert {about.row_group(0).column(n).compression for n in range(5)} == {"ZSTD"}
    table = read_table(tmp_path / "p.parquet")
    wanted = np.array([34, 0, 19, 20, 9])
    assert table.read(wanted) == [predictions[row] for row in wanted]
    monkeypatch.setattr(parquet_predictions, "_GROUP_ROWS", 1000)
    monkeypatch.setattr(parquet_predictions, "_GROUP_BYTES", 2**12)
    write_rows(tmp_path / "p.parquet", [rows_of(predictions)])
    assert parquet.ParquetFile(tmp_path / "p.parquet").num_row_groups > 2


def test_files_that_others_wrote_anew_are_read(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    predictions = [prediction(n) for n in range(9)]
    write_rows(tmp_path / "p.parquet", [rows_of(predictions)])
    parquet.write_table(
        parquet.read_table(tmp_path / "p.parquet").replace_schema_metadata(None),
        tmp_path / "q.parquet",
        row_group_size=4,
    )
    frame = polars.read_parquet(tmp_path / "p.parquet", columns=None)
    frame.drop("label_probabilities").with_columns(
        polars.lit(None).alias("label_probabilities")
    ).write_parquet(tmp_path / "r.parquet")
    for name in ("q.parquet", "r.parquet"):
        found = import_predictions(tmp_path / name)
        assert found.kind == "saeval predictions in Parquet"
        assert list(found.table.values()) == predictions


def test_rows_of_large_groups_are_read_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictions = [prediction(n) for n in range(50)]
    write_rows(tmp_path / "p.parquet", [rows_of(predictions)])
    monkeypatch.setattr(parquet_predictions, "_GROUP_ROWS", 10)
    monkeypatch.setattr(parquet_predictions, "_BATCH_OF_OBJECTS", 7)
    table = read_table(tmp_path / "p.parquet")
    wanted = np.array([41, 0, 49, 6, 7, 0])
    assert table.read(wanted) == [predictions[row] for row in wanted]
    assert table.read_texts(wanted)["response"].to_pylist() == [
        predictions[row].response for row in wanted
    ]
    monkeypatch.setattr(parquet_predictions, "_LARGEST_GROUP", 2**10)
    with pytest.raises(InputError, match=r"row group 1 unpacks to 0.0 GiB"):
        read_table(tmp_path / "p.parquet")


def test_more_rows_than_a_file_of_its_size_can_hold_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "p.parquet"
    monkeypatch.setattr(parquet_predictions, "_ROWS_OF_ANY_SIZE", 100)
    monkeypatch.setattr(parquet_predictions, "_MOST_ROWS_IN_A_BYTE", 0.1)
    write_rows(path, [rows_of([prediction(0)]).take(pa.array(np.zeros(9000, dtype=np.int64)))])
    with pytest.raises(InputError, match="unpacks to 9000 rows, more than"):
        read_table(path)


def test_parts_with_other_values_get_one_dictionary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_predictions, "_GROUP_ROWS", 100)
    predictions = [prediction(n, group=f"group {n}") for n in range(300)]
    write_rows(tmp_path / "p.parquet", [rows_of(predictions)])
    groups = read_table(tmp_path / "p.parquet").columns["group"]
    assert groups.to_pylist() == [own.group for own in predictions]


Change = Callable[[dict[str, Any]], object]
BAD: dict[str, tuple[Change, str]] = {
    "nan": (lambda row: row.update(confidence=float("nan")), "`confidence`"),
    "above one": (lambda row: row.update(confidence=1.5), "`confidence`"),
    "status": (lambda row: row.update(status="odd"), "`status`"),
    "correct": (lambda row: row.update(correct=not row["correct"]), "`correct` must say"),
    "null id": (lambda row: row.update(item_id=None), "`item_id`"),
    "null target": (lambda row: row.update(target=None), "`target`"),
    "null response": (lambda row: row.update(response=None), "`response`"),
    "null claim": (lambda row: row["document"].update(claim=None), "`document.claim`"),
    "sum": (lambda row: row.update(label_probabilities=[("PASS", 0.5)]), "sum to 1"),
    "no label": (lambda row: row.update(label_probabilities=[]), "sum to 1"),
    "twice": (
        lambda row: row.update(label_probabilities=[("PASS", 0.5), ("PASS", 0.5)]),
        "`label_probabilities`: the same label stands twice",
    ),
    "usage": (
        lambda row: row.update(
            usage={"prompt_tokens": -1, "probe_tokens": 0, "response_tokens": 0, "truncated": False}
        ),
        "`usage.prompt_tokens`",
    ),
    "score": (lambda row: row.update(scores=[_score(value=2.0)]), "`value` must lie"),
    "score of one bound": (lambda row: row.update(scores=[_score(low=None)]), "`scores.acc.range"),
    "score twice": (lambda row: row.update(scores=[_score(), _score()]), "stands twice"),
    "scored": (lambda row: row.update(status="scored", prediction=None), "`scores` must hold"),
    "evidence": (lambda row: row["document"].update(evidence=[None]), "`document.evidence.0`"),
}


def _score(**changed: Any) -> dict[str, Any]:
    return {
        "name": "acc",
        "value": 1.0,
        "low": 0.0,
        "high": 1.0,
        "higher_is_better": True,
    } | changed


@pytest.mark.parametrize("kind", BAD)
def test_the_bad_row_of_many_is_named(kind: str, tmp_path: Path) -> None:
    change, said = BAD[kind]
    rows = rows_of([prediction(n, LABELS[n % 3]) for n in range(200)]).to_pylist()
    change(rows[123])
    path = _write_anything(tmp_path / "p.parquet", rows)
    with pytest.raises(InputError, match=f"^{re.escape(str(path))}: row 124: ") as caught:
        read_table(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def _write_anything(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A file of our schema in which anything may be null, as others write it."""
    plain = pa.schema([own.with_nullable(True).with_type(_nullable(own.type)) for own in SCHEMA])
    parquet.write_table(pa.Table.from_pylist(rows, schema=plain), path, row_group_size=60)
    return path


def _nullable(kind: Any) -> Any:
    if pa.types.is_struct(kind):
        return pa.struct([(own.name, _nullable(own.type)) for own in kind])
    if pa.types.is_list(kind):
        return pa.list_(_nullable(kind.value_type))
    return kind


def test_files_that_are_no_predictions_are_named(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    rows = rows_of([prediction(0)])
    cases: list[tuple[pa.Table, str]] = [
        (rows.drop_columns(["status"]), "has no column `status`"),
        (rows.append_column("more", pa.array([1])), "column 'more' is none"),
        (rows.set_column(1, "item_id", pa.array([7])), "column `item_id` is of type int64"),
        (
            rows.set_column(7, "confidence", pa.array(["1"])),
            "column `confidence` is of type string",
        ),
        (
            rows.replace_schema_metadata({b"saeval": b'{"schema": "saeval.predictions/9"}'}),
            "of schema 'saeval.predictions/9'; this saeval reads saeval.predictions/1",
        ),
    ]
    for table, said in cases:
        parquet.write_table(table, path)
        with pytest.raises(InputError, match=f"^{re.escape(str(path))}: ") as caught:
            import_predictions(path)
        assert said in str(caught.value)


def test_torn_and_altered_bytes_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    write_rows(path, [rows_of([prediction(n) for n in range(300)])])
    whole = path.read_bytes()
    for cut in (10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(InputError, match="cut off or damaged"):
            read_table(path)
    place = whole.index(b"PAR1", 4) // 8  # within the pages of the first columns
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
    with pytest.raises(InputError, match=str(path)):
        [*read_rows(path)]


def test_a_file_that_changes_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    write_rows(tmp_path / "p.parquet", [rows_of([prediction(0)])])
    table = read_table(tmp_path / "p.parquet")
    write_rows(tmp_path / "p.parquet", [rows_of([prediction(1), prediction(2)])])
    with pytest.raises(InputError, match="was changed while it was read"):
        table.read(np.array([0]))
