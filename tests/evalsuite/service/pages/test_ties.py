"""Ranks of models, with ties shown as ties."""

from __future__ import annotations

import numpy as np
import pytest

from saeval.evalsuite.service.record.overviews.ties import PairedDifference, rank


def test_models_that_no_test_separates_share_a_rank_and_a_letter() -> None:
    first, second, last = rank([800, 795, 500], [1000, 1000, 1000], {})
    assert (first.best, first.worst) == (second.best, second.worst) == (1, 2)
    assert (last.best, last.worst) == (3, 3)
    assert (first.letters, second.letters, last.letters) == ("a", "a", "b")


def test_being_tied_is_not_transitive() -> None:
    ranks = rank([830, 800, 770], [1000] * 3, {})
    assert [(r.best, r.worst) for r in ranks] == [(1, 2), (1, 3), (2, 3)]
    assert [r.letters for r in ranks] == ["a", "ab", "b"]


def test_a_comparison_separates_what_counts_cannot() -> None:
    paired = {(1, 0): PairedDifference(0.02, 0.012, 0.028, 0.95)}
    apart = rank([820, 800], [1000, 1000], paired)
    assert [(r.best, r.worst) for r in apart] == [(1, 1), (2, 2)]
    assert [(r.best, r.worst) for r in rank([820, 800], [1000, 1000], {})] == [(1, 2), (1, 2)]


def test_a_comparison_keeps_together_what_counts_would_separate() -> None:
    wide = {(1, 0): PairedDifference(0.1, -0.01, 0.21, 0.95)}
    assert [r.letters for r in rank([900, 800], [1000, 1000], wide)] == ["a", "a"]


def test_the_order_of_the_two_runs_of_a_comparison_does_not_matter() -> None:
    forth = rank([820, 800], [1000] * 2, {(0, 1): PairedDifference(-0.02, -0.03, -0.01, 0.95)})
    back = rank([820, 800], [1000] * 2, {(1, 0): PairedDifference(0.02, 0.01, 0.03, 0.95)})
    assert forth == back


@pytest.mark.parametrize("models", [2, 8, 30])
def test_equal_models_are_rarely_separated(models: int) -> None:
    rng = np.random.default_rng(models)
    apart = 0
    for _ in range(200):
        ranks = rank(list(rng.binomial(400, 0.7, models)), [400] * models, {})
        apart += any(r.worst != models or r.best != 1 for r in ranks)
    assert apart <= 20


def test_letters_say_exactly_who_is_separated() -> None:
    rng = np.random.default_rng(5)
    counts = sorted((int(c) for c in rng.integers(300, 380, 12)), reverse=True)
    ranks = rank(counts, [400] * 12, {})
    for i, mine in enumerate(ranks):
        apart = sum(not set(mine.letters) & set(other.letters) for other in ranks)
        assert apart == mine.best - 1 + 12 - mine.worst, i


@pytest.mark.parametrize(("counts", "totals"), [([0, 50], [50, 50]), ([1, 1], [1, 1])])
def test_all_or_nothing_has_a_rank(counts: list[int], totals: list[int]) -> None:
    assert all(1 <= r.best <= r.worst <= 2 for r in rank(counts, totals, {}))


def test_many_models_have_ranks_without_letters() -> None:
    ranks = rank(list(range(300, 400)), [400] * 100, {})
    assert {r.letters for r in ranks} == {""}
    assert ranks[-1].best == 1
