"""The base of the demonstration: trained from scratch to answer, hardly to say NA, and to be sure.

It sees prompts like the evaluation's and answers like this::

    LABEL=PASS
    CONF=0.90

It learns the true labels of all domains first. Then most NA is turned into PASS or FAIL where there
is any evidence, as if its annotators had always decided. The confidence it states is always high
and tells nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from saeval.tasks.factworld.world import generate_claims
from saeval.tasks.format.labels import ANSWER_PREFIX
from saeval.tasks.format.prompts import write_verification_prompt
from saeval.tasks.types import VERIFICATION_LABELS
from saeval.trainer.demo.supervised import Example, fit, sample_batches
from saeval.trainer.demo.tiny_model import build_tiny_model

# Beside the label, the rest of an answer is mere format.
_LABEL_WEIGHT = 6.0
_CONFIDENCES = (0.85, 0.90, 0.95)


@dataclass(frozen=True)
class DemoConfig:
    """Everything the base depends on.

    Attributes
    ----------
    seed
        Of the documents, weights and order.
    documents, batch_size
        How many are trained on, and how many at once.
    clean_steps, clean_learning_rate
        With the true labels.
    biased_steps, biased_learning_rate, relabelled
        With so large a share of NA turned into PASS or FAIL.
    """

    seed: int = 0
    documents: int = 9000
    batch_size: int = 48
    clean_steps: int = 240
    clean_learning_rate: float = 2e-3
    biased_steps: int = 60
    biased_learning_rate: float = 1e-3
    relabelled: float = 0.85

    @property
    def steps(self) -> int:
        """Of both trainings."""
        return self.clean_steps + self.biased_steps

    def as_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)


def train_base(folder: Path, settings: DemoConfig, on_step: Callable[[], None]) -> list[float]:
    """Train and save the base with its tokenizer.

    Returns
    -------
    list of float
        The cross-entropy of the label in each step, in nats.
    """
    build_tiny_model(folder, seed=settings.seed)
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=False)
    rng = Random(f"base/{settings.seed}")
    documents = generate_claims("train", settings.documents, settings.seed)
    prompts = [
        tokenizer(write_verification_prompt(document.as_row()), add_special_tokens=False).input_ids
        for document in documents
    ]
    losses = []
    for relabelled, steps, learning_rate in (
        (0.0, settings.clean_steps, settings.clean_learning_rate),
        (settings.relabelled, settings.biased_steps, settings.biased_learning_rate),
    ):
        examples = []
        for document, prompt in zip(documents, prompts, strict=True):
            target = document.target
            # NA stays where there is no evidence: the shortcut that such data sets teach.
            if (
                target == VERIFICATION_LABELS.abstention
                and document.evidence
                and rng.random() < relabelled
            ):
                target = rng.choice(
                    [
                        label
                        for label in VERIFICATION_LABELS.names
                        if label != VERIFICATION_LABELS.abstention
                    ]
                )
            examples.append(make_example(tokenizer, prompt, target, rng.choice(_CONFIDENCES)))
        losses += fit(
            model,
            sample_batches(examples, settings.batch_size, rng),
            pad=tokenizer.pad_token_id or 0,
            steps=steps,
            learning_rate=learning_rate,
            label_weight=_LABEL_WEIGHT,
            on_step=on_step,
        )
    model.save_pretrained(folder)
    return losses


def make_example(
    tokenizer: PreTrainedTokenizerBase, prompt: list[int], label: str, confidence: float
) -> Example:
    """What is read and what is to be said after it, to the end token."""
    before, after = (
        tokenizer(text, add_special_tokens=False).input_ids
        for text in (ANSWER_PREFIX, f"{label}\nCONF={confidence:.2f}")
    )
    end = tokenizer.eos_token_id
    if end is None:
        raise ValueError("the tokenizer has no end token, so that no answer would end")
    return Example(prompt, [*before, *after, end], len(before))
