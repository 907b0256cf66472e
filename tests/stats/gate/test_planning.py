from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from strategies import simulated

from saeval.stats.gate.decide import GatedTask, decide_rules
from saeval.stats.gate.planning import simulate_verdicts
from saeval.stats.gate.rules import Rule

ACCURACY = Rule("accuracy", None, "not_worse_by", 0.03)


def gated(pairs, *rules):
    return GatedTask("x", pairs, rules or (ACCURACY,), len(pairs))


def test_chances_grow_with_the_items_where_the_truth_is_good():
    task = gated(simulated(400, 1))  # the checkpoint is about ten points better
    few, many = (
        simulate_verdicts([task], items=items, simulations=60, n_resamples=50)
        for items in (40, 1500)
    )
    assert few.chances["PASS"] < many.chances["PASS"]
    assert many.chances["PASS"] > 0.95
    assert many.items == {"x": 1500}
    assert sum(few.chances.values()) == pytest.approx(1)
    assert few.rules[0].chances == few.chances  # of a single rule


def test_a_broken_rule_is_called_one():
    pairs = simulated(600, 1)
    worse = replace(pairs, base=pairs.checkpoint, checkpoint=pairs.base)
    rule = Rule("accuracy", None, "not_worse_by", 0.01)
    chances = simulate_verdicts([gated(worse, rule)], items=3000, simulations=40, n_resamples=50)
    assert chances.chances["REGRESSION"] > 0.7


def test_identical_models_pass_as_often_as_decide_rules_says():
    pairs = simulated(600, 2)
    same = gated(replace(pairs, checkpoint=pairs.base))
    (result,) = decide_rules([same], confidence_level=0.95, n_resamples=50)
    chances = simulate_verdicts([same], simulations=5, n_resamples=50)
    assert chances.chances[result.verdict] == 1


def test_clusters_are_drawn_whole():
    """Items that are all alike in their cluster are worth no more than one each."""
    once = simulated(60, 3)
    many = once.subset(np.repeat(np.arange(60), 10))
    clustered = replace(many, cluster=np.repeat(np.arange(60), 10))
    alone, together = (
        simulate_verdicts([gated(pairs)], items=600, simulations=60, n_resamples=50)
        for pairs in (many, clustered)
    )
    assert together.chances["PASS"] < alone.chances["PASS"] - 0.2


def test_tasks_without_answers_and_no_simulations_are_refused():
    with pytest.raises(ValueError, match="'x' has none"):
        simulate_verdicts([GatedTask("x", None, (ACCURACY,), 10)])
    with pytest.raises(ValueError, match="`simulations` must be positive, found 0"):
        simulate_verdicts([gated(simulated(50, 1))], simulations=0)
