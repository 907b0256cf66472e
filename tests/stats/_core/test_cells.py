"""Rows that stand for several items, against the items one by one."""

from __future__ import annotations

import dataclasses
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from saeval import stats
from saeval.stats import Answers, StatsConfig, compare_task, paired_answers
from saeval.stats._core.answers import ScoreDeclaration, joint_answers
from saeval.stats._core.cells import unique_cells
from saeval.stats.compare.groups import Grouping
from saeval.stats.gate.decide import GatedTask, decide_rules, decide_sequentially
from saeval.stats.gate.rules import Rule
from saeval.stats.inference.bounded_mean import FOR_VERDICTS, bounded_mean

LABELS = ("PASS", "FAIL", "NA")
CONFIG = StatsConfig(n_resamples=60)

stated = st.sampled_from([0.0, 0.25, 0.5, 0.8, 0.9, 1.0, np.nan])
rows = st.lists(
    st.tuples(
        st.integers(0, 2), st.integers(0, 3), st.integers(0, 3), stated, stated, st.integers(1, 12)
    ),
    min_size=1,
    max_size=25,
)
counted = st.lists(
    st.tuples(
        st.booleans(),
        st.sampled_from([0.0, 0.3, 0.5, 0.8, 1.0]),
        st.booleans(),
        st.sampled_from([0.1, 0.5, 0.9]),
        st.integers(1, 9),
    ),
    min_size=2,
    max_size=20,
)


def columns(found):
    return [np.array(column) for column in zip(*found, strict=True)]


def pairs_of(target, base, checkpoint, stated, stated_after, count=None):
    return paired_answers(
        LABELS, "NA", target, Answers(base, stated), Answers(checkpoint, stated_after), count=count
    )


def leaves(value, at=""):
    """Every number and text of a result by its path."""
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from leaves(getattr(value, field.name), f"{at}.{field.name}")
    elif isinstance(value, dict):
        for key, own in value.items():
            yield from leaves(own, f"{at}.{key}")
    elif isinstance(value, (tuple, list)):
        yield f"{at} length", len(value)
        for place, own in enumerate(value):
            yield from leaves(own, f"{at}[{place}]")
    else:
        yield at, value


def assert_same(first, second):
    first, second = dict(leaves(first)), dict(leaves(second))
    assert first.keys() == second.keys()
    for path, value in first.items():
        if isinstance(value, float):
            assert second[path] == pytest.approx(value, rel=1e-6, abs=1e-8, nan_ok=True), path
        else:
            assert second[path] == value, path


@given(rows)
@settings(max_examples=25, deadline=None)
def test_a_task_is_the_same_from_items_and_from_counts(found):
    *answers, count = columns(found)
    items = pairs_of(*(np.repeat(column, count) for column in answers))
    cells = pairs_of(*answers, count=count)
    assert cells.items == len(items)
    assert_same(compare_task("t", items, CONFIG), compare_task("t", cells, CONFIG))


RULES = tuple(
    Rule(metric, label, kind, limit)
    for metric, label, kind, limit in (
        ("recall", "NA", "must_improve", 0.0),
        ("accuracy", None, "not_worse_by", 0.05),
        ("macro_f1", None, "not_worse_by", 0.05),
        ("precision", "NA", "at_least", 0.5),
        ("auroc", None, "not_worse_by", 0.05),
        ("aurc", None, "not_worse_by", 0.05),
        ("brier", None, "at_most", 0.3),
        ("auroc", None, "at_least", 0.5),
        ("ece_squared_debiased", None, "not_worse_by", 0.05),
    )
)


@given(rows)
@settings(max_examples=15, deadline=None)
def test_verdicts_are_the_same_from_items_and_from_counts(found):
    """Where every confidence is stated: of those that are missing, which of equal ones counts as
    the worst may depend on the order of the rows."""
    *answers, count = columns(found)
    answers[3:] = (np.nan_to_num(confidence, nan=0.5) for confidence in answers[3:])
    items = pairs_of(*(np.repeat(column, count) for column in answers))
    cells = pairs_of(*answers, count=count)
    assert_same(
        *(
            decide_rules(
                [GatedTask("t", pairs, RULES, pairs.items)], confidence_level=0.95, n_resamples=60
            )
            for pairs in (items, cells)
        )
    )


OF_ONE_MODEL = {
    "auroc": stats.auroc,
    "brier": stats.brier_score,
    "ece": stats.expected_calibration_error,
    "reliability": stats.reliability,
    "risk_coverage": stats.risk_coverage,
    "aurc": stats.aurc,
    "auarc": stats.auarc,
    "augrc": stats.augrc,
    "decomposition": stats.brier_decomposition,
    "auroc_interval": stats.auroc_interval,
    "proportion": lambda right, _, **count: stats.proportion_interval(right, **count),
    "bounded_mean": lambda right, confidence, **count: bounded_mean(
        confidence - right, lower=-1, upper=1, fades_at=FOR_VERDICTS, **count
    ).interval(),
}
OF_TWO = {
    "auroc": stats.auroc_difference,
    "aurc": stats.aurc_difference,
    "mean": lambda right, first, right_after, second, **count: stats.mean_difference(
        (first - right) ** 2, (second - right_after) ** 2, **count
    ),
    "std": lambda right, first, right_after, second, **count: stats.compare_std(
        first, second, **count
    ),
}


@pytest.mark.parametrize("statistic", OF_ONE_MODEL.values(), ids=OF_ONE_MODEL)
@given(found=counted)
@settings(max_examples=30, deadline=None)
def test_a_statistic_of_one_model_is_that_of_its_items(statistic, found):
    right, confidence, _, _, count = columns(found)
    items = statistic(np.repeat(right, count), np.repeat(confidence, count))
    assert_same(items, statistic(right, confidence, count=count))


@pytest.mark.parametrize("statistic", OF_TWO.values(), ids=OF_TWO)
@given(found=counted)
@settings(max_examples=30, deadline=None)
def test_a_statistic_of_two_models_is_that_of_their_items(statistic, found):
    *models, count = columns(found)
    items = statistic(*(np.repeat(column, count) for column in models))
    assert_same(items, statistic(*models, count=count))


@pytest.mark.parametrize("center", ["median", "mean"])
@given(found=counted)
@settings(max_examples=30, deadline=None)
def test_levene_is_that_of_scipy(center, found):
    _, first, _, second, count = columns(found)
    samples = np.repeat(first, count), np.repeat(second, count)
    own = stats.levene(first, second, center=center, count=(count, count))
    if own.statistic is not None:
        other = scipy_stats.levene(*samples, center=center)
        assert own.statistic == pytest.approx(other.statistic, rel=1e-6, abs=1e-9)
        assert own.pvalue == pytest.approx(other.pvalue, rel=1e-6, abs=1e-9)


def verbal(items, seed=0):
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 3, items, dtype=np.int8)
    models = []
    for accuracy in (0.6, 0.7):
        given = np.where(rng.random(items) < accuracy, target, rng.integers(0, 4, items))
        confidence = rng.choice([0.5, 0.7, 0.8, 0.9, 0.95, np.nan], items)
        models.append((given, confidence))
    (base, stated), (checkpoint, stated_after) = models
    return target, base, checkpoint, stated, stated_after


def test_the_order_of_many_items_changes_no_digit():
    answers = verbal(20_000)
    order = np.random.default_rng(1).permutation(20_000)
    there = compare_task("t", pairs_of(*answers), CONFIG)
    shuffled = compare_task("t", pairs_of(*(column[order] for column in answers)), CONFIG)
    assert dict(leaves(there)) == dict(leaves(shuffled))


def test_cells_are_the_group_by_of_the_items():
    pairs = pairs_of(*verbal(5_000))
    cells = unique_cells(pairs)
    kinds = {}
    for row in zip(
        pairs.target.tolist(),
        *(answers.predicted.tolist() for answers in pairs.models),
        *(np.nan_to_num(answers.confidence, nan=-1).tolist() for answers in pairs.models),
        strict=True,
    ):
        kinds[row] = kinds.get(row, 0) + 1
    found = zip(
        cells.target.tolist(),
        *(answers.predicted.tolist() for answers in cells.models),
        *(np.nan_to_num(answers.confidence, nan=-1).tolist() for answers in cells.models),
        strict=True,
    )
    assert dict(zip(found, cells.count.tolist(), strict=True)) == kinds


def test_clusters_and_continuous_confidences_stay_items():
    target, base, checkpoint, _, _ = verbal(500)
    confidence = np.random.default_rng(0).random((2, 500))
    continuous = pairs_of(target, base, checkpoint, *confidence)
    assert unique_cells(continuous) is continuous
    clustered = dataclasses.replace(pairs_of(*verbal(500)), cluster=np.arange(500) // 2)
    assert unique_cells(clustered) is clustered


def test_a_hundred_million_answers_are_compared_without_a_list_of_them():
    cells = unique_cells(pairs_of(*verbal(20_000)))
    pairs = dataclasses.replace(cells, count=cells.count * 5_000)
    tracemalloc.start()
    try:
        result = compare_task("t", pairs, StatsConfig(n_resamples=3))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert result.items == 100_000_000
    assert peak < 100_000_000
    few = compare_task("t", cells, StatsConfig(n_resamples=3)).metric("accuracy")
    many = result.metric("accuracy")
    assert many.difference == pytest.approx(few.difference)
    widths = [row.confidence_interval.high - row.confidence_interval.low for row in (few, many)]
    assert widths[0] / widths[1] == pytest.approx(5_000**0.5, rel=0.01)


def test_items_of_a_cluster_need_rows_of_their_own():
    answers = Answers(np.array([0, 1]), np.array([0.5, 0.6]))
    with pytest.raises(ValueError, match="`count` must be None where `cluster` is given"):
        paired_answers(LABELS, "NA", [0, 1], answers, answers, cluster=[0, 0], count=[3, 4])
    with pytest.raises(ValueError, match="`count` must be positive, found 0 at index 1"):
        paired_answers(LABELS, "NA", [0, 1], answers, answers, count=[3, 0])


def with_everything(answers, count, repeat):
    """A task with all that answers can have beside labels and confidences."""
    rows = len(count)
    rng = np.random.default_rng(rows)
    probabilities = rng.choice([0.2, 0.5, 1.0], (2, rows, 3))
    probabilities /= probabilities.sum(axis=2, keepdims=True)
    declared = (
        ScoreDeclaration("acc_norm", (0, 1), True, True),
        ScoreDeclaration("bleu", (0, 100), True, False),
    )
    values = {
        "acc_norm": rng.integers(0, 2, (2, rows)).astype(float),
        "bleu": rng.integers(0, 101, (2, rows)).astype(float),
    }
    normalised = rng.choice([0.3, 0.6, np.nan], (2, rows))
    target, *_ = answers
    models = [
        Answers(
            repeat(answers[1 + model]),
            repeat(answers[3 + model]),
            repeat(probabilities[model]),
            {name: repeat(own[model]) for name, own in values.items()},
            repeat(normalised[model]),
        )
        for model in range(2)
    ]
    pairs = paired_answers(
        LABELS,
        "NA",
        repeat(target),
        *models,
        stratum=repeat(np.arange(rows) % 2),
        scores=declared,
        count=count if repeat(count) is count else None,
    )
    return compare_task(
        "t",
        pairs,
        CONFIG,
        has_evidence=repeat(np.arange(rows) % 3 > 0),
        right_in_reasoning=(repeat(np.arange(rows) % 4 == 0), repeat(np.arange(rows) % 5 == 0)),
        groups={"topic": Grouping(("art", "law", "war"), repeat(np.arange(rows) % 3))},
    )


@given(rows)
@settings(max_examples=15, deadline=None)
def test_all_that_a_task_can_have_is_the_same_from_counts(found):
    *answers, count = columns(found)
    assert_same(
        with_everything(answers, count, lambda column: np.repeat(column, count, axis=0)),
        with_everything(answers, count, lambda column: column),
    )


@given(rows)
@settings(max_examples=15, deadline=None)
def test_swaps_are_the_same_from_counts(found):
    *answers, count = columns(found)
    items = pairs_of(*(np.repeat(column, count) for column in answers))
    assert_same(
        stats.swap_tests(items, n_resamples=50),
        stats.swap_tests(pairs_of(*answers, count=count), n_resamples=50),
    )


def test_what_needs_items_says_so():
    pairs = pairs_of(*verbal(10), count=np.full(10, 3))
    with pytest.raises(ValueError, match="`comparisons` must have a row for each item"):
        joint_answers([pairs])
    with pytest.raises(ValueError, match="`pairs` must have a row for each item"):
        decide_sequentially(
            RULES[:1], pairs, np.arange(10), largest=1, confidence_level=0.95, watched=1
        )


SQUARES = tuple(
    Rule(metric, None, kind, 0.1)
    for metric, kind in (
        ("brier", "not_worse_by"),
        ("brier", "must_improve"),
        ("brier", "at_most"),
        ("confidence_missing", "not_worse_by"),
        ("overconfidence", "at_most"),
    )
)


@given(rows)
@settings(max_examples=25, deadline=None)
def test_confidences_left_out_count_at_their_worst_from_counts_as_from_items(found):
    """Of the Brier score, to which it does not matter which of equally bad items are put in."""
    *answers, count = columns(found)
    items = pairs_of(*(np.repeat(column, count) for column in answers))
    cells = pairs_of(*answers, count=count)
    assert_same(
        *(
            decide_rules([GatedTask("t", pairs, SQUARES, pairs.items)], confidence_level=0.95)
            for pairs in (items, cells)
        )
    )
