"""What was left out, at its worst and at the model's mean."""

from __future__ import annotations

import numpy as np
import pytest

from saeval.stats._core.answers import Answers, PairedAnswers
from saeval.stats.compare.missing_confidence import missing_confidence

NAN = float("nan")


def pairs(stated, right):
    """Three labels, all targets the first; a wrong answer is the second."""
    models = [
        Answers(np.where(np.array(r, bool), 0, 1), np.array(s, float))
        for s, r in zip(stated, right, strict=True)
    ]
    target = np.zeros(len(right[0]), dtype=np.int64)
    return PairedAnswers(("PASS", "FAIL", "NA"), "NA", target, *models)


def test_every_treatment_by_hand():
    base = ([0.8, 0.6, 0.4, NAN], [1, 1, 0, 1])
    checkpoint = ([0.8, 0.6, NAN, 0.5], [1, 1, 0, 0])
    found = missing_confidence(pairs(*zip(base, checkpoint, strict=True)))
    by_name = {(row.metric, row.treatment): row for row in found}
    left_out = by_name["brier", "left out"]
    assert (left_out.items, left_out.base, left_out.checkpoint) == (2, pytest.approx(0.1), 0.1)
    worst = by_name["brier", "worst for the checkpoint"]
    assert worst.items == 4
    assert worst.base == pytest.approx((0.04 + 0.16 + 0.16 + 0) / 4)
    assert worst.checkpoint == pytest.approx((0.04 + 0.16 + 1 + 0.25) / 4)
    best = by_name["brier", "worst for the base"]
    assert best.base == pytest.approx((0.04 + 0.16 + 0.16 + 1) / 4)
    assert best.checkpoint == pytest.approx((0.04 + 0.16 + 0 + 0.25) / 4)
    mean = by_name["overconfidence", "at the model's mean"]
    assert mean.base == pytest.approx(0.6 - 0.75)
    assert mean.checkpoint == pytest.approx((0.8 + 0.6 + 0.5) / 3 - 0.5)
    assert by_name["auroc", "worst for the checkpoint"].checkpoint == pytest.approx(0.5)


def test_nothing_missing_and_nothing_stated_are_no_treatments():
    assert missing_confidence(pairs([[0.8, 0.6]] * 2, [[1, 0]] * 2)) is None
    assert missing_confidence(pairs([[NAN, NAN], [0.5, 0.6]], [[1, 0]] * 2)) is None
