"""The public face of `saeval.stats`: its names, its examples, and that it is light."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import subprocess
import sys

import numpy as np
import pytest

import saeval.stats
from saeval.stats import compare_scores, mean_difference, tango_interval

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(saeval.stats.__path__, "saeval.stats.")
    if not module.ispkg and not module.name.endswith("_numba")
)


def test_every_name_is_there_and_defined_where_it_is_said_to_be():
    for name in saeval.stats.__all__:
        assert getattr(saeval.stats, name).__name__ == name
    assert dir(saeval.stats) == saeval.stats.__all__ == sorted(saeval.stats.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'anova'"):
        _ = saeval.stats.anova


@pytest.mark.parametrize("name", ["saeval.stats", *MODULES])
def test_its_examples_are_right(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_importing_it_loads_no_numpy():
    code = "import saeval.stats, sys; print('numpy' in sys.modules, 'scipy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.slow
def test_without_numba_the_numbers_are_the_same():
    code = (
        "import sys\n"
        "if 'block' in sys.argv: sys.modules['numba'] = None\n"
        "sys.path.insert(0, 'tests/helpers')\n"
        "from strategies import simulated\n"
        "from saeval.stats.bootstrap import paired\n"
        "paired._COMPILED_FROM = 0\n"
        "replicates = paired.paired_bootstrap(simulated(300, 1), n_resamples=200)\n"
        "for key, values in sorted(replicates.base_replicates.items(), key=str):\n"
        "    print(key, *(f'{value:.9f}' for value in values[:20]))\n"
        "print('saeval.stats.bootstrap._numba' in sys.modules, file=sys.stderr)\n"
    )
    without, compiled = (
        subprocess.run(
            [sys.executable, "-c", code, *block], capture_output=True, text=True, check=True
        )
        for block in (["block"], [])
    )
    assert without.stdout == compiled.stdout
    assert without.stdout.count("\n") > 10
    assert without.stderr.split() == ["False"]


def test_scores_are_compared_by_what_they_are():
    rng = np.random.default_rng(0)
    before, after = rng.random(300) < 0.5, rng.random(300) < 0.6
    of_items = compare_scores(before, after)
    lost, won = int((before & ~after).sum()), int((~before & after).sum())
    assert of_items.confidence_interval == tango_interval(lost, won, 300)
    assert of_items.difference == pytest.approx((won - lost) / 300)
    cluster = np.arange(300) // 3
    of_numbers = compare_scores(before * 0.5, after * 0.5, cluster=cluster)
    test = mean_difference(before * 0.5, after * 0.5, cluster=cluster)
    assert (of_numbers.pvalue, of_numbers.clusters) == (test.pvalue, 100)
    with pytest.raises(ValueError, match="`base` has 2, `checkpoint` has 1"):
        compare_scores([1, 2], [1])
