"""The worked example of a further importer: a table of answers, as a colleague may send it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from builders import prediction, write_predictions
from command_line import fails, typed

from saeval.errors import InputError
from saeval.evalsuite.importers import registry
from saeval.evalsuite.importers.registry import (
    ImportedPredictions,
    Importer,
    import_predictions,
    register_importer,
)
from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.prediction import Prediction, ShownDocument
from saeval.tasks import get_task

HEAD = "id,claim,gold,answer"


# [example]
def read_table(path: Path) -> ImportedPredictions:
    """A CSV file with the columns id, claim, gold and answer, of a task of verification."""
    predictions = []
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            if row["gold"] not in ("PASS", "FAIL", "NA"):
                raise InputError(f"{path}:{number}: `gold` must be PASS, FAIL or NA")
            parsed = get_task("fever").parse(row, row["answer"])
            predictions.append(
                Prediction(
                    task="fever",
                    item_id=row["id"],
                    target=row["gold"],
                    prediction=parsed.prediction,
                    status=parsed.status,
                    correct=parsed.prediction == row["gold"],
                    confidence=parsed.confidence,
                    response=row["answer"],
                    document=ShownDocument(claim=row["claim"], evidence=()),
                    document_hash=hash_text(row["claim"]),
                    target_hash=hash_text(row["gold"]),
                )
            )
    return ImportedPredictions(path.stem, predictions)


TABLE = Importer(
    "table", lambda path, line: path.suffix == ".csv" and line.startswith("id,claim"), read_table
)
# [end]


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(registry, "_importers", list(registry._importers))
    register_importer(TABLE)


def write_table(path: Path, answers: list[str]) -> Path:
    rows = [f'{n},Claim {n}.,PASS,"{answer}"' for n, answer in enumerate(answers)]
    path.write_text("\n".join([HEAD, *rows]) + "\n")
    return path


def test_a_table_is_compared_like_any_other_predictions(registered, tmp_path, capsys):
    base = write_table(tmp_path / "before.csv", ["LABEL=FAIL CONF=0.8"] * 40)
    checkpoint = write_table(tmp_path / "after.csv", ["LABEL=PASS CONF=0.9"] * 40)
    command = ("compare", base, checkpoint, "--replicates", "1000", "--out", tmp_path / "out")
    code, printed, _ = typed(capsys, *command)
    assert code == 0
    assert "before" in printed
    assert "100.0%" in printed


def test_a_bad_row_is_named(registered, tmp_path, capsys):
    path = tmp_path / "bad.csv"
    path.write_text(f"{HEAD}\n1,Claim.,SUPPORTS,x\n")
    message = fails(capsys, "compare", path, path, "--out", tmp_path / "out")
    assert f"{path}:2: `gold` must be PASS, FAIL or NA" in message


def test_files_of_other_kinds_are_read_as_before(registered, tmp_path):
    kept = [prediction(i) for i in range(3)]
    read = import_predictions(write_predictions(tmp_path / "run.jsonl", kept)).table
    assert list(read.values()) == kept


def test_a_name_is_taken_once(registered):
    with pytest.raises(ValueError, match="there is an importer 'table' already"):
        register_importer(TABLE)
