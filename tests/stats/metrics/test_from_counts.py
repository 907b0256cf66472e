"""Open questions: right, wrong and abstaining, beside plain counting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saeval.stats.metrics.from_counts import classification_metrics

LABELS = ("RIGHT", "WRONG", "UNKNOWN")

items = st.lists(
    st.tuples(st.sampled_from([0, 2]), st.integers(0, 3), st.integers(0, 3)), min_size=1
)


def counted(target, predicted):
    """The same by counting."""
    rows = [(LABELS[t], (*LABELS, None)[p]) for t, p in zip(target, predicted, strict=True)]

    def share(happened, among=lambda t, p: True):
        kept = [row for row in rows if among(*row)]
        return sum(happened(*row) for row in kept) / len(kept) if kept else np.nan

    right = sum(t == p == "RIGHT" for t, p in rows)
    attempted = sum(p != "UNKNOWN" for _, p in rows)  # an invalid answer is a wrong one
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
