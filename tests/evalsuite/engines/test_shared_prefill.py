"""One reading of a prompt gives what separate requests give."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BloomConfig,
    GPT2Config,
    Lfm2Config,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    PretrainedConfig,
    Qwen2Config,
)

from saeval.evalsuite.config import EngineConfig
from saeval.evalsuite.engines.base import Request
from saeval.evalsuite.engines.huggingface import TransformersEngine
from saeval.evalsuite.engines.shared_prefill import Score, SharedPrefillLM
from saeval.evalsuite.models.types import LocalModel

PROMPTS = (
    "Claim: the cat is red. Evidence: The cat was red.\n",
    "Claim: x.\n",
    "Is it so that seven dogs came home late in the evening? Evidence: none at all.\n",
)
LABELS = ("PASS", "FAIL", "NA")
SIZES: Mapping[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.3,
}


def configurations(size: int) -> dict[str, PretrainedConfig]:
    return {
        "llama": LlamaConfig(vocab_size=size, **SIZES),
        "qwen2": Qwen2Config(vocab_size=size, **SIZES),
        "gpt2": GPT2Config(vocab_size=size, n_embd=64, n_layer=2, n_head=4, initializer_range=0.3),
        "a sliding window": MistralConfig(vocab_size=size, sliding_window=8, **SIZES),
        "no positions": BloomConfig(vocab_size=size, hidden_size=64, n_layer=2, n_head=4),
        "a hybrid": Lfm2Config(vocab_size=size, layer_types=["conv", "full_attention"], **SIZES),
        "recurrent": MambaConfig(vocab_size=size, hidden_size=64, num_hidden_layers=2),
    }


def build(name: str, tiny_base: Path) -> tuple[Any, Any]:
    """A model with random weights, and the tokenizer of the tiny one."""
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    torch.manual_seed(0)
    config = configurations(len(tokenizer))[name]
    config.pad_token_id = tokenizer.pad_token_id
    return AutoModelForCausalLM.from_config(config).eval(), tokenizer


@contextmanager
def counted(model: Any) -> Iterator[list[int]]:
    """The tokens of a row that the model is given, call by call."""
    widths: list[int] = []

    def count(_: Any, arguments: Any, settings: Any) -> None:
        widths.append((settings["input_ids"] if "input_ids" in settings else arguments[0]).shape[1])

    handle = model.register_forward_pre_hook(count, with_kwargs=True)
    yield widths
    handle.remove()


def generations(**settings: Any) -> list[Instance]:
    options = {"until": ["\n\n"], "max_gen_toks": 12, "do_sample": False, **settings}
    return [
        Instance("generate_until", {}, (prompt, dict(options)), place)
        for place, prompt in enumerate(PROMPTS)
    ]


def scored(prefix: str = "LABEL=") -> dict[str, list[Instance]]:
    return {
        prompt: [
            Instance("loglikelihood", {}, (prompt + prefix, label), place)
            for place, label in enumerate(LABELS, start=1)
        ]
        for prompt in PROMPTS
    }


def load(kind: type[HFLM], model: Any, tokenizer: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return kind(pretrained=model, tokenizer=tokenizer, batch_size=4)


def both_ways(
    lm: Any, separate: Any, prompts: Mapping[str, list[Instance]], **settings: Any
) -> tuple[list[Score | None], list[tuple[float, bool]]]:
    """Scores beside answers, and asked for alone; the answers are the same."""
    own = [instance for instance in generations(**settings) if instance.args[0] in prompts]
    texts = separate.generate_until(own, disable_tqdm=True)
    alone = [
        score
        for instances in prompts.values()
        for score in separate.loglikelihood(instances, disable_tqdm=True)
    ]
    lm.expect(list(prompts.items()))
    assert lm.generate_until(own, disable_tqdm=True) == texts
    return [lm.score_of(p, i) for p, instances in prompts.items() for i in instances], alone


@pytest.mark.parametrize("name", ["llama", "qwen2", "gpt2", "a sliding window", "no positions"])
@pytest.mark.parametrize("prefix", ["LABEL=", "The answer to this is: "])
def test_shared_reading_gives_what_separate_requests_give(
    tiny_base: Path, name: str, prefix: str
) -> None:
    model, tokenizer = build(name, tiny_base)
    lm, separate = load(SharedPrefillLM, model, tokenizer), load(HFLM, model, tokenizer)
    found, alone = both_ways(lm, separate, scored(prefix))
    for score, (logprob, is_likeliest) in zip(found, alone, strict=True):
        assert score is not None
        assert score.response[0] == pytest.approx(logprob, abs=1e-5)
        assert score.response[1] == is_likeliest
        assert score.n_read < len(tokenizer(prefix + "PASS")["input_ids"])


@pytest.mark.parametrize("name", ["a hybrid", "recurrent"])
def test_what_cannot_be_taken_back_is_asked_separately(tiny_base: Path, name: str) -> None:
    model, tokenizer = build(name, tiny_base)
    lm, separate = load(SharedPrefillLM, model, tokenizer), load(HFLM, model, tokenizer)
    found, alone = both_ways(lm, separate, scored())
    assert found == [None] * len(alone)


def test_prompts_are_read_once(tiny_base: Path) -> None:
    model, tokenizer = build("llama", tiny_base)
    lm = load(SharedPrefillLM, model, tokenizer)
    longest = max(len(tokenizer(prompt)["input_ids"]) for prompt in PROMPTS)
    settings = {"do_sample": True, "temperature": 1.0}
    lm.expect(list(scored().items()), n_samples=2)
    with counted(model) as widths:
        for _ in range(2):
            lm.generate_until(generations(**settings), disable_tqdm=True)
    assert widths[0] == longest
    assert max(widths[1:]) < 8  # labels, then tokens one by one


def test_a_prompt_twice_in_a_batch_and_one_without_labels(tiny_base: Path) -> None:
    model, tokenizer = build("llama", tiny_base)
    lm, separate = load(SharedPrefillLM, model, tokenizer), load(HFLM, model, tokenizer)
    first, second, third = scored().values()
    asked = [
        (PROMPTS[0], first[:1]),
        (PROMPTS[0], first[1:]),
        (PROMPTS[1], []),
        (PROMPTS[2], third),
    ]
    lm.expect(asked)
    own = generations()
    lm.generate_until([own[0], *own], disable_tqdm=True)
    for prompt, instances in asked:
        alone = separate.loglikelihood(instances, disable_tqdm=True)
        for instance, (logprob, _) in zip(instances, alone, strict=True):
            score = lm.score_of(prompt, instance)
            assert score is not None
            assert score.response[0] == pytest.approx(logprob, abs=1e-5)
    assert lm.score_of(PROMPTS[1], second[0]) is None


def test_a_prompt_that_is_cut_is_scored_separately(tiny_base: Path) -> None:
    model, tokenizer = build("llama", tiny_base)
    size = max(len(tokenizer(prompt)["input_ids"]) for prompt in PROMPTS) + 11
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lm, separate = (
            kind(pretrained=model, tokenizer=tokenizer, batch_size=4, max_length=size)
            for kind in (SharedPrefillLM, HFLM)
        )
    found, alone = both_ways(lm, separate, scored())
    n_missing = [score is None for score in found].count(True)
    assert n_missing == len(LABELS)  # of the longest prompt, which has no room for its answer
    for score, (logprob, _) in zip(found, alone, strict=True):
        assert score is None or score.response[0] == pytest.approx(logprob, abs=1e-5)


def test_autocast_is_that_of_the_model(tiny_base: Path) -> None:
    model, tokenizer = build("llama", tiny_base)
    settings = {"batch_size": 4, "mixed_precision_dtype": "bfloat16", "softmax_dtype": "float32"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lm, separate = (
            kind(pretrained=model, tokenizer=tokenizer, **settings)
            for kind in (SharedPrefillLM, HFLM)
        )
    exact = load(HFLM, model, tokenizer)
    found, alone = both_ways(lm, separate, scored())
    full = [s for own in scored().values() for s in exact.loglikelihood(own, disable_tqdm=True)]
    for score, (logprob, _), (precise, _) in zip(found, alone, full, strict=True):
        assert score is not None
        assert score.response[0] == pytest.approx(logprob, abs=0.1)
        assert score.response[0] != pytest.approx(precise, abs=1e-5)


def test_further_samples_are_drawn_as_they_are_alone(tiny_base: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    model = AutoModelForCausalLM.from_pretrained(tiny_base).eval()
    settings = {"do_sample": True, "temperature": 1.5}

    def samples(lm: Any) -> list[list[str]]:
        found = []
        for seed in range(4):
            torch.manual_seed(seed)
            found.append(lm.generate_until(generations(**settings), disable_tqdm=True))
        return found

    alone = samples(load(HFLM, model, tokenizer))
    for prompts in (scored(), {prompt: [] for prompt in PROMPTS}):
        shared: SharedPrefillLM = load(SharedPrefillLM, model, tokenizer)
        shared.expect(list(prompts.items()), n_samples=4)
        assert samples(shared) == alone
    assert len({tuple(texts) for texts in alone}) > 1


def test_a_label_that_takes_tokens_from_the_prompt_is_asked_separately(tiny_base: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    model = AutoModelForCausalLM.from_pretrained(tiny_base).eval()
    lm: SharedPrefillLM = load(SharedPrefillLM, model, tokenizer)
    asked = scored(prefix="")  # the prompts end in a line break, which lm-eval scores with a label
    lm.expect(list(asked.items()))
    lm.generate_until(generations(), disable_tqdm=True)
    assert {lm.score_of(p, own) for p, instances in asked.items() for own in instances} == {None}


def test_the_engine_reads_little_beside_the_prompt(tiny_base: Path, tiny_adapter: Path) -> None:
    config = EngineConfig(name="transformers", device="cpu", dtype="float32", batch_size=3)
    engine = TransformersEngine(LocalModel("base", tiny_base), [tiny_adapter], config)

    def ask(adapter: Path | None, *, together: bool) -> list[list[tuple[float, bool]]]:
        requests = [
            Request([own] if together else [], [0] if together else [], labels, adapter)
            for own, labels in zip(generations(), scored().values(), strict=True)
        ]
        done = list(engine.answer(requests))
        for request in done:
            assert not together or request.probe_tokens < request.prompt_tokens
        return [[instance.resps[0] for instance in r.loglikelihoods] for r in done]

    by_model = {}
    for adapter in (None, tiny_adapter):
        together, separate = ask(adapter, together=True), ask(adapter, together=False)
        for own, other in zip(together, separate, strict=True):
            assert [p for p, _ in own] == pytest.approx([p for p, _ in other], abs=1e-5)
        by_model[adapter] = together
    assert engine.lm._prefill is None
    assert engine.lm._expected == {}
    engine.close()
    assert by_model[None] != by_model[tiny_adapter]
