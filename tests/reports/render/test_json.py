from __future__ import annotations

import json
from dataclasses import replace

import pytest
from comparisons import EVERY_CASE, SETTINGS, comparison, task, with_row
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import simulated, small_pairs

from saeval.reports import from_json, to_json, to_markdown
from saeval.stats.compare.results import ChangedItem
from saeval.stats.compare.task import compare_task
from saeval.stats.metrics.metric import Metric
from saeval.stats.metrics.registry import register_metric, unregister_metric


@pytest.mark.parametrize("case", EVERY_CASE)
def test_json_reads_back_the_same_comparison(case):
    found = EVERY_CASE[case]()
    text = to_json(found)
    assert from_json(text) == found
    assert to_json(from_json(text)) == text
    assert text.endswith("}\n")
    assert text.startswith('{\n  "schema": "saeval.comparison/3",\n  "in_words"')
    json.loads(text.encode("utf-8"), parse_constant=pytest.fail)


anything = st.text(st.characters(), max_size=20)


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(pairs=small_pairs(), texts=st.lists(anything, min_size=3, max_size=3), share=st.floats(0, 1))
def test_any_comparison_makes_the_round_trip(pairs, texts, share):
    flip = ChangedItem(
        texts[0], "NA", "NA", "PASS", share, None, texts[1], (texts[2],), "", texts[0]
    )
    found = replace(
        compare_task("fever", pairs, SETTINGS), changed_items=(flip,), evidence_shortcut=share
    )
    whole = comparison(found)
    assert from_json(to_json(whole)) == whole


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_number_that_json_cannot_hold_is_an_error_that_says_where(bad):
    found = with_row(task(), "accuracy", values=(bad, bad), limits=None, p=None)
    with pytest.raises(ValueError, match=r"comparison\.tasks\[0\]\.metrics\[0\]\.base is not fin"):
        to_json(comparison(found))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ('{"schema": NaN}', "NaN is not JSON"),
        ("[]", "its schema is None, expected 'saeval.comparison/3'"),
        ('{"schema": "saeval.comparison/9"}', "its schema is 'saeval.comparison/9'"),
        ('{"schema": "saeval.comparison/1"}', "saeval_version: Field required"),
    ],
)
def test_what_is_not_a_comparison_is_refused_in_one_sentence(text, message):
    with pytest.raises(ValueError, match="not a") as raised:
        from_json(text)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_metric_of_ones_own_is_shown_where_it_is_not_registered():
    metric = Metric(
        name="certain_rate",
        title="Certain",
        definition="Answers given with a confidence of 90% or more.",
        kind="proportion",
        scale="proportion",
        headline=True,
        values=lambda pairs, answers: answers.confidence >= 0.9,
    )
    pairs = simulated(200, 1)
    without = to_json(comparison(compare_task("fever", pairs, SETTINGS)))
    assert "declaration" not in without
    register_metric(metric)
    try:
        measured = comparison(compare_task("fever", pairs, SETTINGS))
        text, report = to_json(measured), to_markdown(measured)
    finally:
        unregister_metric(metric.name)
    assert metric.definition in report
    again = from_json(text)
    assert to_markdown(again) == report
    assert to_json(again) == text
