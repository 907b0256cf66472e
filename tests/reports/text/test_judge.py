"""What reports say of a judge beside the default grader."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from comparisons import HOSTILE, comparison, simulated, task
from rich.console import Console

from saeval.reports import from_json, print_result, to_html, to_json, to_markdown
from saeval.reports.text.judge import judge_caution, judge_sentences
from saeval.reports.text.summary import in_words
from saeval.reports.text.task import task_sentences
from saeval.stats.compare.results import JudgeAgreement
from saeval.stats.metrics.agreement import grader_agreement

LABELS = ("RIGHT", "WRONG", "UNKNOWN")


def side(agreeing=95, differing=5, unreadable=0, unscored=0, examples=()):
    default = [0] * (agreeing // 2) + [1] * (agreeing - agreeing // 2) + [1] * differing
    judge = [0] * (agreeing // 2) + [1] * (agreeing - agreeing // 2) + [0] * differing
    return grader_agreement(
        LABELS,
        default + [3] * unreadable + [0] * unscored,
        judge + [0] * unreadable + [3] * unscored,
        not_judged=7,
        unscored_examples=examples,
    )


def judged(base=None, checkpoint=None, left_out=0):
    return task(
        "simpleqa",
        judge=JudgeAgreement(
            (*LABELS, "INVALID"),
            (*LABELS, "UNSCORED"),
            left_out,
            base or side(),
            checkpoint or side(),
        ),
    )


def test_agreement_is_said_with_its_interval_and_kappa():
    base, checkpoint = judge_sentences(judged(side(95, 5, unreadable=3)), 0.95)
    assert base == (
        "The judge graded 103 of the base's responses (7 more need no judge) and agrees with the "
        "default grader on 95 of 100, 95.0% (95% Wilson interval 88.8% to 97.8%; Cohen’s κ 0.900)."
    )
    assert checkpoint.startswith("The judge graded 100 of the checkpoint's responses")


@pytest.mark.parametrize(
    ("unreadable", "said"),
    [
        (0, "every response of both models was parsed"),
        (3, "without a box that could be parsed 3 → 0; the"),
    ],
)
def test_format_is_what_the_default_grader_could_not_read(unreadable, said):
    pairs = simulated(confident=False)
    pairs.base.predicted[pairs.base.predicted == 3] = 0
    pairs.checkpoint.predicted[pairs.checkpoint.predicted == 3] = 0
    agreement = judged(side(unreadable=unreadable)).judge
    (sentence,) = [
        sentence
        for sentence in task_sentences(task("simpleqa", pairs, judge=agreement), 0.95)
        if sentence.startswith("Format: ")
    ]
    assert said in sentence


def test_pairs_without_a_grade_are_counted_per_model_with_examples():
    found = judged(side(unscored=2, examples=("q1", "q2")), side(), left_out=2)
    assert judge_sentences(found, 0.95)[-1] == (
        "2 of 302 pairs are left out on both sides, since the judge gave no grade: "
        "2 responses of the base (such as q1, q2)."
    )


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (judged(), None),
        (judged(side(90, 10), side(100, 0)), None),
        (judged(side(89, 11), side(100, 0)), "only 89.0% of the base's responses; below 90%"),
        (judged(left_out=6), None),
        (judged(left_out=7), "no grade on 7 of 307 pairs (2.3%, more than 2%)"),
        (task("fever"), None),
    ],
    ids=["agree", "at the limit", "disagree", "few left out", "many left out", "no judge"],
)  # fmt: skip
def test_a_caution_stands_where_graders_disagree_or_many_pairs_are_left_out(found, said):
    caution = judge_caution(found, 0.95)
    assert caution is None if said is None else said in caution
    assert (caution is not None) == any("judge" in c for c in in_words(comparison(found)).cautions)


def test_nothing_graded_is_no_agreement():
    found = judged(grader_agreement(LABELS, [], [], not_judged=300))
    assert judge_sentences(found, 0.95)[0] == (
        "The judge graded 0 of the base's responses (300 more need no judge)."
    )
    assert judge_caution(found, 0.95) is None


def test_every_report_has_the_table_and_the_judges_name():
    found = comparison(judged(side(95, 5, unscored=4, examples=("q1",)), left_out=4))
    found = replace(found, settings=replace(found.settings, judge="http://host/v1#judge"))
    assert from_json(to_json(found)) == found
    for text in (to_html(found), to_markdown(found)):
        assert "Judge and default grader" in text
        assert "UNSCORED" in text
        assert "v1" in text
    assert "| **WRONG** | 5 | 48 | 0 | 0 |" in to_markdown(found)
    console = Console(record=True, width=200, file=io.StringIO())
    print_result(found, console)
    assert "The judge graded 100 of the base's responses" in console.export_text()


def test_without_a_judge_no_report_speaks_of_one():
    found = comparison()
    assert "udge and default" not in to_html(found) + to_markdown(found)


def test_hostile_names_and_ids_stay_text():
    found = comparison(judged(side(95, 5, unscored=4, examples=(HOSTILE,)), left_out=4))
    found = replace(found, settings=replace(found.settings, judge=HOSTILE))
    page, text = to_html(found), to_markdown(found)
    assert "<script>" not in page + text
    assert "\x1b" not in page + text
    (page + text).encode()
