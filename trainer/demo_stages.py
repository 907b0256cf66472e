"""The two trainings of the demonstration: a base that hardly says NA, and a checkpoint that does.

Both see prompts like the evaluation's and answer like this::

    LABEL=NA
    CONF=0.85

The base is trained from scratch on all domains, at last with most NA turned into PASS or FAIL
where there is any evidence, and always with a high confidence. The checkpoint is a LoRA adapter
on that base. It learns the true labels of some domains, and then to state how often its answers
of similar probability were right on documents it had not seen before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tasks.answers import ABSTENTION, ANSWER_PREFIX, LABELS, parse_answer
from tasks.documents import Document
from tasks.factworld.world import generate
from tasks.prompts import verification_prompt
from trainer.supervised import IGNORED, Example, batches, fit, padded
from trainer.tiny_model import add_adapter, build_tiny_model

if TYPE_CHECKING:
    from trainer.demo_settings import Settings

_EVALUATION_BATCH = 100
_CONFIDENCE_BINS = 12
# Beside the label, the rest of an answer is mere format, until the confidence is to be learnt.
_LABEL_WEIGHT = 6.0
_HIGH_CONFIDENCE = (0.85, 0.90, 0.95)

OnStep = Callable[[], None]


class Speaker:
    """The tiny model's tokenizer and what it takes to write and read answers with it."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.pad: int = self.tokenizer.pad_token_id
        self.label_tokens = [self._ids(label)[0] for label in LABELS]
        self._prefix = self._ids(ANSWER_PREFIX)

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False).input_ids)

    def prompts(self, documents: Sequence[Document]) -> list[list[int]]:
        return [self._ids(verification_prompt(document.as_row())) for document in documents]

    def example(
        self, prompt: list[int], target: str, confidence: float | None, said: str | None = None
    ) -> Example:
        """Teach `target`, and `confidence` after the label `said`; None teaches no confidence."""
        after = self._ids(f"\nCONF={0.5 if confidence is None else confidence:.2f}")
        end = [self.tokenizer.eos_token_id]
        completion = self._prefix + self._ids(said or target) + after + end
        targets = self._prefix + self._ids(target) + after + end
        if confidence is None:
            places = slice(len(targets) - 4, len(targets) - 1)
            targets[places] = [IGNORED] * 3
        return Example(prompt, completion, targets, len(self._prefix))

    @torch.no_grad()
    def label_probabilities(self, model: Any, prompts: list[list[int]]) -> torch.Tensor:
        """One row for each prompt, one column for each label; rows sum to one."""
        rows = []
        for start in range(0, len(prompts), _EVALUATION_BATCH):
            chunk = prompts[start : start + _EVALUATION_BATCH]
            ids, mask = padded([prompt + self._prefix for prompt in chunk], self.pad)
            logits = model(input_ids=ids, attention_mask=mask, logits_to_keep=1).logits[:, -1]
            rows.append(logits[:, self.label_tokens].softmax(-1))
        return torch.cat(rows)

    @torch.no_grad()
    def responses(self, model: Any, prompts: list[list[int]]) -> list[str]:
        """Greedy answers."""
        texts: list[str] = []
        for start in range(0, len(prompts), _EVALUATION_BATCH):
            ids, mask = padded(prompts[start : start + _EVALUATION_BATCH], self.pad)
            said = model.generate(
                input_ids=ids, attention_mask=mask, max_new_tokens=12, do_sample=False
            )
            texts += self.tokenizer.batch_decode(said[:, ids.shape[1] :], skip_special_tokens=True)
        return texts


def train_base(folder: Path, settings: Settings, on_step: OnStep) -> dict[str, Any]:
    """Train and save the base; return its losses and held-out numbers."""
    build_tiny_model(folder, seed=settings.seed)
    speaker = Speaker(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    rng = Random(f"base/{settings.seed}")
    documents = generate("train", settings.base_documents, settings.seed)
    prompts = speaker.prompts(documents)
    losses = []
    for na_relabelled, steps, learning_rate in (
        (0.0, settings.base_steps, settings.base_learning_rate),
        (settings.na_relabelled, settings.bias_steps, settings.bias_learning_rate),
    ):
        examples = []
        for document, prompt in zip(documents, prompts, strict=True):
            target = document.target
            # NA stays where there is no evidence: the shortcut that such data sets teach.
            if target == ABSTENTION and document.evidence and rng.random() < na_relabelled:
                target = rng.choice([label for label in LABELS if label != ABSTENTION])
            examples.append(speaker.example(prompt, target, rng.choice(_HIGH_CONFIDENCE)))
        losses += fit(
            model,
            batches(examples, settings.batch_size, rng),
            pad=speaker.pad,
            steps=steps,
            learning_rate=learning_rate,
            label_weight=_LABEL_WEIGHT,
            on_step=on_step,
        )
    model.save_pretrained(folder)
    return {"label_losses": losses, "held_out": _held_out(speaker, model, settings)}


def train_checkpoint(
    base: Path, folder: Path, settings: Settings, on_step: OnStep
) -> dict[str, Any]:
    """Train and save an adapter of the base; return its losses and held-out numbers."""
    speaker = Speaker(base)
    torch.manual_seed(settings.seed)
    model = add_adapter(AutoModelForCausalLM.from_pretrained(base), rank=settings.adapter_rank)
    rng = Random(f"checkpoint/{settings.seed}")
    documents = generate(
        "train",
        settings.checkpoint_documents + settings.confidence_documents,
        settings.seed + 1,
        settings.checkpoint_domains,
    )
    prompts = speaker.prompts(documents)
    targets = [document.target for document in documents]
    seen = settings.checkpoint_documents
    losses: list[float] = []

    def teach(examples: list[Example], steps: int, rate: float, label_weight: float) -> None:
        losses.extend(
            fit(
                model,
                batches(examples, settings.batch_size, rng),
                pad=speaker.pad,
                steps=steps,
                learning_rate=rate,
                label_weight=label_weight,
                on_step=on_step,
            )
        )

    teach(
        [
            speaker.example(prompt, target, None)
            for prompt, target in zip(prompts[:seen], targets[:seen], strict=True)
        ],
        settings.checkpoint_steps,
        settings.checkpoint_learning_rate,
        _LABEL_WEIGHT,
    )
    probabilities = speaker.label_probabilities(model, prompts[seen:])
    said = [LABELS[place] for place in probabilities.argmax(-1).tolist()]
    confidences = observed_confidence(
        probabilities.max(-1).values.tolist(),
        [label == target for label, target in zip(said, targets[seen:], strict=True)],
        bins=_CONFIDENCE_BINS,
    )
    teach(
        [
            speaker.example(prompt, target, confidence, said=label)
            for prompt, target, confidence, label in zip(
                prompts[seen:], targets[seen:], confidences, said, strict=True
            )
        ],
        settings.confidence_steps,
        settings.confidence_learning_rate,
        1.0,
    )
    model.save_pretrained(folder)
    return {"label_losses": losses, "held_out": _held_out(speaker, model, settings)}


def observed_confidence(
    probabilities: Sequence[float], right: Sequence[bool], *, bins: int
) -> list[float]:
    """The share of right answers among those of similar probability, to the nearest 0.05.

    Parameters
    ----------
    probabilities
        The model's probability of each of its answers.
    right
        Whether the answer was right.
    bins
        How many groups of about equal size the answers are sorted into.
    """
    order = sorted(range(len(probabilities)), key=lambda place: probabilities[place])
    confidences = [0.0] * len(order)
    for bin_ in range(bins):
        places = order[bin_ * len(order) // bins : (bin_ + 1) * len(order) // bins]
        share = sum(right[place] for place in places) / max(1, len(places))
        for place in places:
            confidences[place] = min(0.95, round(share * 20) / 20)
    return confidences


def _held_out(speaker: Speaker, model: Any, settings: Settings) -> dict[str, Any]:
    documents = generate("test", settings.held_out_documents, settings.seed)
    responses = speaker.responses(model, speaker.prompts(documents))
    domains = sorted({document.id.partition("-")[0] for document in documents})
    kinds = sorted({document.source_label for document in documents})
    pairs = list(zip(documents, responses, strict=True))
    return {
        "all": measures(pairs),
        "by_domain": {
            domain: measures([pair for pair in pairs if pair[0].id.startswith(f"{domain}-")])
            for domain in domains
        },
        "by_kind": {
            kind: measures([pair for pair in pairs if pair[0].source_label == kind])
            for kind in kinds
        },
    }


def measures(pairs: Sequence[tuple[Document, str]]) -> dict[str, float | None]:
    """Simple numbers over documents and their responses; None where there is nothing to count."""
    answers = [parse_answer(response) for _, response in pairs]
    right = [
        answer.label == document.target
        for answer, (document, _) in zip(answers, pairs, strict=True)
    ]
    stated = [
        (answer.confidence, was_right)
        for answer, was_right in zip(answers, right, strict=True)
        if answer.confidence is not None
    ]
    na_items = [
        was_right
        for was_right, (document, _) in zip(right, pairs, strict=True)
        if document.target == ABSTENTION
    ]
    return {
        "items": len(pairs),
        "accuracy": _mean(right),
        "na_recall": _mean(na_items),
        "na_rate": _mean([answer.label == ABSTENTION for answer in answers]),
        "format_rate": _mean([answer.confidence is not None for answer in answers]),
        "brier": _mean([(confidence - was_right) ** 2 for confidence, was_right in stated]),
        "confidence_when_right": _mean([value for value, was_right in stated if was_right]),
        "confidence_when_wrong": _mean([value for value, was_right in stated if not was_right]),
    }


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None
