from __future__ import annotations

import json
from pathlib import Path

import pytest
from builders import prediction, write_predictions
from hypothesis import given
from hypothesis import strategies as st

from saeval.errors import InputError
from saeval.evalsuite.store.prediction import parse_line, read_predictions
from saeval.evalsuite.store.table import PredictionTable, by_task

GOOD = json.loads(prediction(1).to_line())


@given(st.text())
def test_any_response_survives_the_file(response):
    kept = prediction(0, response=response)
    assert parse_line(kept.to_line(), "x") == kept
    assert kept.to_line().count("\n") == 1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"confidence": 1.5}, "`confidence`: Input should be less than or equal to 1, found 1.5"),
        ({"confidence": float("nan")}, "`confidence`: Input should be .*found nan"),
        ({"confidence": "high"}, "`confidence`: Input should be a valid number"),
        ({"status": "maybe"}, "`status`: Input should be 'answered', 'abstained', 'invalid' or "),
        ({"prediction": None}, "`prediction` must be null exactly when `status` is invalid"),
        ({"correct": True}, "`correct` must say whether `prediction` equals `target`"),
        ({"label_probabilities": {"PASS": 0.5}}, "`label_probabilities` must sum to 1, found 0.5"),
        ({"surprise": 1}, "`surprise`: Extra inputs are not permitted"),
        ({"document_hash": None}, "`document_hash` must be a text"),
        ({"item_id": 7}, "`item_id`: Input should be a valid string, found 7"),
    ],
)
def test_a_bad_field_is_named_with_file_line_rule_and_value(changed, message):
    with pytest.raises(InputError, match=f"file.jsonl:3: {message}"):
        parse_line(json.dumps(GOOD | changed), "file.jsonl:3")


def test_the_documentation_says_which_fields_are_needed():
    page = (Path(__file__).parents[3] / "docs" / "reference" / "files.md").read_text()
    example = page.split("```json\n", 1)[1].split("```", 1)[0]
    found = parse_line(" ".join(example.split("\n")), "inputs.md")
    assert (found.prediction, found.cluster_id, found.sample_index) == ("NA", None, 0)


def test_a_missing_field_is_named():
    without = {key: value for key, value in GOOD.items() if key != "target"}
    with pytest.raises(InputError, match="x: field `target` is missing"):
        parse_line(json.dumps(without), "x")


def test_a_torn_line_in_the_middle_is_named_by_line(tmp_path):
    path = write_predictions(tmp_path / "p.jsonl", [prediction(i) for i in range(3)])
    lines = path.read_text().splitlines(keepends=True)
    lines[1] = lines[1][:40] + "\n"
    path.write_text("".join(lines))
    with pytest.raises(InputError, match=r"p.jsonl:2: not JSON \(EOF"):
        list(read_predictions(path))


def test_bytes_that_are_no_text_are_an_error(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_bytes(prediction(0).to_line().encode() + b"\xff\xfe\n")
    with pytest.raises(InputError, match="not UTF-8 text"):
        list(read_predictions(path))


def test_duplicate_ids_are_an_error():
    with pytest.raises(InputError, match="base: item 'item-001' of task 'fever' occurs twice"):
        by_task([PredictionTable.of([prediction(1), prediction(1)])], "base")
