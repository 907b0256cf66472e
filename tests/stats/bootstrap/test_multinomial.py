from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as scipy_stats
from strategies import simulated

from saeval.stats.bootstrap import _numba
from saeval.stats.bootstrap._multinomial import (
    Units,
    originals_of,
    poisson_tables,
    weight_type,
    weights,
)
from saeval.stats.bootstrap._units import units_of

SEED = np.uint64(0xFEDCBA9876543210)


def units(*strata):
    counts = [np.array(stratum, dtype=np.int64) for stratum in strata]
    return Units(np.concatenate(counts), np.cumsum([0, *map(len, counts)]).astype(np.int64))


KINDS = {
    "one item": units([1]),
    "two": units([1, 1]),
    "few": units([1, 2, 3]),
    "items": units([1] * 501),
    "kinds": units([1, 1, 2, 2, 2, 5, 9, 14, 40, 79]),
    "large": units([3, 100, 4_000, 59_000]),
    "strata": units([1] * 9, [2, 7], [1, 1, 30], [300]),
}


def by_numpy(which, replicates):
    return weights(which, poisson_tables(which), SEED, range(replicates))


def compiled(which, replicates):
    sizes = np.add.reduceat(which.counts, which.strata[:-1])
    tile = np.empty((len(which.counts), _numba.TILE), dtype=weight_type(which))
    tables, original, tiles = poisson_tables(which), originals_of(which), []
    for start in range(0, replicates, _numba.TILE):
        _numba._draw(tile, start, SEED, which.strata, sizes, tables, original)
        tiles.append(tile.copy())
    return np.concatenate(tiles, axis=1)[:, :replicates]


@pytest.mark.parametrize("which", KINDS.values(), ids=KINDS)
def test_every_replicate_has_exactly_the_items_of_every_stratum(which):
    drawn = by_numpy(which, 3000).astype(np.int64)
    sizes = np.add.reduceat(which.counts, which.strata[:-1])
    totals = np.add.reduceat(drawn, which.strata[:-1], axis=0)
    assert (totals == sizes[:, None]).all()


@pytest.mark.slow
@pytest.mark.parametrize("which", KINDS.values(), ids=KINDS)
def test_compiled_code_draws_the_same_weights(which):
    np.testing.assert_array_equal(by_numpy(which, 3000), compiled(which, 3000))


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_batches_change_no_weight(size):
    which, tables = KINDS["strata"], poisson_tables(KINDS["strata"])
    parts = [
        weights(which, tables, SEED, range(start, min(start + size, 1000)))
        for start in range(0, 1000, size)
    ]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), by_numpy(which, 1000))


@pytest.mark.parametrize("counts", [[1, 2], [1, 1, 28], [5, 20, 75], [80, 10_000]])
def test_weights_are_binomial_to_the_last_cell(counts):
    """A unit's weight against its exact distribution, by a χ² test over all its values."""
    which, replicates = units(counts), 40_000
    drawn = by_numpy(which, replicates)
    total = sum(counts)
    for count, result in zip(counts, drawn, strict=True):
        values = np.arange(total + 1)
        expected = replicates * scipy_stats.binom.pmf(values, total, count / total)
        observed = np.bincount(result, minlength=total + 1)
        common = expected >= 5
        rare = observed[~common].sum(), expected[~common].sum()
        observed, expected = observed[common], expected[common]
        observed[-1], expected[-1] = observed[-1] + rare[0], expected[-1] + rare[1]
        assert scipy_stats.chisquare(observed, expected).pvalue > 0.001


def test_weights_have_the_covariances_of_the_multinomial():
    which, replicates = KINDS["kinds"], 40_000
    drawn = by_numpy(which, replicates)
    share = which.counts / which.counts.sum()
    expected = which.counts.sum() * (np.diag(share) - np.outer(share, share))
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    result = (np.cov(drawn) - expected) / scale
    assert np.abs(result).max() < 5 * np.sqrt(2 / replicates)
    np.testing.assert_allclose(
        drawn.mean(axis=1), which.counts, atol=5 * np.sqrt(which.counts.max() / replicates)
    )


def test_weights_have_the_distribution_of_numpys_multinomial():
    which = KINDS["items"]
    drawn = by_numpy(which, 4000)
    reference = np.random.default_rng(0).multinomial(501, np.full(501, 1 / 501), size=4000).T
    for statistic in (lambda w: w[:100].sum(axis=0), lambda w: (w == 0).sum(axis=0)):
        one, other = statistic(drawn), statistic(reference)
        assert scipy_stats.ks_2samp(one, other).pvalue > 0.001


def test_neighbouring_replicates_and_seeds_are_unrelated():
    drawn = by_numpy(KINDS["items"], 400).astype(float)
    next_seed = weights(
        KINDS["items"], poisson_tables(KINDS["items"]), SEED + np.uint64(1), range(400)
    )
    for one, other in ((drawn[:, :-1], drawn[:, 1:]), (drawn, next_seed), (drawn[:-1], drawn[1:])):
        correlation = np.corrcoef(one.ravel(), other.ravel())[0, 1]
        assert abs(correlation) < 4 / np.sqrt(one.size) + 1 / 500


def test_large_kinds_are_split_so_that_weights_stay_narrow():
    pairs = simulated(30_000, 0)
    found = units_of(pairs)
    result, (base, _) = found.units, found.models
    assert result.counts.sum() == 30_000
    assert result.counts.max() <= 60_000
    cell = (np.isnan(pairs.base.confidence) * 3 + pairs.target) * 4 + pairs.base.predicted
    assert np.bincount(base.cell, weights=result.counts, minlength=24).tolist() == (
        np.bincount(cell, minlength=24).tolist()
    )
