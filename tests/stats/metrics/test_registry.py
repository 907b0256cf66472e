"""A metric of one's own, from its ten lines to the row, the gate and the JSON file."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from comparisons import comparison
from strategies import simulated

from saeval.errors import InputError
from saeval.reports import to_markdown
from saeval.stats.bootstrap.paired import paired_bootstrap
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.task import adjust_family, compare_task
from saeval.stats.gate.decide import GatedTask, decide_rules, decide_sequentially
from saeval.stats.gate.rules import Rule, metrics_of, rule_metrics
from saeval.stats.inference.means import mean_difference
from saeval.stats.inference.proportions import mcnemar
from saeval.stats.metrics.built_in import BUILT_IN
from saeval.stats.metrics.metric import Metric
from saeval.stats.metrics.registry import (
    get_metric,
    list_metrics,
    register_metric,
    unregister_metric,
)

# [example]
CERTAIN = Metric(
    name="certain_rate",
    title="Certain",
    definition="Answers given with a confidence of 90% or more.",
    kind="proportion",
    scale="proportion",
    higher_is_better=False,
    headline=True,
    values=lambda pairs, answers: answers.confidence >= 0.9,
)
# [end]
EXCESS = Metric(
    name="excess_confidence",
    title="Excess confidence",
    definition="Mean confidence in wrong answers.",
    kind="mean",
    higher_is_better=False,
    values=lambda pairs, answers: np.where(
        answers.predicted == pairs.target, np.nan, answers.confidence
    ),
)
CONFIG = StatsConfig(confidence_level=0.95, n_resamples=200, seed=0)


@pytest.fixture
def own_metrics():
    register_metric(CERTAIN)
    register_metric(EXCESS)
    yield
    unregister_metric(CERTAIN.name)
    unregister_metric(EXCESS.name)


@pytest.mark.usefixtures("own_metrics")
@pytest.mark.parametrize("clusters", [None, 500])
def test_it_is_a_row_of_the_comparison_tested_by_its_kind(clusters):
    pairs = simulated(2000, 1, clusters=clusters)
    (task,) = adjust_family([compare_task("fever", pairs, CONFIG)])
    certain, over = task.metric("certain_rate"), task.metric("excess_confidence")
    before, after = (model.confidence >= 0.9 for model in pairs.models)
    assert certain.difference == pytest.approx(after.mean() - before.mean())
    assert certain.base_interval.low < certain.base < certain.base_interval.high
    assert (certain.headline, certain.higher_is_better) == (True, False)
    assert certain.pvalue_holm >= certain.pvalue
    if clusters is None:
        lost, won = int((before & ~after).sum()), int((~before & after).sum())
        assert certain.pvalue == mcnemar(lost, won).pvalue_mid
    wrong = ~pairs.base_correct & ~pairs.checkpoint_correct & pairs.both_confident
    test = mean_difference(
        pairs.base.confidence[wrong],
        pairs.checkpoint.confidence[wrong],
        cluster=None if clusters is None else pairs.cluster[wrong],
    )
    assert over.items == wrong.sum()
    assert over.difference == pytest.approx(test.difference)
    assert over.pvalue == test.pvalue
    assert over.confidence_interval == test.confidence_interval


@pytest.mark.usefixtures("own_metrics")
def test_a_gate_can_hold_it_to_a_limit_and_stop_early():
    pairs = simulated(2000, 1)
    assert {CERTAIN.name, EXCESS.name} <= set(rule_metrics())
    assert ("certain_rate", None) in metrics_of(pairs.labels, pairs.abstention, pairs.wrong)
    rules = (
        Rule("certain_rate", None, "not_worse_by", 0.2),
        Rule("certain_rate", None, "at_most", 0.1),
        Rule("excess_confidence", None, "at_most", 0.99),
    )
    results = decide_rules(
        [GatedTask("fever", pairs, rules, len(pairs))], confidence_level=0.95, n_resamples=10
    )
    assert [result.verdict for result in results] == ["PASS", "REGRESSION", "PASS"]
    decisions = decide_sequentially(
        rules, pairs, np.arange(len(pairs)), largest=1, confidence_level=0.95, watched=3
    )
    assert [decisions[place].verdict for place in range(3)] == ["PASS", "REGRESSION", "PASS"]
    assert all(decision.decided_after < 2000 for decision in decisions.values())


@pytest.mark.usefixtures("own_metrics")
def test_no_other_row_changes_for_it():
    pairs = simulated(200, 2)
    with_own = compare_task("fever", pairs, CONFIG)
    for name in (CERTAIN.name, EXCESS.name):
        unregister_metric(name)
    without = compare_task("fever", pairs, CONFIG)
    assert with_own.metrics[: len(without.metrics)] == without.metrics


def test_every_metric_of_the_bootstrap_is_declared_and_measured():
    rows = paired_bootstrap(simulated(50, 1), n_resamples=2).base
    assert {name for name, _ in rows} <= set(list_metrics())
    assert len({metric.name for metric in BUILT_IN}) == len(BUILT_IN)
    assert all(metric.title and metric.definition for metric in BUILT_IN)


def test_what_cannot_be_registered_is_refused_with_its_name():
    with pytest.raises(ValueError, match="there is a 'accuracy'"):
        register_metric(replace(CERTAIN, name="accuracy"))
    with pytest.raises(ValueError, match="`metric` must have `values`"):
        register_metric(replace(CERTAIN, values=None))
    with pytest.raises(ValueError, match="`name` must be letters, digits and underscores"):
        replace(CERTAIN, name="certain rate")
    with pytest.raises(KeyError, match="did you mean 'accuracy'"):
        get_metric("acuracy")


def test_values_that_do_not_fit_are_refused_with_the_metrics_name():
    pairs = simulated(50, 1)
    for values, message in (
        (lambda pairs, answers: [True], r"must have shape \(50,\), found \(1,\)"),
        (lambda pairs, answers: answers.predicted + 7, "must be true, false or NaN"),
        (lambda pairs, answers: answers.response, "raised AttributeError: .* 'response'"),
    ):
        register_metric(replace(CERTAIN, values=values))
        try:
            with pytest.raises(InputError, match=f"metric 'certain_rate': `values` {message}"):
                compare_task("fever", pairs, CONFIG)
        finally:
            unregister_metric(CERTAIN.name)


def test_a_metric_that_counts_no_item_keeps_its_row():
    register_metric(replace(CERTAIN, values=lambda pairs, _: np.full(len(pairs), np.nan)))
    try:
        (task,) = adjust_family([compare_task("fever", simulated(50, 1), CONFIG)])
    finally:
        unregister_metric(CERTAIN.name)
    row = task.metric("certain_rate")
    assert (row.items, row.base, row.checkpoint, row.difference) == (0, None, None, None)
    assert (row.pvalue, row.pvalue_holm, row.headline) == (None, None, True)
    report = to_markdown(comparison(task))
    assert "Certain" in report


def run_with_entry_point(folder, name, module, code):
    """Run code where a package is installed that has an entry point for a metric."""
    (folder / "my_metrics.py").write_text(module)
    info = folder / "my_metrics-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-metrics\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[saeval.metrics]\n{name} = my_metrics:SHOUTED\n")
    code = f"import sys; sys.path.insert(0, {str(folder)!r})\n{code}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


SHOUTED = """
from saeval.stats.metrics.metric import Metric
SHOUTED = Metric('shouted', 'Shouted', 'In capitals.', 'proportion',
                 values=lambda pairs, answers: answers.predicted == 0)
"""


def test_an_installed_package_adds_its_metrics_by_an_entry_point(tmp_path):
    code = (
        "import json\n"
        "from saeval.stats.gate.rules import rule_metrics\n"
        "from saeval.stats.metrics.registry import get_metric\n"
        "print(json.dumps([get_metric('shouted').title, 'shouted' in rule_metrics()]))"
    )
    done = run_with_entry_point(tmp_path, "shouted", SHOUTED, code)
    assert json.loads(done.stdout) == ["Shouted", True]


@pytest.mark.parametrize(
    ("name", "module", "message"),
    [
        (
            "shouted",
            "1 / 0",
            "cannot load my_metrics:SHOUTED (ZeroDivisionError: division by zero)",
        ),
        ("shouted", "", "cannot load my_metrics:SHOUTED (AttributeError: "),
        ("shouted", "SHOUTED = 1", "my_metrics:SHOUTED must be a Metric of that name, with"),
        ("loud", SHOUTED, "my_metrics:SHOUTED must be a Metric of that name, with `values`"),
    ],
    ids=["raises", "lacks it", "no metric", "other name"],
)
def test_a_broken_entry_point_is_named(tmp_path, name, module, message):
    code = (
        "from saeval.errors import InputError\n"
        "from saeval.stats.metrics.registry import list_metrics\n"
        "try:\n    list_metrics()\n"
        "except InputError as error:\n    print(error)"
    )
    done = run_with_entry_point(tmp_path, name, module, code)
    assert done.stdout.startswith(f"entry point {name} of saeval.metrics: {message}")
