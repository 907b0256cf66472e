"""The demonstration's command and the numbers it records; the training itself is not run."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from tasks.factworld.world import generate
from trainer import demo
from trainer.demo_stages import Speaker, measures, observed_confidence, train_base, train_checkpoint
from trainer.supervised import IGNORED
from trainer.tiny_model import build_tiny_model

TINY = demo.Settings(
    batch_size=8,
    base_documents=40,
    base_steps=2,
    bias_steps=2,
    checkpoint_documents=40,
    checkpoint_steps=2,
    confidence_documents=24,
    confidence_steps=2,
    held_out_documents=12,
)


def test_the_command_needs_no_torch_to_be_described() -> None:
    code = "import sys, trainer.demo; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_both_stages_save_what_loads(tmp_path: Path) -> None:
    steps: list[None] = []
    base, checkpoint = tmp_path / "base", tmp_path / "checkpoint"
    outcome = train_base(base, TINY, lambda: steps.append(None))
    assert len(steps) == len(outcome["label_losses"]) == TINY.stage_steps["base"]
    steps.clear()
    outcome = train_checkpoint(base, checkpoint, TINY, lambda: steps.append(None))
    assert len(steps) == TINY.stage_steps["checkpoint"]
    assert outcome["held_out"]["all"]["items"] == TINY.held_out_documents
    config = json.loads((checkpoint / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(base)


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "train", fail)


@pytest.mark.usefixtures("untrained")
def test_a_complete_training_is_not_repeated(tmp_path: Path) -> None:
    numbers = {"accuracy": 0.5, "na_recall": 0.1, "na_rate": 0.2, "brier": 0.3}
    stage = {"wall_seconds": 1.0, "held_out": {"all": numbers}}
    settings = json.loads(json.dumps(demo.Settings().as_json()))
    manifest = {"settings": settings, "stages": {"base": stage}}
    (tmp_path / demo.MANIFEST).write_text(json.dumps(manifest))
    result = CliRunner().invoke(demo.main, ["--out", str(tmp_path)])
    assert result.exit_code == 0
    assert "complete" in result.output
    assert demo.finished(tmp_path, replace(demo.Settings(), seed=1)) is None


@pytest.mark.usefixtures("untrained")
def test_an_interrupt_says_that_nothing_is_complete(tmp_path: Path) -> None:
    (tmp_path / demo.MANIFEST).write_text('{"settings": ')
    result = CliRunner().invoke(demo.main, ["--out", str(tmp_path)])
    assert result.exit_code == 130
    assert "is not complete" in result.output


def test_an_example_teaches_one_thing_and_reads_another(tmp_path: Path) -> None:
    speaker = Speaker(build_tiny_model(tmp_path / "base"))
    decode = speaker.tokenizer.decode
    end = speaker.tokenizer.eos_token
    example = speaker.example([7], "NA", 0.25, said="PASS")
    assert decode(example.completion) == f"LABEL=PASS\nCONF=0.25{end}"
    assert decode(example.targets) == f"LABEL=NA\nCONF=0.25{end}"
    assert example.targets[example.label_place] == speaker.label_tokens[2]
    silent = speaker.example([7], "NA", None)
    kept = [token for token in silent.targets if token != IGNORED]
    assert decode(kept) == f"LABEL=NA\nCONF=0{end}"


def test_confidence_is_the_share_that_was_right() -> None:
    probabilities = [0.9, 0.4, 0.8, 0.5]
    right = [True, False, True, True]
    assert observed_confidence(probabilities, right, bins=2) == [0.95, 0.5, 0.95, 0.5]


def test_measures_count_what_was_said() -> None:
    documents = generate("test", 3, domains=["residents"])
    responses = [f"LABEL={document.target}\nCONF=0.80" for document in documents]
    numbers = measures([*zip(documents, responses, strict=True), (documents[0], "well")])
    assert numbers["accuracy"] == 0.75
    assert numbers["format_rate"] == 0.75
    assert numbers["brier"] == 0.04
    assert numbers["confidence_when_wrong"] is None
