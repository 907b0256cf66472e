from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saeval.stats.frontier.dominance import beyond_front, dominances
from saeval.stats.frontier.pareto import Outcomes, pareto_front, points
from saeval.stats.frontier.utility import utilities
from saeval.stats.inference.proportions import mcnemar, tango_interval

LEVEL = 0.95
coordinates = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12)


def front(*all_points):
    x, y = zip(*all_points, strict=True)
    return pareto_front(x, y).tolist()


@pytest.mark.parametrize(
    ("all_points", "expected"),
    [
        ([(0.3, 0.3)], [True]),
        ([(0.1, 0.2), (0.3, 0.5), (0.6, 0.7)], [True, True, True]),
        ([(0.1, 0.5), (0.3, 0.4), (0.6, 0.5)], [True, False, False]),
        ([(0.2, 0.3), (0.2, 0.4)], [False, True]),
        ([(0.2, 0.4), (0.1, 0.4)], [False, True]),
        ([(0.2, 0.4), (0.2, 0.4)], [True, True]),
        ([(0.2, 0.4), (0.2, 0.4), (0.1, 0.4)], [False, False, True]),
        ([(0.0, 0.0), (1.0, 1.0), (1.0, 0.0)], [True, True, False]),
    ],
)
def test_golden_fronts(all_points, expected):
    assert front(*all_points) == expected


def dominates(point, other):
    return point[0] <= other[0] and point[1] >= other[1] and point != other


@given(coordinates)
def test_a_point_is_on_the_front_exactly_if_nothing_dominates_it(all_points):
    on_front = front(*all_points)
    for point, on in zip(all_points, on_front, strict=True):
        assert on == (not any(dominates(other, point) for other in all_points))
    assert any(on_front)


@given(coordinates)
def test_every_point_off_the_front_is_dominated_by_one_on_it(all_points):
    on_front = front(*all_points)
    best = [point for point, on in zip(all_points, on_front, strict=True) if on]
    for point, on in zip(all_points, on_front, strict=True):
        assert on or any(dominates(other, point) for other in best)


@given(coordinates, st.randoms(use_true_random=False))
def test_the_order_of_points_does_not_matter(all_points, random):
    order = list(range(len(all_points)))
    random.shuffle(order)
    on_front = front(*all_points)
    assert front(*(all_points[index] for index in order)) == [on_front[index] for index in order]


def test_points_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="`right` must be finite"):
        pareto_front([0.1], [np.nan])
    with pytest.raises(ValueError, match="same length"):
        pareto_front([0.1, 0.2], [0.1])


def outcomes(model, system, right, wrong, n=200, invalid=0, offset=0):
    """So many items right, then wrong, then abstained from; the last wrong ones invalid."""
    at = (np.arange(n) - offset) % n
    return Outcomes(
        model,
        system,
        right=at < right,
        abstained=at >= right + wrong,
        invalid=(at >= right + wrong - invalid) & (at < right + wrong),
    )


def abstaining(n=200):
    return outcomes("base", "abstaining", 0, 0, n)


EVERY = np.ones(200, dtype=np.bool_)


def test_shares_of_a_point_and_what_cannot_be_read_is_wrong():
    answerable = np.arange(200) < 120
    outcome = outcomes("base", "bold", 80, 90, invalid=10)
    (point,) = points([outcome], answerable, None, LEVEL)
    assert (point.right.count, point.wrong.count) == (80, 90)
    assert point.abstained == 30 / 200
    assert point.invalid == 10 / 200
    # Items 120 … 199 have no answer; of them 120 … 159 were answered readably.
    assert (point.hallucination.count, point.hallucination.total) == (40, 80)
    assert point.right.interval.method == "wilson"
    assert points([outcome], EVERY, None, LEVEL)[0].hallucination.value is None


def test_each_model_has_its_own_front():
    result = points(
        [
            outcomes("base", "a", 50, 50),
            outcomes("base", "b", 40, 60),
            outcomes("tuned", "a", 90, 20),
            outcomes("tuned", "b", 80, 10),
        ],
        EVERY,
        None,
        LEVEL,
    )
    assert [point.on_front for point in result] == [True, False, True, True]


def test_a_dominance_holds_the_paired_differences():
    base, tuned = outcomes("base", "a", 50, 100), outcomes("tuned", "a", 90, 20, offset=10)
    (result,) = dominances([base], [tuned], None, LEVEL)
    lost = int((base.right & ~tuned.right).sum())
    won = int((~base.right & tuned.right).sum())
    assert result.right.difference == pytest.approx(0.2)
    assert result.right.pvalue == mcnemar(lost, won).pvalue_mid
    assert result.right.interval == tango_interval(lost, won, 200)
    assert result.wrong.difference == pytest.approx(-0.4)
    assert result.relation == "dominates"


@pytest.mark.parametrize(
    ("right", "wrong", "relation"),
    [
        (100, 40, "dominates"),
        (60, 20, "dominates"),
        (30, 100, "dominated"),
        (60, 100, "dominated"),
        (100, 100, "trade"),
        (20, 10, "trade"),
        (60, 60, "noise"),
        (61, 61, "noise"),
    ],
)
def test_relations_to_a_base_with_60_right_and_60_wrong(right, wrong, relation):
    result = dominances(
        [outcomes("base", "a", 60, 60)], [outcomes("tuned", "a", right, wrong)], None, LEVEL
    )
    assert result[0].relation == relation


def test_holm_is_over_both_coordinates_of_all_pairs():
    base = [outcomes("base", str(i), 60 + i, 60) for i in range(3)]
    tuned = [outcomes("tuned", str(i), 70 + i, 50) for i in range(2)]
    result = dominances(base, tuned, None, LEVEL)
    changes = [change for dominance in result for change in (dominance.right, dominance.wrong)]
    assert len(changes) == 12
    smallest = min(changes, key=lambda change: change.pvalue)
    assert smallest.pvalue_holm == pytest.approx(min(1, 12 * smallest.pvalue))
    assert all(change.pvalue_holm >= change.pvalue for change in changes)


def test_under_twenty_items_nothing_is_tested():
    base, tuned = outcomes("base", "a", 5, 5, n=19), outcomes("tuned", "a", 19, 0, n=19)
    assert dominances([base], [tuned], None, LEVEL)[0].relation == "untested"
    (point,) = beyond_front([base, abstaining(19)], [tuned], None, LEVEL)
    assert (point.pvalue, point.beyond) == (None, False)


BASE = [
    outcomes("base", "cautious", 40, 10),
    outcomes("base", "none", 60, 60),
    outcomes("base", "bold", 70, 130),
    abstaining(),
]


def beyond(*checkpoints, base=BASE):
    return [result.beyond for result in beyond_front(base, checkpoints, None, LEVEL)]


def test_beyond_the_front_is_better_than_every_prompt_in_one_way_or_the_other():
    assert beyond(outcomes("tuned", "a", 70, 20)) == [True]
    # Dominates cautious, but none of these is out of reach: bold is as right, cautious as careful.
    assert beyond(outcomes("tuned", "a", 40, 11)) == [False]
    assert beyond(outcomes("tuned", "a", 62, 60)) == [False]


def test_its_p_is_the_largest_over_the_prompts_of_the_better_coordinate():
    tuned = outcomes("tuned", "a", 75, 40)
    (point,) = beyond_front(BASE, [tuned], None, LEVEL)
    against = []
    for base in BASE:
        p = [1.0]
        for before, after, better in (
            (base.right, tuned.right, 1),
            (base.wrong, tuned.wrong, -1),
        ):
            lost, won = int((before & ~after).sum()), int((~before & after).sum())
            if better * (won - lost) > 0:
                p.append(mcnemar(lost, won).pvalue_mid)
        against.append(min(p))
    assert point.pvalue == max(against)


@pytest.mark.parametrize(("right", "wrong", "invalid"), [(0, 0, 0), (0, 200, 200), (3, 0, 0)])
def test_abstaining_from_everything_or_only_invalid_answers_are_not_beyond(right, wrong, invalid):
    assert beyond(outcomes("tuned", "a", right, wrong, invalid=invalid)) == [False]


def test_the_base_is_not_beyond_itself_and_holm_counts_the_points():
    copies = [replace(outcome, model="twin") for outcome in BASE[:3]]
    points_beyond = beyond_front(BASE, copies, None, LEVEL)
    assert [(point.pvalue, point.beyond) for point in points_beyond] == [(1.0, False)] * 3
    several = [outcomes("tuned", str(i), 70, 25) for i in range(4)]
    first, *_ = beyond_front(BASE, several, None, LEVEL)
    assert first.pvalue_holm == pytest.approx(min(1, 4 * first.pvalue))


def test_a_true_null_on_the_front_is_rejected_no_more_often_than_the_level_says():
    """The hardest null: the checkpoint equals one prompt and beats all others clearly."""
    rng = np.random.default_rng(7)
    rejected = 0
    for _ in range(400):
        luck = rng.random(200)
        shaken = np.where(rng.random(200) < 0.3, rng.random(200), luck)
        base = Outcomes("base", "a", luck < 0.4, luck > 0.7, luck > 2)
        poor = Outcomes("base", "b", luck < 0.1, luck > 0.9, luck > 2)
        tuned = Outcomes("tuned", "a", shaken < 0.4, shaken > 0.7, shaken > 2)
        rejected += beyond_front([base, poor, abstaining()], [tuned], None, LEVEL)[0].beyond
    assert rejected / 400 < 0.08


def test_clusters_widen_intervals_and_raise_p():
    base, tuned = outcomes("base", "a", 60, 60), outcomes("tuned", "a", 75, 45)
    cluster = np.arange(200) // 20
    (alone,), (together,) = (dominances([base], [tuned], c, LEVEL) for c in (None, cluster))
    assert together.right.pvalue > alone.right.pvalue
    (point,) = points([base], EVERY, cluster, LEVEL)
    (plain,) = points([base], EVERY, None, LEVEL)
    assert point.right.interval.low < plain.right.interval.low


def test_the_best_prompt_depends_on_what_a_wrong_answer_costs():
    models = {
        "base": [outcomes("base", "bold", 80, 120), outcomes("base", "cautious", 40, 10)],
        "tuned": [outcomes("tuned", "bold", 90, 110), outcomes("tuned", "cautious", 50, 10)],
    }
    best = utilities(models, None, LEVEL, penalties=(0, 2))
    assert [(utility.penalty, utility.model, utility.system) for utility in best] == [
        (0, "base", "bold"), (0, "tuned", "bold"), (2, "base", "cautious"), (2, "tuned", "cautious")
    ]  # fmt: skip
    assert [utility.value for utility in best] == pytest.approx([0.4, 0.45, 0.1, 0.15])
    assert best[0].difference is None
    assert best[3].difference == pytest.approx(0.05)
    assert best[3].confidence_interval.low < 0.05 < best[3].confidence_interval.high
