from __future__ import annotations

import pytest
from strategies import simulated

from saeval.stats.checkpoints.series import checkpoint_series
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.knowledge import with_answers
from saeval.stats.compare.results import SCHEMA_VERSION, Comparison, ModelDescription
from saeval.stats.compare.task import adjust_family, compare_task, family_size
from saeval.stats.inference.multiplicity import adjust_pvalues

QUICK = StatsConfig(confidence_level=0.95, n_resamples=200, seed=0)


def comparison(name: str, *seeds: int, settings: StatsConfig = QUICK) -> Comparison:
    found = [compare_task(f"t{i}", simulated(150, seed), settings) for i, seed in enumerate(seeds)]
    tasks = with_answers(adjust_family(found), settings.confidence_level)
    base = ModelDescription("base", "base", {})
    checkpoint = ModelDescription(name, name, {})
    tests = family_size(tasks)
    return Comparison(SCHEMA_VERSION, "0", base, checkpoint, settings, tests, tasks, None, ())


def headline(comparisons):
    return [r for c in comparisons for t in c.tasks for r in t.metrics if r.headline]


def test_p_values_are_adjusted_over_all_checkpoints_and_tasks():
    alone = [comparison("a", 1, 2), comparison("b", 3)]
    together = checkpoint_series(alone)
    rows = headline(together.comparisons)
    assert [r.pvalue for r in rows] == [r.pvalue for r in headline(alone)]
    assert [r.pvalue_holm for r in rows] == list(
        adjust_pvalues([r.pvalue for r in rows], method="holm")
    )
    assert {c.tests_in_family for c in together.comparisons} == {
        sum(r.pvalue is not None for r in rows)
    }
    assert together.task_names == ("t0", "t1")
    assert [c.checkpoint.name for c in together.comparisons] == ["a", "b"]


def test_a_family_of_one_is_adjusted_as_it_was():
    alone = comparison("a", 1, 2)
    assert checkpoint_series([alone]).comparisons == (alone,)


def test_comparisons_must_belong_together():
    with pytest.raises(ValueError, match="`comparisons` must not be empty"):
        checkpoint_series([])
    stricter = comparison("b", 1, settings=StatsConfig(0.9, 200, 0))
    with pytest.raises(ValueError, match="`comparisons` must have the same base and settings"):
        checkpoint_series([comparison("a", 1), stricter])
