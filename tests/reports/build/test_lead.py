"""The first screen: two answers in a sentence each, and the numbers that carry them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from comparisons import (
    EVERY_CASE,
    comparison,
    hostile_comparison,
    quiet,
    simulated,
    task,
    with_row,
)
from pages import Page

from saeval.reports import report_files, to_html
from saeval.reports.build.explain import explainer
from saeval.reports.build.lead import FEWEST, MOST, comparison_lead
from saeval.reports.document import NO_LINKS
from saeval.reports.sanitize import anchors_of
from saeval.reports.text.statistics_pages import ALL_METRICS, statistics_page
from saeval.stats._core.interval import Interval
from saeval.stats.gate.results import GATE_SCHEMA_VERSION, Gate, MissingItems, RuleResult
from saeval.stats.gate.rules import Rule
from saeval.stats.metrics.registry import list_metrics


def lead(found, gate=None):
    anchors = anchors_of([t.task for t in found.tasks], "task")
    return comparison_lead(found, gate, anchors, explainer(found, NO_LINKS))


def result(name="fever", metric="accuracy", label=None, verdict="PASS", tier="blocking", **parts):
    rule = Rule(metric, label, "not_worse_by", 0.03, tier=tier)
    limits = Interval(-0.2, -0.05, "test")
    return RuleResult(name, rule, -0.1, limits, 0.9, 0.001, 0.002, verdict, 300, "test", **parts)


def gate(*results, verdict, missing=()):
    return Gate(
        GATE_SCHEMA_VERSION, "0.1.0", "small", "small-grpo", "gate.yaml", 0.95, False, verdict,
        (), results, (), missing=missing,
    )  # fmt: skip


def better(name):
    found = quiet(task(name))
    found = with_row(found, "recall", "NA", values=(0.4, 0.8), limits=(0.3, 0.5), p=1e-6)
    return with_row(found, "false_abstention_rate", values=(0.1, 0.1), limits=(-0.02, 0.02), p=1.0)


def worse(name):
    found = quiet(task(name))
    return with_row(found, "accuracy", values=(0.6, 0.4), limits=(-0.3, -0.1), p=1e-6)


@pytest.mark.parametrize("case", EVERY_CASE)
def test_both_questions_are_answered_before_anything_else(case):
    found = EVERY_CASE[case]()
    page = Page(to_html(found))
    text = page.text[page.text.index("Skip the contents") :]
    text = text[text.index("Does it know better") :]
    assert text.index("May it ship?") < text.index("What the first answer rests on")
    for answer in lead(found).answers:
        assert answer.badge.text
        assert answer.sentence.endswith(".")
        assert ".." not in answer.sentence


def test_one_sentence_names_few_tasks_and_counts_many():
    few = lead(comparison(better("a"), quiet(task("b")), quiet(task("c"))))
    assert few.answers[0].badge.text == "Mixed"
    assert few.answers[0].sentence.count(" on ") == 2
    assert "b and c" in few.answers[0].sentence
    many = [better(f"good{i}") for i in range(10)] + [quiet(task(f"bad{i}")) for i in range(47)]
    sentence = lead(comparison(*many)).answers[0].sentence
    assert "on 10 of 57 tasks" in sentence
    assert "on 47 of 57 tasks" in sentence
    assert len(sentence) < 250


def test_what_fell_stands_in_the_first_sentence():
    sentence = lead(comparison(better("a"), worse("b"), worse("c"))).answers[0].sentence
    assert "it knows better what it does not know on a;" in sentence
    assert sentence.endswith("; accuracy fell on b (60.0% → 40.0%), and 1 more loss.")


def test_without_a_gate_it_says_how_to_ask():
    ship = lead(comparison()).answers[1]
    assert ship.badge.text == "Not asked"
    assert ship.command.startswith("saeval gate ")
    assert "May it ship?" in Page(to_html(comparison())).text


def test_a_regression_names_what_is_broken_and_links_to_its_task():
    found = comparison(worse("a"), quiet(task("b (2)")))
    broken = result("b (2)", "recall", "NA", "REGRESSION")
    held = gate(broken, result("a"), result("a", "recall", "PASS"), verdict="REGRESSION")
    ship = lead(found, held).answers[1]
    assert ship.badge.text == "✗ REGRESSION"
    assert ship.sentence == "No: 1 of 3 rules of gate.yaml is broken."
    (reason,) = ship.reasons
    assert "NA recall" in reason.text
    page = Page(report_files(found, gate=held)["report.html"])
    assert reason.address[1:] in page.ids
    assert reason.address in page.links


def test_an_advisory_rule_is_said_and_does_not_count():
    advisory = result(metric="recall", label="NA", verdict="REGRESSION", tier="advisory")
    ship = lead(comparison(), gate(result(), advisory, verdict="PASS")).answers[1]
    assert ship.sentence.startswith("Yes: the one rule of gate.yaml passed. Advisory")
    assert ship.reasons == ()


def test_what_one_model_did_not_answer_is_a_reason():
    lacks = MissingItems("fever", "checkpoint", 12, "fever: checkpoint lacks 12 items.")
    held = gate(result(), verdict="INCONCLUSIVE", missing=(lacks,))
    ship = lead(comparison(), held).answers[1]
    assert ship.sentence == "Not yet: 12 items answered by one model only."
    assert [reason.text for reason in ship.reasons] == ["fever: checkpoint lacks 12 items."]


def test_many_broken_rules_are_counted():
    tasks = [quiet(task(f"t{i}")) for i in range(9)]
    broken = [result(t.task, verdict="REGRESSION") for t in tasks]
    ship = lead(comparison(*tasks), gate(*broken, verdict="REGRESSION")).answers[1]
    assert ship.sentence == "No: 9 of 9 rules of gate.yaml are broken."
    assert len(ship.reasons) == 5
    assert ship.reasons[-1].text == "5 more (Accuracy)."


@pytest.mark.parametrize("case", EVERY_CASE)
def test_few_numbers_each_once_and_each_leads_to_a_section(case):
    found = EVERY_CASE[case]()
    numbers = lead(found).numbers
    assert len(numbers) <= MOST
    assert len({(n.title, n.where) for n in numbers}) == len(numbers)
    page = Page(to_html(found))
    assert {number.address[1:] for number in numbers} <= set(page.ids)
    definitions = {number.page.address[1:] for number in numbers}
    assert definitions <= set(page.ids)
    assert not numbers or any(anchor.startswith("definition-") for anchor in definitions)
    if case in ("ordinary", "several"):
        assert len(numbers) >= FEWEST


def test_what_fell_most_and_what_the_gate_decided_are_among_the_numbers():
    found = comparison(better("a"), worse("b"), task("c", simulated(200, 4)))
    decided = result("c", "recall", "FAIL", "REGRESSION")
    numbers = lead(found, gate(decided, verdict="REGRESSION")).numbers
    named = {(number.title, number.where) for number in numbers}
    assert {("NA recall", "a"), ("Accuracy", "b"), ("FAIL recall", "c")} <= named
    (fell,) = [n for n in numbers if (n.title, n.where) == ("Accuracy", "b")]
    assert (fell.change, fell.interval) == ("−20.0 pp", "[−30.0, −10.0]")
    assert fell.badge.tone == "worse"


def test_hostile_names_are_shown_as_text():
    found = hostile_comparison()
    held = replace(gate(result(found.tasks[0].task), verdict="PASS"), policy="<b>x</b>")
    page = Page(report_files(found, gate=held)["report.html"])
    assert "<b>x</b>" in page.text
    assert "script" not in {tag for tag, _ in page.tags}


def test_every_metric_has_a_page_of_the_documentation_that_is_there():
    pages = Path(__file__).parents[3] / "docs" / "statistics"
    (row,) = [r for r in task().metrics if r.metric == "accuracy"]
    metacognition = {"pairwise_accuracy", "position_bias"}  # of no comparison
    for name in list_metrics():
        page = statistics_page(replace(row, metric=name))
        assert (pages / f"{page}.md").is_file()
        assert (page == ALL_METRICS) == (name in metacognition)
