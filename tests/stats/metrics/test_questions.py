"""Open questions: right, wrong and abstaining, beside plain counting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saeval.stats._core.answers import Answers, paired_answers
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.task import compare_task
from saeval.stats.metrics.from_counts import classification_metrics

LABELS = ("RIGHT", "WRONG", "UNKNOWN")
SETTINGS = StatsConfig(confidence_level=0.95, n_resamples=1000, seed=0)

items = st.lists(
    st.tuples(st.sampled_from([0, 2]), st.integers(0, 3), st.integers(0, 3)), min_size=1
)


def answers(predicted):
    return Answers(np.asarray(predicted), np.full(len(predicted), np.nan))


def pairs_of(target, base, checkpoint):
    return paired_answers(
        LABELS, "UNKNOWN", target, answers(base), answers(checkpoint), wrong="WRONG"
    )


def counted(target, predicted):
    """The same by counting."""
    rows = [(LABELS[t], (*LABELS, None)[p]) for t, p in zip(target, predicted, strict=True)]

    def share(happened, among=lambda t, p: True):
        kept = [row for row in rows if among(*row)]
        return sum(happened(*row) for row in kept) / len(kept) if kept else np.nan

    right = sum(t == p == "RIGHT" for t, p in rows)
    attempted = sum(p != "UNKNOWN" for _, p in rows)  # an unreadable answer is a wrong one
    return {
        "accuracy": share(lambda t, p: t == p),
        "correct_rate": share(lambda t, p: t == p == "RIGHT"),
        "incorrect_rate": share(lambda t, p: p in ("WRONG", None)),
        "coverage": share(lambda t, p: p != "UNKNOWN"),
        "correct_given_attempted": right / attempted if attempted else np.nan,
        "f_score": 2 * right / (len(rows) + attempted),
        "abstention_rate": share(lambda t, p: p == "UNKNOWN"),
        "false_abstention_rate": share(lambda t, p: p == "UNKNOWN", lambda t, p: t == "RIGHT"),
        "hallucination_rate": share(lambda t, p: p != "UNKNOWN", lambda t, p: t == "UNKNOWN"),
        "recall": share(lambda t, p: p == "UNKNOWN", lambda t, p: t == "UNKNOWN"),
        "precision": share(lambda t, p: t == "UNKNOWN", lambda t, p: p == "UNKNOWN"),
        "invalid_rate": share(lambda t, p: p is None),
    }


def readable(rows):
    """A question without an answer has none that is right: such an answer counts as wrong."""
    target, base, checkpoint = (np.array(column) for column in zip(*rows, strict=True))
    for predicted in (base, checkpoint):
        predicted[(target == 2) & (predicted == 0)] = 1
    return target, base, checkpoint


@given(items)
def test_every_metric_is_what_counting_gives(rows):
    target, base, _ = readable(rows)
    confusion = np.bincount(target * 4 + base, minlength=12).reshape(1, 3, 4).astype(float)
    metrics = classification_metrics(confusion, LABELS, "UNKNOWN", "WRONG")
    for name, expected in counted(target, base).items():
        label = "UNKNOWN" if name in ("recall", "precision") else None
        assert metrics[name, label][0] == pytest.approx(expected, nan_ok=True), name


def test_the_published_measures_of_simpleqa():
    """GPT-4o in the paper: 38.2% correct, 60.8% incorrect, 1.0% not attempted, F 38.4."""
    confusion = np.zeros((1, 3, 4))
    confusion[0, 0] = [382, 608, 10, 0]
    metrics = classification_metrics(confusion, LABELS, "UNKNOWN", "WRONG")
    assert metrics["incorrect_rate", None][0] == pytest.approx(0.608)
    assert metrics["correct_given_attempted", None][0] == pytest.approx(0.386, abs=5e-4)
    assert metrics["f_score", None][0] == pytest.approx(0.384, abs=5e-4)


def test_a_comparison_has_both_error_directions_with_their_tests():
    rng = np.random.default_rng(0)
    target = np.where(rng.random(600) < 0.7, 0, 2)
    easy = rng.random(600) < 0.5
    base = np.where((target == 0) & easy, 0, 1)
    checkpoint = np.where((target == 2) & (rng.random(600) < 0.6), 2, base)
    comparison = compare_task("popqa", pairs_of(target, base, checkpoint), SETTINGS)
    assert comparison.metric("incorrect_rate").difference < 0
    assert comparison.metric("hallucination_rate").base == 1
    assert comparison.metric("hallucination_rate").method == "mcnemar-mid-p"
    assert comparison.metric("hallucination_rate").items == (target == 2).sum()
    assert comparison.metric("false_abstention_rate").checkpoint == 0
    assert comparison.metric("f_score").pvalue is not None
    assert {row.metric for row in comparison.metrics}.isdisjoint({"macro_f1"})


@given(items)
def test_identical_models_differ_in_nothing(rows):
    target, base, _ = readable(rows)
    comparison = compare_task("popqa", pairs_of(target, base, base), SETTINGS)
    for row in comparison.metrics:
        assert row.difference in (None, 0)
        assert row.pvalue in (None, 1)


@pytest.mark.parametrize(
    ("wrong", "target", "message"),
    [
        ("FALSE", [0, 2], "`wrong` must be one of `labels`"),
        ("UNKNOWN", [0, 2], "`wrong` must be one of `labels`"),
        ("WRONG", [0, 1], "`target` must never be 'WRONG'"),
    ],
)
def test_bad_input_names_the_argument_and_the_rule(wrong, target, message):
    with pytest.raises(ValueError, match=message):
        paired_answers(LABELS, "UNKNOWN", target, answers([0, 1]), answers([0, 1]), wrong=wrong)
