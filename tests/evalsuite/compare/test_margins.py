"""Equivalence margins of single metrics: the option, the policy, and what a report then says."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import saeval
from saeval.errors import InputError
from saeval.evalsuite.cli.configs import _parse_margins
from saeval.evalsuite.cli.main import main
from saeval.evalsuite.compare.margins import check_margins
from saeval.evalsuite.gate.policy_file import load_policy
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.direction import is_equivalent


def written(folder: Path) -> tuple[str, str]:
    """Two models that are right on the same 70% of 120 claims and as sure of them."""
    lines = ["id,target,prediction,confidence"]
    for item in range(120):
        target = ("PASS", "FAIL", "NA")[item % 3]
        given = target if item % 10 < 7 else "FAIL"
        lines.append(f"{item},{target},{given},{0.6 + 0.1 * (item % 4):.1f}")
    paths = folder / "base.csv", folder / "checkpoint.csv"
    for path in paths:
        path.write_text("\n".join(lines) + "\n")
    return str(paths[0]), str(paths[1])


def test_a_metric_has_a_margin_of_its_own(tmp_path: Path) -> None:
    base, checkpoint = (pd.read_csv(path, keep_default_na=False) for path in written(tmp_path))
    comparison = saeval.compare(
        saeval.read_predictions(base, task="fever"),
        saeval.read_predictions(checkpoint, task="fever"),
        equivalence_margins={"accuracy": 0.001},
        n_resamples=1000,
    )
    task = comparison["fever"]
    assert not is_equivalent(task["accuracy"])
    assert is_equivalent(task["invalid_rate"])
    assert task["accuracy"].equivalence.margin == 0.001


def test_the_option_takes_a_number_and_metrics(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _parse_margins(()) == (0.05, {})
    assert _parse_margins(("0.02", "auroc=0.1", "score=3", "auroc=0.2")) == (
        0.02,
        {"auroc": 0.2, "score": 3.0},
    )
    command = ["compare", *written(tmp_path), "--columns", "task=:fever", "--replicates", "1000"]
    out = str(tmp_path / "out")
    with pytest.raises(SystemExit) as stopped:
        main([*command, "--equivalence-margin", "acuracy=0.1", "--out", out])
    assert stopped.value.code == 2
    assert "did you mean accuracy?" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["x", "=0.1", "1.5", "0", "auroc=", "auroc=-1", "auroc=inf"])
def test_what_is_no_margin_is_said(text: str) -> None:
    with pytest.raises(InputError, match="--equivalence-margin: cannot read"):
        _parse_margins((text,))


def test_a_score_may_be_unknown_until_it_is_compared() -> None:
    settings = StatsConfig(equivalence_margins={"wer": 0.1})
    check_margins(settings)
    check_margins(settings, ["wer"])
    with pytest.raises(InputError, match="there is no such metric"):
        check_margins(settings, ["cer"])


def test_a_policy_has_margins(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    rule = "rules: [{metric: accuracy, not_worse_by: 0.02}]\n"
    policy.write_text("equivalence_margins: {brier: 0.01}\n" + rule)
    assert load_policy(policy).equivalence_margins == {"brier": 0.01}
    policy.write_text("equivalence_margins:\n  brier: 0\n" + rule)
    with pytest.raises(InputError, match=r"policy.yaml:2: an equivalence margin must be positive"):
        load_policy(policy)
