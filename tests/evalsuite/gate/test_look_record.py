"""Looks kept elsewhere than in a file, here in a database, are counted as those of a file are."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from builders import prediction, write_predictions

import saeval
from saeval.evalsuite.compare.pairing import pair
from saeval.evalsuite.gate.look_record import (
    KnownLooks,
    LookFile,
    LookLine,
    LookRecord,
    RecordUnavailableError,
)
from saeval.evalsuite.gate.looks import Looked, expected_look, take_look
from saeval.evalsuite.store.table import PredictionTable
from saeval.tasks.registry import get_task

POLICY = {"rules": [{"metric": "accuracy", "not_worse_by": 0.05}]}


class LookTable:
    """A record of looks as a table of SQLite."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def open(self) -> Iterator[KnownLooks]:
        with closing(sqlite3.connect(self.path, isolation_level=None, timeout=30)) as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute("CREATE TABLE IF NOT EXISTS looks (line TEXT)")
            rows = database.execute("SELECT line FROM looks ORDER BY rowid").fetchall()

            def append(line: LookLine) -> None:
                written = line.model_dump_json(by_alias=True)
                database.execute("INSERT INTO looks VALUES (?)", (written,))

            yield KnownLooks([LookLine.model_validate_json(row[0]) for row in rows], append)
            database.execute("COMMIT")


class SlowRecord:
    """A record that takes its time between what it says is known and what it keeps."""

    def __init__(self, record: LookRecord) -> None:
        self.record = record

    @contextmanager
    def open(self) -> Iterator[KnownLooks]:
        with self.record.open() as known:
            time.sleep(0.02)
            yield known


class BrokenRecord:
    """A record that fails to keep a look."""

    def __init__(self, record: LookRecord, error: Exception) -> None:
        self.record, self.error = record, error

    @contextmanager
    def open(self) -> Iterator[KnownLooks]:
        with self.record.open() as known:
            yield KnownLooks(known.lines, known.append)
            raise self.error


@pytest.fixture(params=[LookFile, LookTable])
def record(request, tmp_path) -> LookRecord:
    return request.param(tmp_path / "record")


def lines_of(record: LookRecord) -> list[LookLine]:
    with record.open() as known:
        return list(known.lines)


def answers(n_items: int, *, first: str = "PASS") -> list[saeval.Prediction]:
    return [prediction(i, "PASS" if i else first, confidence=0.5) for i in range(n_items)]


def looked(n_items: int, run: str | None = None) -> Looked:
    base, checkpoint = answers(n_items), answers(n_items, first="FAIL")
    pairs = pair(get_task("fever"), PredictionTable.of(base), PredictionTable.of(checkpoint))
    return Looked({"fever": pairs}, None, "base", "rules", run)


def test_a_gate_takes_another_record(record, looks, tmp_path):
    def gate(n_items: int, given: LookRecord | None) -> tuple[int, float]:
        files = [
            write_predictions(tmp_path / f"{name}.jsonl", answers(n_items, first=name))
            for name in ("PASS", "FAIL")
        ]
        look = saeval.gate(*files, policy=POLICY, n_resamples=200, looks=given).look
        return look.number, look.alpha

    numbers = [gate(n, record) for n in (40, 60, 40, 80)]
    assert numbers == [(1, pytest.approx(0.04)), (2, pytest.approx(0.008)),
                       (1, pytest.approx(0.04)), (3, pytest.approx(0.0016))]  # fmt: skip
    assert not looks.exists()
    assert numbers == [gate(n, None) for n in (40, 60, 40, 80)]
    assert lines_of(record) == lines_of(LookFile(looks))


def test_gates_at_one_time_take_different_numbers(record):
    n_gates = 8
    prepared = [looked(40 + number) for number in range(n_gates)]
    together = threading.Barrier(n_gates)

    def take(own: Looked) -> int:
        together.wait()
        return take_look(SlowRecord(record), own).number

    with ThreadPoolExecutor(n_gates) as threads:
        numbers = list(threads.map(take, prepared))
    assert sorted(numbers) == list(range(1, n_gates + 1))
    assert [line.number for line in lines_of(record)] == list(range(1, n_gates + 1))


def test_a_record_that_a_gate_may_go_on_without(record):
    broken = BrokenRecord(record, RecordUnavailableError("the team's record: it is being moved"))
    place = take_look(broken, looked(40))
    assert (place.number, place.checkpoints) == (1, 1)
    assert place.note == (
        "this look could not be recorded (the team's record: it is being moved), nor others be "
        "known: the error rates are those of this look by itself"
    )


@pytest.mark.parametrize("error", [OSError("gone"), saeval.InputError("a database says no")])
def test_any_other_error_of_a_record_ends_the_gate(record, error):
    with pytest.raises(type(error), match=str(error)):
        take_look(BrokenRecord(record, error), looked(40))


def test_what_was_appended_before_an_error_is_not_in_a_table(tmp_path):
    table = LookTable(tmp_path / "record")
    with pytest.raises(OSError, match="gone"):
        take_look(BrokenRecord(table, OSError("gone")), looked(40))
    assert lines_of(table) == []


def test_the_number_that_a_run_will_be_is_known_before_it_has_answers(record):
    assert expected_look(record, None, "run") == 1
    take_look(record, looked(40))
    take_look(record, looked(60, run="run"))
    assert expected_look(record, None, "run") == 2
    assert take_look(record, looked(80, run="run")).number == 2, "one run is one look"
