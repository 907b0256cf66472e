"""What metrics are called and defined as."""

from __future__ import annotations

from dataclasses import replace

from comparisons import comparison, task

from saeval.reports import to_html
from saeval.reports.text.methods import definitions, methods


def test_a_probability_of_a_choice_is_not_called_a_statement():
    own = replace(task(), confidence_is_own=True)
    said = dict(definitions(comparison(own)))
    assert said["Mean confidence"] == "Mean of the probability of the choice."
    assert said["AUROC"].startswith("Chance that a right answer was more probable than a wrong one")
    assert not any("stated" in text for text in said.values())
    page = to_html(comparison(own))
    assert "Probability of the choice, by outcome" in page
    assert "at each level of probability of the choice" in page
    assert "stated confidence" not in page[page.index('id="task-fever"') :]


def test_of_both_kinds_each_has_its_definition():
    both = comparison(task(), replace(task("arc"), confidence_is_own=True))
    texts = [text for name, text in definitions(both) if name == "Mean confidence"]
    assert texts == ["Mean of the stated confidence.", "Mean of the probability of the choice."]


def test_one_test_is_no_tests():
    (said,) = (s for s in methods(replace(comparison(), tests_in_family=1)) if "Holm" in s)
    assert "adjust over 1 test: " in said
