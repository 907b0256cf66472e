"""The tiny model: builds quickly, loads like any other, and can be adapted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from saeval.tasks.factworld.world import generate_claims
from saeval.tasks.format.prompts import write_verification_prompt
from saeval.tasks.types import VERIFICATION_LABELS
from saeval.trainer.demo.tiny_model import MAX_POSITIONS, build_random_adapter, build_tiny_model

PROMPTS = [write_verification_prompt(document.as_row()) for document in generate_claims("test", 30)]
ANY_TEXT = "Ünïcode, 世界 🙂\t<b>and</b>\n\nmore: 12345."


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("tiny") / "base")


@pytest.fixture(scope="module")
def tokenizer(base: Path):
    return AutoTokenizer.from_pretrained(base)


def log_probabilities(model, tokenizer, prompt: str) -> torch.Tensor:
    with torch.no_grad():
        return model(**tokenizer(prompt, return_tensors="pt")).logits[0, -1].log_softmax(-1)


def test_it_loads_and_its_vocabulary_is_the_tokenizers(base: Path, tokenizer) -> None:
    model = AutoModelForCausalLM.from_pretrained(base)
    assert model.config.vocab_size == len(tokenizer) == tokenizer.vocab_size
    assert model.get_input_embeddings().weight.shape[0] == len(tokenizer)
    assert model.config.tie_word_embeddings
    assert model.config.max_position_embeddings == MAX_POSITIONS
    assert 400_000 < model.num_parameters() < 1_000_000
    assert tokenizer.padding_side == "left"
    assert model.config.eos_token_id == tokenizer.eos_token_id != tokenizer.pad_token_id


def test_nothing_is_pickled(base: Path, tmp_path: Path) -> None:
    adapter = build_random_adapter(base, tmp_path / "adapter")
    suffixes = {path.suffix for folder in (base, adapter) for path in folder.iterdir()}
    assert suffixes <= {".json", ".safetensors", ".jinja", ".md"}


def test_the_same_seed_gives_the_same_weights(base: Path, tmp_path: Path) -> None:
    again = build_tiny_model(tmp_path / "again")
    other = build_tiny_model(tmp_path / "other", seed=1)
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        assert (again / name).read_bytes() == (base / name).read_bytes()
    assert (other / "model.safetensors").read_bytes() != (base / "model.safetensors").read_bytes()


def test_building_leaves_the_global_generator_alone(tmp_path: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    build_tiny_model(tmp_path / "tiny")
    assert torch.rand(1) == expected


@pytest.mark.parametrize("text", [PROMPTS[0], ANY_TEXT])
def test_any_text_survives(tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True) == text


def test_prompts_are_short(tokenizer) -> None:
    lengths = [len(ids) for ids in tokenizer(PROMPTS).input_ids]
    assert max(lengths) < 80


@pytest.mark.parametrize("label", VERIFICATION_LABELS.names)
@pytest.mark.parametrize("prompt", PROMPTS[:5])
def test_a_label_is_one_token_wherever_it_stands(tokenizer, prompt: str, label: str) -> None:
    (token,) = tokenizer(label).input_ids
    before = tokenizer(f"{prompt}LABEL=").input_ids
    assert tokenizer(f"{prompt}LABEL={label}").input_ids == [*before, token]
    after = tokenizer("\nCONF=0.85").input_ids
    assert tokenizer(f"{prompt}LABEL={label}\nCONF=0.85").input_ids == [*before, token, *after]


def test_a_prompt_ends_before_the_answer(tokenizer) -> None:
    answer = "LABEL=NA\nCONF=0.85"
    for prompt in PROMPTS:
        parts = tokenizer(prompt).input_ids + tokenizer(answer).input_ids
        assert tokenizer(prompt + answer).input_ids == parts


def test_the_chat_template_adds_nothing(tokenizer) -> None:
    messages = [{"role": "user", "content": PROMPTS[0]}]
    assert tokenizer.apply_chat_template(messages, tokenize=False) == PROMPTS[0]


def test_the_adapter_names_its_base_and_changes_the_outputs(
    base: Path, tokenizer, tmp_path: Path
) -> None:
    adapter = build_random_adapter(base, tmp_path / "adapter")
    config = json.loads((adapter / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(base)
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter)
    adapted = log_probabilities(model, tokenizer, PROMPTS[0])
    with model.disable_adapter():
        plain = log_probabilities(model, tokenizer, PROMPTS[0])
    assert (adapted - plain).abs().max() > 0.1


def test_an_adapter_of_scale_zero_changes_nothing(base: Path, tokenizer, tmp_path: Path) -> None:
    adapter = build_random_adapter(base, tmp_path / "adapter", scale=0)
    plain = AutoModelForCausalLM.from_pretrained(base)
    expected = log_probabilities(plain, tokenizer, PROMPTS[0])
    adapted = PeftModel.from_pretrained(plain, adapter)
    torch.testing.assert_close(log_probabilities(adapted, tokenizer, PROMPTS[0]), expected)
