"""What supervised fine-tuning teaches, case by case."""

from __future__ import annotations

import doctest
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mixtures import recipe_of
from profiles import SAMPLES, mixed, rows_of, write_profile

from saeval.errors import DataError
from saeval.tasks.format import render
from saeval.tasks.format.prompts import write_pairwise_prompt
from saeval.tasks.registry import get_task
from saeval.tasks.types import PairwiseItem, Question
from saeval.trainer.data.base_sampler import make_entry
from saeval.trainer.data.mixture import build_mixture
from saeval.trainer.data.profile import Profile, ProfileEntry, ProfileHeader, SamplingSettings
from saeval.trainer.data.rows import TrainingRow, make_training_row
from saeval.trainer.data.sft_targets import REASONS, make_targets
from saeval.trainer.recipe.data_settings import PromptSettings
from saeval.trainer.recipe.schema import Recipe
from saeval.trainer.recipe.training_settings import Objective


def recipe(*, task: str = "factworld_questions", **objective: float) -> Recipe:
    source = {"task": task, "split": "test", "count": 24}
    found = recipe_of(source, evaluation={"items": 4, "tasks": [task]})
    return found.model_copy(update={"backend": "trl-sft", "objective": Objective(**objective)})


def question(number: int, answer: str | None = "Paris") -> TrainingRow:
    made = Question(
        id=str(number),
        cluster=None,
        question=f"What is capital {number}?",
        answers=() if answer is None else (answer,),
        target="UNKNOWN" if answer is None else "RIGHT",
        topic=None,
        popularity=None,
        source_label="",
    )
    return make_training_row(get_task("triviaqa"), made, PromptSettings())


def claim(target: str) -> TrainingRow:
    item = {"id": "0", "cluster": None, "claim": "It rains.", "evidence": ["…"], "target": target}
    return TrainingRow("…", "fever", json.dumps(item), target, None)


def profile(rows: list[TrainingRow], *counts: dict[str, object]) -> Profile:
    """Of 16 samples of each row."""
    entries = {}
    for row, found in zip(rows, counts, strict=True):
        card, number = get_task(row.task).dataset, json.loads(row.item)["id"]
        given = {"abstained": 0, "invalid": 0, "confidence": None, **found}
        entry = ProfileEntry.model_validate({"item": f"{card}/{number}", "prompt": "…", **given})
        entries[entry.item] = entry
    sampling = SamplingSettings(samples=16, temperature=1, max_completion_length=9, seed=0)
    header = ProfileHeader(
        schema="satrain.profile/1", base="b", content="c", items=len(rows), prompt=PromptSettings(),
        sampling=sampling,
    )  # fmt: skip
    return Profile(Path("mine.jsonl"), header, entries)


def said(rows: list[TrainingRow], part: str, *counts: dict[str, object]) -> list[str | None]:
    made = make_targets(rows, profile(rows, *counts), recipe(**{part: 1.0}))[part]
    return [row.completion for row in made.rows]


def test_examples_are_true():
    outcome = doctest.testmod(render)
    assert outcome.attempted > 0
    assert outcome.failed == 0


@pytest.mark.parametrize(
    ("row", "counts", "completion"),
    [
        (question(0), {"right": 12, "answer": "paris"}, "\\boxed{Paris}\nCONF=0.75"),
        (question(0), {"right": 8, "answer": "Lyon"}, "\\boxed{Paris}\nCONF=0.50"),
        (question(0), {"right": 7, "answer": "Paris"}, "\\boxed{Unknown}\nCONF=0.56"),
        (question(0), {"right": 0, "answer": "Lyon"}, "\\boxed{Unknown}\nCONF=1.00"),
        # 7 of the 8 that can be read.
        (question(0), {"right": 7, "invalid": 8, "answer": "x"}, "\\boxed{Paris}\nCONF=0.88"),
        # Nobody can know it, and it knows that; or does not.
        (
            question(0, None),
            {"right": 12, "abstained": 12, "answer": "Unknown"},
            "\\boxed{Unknown}\nCONF=0.75",
        ),
        (question(0, None), {"right": 0, "answer": "Lyon"}, "\\boxed{Unknown}\nCONF=1.00"),
        (claim("FAIL"), {"right": 16, "answer": "FAIL"}, "LABEL=FAIL\nCONF=1.00"),
        (claim("FAIL"), {"right": 4, "answer": "PASS"}, "LABEL=NA\nCONF=0.75"),
        (claim("NA"), {"right": 4, "abstained": 4, "answer": "PASS"}, "LABEL=NA\nCONF=0.75"),
    ],
)
def test_abstention_teaches_what_is_known_and_to_decline_the_rest(row, counts, completion):
    assert said([row], "abstention", counts) == [completion]


@pytest.mark.parametrize(
    ("row", "counts", "completion"),
    [
        (question(0), {"right": 12, "answer": "Paris"}, "\\boxed{Paris}\nCONF=0.75"),
        (question(0), {"right": 3, "abstained": 2, "answer": "Lyon"}, "\\boxed{Lyon}\nCONF=0.19"),
        (
            question(0),
            {"right": 3, "abstained": 2, "answer": "Unknown"},
            "\\boxed{Unknown}\nCONF=0.19",
        ),
        (claim("FAIL"), {"right": 4, "answer": "PASS"}, "LABEL=PASS\nCONF=0.25"),
        (claim("NA"), {"right": 4, "abstained": 4, "answer": "NA"}, "LABEL=NA\nCONF=0.25"),
    ],
)
def test_confidence_is_the_share_of_right_samples_whatever_is_answered(row, counts, completion):
    assert said([row], "confidence", counts) == [completion]


def test_the_confidence_of_a_given_answer_counts_given_answers_alone():
    rows = [question(0), question(1, None), question(2)]
    made = make_targets(
        rows,
        profile(
            rows,
            {"right": 3, "abstained": 2, "answer": "Lyon"},
            {"right": 4, "abstained": 4, "answer": "Lyon"},  # right were those that declined
            {"right": 3, "abstained": 2, "answer": "Unknown"},
        ),
        recipe(own_answer=1),
    )["own_answer"]
    assert [row.completion for row in made.rows] == ["CONF=0.21", "CONF=0.00"]
    assert [row.target for row in made.rows] == ["WRONG", "WRONG"]
    assert {row.task for row in made.rows} == {"confidence"}
    assert "Question: What is capital 0?\nYour answer: Lyon\n" in made.rows[0].prompt
    assert made.left_out == {"declined": 1}


def test_a_pair_is_asked_in_both_orders_and_the_better_known_question_is_right():
    rows = [question(0), question(1)]
    counts = ({"right": 3, "answer": "a"}, {"right": 9, "answer": "b"})
    made = make_targets(rows, profile(rows, *counts), recipe(pairwise=1))["pairwise"].rows
    assert len(made) == 2
    for row in made:
        item = json.loads(row.item)
        letter = "A" if item["first"] == "What is capital 1?" else "B"
        assert (row.completion, row.target) == (f"\\boxed{{{letter}}}", letter)
        assert row.prompt == write_pairwise_prompt(item)
        assert item == PairwiseItem(**item).as_row()
    assert {row.target for row in made} == {"A", "B"}
    assert made[0].cluster == made[1].cluster


def test_pairs_that_are_known_alike_teach_nothing():
    rows = [question(number) for number in range(3)]
    with pytest.raises(DataError, match=rf"pairwise`: no item of 3 gives .*2 {REASONS['tied']}"):
        said(rows, "pairwise", *[{"right": 3, "answer": "a"}] * 3)


def test_a_question_without_an_answer_is_in_no_pair():
    rows = [question(0), question(1, None)]
    counts = ({"right": 3, "answer": "a"}, {"right": 9, "abstained": 9, "answer": "Unknown"})
    with pytest.raises(DataError, match="no item of 2 gives a target"):
        said(rows, "pairwise", *counts)


def test_what_cannot_be_read_or_written_is_left_out_and_counted():
    rows = [question(0), question(1), question(2, "a} or {b")]
    found = profile(
        rows,
        {"right": 0, "invalid": 16, "answer": None},
        {"right": 16, "answer": "Paris"},
        {"right": 16, "answer": "a} or {b"},
    )
    made = make_targets(rows, found, recipe(abstention=1, confidence=1))
    for part in made.values():
        assert [row.completion for row in part.rows] == ["\\boxed{Paris}\nCONF=1.00"]
        assert part.left_out == {"unreadable": 1, "unwritable": 1}


def test_a_profile_without_answers_or_items_is_refused():
    rows = [question(0), question(1)]
    with pytest.raises(DataError, match=r"triviaqa/0 has no `answer`; make the profile again"):
        said(rows[:1], "confidence", {"right": 3})
    one = profile(rows[:1], {"right": 3, "answer": "a"})
    with pytest.raises(DataError, match=r"no entry of 1 of 2 items; `satrain profile small`"):
        make_targets(rows, one, recipe(confidence=1))


@given(right=st.integers(0, 16), invalid=st.integers(0, 16), known_from=st.floats(0, 1))
def test_every_target_is_read_as_it_was_meant(right, invalid, known_from):
    right = min(right, 16 - invalid)
    row = question(0)
    found = profile([row], {"right": right, "invalid": invalid, "answer": "Lyon"})
    wanted = recipe(abstention=1, known_from=known_from)
    if invalid == 16:
        with pytest.raises(DataError, match=REASONS["unreadable"]):
            make_targets([row], found, wanted)
        return
    (made,) = make_targets([row], found, wanted)["abstention"].rows
    read = get_task("triviaqa").parse(json.loads(row.item), made.completion)
    share = right / (16 - invalid)
    assert read.prediction == ("RIGHT" if share >= known_from else "UNKNOWN")
    assert read.confidence == pytest.approx(
        share if share >= known_from else 1 - share, abs=0.00501
    )


def test_a_profile_keeps_the_first_answer_that_can_be_read():
    row = question(0)
    item = json.loads(row.item)
    assert item["answers"] == ["Paris"]
    replies = ["no idea what to write", "\\boxed{I don't know}\nCONF=0.1", "\\boxed{Paris}"]
    assert make_entry("triviaqa/0", row, replies[::-1]).answer == "Paris"
    assert make_entry("triviaqa/0", row, replies[1:]).answer == "Unknown"
    assert make_entry("triviaqa/0", row, ["…"]).answer is None


def test_a_mixture_holds_the_parts_in_proportion(tmp_path: Path):
    wanted = recipe(abstention=2, own_answer=1, pairwise=1)
    path = write_profile(tmp_path / "profile.jsonl", wanted, None)
    data = wanted.data.model_copy(update={"profile": str(path)})
    wanted = wanted.model_copy(update={"data": data})
    mixture = build_mixture(wanted)
    tasks = [row.task for row in mixture.training]
    for start in range(0, len(tasks) - 7, 8):
        assert tasks[start : start + 8].count("factworld_questions") == 4
        assert 1 <= tasks[start : start + 8].count("pairwise") <= 3
    parts = mixture.manifest["objective"]
    assert parts["abstention"] == {"targets": 24, "left_out": {}}
    assert parts["own_answer"]["targets"] > 0
    assert len(mixture.manifest["training"]["ids"]) == 24
    assert all(row.completion is None for row in mixture.holdout)
    assert build_mixture(wanted) == mixture


def test_without_a_profile_it_is_said_how_to_make_one():
    with pytest.raises(DataError, match=r"satrain profile small --base MODEL --out FILE"):
        build_mixture(recipe(abstention=1))


def test_a_made_up_profile_is_as_a_base_would_be():
    shares = [mixed(number, row)["right"] for number, row in enumerate(rows_of(recipe(pairwise=1)))]
    assert {share / SAMPLES for share in shares} == {0, 0.25, 0.75, 1}
