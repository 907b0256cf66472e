"""A model small enough to build in a second and to train in a minute.

It is a Qwen2 with under a million parameters and a byte-level tokenizer that was trained on the
prompts of `saeval.tasks.factworld`. Any text can be encoded; the instruction, which every prompt
repeats, is one token, so that a prompt of the made-up world has about fifty.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers
from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen2Tokenizer

from saeval.tasks.factworld.world import DOMAINS, generate_claims
from saeval.tasks.format.prompts import VERIFICATION_INSTRUCTION, write_verification_prompt
from saeval.tasks.types import VERIFICATION_LABELS

MAX_POSITIONS = 4096
_PAD, _END = "<|endoftext|>", "<|im_end|>"
_VOCABULARY_SIZE = 1000
_TOKENIZER_PROMPTS = 3000
_CHAT_TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


def build_tiny_model(
    folder: str | Path,
    *,
    seed: int = 0,
    hidden_size: int = 128,
    layers: int = 2,
    heads: int = 4,
) -> Path:
    """Save an untrained model and its tokenizer.

    Parameters
    ----------
    folder
        Where to save; it is created.
    seed
        Of the initial weights. The tokenizer is always the same.
    hidden_size, layers, heads
        The shape of the model.

    Returns
    -------
    pathlib.Path
        The folder, which `AutoModelForCausalLM` and `AutoTokenizer` load.
    """
    folder = Path(folder)
    tokenizer = build_tokenizer()
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=hidden_size,
        intermediate_size=3 * hidden_size,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=MAX_POSITIONS,
        tie_word_embeddings=True,
        initializer_range=0.06,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Qwen2ForCausalLM(config)
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    return folder


def build_random_adapter(
    base_folder: str | Path, folder: str | Path, *, seed: int = 0, scale: float = 0.1
) -> Path:
    """Save a LoRA adapter whose weights are noise, so that it changes every output.

    Parameters
    ----------
    base_folder
        The model it belongs to; the adapter's config names it.
    folder
        Where to save; it is created.
    seed
        Of the noise.
    scale
        Standard deviation of the weights; with 0, the adapter changes nothing.

    Returns
    -------
    pathlib.Path
        The folder.
    """
    folder = Path(folder)
    # On every linear layer but the output.
    config = LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
    adapted = get_peft_model(Qwen2ForCausalLM.from_pretrained(base_folder), config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.normal_(0, scale, generator=generator)
    adapted.save_pretrained(str(folder))
    return folder


def build_tokenizer() -> Qwen2Tokenizer:
    """Train the tokenizer, always on the same prompts."""
    bpe = Tokenizer(models.BPE())
    # Qwen2's own splitting would let "=PASS" become one token. Merges that were learnt within
    # narrower bounds keep a label the same tokens with and without the text before it.
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    bpe.train_from_iterator(
        _tokenizer_corpus(),
        trainers.BpeTrainer(
            vocab_size=_VOCABULARY_SIZE - 1,
            min_frequency=2,
            special_tokens=[_PAD, _END],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    learnt = json.loads(bpe.to_str())["model"]
    tokenizer = Qwen2Tokenizer(
        # The instruction's token is part of the vocabulary, so that its size is the model's.
        vocab={**learnt["vocab"], VERIFICATION_INSTRUCTION: _VOCABULARY_SIZE - 1},
        merges=[tuple(pair) for pair in learnt["merges"]],
        eos_token=_END,
        pad_token=_PAD,
        padding_side="left",
        model_max_length=MAX_POSITIONS,
    )
    tokenizer.add_tokens([AddedToken(VERIFICATION_INSTRUCTION, normalized=False, special=False)])
    tokenizer.chat_template = _CHAT_TEMPLATE
    return tokenizer


def _tokenizer_corpus() -> list[str]:
    documents = generate_claims("train", _TOKENIZER_PROMPTS, domains=DOMAINS)
    texts = []
    for number, document in enumerate(documents):
        prompt = write_verification_prompt(document.as_row()).removeprefix(VERIFICATION_INSTRUCTION)
        label = VERIFICATION_LABELS.names[number % len(VERIFICATION_LABELS.names)]
        texts.append(f"{prompt}LABEL={label}\nCONF=0.{number % 100:02}")
    return texts
