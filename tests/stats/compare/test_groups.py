from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saeval.stats._core.answers import Answers, paired_answers
from saeval.stats.compare.groups import OTHERS, Grouping, compare_groups, quarters

RIGHT, WRONG, UNKNOWN, INVALID = range(4)


def pairs(base, checkpoint):
    none = np.full(len(base), np.nan)
    return paired_answers(
        ("RIGHT", "WRONG", "UNKNOWN"),
        "UNKNOWN",
        np.zeros(len(base), dtype=int),
        Answers(np.array(base), none),
        Answers(np.array(checkpoint), none),
        wrong="WRONG",
    )


def rows(groups):
    return {(group.name, row.metric): row for group in groups for row in group.metrics}


def test_a_change_in_one_topic_is_found_there_and_not_elsewhere():
    base = [WRONG] * 60
    checkpoint = [WRONG] * 30 + [UNKNOWN] * 30
    groups = compare_groups(
        pairs(base, checkpoint), "topic", Grouping.of(["art"] * 30 + ["law"] * 30), 0.95
    )
    assert [(group.dimension, group.name, group.items) for group in groups] == [
        ("topic", "art", 30),
        ("topic", "law", 30),
    ]
    of = rows(groups)
    assert of["law", "incorrect_rate"].difference == -1
    assert of["law", "incorrect_rate"].pvalue_holm < 0.001
    assert of["art", "incorrect_rate"].difference == 0
    assert of["art", "incorrect_rate"].pvalue_holm == 1


def test_holm_counts_every_test_of_the_dimension():
    rng = np.random.default_rng(0)
    given = rng.integers(0, 3, (2, 200))
    groups = compare_groups(pairs(*given), "topic", Grouping.of(["one", "two"] * 100), 0.95)
    tests = [row for group in groups for row in group.metrics]
    assert len(tests) == 6
    least = min(tests, key=lambda row: row.pvalue)
    assert least.pvalue_holm == pytest.approx(min(1, 6 * least.pvalue))


def test_small_groups_are_taken_together():
    names = ["large"] * 40 + ["small"] * 10 + ["smaller"] * 9
    groups = compare_groups(pairs([0] * 59, [0] * 59), "topic", Grouping.of(names), 0.95)
    assert [(group.name, group.items) for group in groups] == [("large", 40), (OTHERS, 19)]


def test_one_group_is_no_grouping():
    assert compare_groups(pairs([0] * 30, [1] * 30), "topic", Grouping.of(["all"] * 30), 0.95) == ()


@given(st.lists(st.integers(0, 50), min_size=4, max_size=60))
def test_quarters_are_ordered_and_keep_ties_together(values):
    found = quarters(values)
    named = [found.names[code] for code in found.code]
    assert len(set(zip(values, named, strict=True))) == len(set(values))
    by_value = [name for _, name in sorted(zip(values, named, strict=True))]
    assert by_value == sorted(by_value)
