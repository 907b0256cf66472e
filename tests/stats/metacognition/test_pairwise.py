"""Choices between two questions: hand-made tables, and what must hold whatever was chosen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from saeval.stats._core.wilson import wilson_interval
from saeval.stats.compare.config import StatsConfig
from saeval.stats.metacognition.adjust import adjust_models
from saeval.stats.metacognition.choices import NO_CHOICE
from saeval.stats.metacognition.pairwise import pairwise_choices
from saeval.stats.metacognition.pairwise_differences import pairwise_differences
from saeval.stats.metacognition.results import ModelMetacognition, TaskDifferences
from saeval.stats.metacognition.single_answers import certainty_differences, single_answers
from saeval.stats.metrics.confidence import auroc

CHOICES = st.integers(1, 40).flatmap(
    lambda n: st.tuples(
        arrays(np.int64, (n, 2), elements=st.sampled_from([0, 1, NO_CHOICE])),
        arrays(np.int64, n, elements=st.integers(0, 1)),
    )
)
SETTINGS = StatsConfig(0.95, 1000, 43)


def knows(right):
    """The choices of a model that always names the question it got right."""
    right = np.asarray(right)
    return np.column_stack([right, 1 - right])


def limits(proportion):
    return proportion.interval.low, proportion.interval.high


def test_a_hand_made_table():
    """Six pairs: known, known, always the first position twice, wrong, and one invalid reply."""
    choice = [[0, 1], [1, 0], [0, 0], [0, 0], [1, 0], [0, NO_CHOICE]]
    right = [0, 1, 0, 1, 0, 0]
    confidence = [[0.9, 0.4], [0.2, 0.7], [0.5, 0.5], [0.3, 0.6], [0.8, 0.1], [np.nan, 0.5]]
    choices = pairwise_choices(choice, right, confidence)
    assert choices.pairs == 6
    assert choices.accuracy.value == pytest.approx(7 / 12)  # 2 + 2 + 1 + 1 + 0 + 1
    assert choices.accuracy.replies == 12
    assert choices.position_bias.value == pytest.approx(8 / 11 - 1 / 2)
    assert (choices.consistency.value, choices.consistency.pairs) == (pytest.approx(3 / 5), 5)
    # 2 + 2, two ties of a half, one of two, none of two; the last pair was not judged.
    assert choices.agreement.value == pytest.approx(6 / 10)
    assert choices.invalid_rate.value == pytest.approx(1 / 12)


def test_the_interval_is_wilsons_with_a_pair_for_one_reply():
    right = np.zeros(40, int)
    sure = np.tile([0, 1], (40, 1))
    sure[:10] = [1, 0]
    once = pairwise_choices(sure, right).accuracy
    wilson = wilson_interval(30, 40)
    # Both replies to a pair agree, so 80 replies are worth some 37: fewer by n − 1 and Student's t.
    assert once.value == 0.75
    assert limits(once) == pytest.approx((wilson.low, wilson.high), abs=1e-2)
    always_first = pairwise_choices(np.zeros((40, 2), int), right).accuracy
    wilson = wilson_interval(20, 40)  # nothing varies between pairs, so a pair is one reply
    assert always_first.value == 0.5
    assert limits(always_first) == pytest.approx((wilson.low, wilson.high))
    perfect = pairwise_choices(knows(right), right).accuracy
    assert perfect.interval.low == pytest.approx(wilson_interval(40, 40).low)


@given(CHOICES)
def test_exchanging_positions_turns_the_bias_round_and_keeps_the_rest(case):
    """Renaming A to B in every reply to the exchanged prompt is the same as asking in reverse."""
    choice, right = case
    choices, again = pairwise_choices(choice, right), pairwise_choices(choice[:, ::-1], 1 - right)
    assert again.position_bias == choices.position_bias
    mirrored = np.where(choice == NO_CHOICE, NO_CHOICE, 1 - choice)
    turned = pairwise_choices(mirrored, 1 - right)
    assert turned.accuracy == again.accuracy == choices.accuracy
    assert turned.consistency == choices.consistency
    if choices.position_bias.value is None:
        assert turned.position_bias.value is None
    else:
        assert turned.position_bias.value == pytest.approx(-choices.position_bias.value)
        assert turned.position_bias.interval.low == pytest.approx(
            -choices.position_bias.interval.high
        )


@given(CHOICES)
def test_every_share_lies_in_its_interval(case):
    choices = pairwise_choices(*case)
    for proportion in (
        choices.accuracy,
        choices.consistency,
        choices.position_bias,
        choices.invalid_rate,
    ):
        if proportion.value is not None:
            assert proportion.interval.low <= proportion.value + 1e-9
            assert proportion.value <= proportion.interval.high + 1e-9
            assert proportion.interval.high > proportion.interval.low


@given(arrays(np.int64, st.integers(1, 60), elements=st.integers(0, 1)))
def test_an_oracle_is_always_right_and_a_position_is_right_half_the_time(right):
    oracle = pairwise_choices(knows(right), right)
    assert (oracle.accuracy.value, oracle.position_bias.value, oracle.consistency.value) == (
        1,
        0,
        1,
    )
    assert oracle.accuracy.interval.low < 1
    for position, bias in ((0, 0.5), (1, -0.5)):
        stuck = pairwise_choices(np.full((len(right), 2), position), right)
        assert (stuck.accuracy.value, stuck.position_bias.value) == (0.5, bias)
        assert stuck.consistency.value == 0


def test_a_coin_is_right_half_the_time():
    rng = np.random.default_rng(0)
    choices = pairwise_choices(rng.integers(0, 2, (4000, 2)), rng.integers(0, 2, 4000))
    for proportion, centre in (
        (choices.accuracy, 0.5),
        (choices.consistency, 0.5),
        (choices.position_bias, 0),
    ):
        assert proportion.interval.low < centre < proportion.interval.high


def test_intervals_cover_the_truth_although_the_two_replies_hang_together():
    """A third of the pairs is known, a third misjudged, a third settled by the position."""
    rng = np.random.default_rng(1)
    kinds = np.array([[0, 1], [1, 0], [0, 0]])
    covered = 0
    for _ in range(400):
        choices = pairwise_choices(kinds[rng.integers(0, 3, 150)], np.zeros(150, int)).accuracy
        covered += choices.interval.low <= 0.5 <= choices.interval.high
    assert 0.92 < covered / 400 < 0.985


@pytest.mark.slow
def test_a_difference_between_models_that_are_alike_is_found_as_often_as_it_should_be():
    rng = np.random.default_rng(2)
    rejected = 0
    for _ in range(400):
        right = rng.integers(0, 2, 120)
        both = [
            np.where(rng.random((120, 1)) < 0.6, knows(right), rng.integers(0, 2, (120, 2)))
            for _ in range(2)
        ]
        rows = pairwise_differences(both[0], right, both[1], right)
        rejected += rows[0].pvalue < 0.05
    assert 0.02 < rejected / 400 < 0.08


def test_a_checkpoint_that_learned_which_is_which_is_better():
    rng = np.random.default_rng(3)
    right = rng.integers(0, 2, 200)
    base = np.zeros((200, 2), int)
    checkpoint = np.where(rng.random((200, 1)) < 0.8, knows(right), 1 - knows(right))
    checkpoint[:5, 1] = NO_CHOICE
    rows = {r.metric: r for r in pairwise_differences(base, right, checkpoint, right)}
    assert rows["pairwise_accuracy"].base == 0.5
    assert rows["pairwise_accuracy"].difference > 0.2
    assert rows["pairwise_accuracy"].pvalue < 1e-6
    assert rows["pairwise_accuracy"].headline
    assert rows["consistency"].items == rows["position_bias"].items == 195
    assert (rows["consistency"].base, rows["consistency"].checkpoint) == (0, 1)
    assert rows["consistency"].pvalue < 1e-6
    assert (rows["position_bias"].base, rows["position_bias"].checkpoint) == (0.5, 0)
    assert rows["position_bias"].higher_is_better is None
    assert rows["invalid_rate"].checkpoint == pytest.approx(5 / 400)


def test_each_models_own_right_answer_counts():
    """The checkpoint got the other question right, and chooses it."""
    right = np.zeros(30, int)
    rows = pairwise_differences(knows(right), right, knows(1 - right), 1 - right)
    assert [(row.base, row.checkpoint, row.pvalue) for row in rows[:2]] == [(1, 1, 1), (1, 1, 1)]


def test_few_pairs_are_shown_and_not_tested():
    right = np.arange(12) % 2
    rows = pairwise_differences(np.zeros((12, 2), int), right, knows(right), right)
    assert rows[0].difference == 0.5
    assert all(row.pvalue is None for row in rows)


def test_without_one_valid_choice_there_is_no_proportion():
    nothing = np.full((25, 2), NO_CHOICE)
    choices = pairwise_choices(nothing, np.zeros(25, int))
    assert (choices.accuracy.value, choices.invalid_rate.value) == (0, 1)
    assert (
        choices.position_bias.value is choices.consistency.value is choices.agreement.value is None
    )
    rows = pairwise_differences(nothing, np.zeros(25, int), nothing, np.zeros(25, int))
    assert [row.metric for row in rows] == ["pairwise_accuracy", "invalid_rate"]


@pytest.mark.parametrize(
    ("choice", "right", "confidence", "message"),
    [
        ([0, 1], [0], None, r"`choice` must have shape \(n, 2\)"),
        ([[0, 2]], [0], None, "`choice` must hold only 0, 1 and -1"),
        ([[0, 1]], [0, 1], None, "`right` has 2, `choice` has 1"),
        ([[0, 1]], [3], None, "`right` must hold only True and False"),
        ([[0, 1]], [0], [[0.5]], r"`confidence` must have shape \(1, 2\)"),
        ([[0, 1]], [0], [[0.5, 1.5]], r"`confidence` must lie in \[0, 1\]"),
    ],
)
def test_arrays_that_do_not_fit_are_named(choice, right, confidence, message):
    with pytest.raises(ValueError, match=message):
        pairwise_choices(choice, right, confidence)


# One answer at a time


def simulated(n=600):
    rng = np.random.default_rng(4)
    correct = rng.random(n) < 0.5
    certainty = np.where(correct, rng.choice([0.7, 0.9], n), rng.choice([0.3, 0.9], n))
    return rng, correct, certainty


def test_certainty_asked_apart_is_set_beside_the_confidence_stated_with_the_answer():
    rng, correct, certainty = simulated()
    stated = np.where(rng.random(600) < 0.1, np.nan, 0.9)
    certainty[:6] = np.nan
    single = single_answers(certainty, correct, stated, None, SETTINGS)
    assert (single.answers, single.invalid.count) == (600, 6)
    own = single.estimate("auroc")
    assert (own.items, own.value) == (594, auroc(correct[6:], certainty[6:]))
    assert own.interval.low > 0.5
    beside = {row.metric: row for row in single.beside_stated}
    assert beside["auroc"].base == 0.5
    assert beside["auroc"].items == int((~np.isnan(stated) & ~np.isnan(certainty)).sum())
    assert beside["auroc"].pvalue < 0.001
    assert not beside["auroc"].headline


def test_without_a_valid_certainty_every_estimate_is_missing():
    single = single_answers([np.nan] * 3, [1, 0, 1], [0.5] * 3, None, SETTINGS)
    assert single.invalid.value == 1
    assert single.beside_stated == ()
    assert {estimate.value for estimate in single.estimates} == {None}


def test_clusters_widen_the_interval():
    _, correct, certainty = simulated(200)
    cluster = np.repeat(np.arange(200), 4)
    values = [np.repeat(v, 4) for v in (certainty, correct)]
    alone = single_answers(*values, [np.nan] * 800, None, SETTINGS).estimate("auroc").interval
    together = single_answers(*values, [np.nan] * 800, cluster, SETTINGS).estimate("auroc").interval
    assert together.high - together.low > 1.7 * (alone.high - alone.low)


def test_identical_models_do_not_differ():
    _, correct, certainty = simulated()
    for row in certainty_differences(correct, certainty, correct, certainty, None, SETTINGS):
        tested = row.metric != "ece_squared_debiased"
        assert (row.difference, row.pvalue) == (0, 1 if tested else None)


def test_holm_is_over_auroc_and_pairwise_accuracy_of_all_checkpoints_and_tasks():
    _, correct, certainty = simulated()
    rows = certainty_differences(correct, np.full(600, 0.5), correct, certainty, None, SETTINGS)
    right = np.arange(60) % 2
    rows += pairwise_differences(np.zeros((60, 2), int), right, knows(right), right)
    model = ModelMetacognition(None, (), (TaskDifferences("popqa", 600, 60, rows),))
    tests, models = adjust_models([ModelMetacognition(None, ()), model, model])
    assert tests == 4  # also where every pair changed alike, from a fixed position to knowing
    adjusted = {row.metric: row for row in models[2].differences[0].metrics}
    assert adjusted["auroc"].pvalue_holm >= adjusted["auroc"].pvalue
    assert adjusted["pairwise_accuracy"].pvalue_holm is not None
    assert adjusted["brier"].pvalue_holm is adjusted["consistency"].pvalue_holm is None
