from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from comparisons import comparison, task

from saeval.reports import to_markdown
from saeval.reports.text.detectable import detectable_difference, format_detectable
from saeval.stats._core.interval import Interval
from saeval.stats.inference.means import mean_difference


def interval(low, high):
    return Interval(low, high, "t")


def test_a_t_test_finds_the_detectable_difference_in_four_of_five_experiments():
    """Simulated, over items whose differences have a standard deviation that is known."""
    rng = np.random.default_rng(0)
    row = replace(task().metrics[0], confidence_interval=interval(-1.96 * 0.05, 1.96 * 0.05))
    truth = detectable_difference(row, 0.95)
    found = [
        mean_difference(np.zeros(400), rng.normal(truth, 1.0, 400)).pvalue < 0.05
        for _ in range(1000)
    ]
    assert np.mean(found) == pytest.approx(0.8, abs=0.04)


def test_it_stands_beside_the_interval_in_its_unit():
    row = task().metrics[0]
    assert format_detectable(replace(row, confidence_interval=interval(-0.02, 0.04)), 0.95) == "4.3"
    for nothing in (None, interval(0.1, 0.1)):
        assert format_detectable(replace(row, confidence_interval=nothing), 0.95) == "–"
    assert "| MDD |" in to_markdown(comparison(task()))
