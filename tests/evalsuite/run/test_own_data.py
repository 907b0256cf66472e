"""Own data and generated tasks through our own engine, to a comparison and a gate."""

from __future__ import annotations

from pathlib import Path

import pytest

import saeval
from saeval.tasks import registry

CLAIMS = "claim,context,label\n" + "".join(
    f"Box {n} is red.,Box {n} is {colour}.,{label}\n"
    for n, (colour, label) in enumerate((("red", "yes"), ("blue", "no"), ("big", "neutral")) * 2)
)
CHOICES = "question,A,B,correct,cluster\nOne?,x,y,A,c\nTwo?,x,y,B,c\n"


@pytest.fixture
def asked(tmp_path, monkeypatch, tiny_base, tiny_adapter) -> Path:
    """A comparison of own claims, own choices and one generated task; the data lies beside it."""
    from saeval.evalsuite.cli.main import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "_TASKS", dict(registry._TASKS))
    Path("claims.csv").write_text(CLAIMS)
    Path("exam.csv").write_text(CHOICES)
    main(["tasks", "new", "claims.csv"])
    main(["tasks", "new", "exam.csv", "--kind", "multiple_choice"])
    saeval.compare(
        str(tiny_base), str(tiny_adapter), out="out", n_resamples=1000,
        tasks="./claims.yaml,./exam.yaml,retention_reading",
        limit=6, generation={"max_gen_toks": 4},
    )  # fmt: skip
    return tmp_path / "out"


def test_own_data_is_compared_and_read_again_without_its_task_file(asked, monkeypatch):
    for file in Path().glob("*.yaml"):
        file.unlink()
    for name in ("claims", "exam"):
        del registry._TASKS[name]
    again = saeval.compare(str(asked / "base"), str(asked / "checkpoint"), n_resamples=1000)
    assert [own.task for own in again.tasks] == ["claims", "exam", "retention_reading"]
    answers = again.predictions.base["exam"].values()
    assert {answer.cluster_id for answer in answers} == {"c"}
    assert all(0 < (answer.confidence or 0) <= 1 for answer in answers)
    assert all(list(answer.scores) == ["acc", "acc_norm"] for answer in answers)
    verdict = saeval.gate(str(asked / "base"), str(asked / "checkpoint"), n_resamples=1000).verdict
    assert verdict in ("PASS", "INCONCLUSIVE", "REGRESSION")
    shown = (asked / "report.html").read_text()
    assert "claims" in shown
    assert "exam" in shown


def test_answers_to_a_table_that_has_changed_are_stale(asked, tiny_adapter):
    Path("claims.csv").write_text(CLAIMS + "Box 9 is red.,Box 9 is red.,yes\n")
    with pytest.raises(saeval.PairingError, match="the data of task claims is not the same now"):
        saeval.compare(
            str(asked / "base"), str(tiny_adapter), tasks="./claims.yaml", limit=6,
            generation={"max_gen_toks": 4},
        )  # fmt: skip
