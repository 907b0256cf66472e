"""Answers in the tasks' format that a format warm-up teaches."""

from __future__ import annotations

import json
from collections import Counter
from statistics import fmean

import pytest

from saeval.errors import DataError
from saeval.tasks.registry import get_task
from saeval.tasks.types import Question
from saeval.trainer.data.mixture import build_mixture
from saeval.trainer.data.rows import TrainingRow, make_training_row
from saeval.trainer.data.sft_targets import make_targets
from saeval.trainer.recipe.data_settings import PromptSettings
from saeval.trainer.recipe.load import load_recipe
from saeval.trainer.recipe.schema import Recipe


def recipe(**objective: float) -> Recipe:
    changes = [f"objective.{name}={value}" for name, value in objective.items()]
    return load_recipe("format-warm-up", changes)


def question(number: int, *answers: str) -> TrainingRow:
    made = Question(
        id=str(number),
        cluster=None,
        question=f"What is capital {number}?",
        answers=answers,
        target="RIGHT" if answers else "UNKNOWN",
        topic=None,
        popularity=None,
        source_label="",
    )
    return make_training_row(get_task("triviaqa"), made, PromptSettings())


def test_every_answer_is_read_as_right_with_a_confidence() -> None:
    mixture = build_mixture(recipe(format_abstentions=0))
    assert mixture.manifest["objective"] == {"format": {"targets": 256, "left_out": {}}}
    confidences = []
    for row in mixture.training:
        read = get_task(row.task).parse(json.loads(row.item), row.completion)
        assert read.prediction == row.target
        confidences.append(read.confidence)
    assert len(set(confidences)) > 50
    assert fmean(confidences) == pytest.approx(0.5, abs=0.06)
    assert Counter(row.target for row in mixture.training)["NA"] == 64


def test_the_confidence_says_nothing_of_the_label() -> None:
    by_label: dict[str, list[float]] = {}
    for row in build_mixture(recipe()).training:
        read = get_task(row.task).parse(json.loads(row.item), row.completion)
        by_label.setdefault(str(read.prediction), []).append(read.confidence)
    assert by_label.keys() == {"PASS", "FAIL", "NA", "RIGHT", "UNKNOWN"}
    assert all(abs(fmean(of_label) - 0.5) < 0.15 for of_label in by_label.values())


def test_some_answerable_questions_are_abstained_from() -> None:
    rows = [question(number, "Paris") for number in range(400)]
    made = make_targets(rows, None, recipe(format_abstentions=0.25))["format"].rows
    abstained = sum("Unknown" in str(row.completion) for row in made)
    assert 70 < abstained < 130
    none = make_targets(rows, None, recipe(format_abstentions=0))["format"].rows
    assert all("\\boxed{Paris}" in str(row.completion) for row in none)
    every = make_targets(rows, None, recipe(format_abstentions=1))["format"].rows
    assert all("\\boxed{Unknown}" in str(row.completion) for row in every)


def test_an_item_has_one_answer_whatever_the_others_are() -> None:
    rows = [question(number, "Paris") for number in range(20)]
    whole = make_targets(rows, None, recipe())["format"].rows
    assert make_targets(rows[5:9], None, recipe())["format"].rows == whole[5:9]
    other = make_targets(rows, None, recipe().model_copy(update={"seed": 1}))["format"].rows
    assert other != whole


def test_what_the_format_cannot_hold_is_left_out_and_counted() -> None:
    rows = [question(0, "Paris"), question(1, "a } brace")]
    made = make_targets(rows, None, recipe(format_abstentions=0))["format"]
    assert [json.loads(row.item)["id"] for row in made.rows] == ["0"]
    assert made.left_out == {"unwritable": 1}
    with pytest.raises(DataError, match="no item of 1 gives a target; 1 have an answer that the"):
        make_targets(rows[1:], None, recipe(format_abstentions=0))


def test_beside_it_the_other_parts_still_need_a_profile() -> None:
    with pytest.raises(DataError, match="satrain profile format-warm-up --base MODEL"):
        build_mixture(recipe(confidence=1))


def test_what_is_trained_on_is_not_evaluated() -> None:
    mixture = build_mixture(recipe())
    evaluated = {row.cluster for row in mixture.holdout if row.task == "factworld_questions"}
    trained = {row.cluster for row in mixture.training if row.task == "factworld_questions"}
    assert trained
    assert not trained & evaluated
    assert all(source["dropped"] == {} for source in mixture.manifest["sources"])
