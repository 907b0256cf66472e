from __future__ import annotations

import numpy as np
import pytest
from strategies import LABELS

from saeval.stats._core.answers import Answers, paired_answers

GOOD = Answers(np.array([0, 3]), np.array([0.5, np.nan]))


def test_invalid_answer_is_never_right():
    pairs = paired_answers(LABELS, "NA", [0, 2], GOOD, GOOD)
    assert pairs.base_correct.tolist() == [True, False]
    assert pairs.both_confident.tolist() == [True, False]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"target": [0, 3]}, "`target` must hold class indices 0 to 2, found 3 at index 1"),
        ({"target": [0]}, "`target` has 1, `base.predicted` has 2"),
        ({"target": [0.5, 1]}, "`target` must hold integer class indices"),
        ({"base": Answers(np.array([0, 4]), np.array([0.5, 0.5]))}, "`base.predicted` must hold"),
        (
            {"checkpoint": Answers(np.array([0, 1]), np.array([0.5, 1.5]))},
            r"`checkpoint.confidence` must lie in \[0, 1\]",
        ),
        ({"labels": ("A", "A")}, "`labels` must be two or more different"),
        ({"abstention": "X"}, "`abstention` must be one of `labels`"),
        ({"cluster": [1]}, "`cluster` has 1"),
        (
            {"base": Answers(GOOD.predicted, GOOD.confidence, np.full((2, 3), 0.5))},
            "`base.label_probabilities` must hold rows in",
        ),
        (
            {"base": Answers(GOOD.predicted, GOOD.confidence, np.full((2, 2), 0.5))},
            r"`base.label_probabilities` must have shape \(2, 3\)",
        ),
    ],
)
def test_wrong_input_names_the_argument_and_the_rule(changed, message):
    arguments = {
        "labels": LABELS,
        "abstention": "NA",
        "target": [0, 2],
        "base": GOOD,
        "checkpoint": GOOD,
    }
    with pytest.raises(ValueError, match=message):
        paired_answers(**arguments | changed)


@pytest.mark.parametrize(
    ("wrong", "target", "message"),
    [
        ("FALSE", [0, 2], "`wrong` must be one of `labels`"),
        ("UNKNOWN", [0, 2], "`wrong` must be one of `labels`"),
        ("WRONG", [0, 1], "`target` must never be 'WRONG'"),
    ],
)
def test_the_label_of_a_wrong_answer_is_no_target(wrong, target, message):
    labels = ("RIGHT", "WRONG", "UNKNOWN")
    answers = Answers(np.array([0, 1]), np.full(2, np.nan))
    with pytest.raises(ValueError, match=message):
        paired_answers(labels, "UNKNOWN", target, answers, answers, wrong=wrong)
