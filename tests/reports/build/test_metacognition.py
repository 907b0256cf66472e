"""What a metacognition says, on small results made by hand."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from saeval.reports import print_result, report_files, to_csv, to_html, to_markdown
from saeval.reports.build.cells import EMPTY
from saeval.reports.build.metacognition import task_tables, transfer_section
from saeval.reports.text.metacognition import details, in_sentences, way_of
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.results import ModelDescription
from saeval.stats.metacognition.adjust import adjust_models
from saeval.stats.metacognition.choices import NO_CHOICE
from saeval.stats.metacognition.pairwise import pairwise_choices
from saeval.stats.metacognition.pairwise_differences import pairwise_differences
from saeval.stats.metacognition.results import (
    METACOGNITION_SCHEMA_VERSION,
    Metacognition,
    ModelMetacognition,
    TaskDifferences,
    TaskMetacognition,
)
from saeval.stats.metacognition.single_answers import certainty_differences, single_answers

SETTINGS = StatsConfig(0.95, 1000, 43)
RIGHT = np.arange(100) % 2 == 0
HOSTILE = "<b>|x\x1b[31m"


def transfer_table(found):
    (section,) = transfer_section(found)
    return section.blocks[0]


def certainty(knows: bool):
    drawn = np.random.default_rng(0).random(100)
    if not knows:
        return np.round(drawn, 1)
    # One in ten is wrong, so that nothing is perfect.
    told = np.where(np.arange(100) % 20 < 2, ~RIGHT, RIGHT)
    return np.where(told, 0.9, 0.3) + 0.05 * drawn


def choices(knows: bool, first: bool = False):
    """Two in ten at random, so that nothing is perfect."""
    drawn = np.random.default_rng(1).integers(0, 2, (100, 2))
    known = np.column_stack([1 - RIGHT, RIGHT]).astype(int)
    known[:20] = drawn[:20]
    chosen = known if knows else drawn
    return np.where(np.random.default_rng(2).random((100, 1)) < 0.5, 0, chosen) if first else chosen


def side(knows: bool) -> np.ndarray:
    return np.where(RIGHT, 0, 1)


def task(name: str, single: bool, pairs: bool, first: bool = False) -> TaskMetacognition:
    return TaskMetacognition(
        name, 300, 100, 50, 150,
        single_answers(certainty(single), RIGHT, np.full(100, 0.8), None, SETTINGS),
        pairwise_choices(choices(pairs, first), side(pairs), confidence_level=0.95),
    )  # fmt: skip


def model(name: str, *tasks: TaskMetacognition, differences=()) -> ModelMetacognition:
    return ModelMetacognition(ModelDescription(name, name, {}), tasks, tuple(differences))


def differences(name: str, before: bool, after: bool) -> TaskDifferences:
    rows = certainty_differences(RIGHT, certainty(before), RIGHT, certainty(after), None, SETTINGS)
    rows += pairwise_differences(choices(before), side(True), choices(after), side(True))
    return TaskDifferences(name, 100, 100, rows)


def result(*models: ModelMetacognition, warnings=()) -> Metacognition:
    tests, adjusted = adjust_models(models)
    return Metacognition(
        METACOGNITION_SCHEMA_VERSION, "1", SETTINGS, tests, adjusted, tuple(warnings)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("single", "pairs", "way", "words"),
    [
        (True, True, "both", "knows which of its answers are right, asked either way."),
        (True, False, "single", "are right only when asked about one at a time."),
        (False, True, "choices", "are right only by choosing between two questions."),
        (False, False, "neither", "does not know beyond chance which of its answers are right."),
    ],
)
def test_the_first_sentence_says_by_which_way_it_knows(single, pairs, way, words):
    only = task("popqa", single, pairs)
    assert way_of(only) == way
    (sentence,) = in_sentences(result(model("base", only)))
    assert sentence.startswith("base ")
    assert words in sentence
    assert sentence.endswith("No preference for a position was found.")


def test_tasks_on_which_it_differs_are_named():
    found = result(model("base", task("popqa", True, True), task("kuq", False, False, first=True)))
    (sentence,) = in_sentences(found)
    assert sentence == (
        "base knows which of its answers are right on popqa, asked either way; not beyond chance "
        "on kuq. It prefers the question shown first on kuq."
    )


def test_a_preference_for_the_second_question_is_named():
    only = replace(
        task("popqa", True, True),
        pairwise=pairwise_choices(1 - choices(False, first=True), side(True)),
    )
    assert "It prefers the question shown second." in in_sentences(result(model("base", only)))[0]


def test_what_was_not_measured_is_not_claimed():
    nothing = replace(task("popqa", True, True), single=None, pairwise=None, attempted=0, right=0)
    unread = replace(
        nothing, pairwise=pairwise_choices(np.full((9, 2), NO_CHOICE), np.zeros(9, int))
    )
    for only in (nothing, unread):
        (sentence,) = in_sentences(result(model("base", only)))
        assert "gave too little to tell" in sentence
        assert "too little to tell whether it prefers a position" in sentence
    for form in (to_html, to_markdown, to_csv):
        assert "nan" not in form(result(model("base", nothing)))


def test_better_worse_and_not_detected_are_told_apart_after_holm():
    base = model("base", task("popqa", False, False), task("kuq", True, True))
    moved = [differences("popqa", False, True), differences("kuq", True, False)]
    still = [differences("popqa", False, False), differences("kuq", True, True)]
    found = result(
        base,
        model("moved", *base.tasks, differences=moved),
        model("still", *base.tasks, differences=still),
    )
    assert found.tests_in_family == 8
    _, of_moved, of_still = in_sentences(found)
    assert of_moved.startswith("moved knows its answers significantly better on popqa (AUROC +0.")
    assert " and significantly worse on kuq (AUROC −0." in of_moved
    assert of_moved.endswith(" pp) than base (Holm).")
    assert of_still == (
        "still knows its answers neither significantly better nor worse than base (Holm)."
    )
    table = transfer_table(found)
    assert [column.title for column in table.columns[1:]] == [
        "popqa AUROC", "popqa pairwise", "kuq AUROC", "kuq pairwise",
    ]  # fmt: skip
    signs = [cell.badge.tone for row in table.rows[1:] for cell in row.cells[1:]]
    assert signs == ["better", "better", "worse", "worse", *["not detected", "equivalent"] * 2]


def test_few_pairs_are_not_called_noise():
    base = model("base", task("popqa", True, True))
    none = TaskDifferences("popqa", 0, 0, ())
    found = result(base, model("other", *base.tasks, differences=[none]))
    assert (
        in_sentences(found)[1]
        == "Whether other knows its answers better than base could not be tested."
    )
    assert transfer_table(found).rows[1].cells[1:] == (EMPTY, EMPTY)
    assert "Transfer" in to_markdown(found)


def test_without_a_checkpoint_there_is_no_transfer_table():
    found = result(model("base", task("popqa", True, True)))
    assert "Transfer" not in to_markdown(found)
    assert details(found) == ()
    assert [table.title for table in task_tables(found, "popqa")] == [
        "One answer at a time",
        "Beside the confidence stated with the answer",
        "Which of two questions",
    ]


def test_names_are_hostile_text_in_every_form():
    base = model(HOSTILE, task("popqa", True, True))
    other = model("=1+1", *base.tasks, differences=[differences("popqa", False, True)])
    found = result(base, other, warnings=[HOSTILE])
    page, text, table = to_html(found), to_markdown(found), to_csv(found)
    assert "<b>" not in page
    assert "<b>" not in text.replace("\\<b\\>", "")
    assert "\n'=1+1," in table
    console = Console(width=100, record=True, file=io.StringIO())
    print_result(found, console)
    printed = console.export_text()
    assert "\x1b[31m" not in page + text + table + printed
    files = report_files(found)
    assert [name.rpartition(".")[2] for name in files] == ["html", "md", "csv", "json"]
    assert json.loads(files["metacognition.json"])["models"][0]["model"]["name"] == HOSTILE
