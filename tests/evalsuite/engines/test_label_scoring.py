"""Labels from next-token distributions: what is asked covers what is wanted, with the fewest."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saeval.evalsuite.engines.label_scoring import distinct_prefixes, plan_steps, sum_label

CONTEXT = (7, 7)
TOKENS = st.integers(0, 3)
LABELS = st.lists(st.lists(TOKENS, min_size=1, max_size=4), min_size=1, max_size=6)


def logprob(before, token):
    """Of a model whose next token depends on all before it."""
    weights = [1 + (hash((*before, t)) % 97) for t in range(4)]
    return math.log(weights[token] / sum(weights))


def likeliest(before):
    return max(range(4), key=lambda token: logprob(before, token))


def ask(steps):
    """What an engine gives: scores after every prefix, and the likeliest where it is known."""
    scores, greedy = {}, {}
    for step in steps:
        for before in step.prefixes:
            assert before not in scores, "nothing is asked twice"
            scores[before] = {token: logprob(before, token) for token in step.wanted}
            known = step.forced is None or likeliest(before) == step.forced
            greedy[before] = likeliest(before) if known else None
    return scores, greedy


@given(LABELS, st.booleans())
def test_sums_are_those_of_the_model(labels, may_force):
    pairs = [(CONTEXT, tuple(label)) for label in labels]
    scores, greedy = ask(plan_steps(pairs, may_force=may_force))
    for before, label in pairs:
        steps = [(before + label[:at], token) for at, token in enumerate(label)]
        total, is_likeliest = sum_label(scores, greedy, before, label)
        assert total == pytest.approx(sum(logprob(*step) for step in steps))
        expected = all(likeliest(prefix) == token for prefix, token in steps)
        assert is_likeliest in ((expected, None) if may_force else (expected,))


@given(LABELS)
def test_prescribing_a_token_saves_requests_and_reads_the_same_prefixes(labels):
    pairs = [(CONTEXT, tuple(label)) for label in labels]
    plain, forced = (plan_steps(pairs, may_force=own) for own in (False, True))
    prefixes = set(distinct_prefixes(pairs))
    for steps in (plain, forced):
        assert {prefix for step in steps for prefix in step.prefixes} == prefixes
    assert len(plain) == len(prefixes)
    if any(len(label) > 1 for label in labels):
        assert len(forced) < len(plain)


def test_labels_of_one_and_two_tokens_are_one_request():
    (step,) = plan_steps([(CONTEXT, (1, 2)), (CONTEXT, (3,)), (CONTEXT, (4,))], may_force=True)
    assert step.prefixes == (CONTEXT, (*CONTEXT, 1))
    assert set(step.wanted) == {1, 2, 3, 4}
