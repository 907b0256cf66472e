"""SmolLM2-135M-Instruct out of its package, as a model that every command takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from transformers import AutoModelForCausalLM, AutoTokenizer

from saeval.evalsuite.cli.main import cli
from saeval.hub import model_content
from saeval.tasks.format.labels import ANSWER_PREFIX
from saeval.tasks.format.prompts import VERIFICATION_INSTRUCTION
from saeval.tasks.types import VERIFICATION_LABELS
from saeval.trainer.study import base_model

pytestmark = pytest.mark.study
CHAT = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture(scope="module")
def loaded(smollm2: Path):
    model = AutoModelForCausalLM.from_pretrained(smollm2, dtype=torch.float32)
    return model, AutoTokenizer.from_pretrained(smollm2)


def test_it_answers_a_question(loaded) -> None:
    model, tokenizer = loaded
    ids = tokenizer.apply_chat_template(
        CHAT, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    made = model.generate(**ids, max_new_tokens=24, do_sample=False)[0]
    assert "Paris" in tokenizer.decode(made[ids["input_ids"].shape[1] :])
    assert made[-1] == tokenizer.eos_token_id, "it ends its turn by itself"


def test_a_conversation_is_written_as_the_model_was_trained(loaded) -> None:
    _, tokenizer = loaded
    written = tokenizer.apply_chat_template(CHAT, add_generation_prompt=True, tokenize=False)
    assert written == (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
        "<|im_end|>\n<|im_start|>user\nWhat is the capital of France?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    own = [{"role": "system", "content": "Be brief."}, *CHAT]
    assert tokenizer.apply_chat_template(own, tokenize=False).startswith(
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n"
    )
    marks = tokenizer("<|im_start|><|im_end|>", add_special_tokens=False).input_ids
    assert marks == [tokenizer.bos_token_id, tokenizer.eos_token_id] == [1, 2]


def test_text_comes_back_from_its_tokens(loaded) -> None:
    _, tokenizer = loaded
    for text in (VERIFICATION_INSTRUCTION, "São Paulo — 1,200 naïve\n\n\tUnicode 漢字 🙂"):
        assert tokenizer.decode(tokenizer(text, add_special_tokens=False).input_ids) == text


def test_labels_have_the_same_tokens_after_the_prefix(loaded) -> None:
    _, tokenizer = loaded
    before = tokenizer(ANSWER_PREFIX, add_special_tokens=False).input_ids
    for label in VERIFICATION_LABELS.names:
        whole = tokenizer(ANSWER_PREFIX + label, add_special_tokens=False).input_ids
        assert whole == [*before, *tokenizer(label, add_special_tokens=False).input_ids]


def test_it_is_the_same_model_again(smollm2: Path, tmp_path: Path) -> None:
    arguments = ["--out", str(tmp_path / "again"), "--dtype", "float32"]
    assert CliRunner().invoke(base_model.main, arguments).exit_code == 0
    assert model_content(tmp_path / "again") == model_content(smollm2)
    assert "is complete already" in CliRunner().invoke(base_model.main, arguments).output


def test_bfloat16_is_the_same_weights_rounded(smollm2: Path, loaded, tmp_path: Path) -> None:
    half = tmp_path / "half"
    assert CliRunner().invoke(base_model.main, ["--out", str(half)]).exit_code == 0
    rounded = AutoModelForCausalLM.from_pretrained(half, dtype="auto")
    assert rounded.dtype == torch.bfloat16
    for (name, exact), kept in zip(loaded[0].named_parameters(), rounded.parameters(), strict=True):
        assert torch.equal(exact.to(torch.bfloat16), kept), name


def test_saeval_runs_it(smollm2: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    arguments = ["run", str(smollm2), "--tasks", "factworld", "--limit", "4", "--out", str(out)]
    arguments += ["--apply-chat-template", "--gen-kwargs", "max_gen_toks=8", "--quiet"]
    result = CliRunner().invoke(cli, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    lines = (out / "predictions" / "factworld.jsonl").read_text().splitlines()
    assert len(lines) == 4
    for line in lines:
        assert sum(json.loads(line)["label_probabilities"].values()) == pytest.approx(1)
