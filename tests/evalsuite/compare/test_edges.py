"""Checkpoints at whose edges a verdict may be wrong, as files (``tests/data/edges``)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import typed

EDGES = Path(__file__).parents[2] / "data" / "edges"


def compared(case, capsys, tmp_path):
    paths = [str(EDGES / case / f"{name}.jsonl") for name in ("base", "checkpoint")]
    assert typed(capsys, "compare", *paths, "--out", str(tmp_path / "out"))[0] == 0
    found = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    return found["in_words"], found["tasks"][0]


def test_a_class_that_pays_for_another_stands_in_the_first_sentence(capsys, tmp_path):
    words, task = compared("class-pays", capsys, tmp_path)
    assert words["headline"].startswith("Mixed on fever: it knows better what it does not know; ")
    assert "; FAIL recall fell (" in words["headline"]
    assert words["cost"]["answer"].startswith("FAIL recall −25.0 pp [")
    assert task["cost"]["significant"]
    assert (task["cost"]["worst"]["metric"], task["cost"]["worst"]["label"]) == ("recall", "FAIL")
    for name in ("report.md", "report.html"):
        report = (tmp_path / "out" / name).read_text(encoding="utf-8")
        # A page has the questions as headings, and the first of them with its answer on top.
        before = "May it ship?" if name == "report.html" else "Does it know better"
        assert report.index("FAIL recall fell") < report.index(before)


def test_confidence_that_is_left_out_buys_no_answer(capsys, tmp_path):
    words, task = compared("silent", capsys, tmp_path)
    assert task["knowledge"]["answer"] in ("cannot tell", "no", "lost")
    assert words["headline"].startswith(("Worse on fever", "Mixed on fever"))
    assert "confidence missing rose (0.0% → " in words["headline"]
    assert task["cost"]["worst"]["metric"] == "confidence_missing"
    line = next(s for s in words["knows_better"]["evidence"] if s.startswith("Confidence missing"))
    assert "without those items" in line
    assert "at the checkpoint’s worst" in line
    assert "at each model’s mean" in line


def test_a_rare_loss_is_named_though_it_is_not_significant(capsys, tmp_path):
    words, task = compared("rare-loss", capsys, tmp_path)
    assert not task["cost"]["significant"]
    assert words["cost"]["answer"].startswith(
        "Nothing is significantly worse; the largest loss is "
    )
    assert task["cost"]["worst"]["loss"] >= 0.02


@pytest.mark.parametrize(
    ("case", "policy", "code", "verdict"),
    [
        ("class-pays", None, 1, "REGRESSION"),
        ("silent", "brier, must_improve: true", 3, "INCONCLUSIVE"),
        ("rare-loss", "brier, not_worse_by: 0.02", 3, "INCONCLUSIVE"),
    ],
)
def test_the_gate_lets_none_of_them_pass(case, policy, code, verdict, capsys, tmp_path):
    paths = [str(EDGES / case / f"{name}.jsonl") for name in ("base", "checkpoint")]
    options = ["--out", str(tmp_path / "gate")]
    if policy is not None:
        (tmp_path / "policy.yaml").write_text(f"rules: [{{metric: {policy}}}]\n")
        options += ["--policy", str(tmp_path / "policy.yaml")]
    assert typed(capsys, "gate", *paths, *options)[0] == code
    found = json.loads((tmp_path / "gate" / "gate.json").read_text(encoding="utf-8"))
    assert found["verdict"] == verdict
    assert found["in_words"]["knows_better"]["question"]
    junit = (tmp_path / "gate" / "junit.xml").read_text(encoding="utf-8")
    assert '<property name="knows_better" value="' in junit
    assert '<property name="cost" value="' in junit
