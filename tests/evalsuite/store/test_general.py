"""Tasks that another program defines: their lines, and what is refused of them."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from saeval.errors import InputError
from saeval.evalsuite.store.general import GeneralTask, general_prediction, task_of
from saeval.evalsuite.store.prediction import Score, parse_line
from saeval.evalsuite.store.table import PredictionTable


def _line(item_id="1", scores=None, **changed):
    return general_prediction(
        task="gsm8k",
        item_id=item_id,
        scores={"exact_match": 1} if scores is None else scores,
        question="2 + 2?",
        **changed,
    )


def test_a_line_says_everything_and_is_read_again():
    line = _line(
        scores={"acc": 0, "bleu": Score(value=12.5, range=(0, 100))},
        confidence=0.75,
        confidence_normalised=0.5,
        group="mmlu",
        gold=["4"],
    )
    assert parse_line(line.to_line(), "here") == line
    record = json.loads(line.to_line())
    assert record["scores"]["bleu"] == {
        "value": 12.5,
        "range": [0.0, 100.0],
        "higher_is_better": True,
    }
    assert (record["prediction"], record["confidence_normalised"]) == ("WRONG", 0.5)


def test_no_key_stands_on_a_line_that_does_not_need_it():
    record = json.loads(_line().to_line())
    assert "scores" in record
    assert not {"group", "confidence_normalised"} & record.keys()
    assert json.loads(_line(confidence_normalised=0.0).to_line())["confidence_normalised"] == 0


@pytest.mark.parametrize(
    ("scores", "status", "prediction", "said"),
    [
        ({"acc": 1}, "answered", "RIGHT", "answered"),
        ({"acc": 0}, "answered", "WRONG", "answered"),
        ({"acc": 0}, "abstained", "UNKNOWN", "abstained"),
        ({"acc": 0}, "invalid", None, "invalid"),
        ({"f1": 0.5}, "answered", None, "scored"),
        ({"bleu": Score(value=1.0, range=(0, 100))}, "answered", None, "scored"),
        ({"wer": Score(value=1.0, higher_is_better=False)}, "answered", None, "scored"),
    ],
)
def test_only_a_primary_score_of_0_or_1_grades(scores, status, prediction, said):
    line = _line(scores=scores, status=status)
    assert (line.prediction, line.status, line.correct) == (
        prediction,
        said,
        prediction == "RIGHT",
    )


def test_a_task_is_graded_if_every_item_is():
    lines = [_line("1", {"f1": 1}), _line("2", {"f1": 0.5})]
    task = task_of("squad", [PredictionTable.of(lines)])
    assert isinstance(task, GeneralTask)
    assert not task.is_graded
    assert not task.scores[0].is_binary
    assert task_of("squad", [PredictionTable.of(lines[:1])]).is_graded


def test_lines_without_scores_are_of_a_known_task():
    assert task_of("fever", []).labels.names == ("PASS", "FAIL", "NA")
    with pytest.raises(InputError, match="unknown task 'gsm8k'"):
        task_of("gsm8k", [])


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"acc": Score(value=1, range=(0, 100))}, r"in \[0, 1\].* and in \[0, 100\]"),
        ({"acc": Score(value=1, higher_is_better=False)}, "lower for better on '2'"),
        ({"acc": 1, "f1": 1}, "the score 'f1' stands on some items only"),
        ({"acc": Score(value=1, range=None)}, "unbounded, higher for better on '2'"),
    ],
)
def test_a_score_means_one_thing_on_every_line(other, message):
    with pytest.raises(InputError, match=message):
        task_of("arc", [PredictionTable.of([_line("1", {"acc": 1}), _line("2", other)])])


@pytest.mark.parametrize("value", [1.5, -0.1, 1e308, float("nan"), float("inf")])
def test_a_score_out_of_its_range_is_refused(value):
    with pytest.raises(ValidationError):
        _line(scores={"acc": value})
    bad = _line().to_line().replace('"value": 1.0', f'"value": {json.dumps(value)}')
    with pytest.raises(InputError, match="value"):
        parse_line(bad, "base.jsonl:1")


@pytest.mark.parametrize(("value", "edited"), [(1, 0.0), (0, 1.0)])
def test_a_grade_that_its_score_contradicts_is_refused(value, edited):
    record = json.loads(_line(scores={"acc": value}).to_line())
    record["scores"]["acc"]["value"] = edited
    with pytest.raises(InputError, match="must say whether the score 'acc' is 1"):
        parse_line(json.dumps(record), "here")


def test_a_score_without_bounds_is_still_a_number_that_can_be_added():
    with pytest.raises(ValidationError):
        Score(value=1e308, range=None)


def test_primary_must_be_one_of_the_scores():
    with pytest.raises(InputError, match="no score 'f1'; it has 'acc'"):
        _line(scores={"acc": 1}, primary="f1")
    with pytest.raises(InputError, match=r"has no score$"):
        _line(scores={})
