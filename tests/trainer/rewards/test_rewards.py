"""Reward components one by one: their examples, their guard, properness, the diagnostics."""

from __future__ import annotations

import doctest
import importlib
import math
from functools import partial

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from saeval.errors import RewardError
from saeval.trainer.rewards.completion import Group, warmup_factor
from saeval.trainer.rewards.confidence import brier, log_score
from saeval.trainer.rewards.diagnostics import diagnose_batch
from saeval.trainer.rewards.example import make_completion
from saeval.trainer.rewards.group import group_caution
from saeval.trainer.rewards.registry import COMPONENTS, RewardComponent
from saeval.trainer.rewards.terms import RewardTerm, compute_values

MODULES = ("class_weighted", "confidence", "correctness", "diagnostics", "example", "group")


@pytest.mark.parametrize("name", [*MODULES, "terms"])
def test_examples_are_true(name):
    outcome = doctest.testmod(importlib.import_module(f"saeval.trainer.rewards.{name}"))
    assert outcome.attempted > 0
    assert outcome.failed == 0


@pytest.mark.parametrize("component", COMPONENTS.values(), ids=lambda component: component.name)
def test_every_component_states_formula_source_and_example(component):
    text = component.function.__doc__
    for part in (".. math::", "References", "Examples", ">>>"):
        assert part in text


probability = st.floats(0.001, 0.999)


@pytest.mark.parametrize("score", [brier, log_score, partial(brier, scale=0.25)])
@given(truth=probability, stated=st.floats(0, 1))
def test_no_other_confidence_pays_more_than_the_true_probability(score, truth, stated):
    def expected(confidence):
        right, wrong = (make_completion(it, confidence, target="PASS") for it in ("PASS", "FAIL"))
        return truth * score(right) + (1 - truth) * score(wrong)

    assert expected(stated) <= expected(truth) + 1e-12


@given(truth=st.floats(0.05, 0.95), other=st.floats(0, 1))
def test_the_true_probability_is_the_only_best_one(truth, other):
    assume(abs(truth - other) > 0.05)
    for score in (brier, log_score):
        right, wrong = (
            [score(make_completion(it, confidence, target="PASS")) for confidence in (truth, other)]
            for it in ("PASS", "FAIL")
        )
        best, worse = (truth * r + (1 - truth) * w for r, w in zip(right, wrong, strict=True))
        assert best > worse


def test_a_warm_up_rises_linearly_and_stays_at_one():
    assert [warmup_factor(make_completion("NA", step=step), 4) for step in (0, 1, 3, 9)] == [
        0.25,
        0.5,
        1.0,
        1.0,
    ]
    assert warmup_factor(make_completion("NA", step=0), 0) == 1.0


def test_caution_begins_at_its_share_of_the_steps():
    due = partial(make_completion, "UNKNOWN", target="RIGHT", group=Group(8, 0), steps=200)
    paid = [group_caution(due(step=step), starts_at=0.5) for step in (0, 99, 100, 199)]
    assert paid == [0, 0, 1, 1]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_stops_with_the_components_name(value):
    def broken(completion):
        return value

    with pytest.raises(RewardError, match="reward component broken: is"):
        compute_values([RewardTerm(RewardComponent(broken), 0.0, {})], [make_completion("NA")])


@pytest.mark.parametrize("name", [c.name for c in COMPONENTS.values() if c.requires])
def test_a_component_that_lacks_what_it_needs_says_so_by_name(name):
    with pytest.raises(RewardError, match=f"reward component {name}: the "):
        COMPONENTS[name](make_completion("PASS", 0.5), {})


def test_diagnostics_count_what_happened():
    known, unknown = Group(2, 1), Group(2, 0)
    found = diagnose_batch(
        [
            make_completion("RIGHT", 0.9, target="RIGHT", group=known),
            make_completion("WRONG", 0.5, target="RIGHT", group=known),
            make_completion("UNKNOWN", None, target="UNKNOWN", group=unknown),
            make_completion(None, None, target="UNKNOWN", group=unknown),
        ]
    )
    assert found == {
        "abstention_rate": 0.25,
        "format_rate": 0.5,
        "recall/RIGHT": 0.5,
        "recall/UNKNOWN": 0.5,
        "confidence_spread": pytest.approx(0.2),
        "any_right": 0.5,
    }
    assert diagnose_batch([]) == {}
