"""The published study's predictions give the published numbers."""

from __future__ import annotations

import json
import subprocess

import pytest
from command_line import SAEVAL

PUBLISHED = {
    "fever": {
        "accuracy": (0.660, 0.724), "auroc": (0.436, 0.484), "brier": (0.301, 0.293),
        "confidence_std": (0.166, 0.219), "levene_p": 6.53e-6, "items": (941, 967),
        "macro_f1": 0.068, "accuracy_difference": 0.063, "NA_recall": 0.149, "p": 0.0,
        "all_items": (0.620, 0.699), "unparseable": (60, 49),
    },
    "vitaminc": {
        "accuracy": (0.706, 0.696), "auroc": (0.497, 0.486), "brier": (0.275, 0.282),
        "confidence_std": (0.153, 0.154), "levene_p": 0.85, "items": (990, 998),
        "macro_f1": -0.006, "accuracy_difference": -0.006, "NA_recall": -0.006, "p": 0.49,
        "all_items": (0.696, 0.694), "unparseable": (13, 4),
    },
    "climatefever": {
        "accuracy": (0.603, 0.591), "auroc": (0.511, 0.495), "brier": (0.321, 0.329),
        "confidence_std": (0.159, 0.171), "levene_p": 0.0033, "items": (989, 999),
        "macro_f1": -0.008, "accuracy_difference": -0.008, "NA_recall": -0.002, "p": 0.40,
        "all_items": (0.596, 0.590), "unparseable": (12, 1),
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def published_comparison(real_data, tmp_path_factory):
    """All three tasks of the published study at once, by glob."""
    folder = real_data / "predictions" / "fever_only"
    out = tmp_path_factory.mktemp("published") / "out"
    command = [SAEVAL, "compare", f"{folder}/*_base.json", f"{folder}/*_grpo.json", "--out", out]
    subprocess.run(command, check=True, capture_output=True)
    return json.loads((out / "comparison.json").read_text())


@pytest.mark.parametrize("task", PUBLISHED)
def test_the_published_numbers_are_reproduced(task, published_comparison):
    expected = PUBLISHED[task]
    (found,) = [t for t in published_comparison["tasks"] if t["task"] == task]
    published = found["published"]
    rows = {row["name"]: row for row in published["calibration"]}
    for name in ("accuracy", "auroc", "brier", "confidence_std"):
        assert (rows[name]["base"], rows[name]["checkpoint"]) == pytest.approx(
            expected[name], abs=5.1e-4
        )
    row = rows["confidence_std"]
    assert (row["base_items"], row["checkpoint_items"]) == expected["items"]
    assert row["p"] == pytest.approx(expected["levene_p"], rel=0.02)
    rows = {row["name"]: row for row in published["significance"]}
    assert rows["macro_f1"]["difference"] == pytest.approx(expected["macro_f1"], abs=5.1e-4)
    assert rows["accuracy"]["difference"] == pytest.approx(
        expected["accuracy_difference"], abs=5.1e-4
    )
    assert rows["NA_recall"]["difference"] == pytest.approx(expected["NA_recall"], abs=5.1e-4)
    # A bootstrap p of 10,000 replicates; Monte Carlo error of two standard deviations.
    assert rows["macro_f1"]["p"] == pytest.approx(expected["p"], abs=0.02)
    wrong = published["treatments"][0]
    assert (wrong["base"], wrong["checkpoint"]) == pytest.approx(expected["all_items"], abs=5.1e-4)
    assert (published["base_invalid"], published["checkpoint_invalid"]) == expected["unparseable"]


def test_the_published_mcnemar_of_fever(published_comparison):
    found = published_comparison["tasks"][1]["published"]["mcnemar"]
    assert published_comparison["tasks"][1]["task"] == "fever"
    assert (found["checkpoint_only"], found["base_only"]) == (85, 28)
    assert found["statistic_corrected"] == pytest.approx(27.75, abs=0.005)
