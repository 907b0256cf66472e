"""Columns of a file are those of its lines read one by one, and so is what is wrong with it."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from builders import LABELS, prediction
from general_tasks import lines
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saeval.errors import InputError
from saeval.evalsuite.store import json_lines
from saeval.evalsuite.store.json_lines import read_table
from saeval.evalsuite.store.prediction import (
    Prediction,
    PublishedReading,
    Score,
    Usage,
    read_predictions,
)
from saeval.evalsuite.store.table import PredictionTable

IN_BLOCKS = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def everything(number: int) -> Prediction:
    """A line with every field that a line can have."""
    return prediction(
        number,
        LABELS[number % 2],
        cluster_id=f"cluster-{number // 2}",
        label_probabilities={"PASS": 0.25, "FAIL": 0.25, "NA": 0.5},
        usage=Usage(prompt_tokens=number, response_tokens=3, truncated=number % 2 == 0),
        published=PublishedReading(label="PASS", confidence=0.5, valid=True),
        sample_index=number % 3,
        right_in_reasoning=number % 2 == 1,
        group="g",
        document={
            "claim": "Ça va? \u2028 日本",
            "evidence": ["a", "", "b"],
            "answers": ["x"],
            "topic": "t",
            "popularity": 7,
        },
    )


def scored(number: int) -> Prediction:
    """A line of a task that another program defines."""
    acc = Score(value=number % 2)
    return lines("arc", [{"acc": acc, "wer": Score(value=0.3, higher_is_better=False)}])[0]


def one_by_one(path: Path) -> PredictionTable | str:
    try:
        return PredictionTable.of(read_predictions(path))
    except InputError as error:
        return str(error)


def as_columns(path: Path) -> PredictionTable | str:
    try:
        return read_table(path)
    except InputError as error:
        return str(error)


def same(path: Path) -> None:
    rows, columns = one_by_one(path), as_columns(path)
    if isinstance(rows, str) or isinstance(columns, str):
        assert rows == columns
        return
    assert columns.columns.to_pylist() == rows.columns.to_pylist()
    assert columns.columns.column_names == rows.columns.column_names
    assert list(columns.values()) == list(rows.values())


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(json_lines, "_BLOCK", 2000)


@pytest.mark.parametrize("make", [prediction, everything, scored])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n", ""])
def test_columns_are_those_of_the_lines(tmp_path, make, end):
    path = tmp_path / "p.jsonl"
    path.write_bytes(
        b"\xef\xbb\xbf"
        + "".join(make(n).to_line().rstrip("\n") + (end or "\n") for n in range(9)).encode()
    )
    if not end:
        path.write_bytes(path.read_bytes().rstrip(b"\n"))
    same(path)


def test_nothing_is_read_line_by_line_where_all_is_as_saeval_writes_it(tmp_path, monkeypatch):
    path = tmp_path / "p.jsonl"
    path.write_text(
        "".join(make(n).to_line() for make in (prediction, everything) for n in range(30))
    )
    monkeypatch.setattr(json_lines, "_read_lines", None)
    assert len(read_table(path)) == 60


def test_labels_and_scores_may_come_late_and_in_any_order(tmp_path):
    late = [prediction(n) for n in range(20)] + [everything(n) for n in range(20, 30)]
    late += lines("a", [{"acc": 1, "f1": 0.5}] * 12) + lines("b", [{"f1": 0.5, "acc": 1}] * 12)
    path = tmp_path / "p.jsonl"
    path.write_text("".join(one.to_line() for one in late))
    assert list(read_table(path).values()) == late


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.just(2**70), st.floats(-1, 2),
    st.sampled_from(["", "PASS", "UNKNOWN", "0.5", "1", "a\ud800"]),
    st.just([]), st.just({}), st.just([None]), st.just({"PASS": 1.0}), st.just({"PASS": None}),
)  # fmt: skip
LINES = st.sampled_from([prediction, everything, scored])


@st.composite
def altered(draw: st.DrawFn) -> str:
    """A line of which one value, at any depth, is another, is gone, or is one too many."""
    content = json.loads(draw(LINES)(draw(st.integers(0, 5))).to_line())
    place = content
    while True:
        key = draw(st.sampled_from([*place, "odd"]))
        if isinstance(place.get(key), dict) and place[key] and draw(st.booleans()):
            place = place[key]
            continue
        break
    if draw(st.booleans()):
        place.pop(key, None)
    else:
        place[key] = draw(VALUES)
    return json.dumps(content) + "\n"


@IN_BLOCKS
@given(altered(), st.integers(0, 8))
def test_a_line_is_good_or_bad_either_way(tmp_path, line, before):
    path = tmp_path / "p.jsonl"
    good = "".join(prediction(n).to_line() for n in range(10, 10 + before))
    path.write_text(good + line + prediction(9).to_line())
    same(path)


@IN_BLOCKS
@given(LINES, st.randoms(use_true_random=False))
def test_bytes_are_good_or_bad_either_way(tmp_path, make, rng: random.Random):
    content = bytearray("".join(make(n).to_line() for n in range(6)).encode())
    for _ in range(rng.randrange(1, 4)):
        place = rng.randrange(len(content))
        content[place : place + rng.randrange(2)] = bytes(
            rng.choice(b'{}[]",:\n\r 0e-\\\x00\xff') for _ in range(rng.randrange(3))
        )
    path = tmp_path / "p.jsonl"
    path.write_bytes(content)
    same(path)


@pytest.mark.parametrize(
    "line",
    [
        b'{"a": 1}{"b": 2}\n', b"[1]\n", b"{}\n", b"null\n", b'{"task": NaN}\n', b"\x00\n",
        b"{\n}\n",
    ],
)  # fmt: skip
def test_a_bad_line_is_named_wherever_it_stands(tmp_path, line):
    path = tmp_path / "p.jsonl"
    good = "".join(prediction(n).to_line() for n in range(40)).encode()
    path.write_bytes(good + b" \n" + line + good)
    with pytest.raises(InputError, match=r"p\.jsonl:42: "):
        read_table(path)


def test_two_objects_in_a_line_and_one_on_two_lines_do_not_make_up_for_each_other(tmp_path):
    first, second = (prediction(n).to_line().strip() for n in (0, 1))
    opened = second.replace("{", "{\n", 1)
    path = tmp_path / "p.jsonl"
    path.write_text(f"{first}{first}\n{opened}\n")
    same(path)


def test_what_changed_after_it_was_read_is_an_error(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text("".join(prediction(n).to_line() for n in range(40)))
    table = read_table(path)
    assert table["item-007", 0] == prediction(7)
    path.write_text("x" * 10)
    with pytest.raises(InputError, match="was changed while it was read"):
        table["item-007", 0]
