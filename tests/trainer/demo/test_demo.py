"""The demonstration: its base, its recipe and, where it was run, what it showed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from transformers import AutoModelForCausalLM, AutoTokenizer

from saeval.command_line import run_command_line
from saeval.tasks.factworld.domains import DOMAINS_BY_NAME
from saeval.tasks.registry import get_task
from saeval.trainer.cli import cli
from saeval.trainer.demo import __main__ as demo
from saeval.trainer.demo import base as demo_base
from saeval.trainer.demo.base import DemoConfig, make_example, train_base
from saeval.trainer.demo.tiny_model import build_tiny_model
from saeval.trainer.recipe.load import load_recipe
from saeval.trainer.run.folder import read_rows

SHOWN = Path(__file__).parents[3] / "demo" / "comparison" / "comparison.json"
TINY = DemoConfig(documents=40, batch_size=8, clean_steps=2, biased_steps=2)


def test_the_command_needs_no_torch_to_be_described() -> None:
    code = "import sys, saeval.trainer.demo.__main__; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_base_is_trained_and_saved_with_its_tokenizer(tmp_path: Path) -> None:
    steps: list[None] = []
    untrained = AutoModelForCausalLM.from_pretrained(build_tiny_model(tmp_path / "untrained"))
    losses = train_base(tmp_path / "base", TINY, lambda: steps.append(None))
    assert len(steps) == len(losses) == TINY.steps == 4
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    assert (
        AutoTokenizer.from_pretrained(tmp_path / "base").eos_token_id == model.config.eos_token_id
    )
    pairs = zip(untrained.parameters(), model.parameters(), strict=True)
    assert any(not torch.equal(before, after) for before, after in pairs)


def make(out: Path, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(demo.main, ["--out", str(out), *options])
    return result.exit_code, result.output


def test_a_complete_base_is_not_made_again(tmp_path: Path, monkeypatch) -> None:
    made: list[int] = []

    def train(out: Path, settings: DemoConfig, on_step: object) -> None:
        out.mkdir(exist_ok=True)
        made.append(settings.seed)

    monkeypatch.setattr(demo_base, "train_base", train)
    assert make(tmp_path / "base")[0] == 0
    code, said = make(tmp_path / "base")
    assert (code, made) == (0, [0])
    assert "is complete" in said
    assert make(tmp_path / "base", "--seed", "1")[0] == 0
    assert made == [0, 1]


def test_an_interrupt_leaves_nothing_that_looks_complete(
    tmp_path: Path, monkeypatch, capsys
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo_base, "train_base", interrupted)
    (tmp_path / demo.MANIFEST).write_text('{"seed": ')
    with pytest.raises(SystemExit) as leaving:
        run_command_line(demo.main, ["--out", str(tmp_path)], when_interrupted="Starts anew.")
    assert leaving.value.code == 130
    assert "Starts anew." in capsys.readouterr().err
    assert not (tmp_path / demo.MANIFEST).exists()


def test_an_example_is_what_the_task_reads(tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(build_tiny_model(tmp_path / "base"))
    made = make_example(tokenizer, [7], "NA", 0.25)
    said = tokenizer.decode(made.completion)
    assert said == f"LABEL=NA\nCONF=0.25{tokenizer.eos_token}"
    assert tokenizer.decode(made.completion[made.label_place]) == "NA"
    reading = get_task("factworld").parse({"target": "NA"}, said.removesuffix(tokenizer.eos_token))
    assert (reading.prediction, reading.confidence) == ("NA", 0.25)


def test_an_answer_fits_into_the_recipes_completions(tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(build_tiny_model(tmp_path / "base"))
    longest = load_recipe("demo").optimisation.max_completion_length
    for label in ("PASS", "FAIL", "NA"):
        assert len(make_example(tokenizer, [], label, 0.05).completion) <= longest


def test_one_domain_is_evaluated_and_never_trained_on(answering_base: Path, tmp_path: Path) -> None:
    """With the recipe's own data: one step."""
    out, changes = tmp_path / "out", ("optimisation.steps=1", "evaluation.items=4")
    command = ["run", "demo", "--base", str(answering_base), "--out", str(out), *changes]
    assert CliRunner().invoke(cli, command).exit_code == 0
    data = json.loads((out / "data.json").read_text())
    trained = {source["task"] for source in data["sources"]}
    assert trained == {"factworld_residents", "factworld_collections"}
    evaluated = {part["task"] for part in data["held_out"]}
    assert evaluated - trained == {"factworld_measures"}
    assert evaluated == {f"factworld_{domain}" for domain in DOMAINS_BY_NAME}
    assert [row["step"] for row in read_rows(out / "metrics.jsonl")] == [1]


@pytest.mark.skipif(not SHOWN.is_file(), reason="`make demo` has not been run")
@pytest.mark.parametrize("domain", ["residents", "collections"])
def test_na_recall_rose_where_it_was_trained(domain: str) -> None:
    """What the README says of the comparison that `make demo` wrote."""
    tasks = json.loads(SHOWN.read_text())["tasks"]
    (metrics,) = (task["metrics"] for task in tasks if task["task"] == f"factworld_{domain}")
    (recall,) = (it for it in metrics if (it["metric"], it["label"]) == ("recall", "NA"))
    assert recall["difference"] > 0.2
    assert recall["p_holm"] < 0.01
