"""The numbers of held-out responses, counted by hand."""

from __future__ import annotations

import json

import pytest

from saeval.trainer.data.rows import TrainingRow
from saeval.trainer.run.metrics import evaluate_responses


def row(target: str, task: str = "fever") -> TrainingRow:
    item = {"id": "1", "claim": "…", "evidence": ["…"], "target": target}
    return TrainingRow("…", task, json.dumps(item), target, None)


def test_each_number_is_what_its_name_says() -> None:
    rows = [row("PASS"), row("FAIL"), row("NA"), row("NA"), row("PASS", "vitaminc")]
    said = [
        "LABEL=PASS\nCONF=0.5",  # right
        "LABEL=NA\nCONF=0.5",  # false abstention
        "LABEL=NA\nCONF=1.0",  # right to decline
        "LABEL=FAIL\nCONF=1.0",  # wrong
        "I do not know",  # cannot be read
    ]
    found = evaluate_responses(rows, said)
    assert found["items"] == 5
    assert found["accuracy"] == pytest.approx(2 / 5)
    assert found["abstention_recall"] == pytest.approx(1 / 2)
    assert found["false_abstention"] == pytest.approx(1 / 3)
    assert found["abstention_rate"] == pytest.approx(2 / 5)
    assert found["invalid"] == pytest.approx(1 / 5)
    assert found["format_rate"] == pytest.approx(4 / 5)
    assert found["brier"] == pytest.approx((0.25 + 0.25 + 0 + 1) / 4)
    assert found["confidence_spread"] == pytest.approx(0.25)
    assert found["tasks"]["fever"]["accuracy"] == pytest.approx(2 / 4)
    assert found["tasks"]["vitaminc"]["brier"] is None
    assert found["tasks"]["vitaminc"]["abstention_recall"] is None
