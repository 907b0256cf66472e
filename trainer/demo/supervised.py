"""A plain loop of supervised fine-tuning on prompts and completions, for the tiny model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random

import torch
from torch import Tensor

_IGNORED = -100
_WARMUP_STEPS = 40
_BATCHES_PER_POOL = 8


@dataclass(frozen=True)
class Example:
    """One prompt with what should be said after it.

    Attributes
    ----------
    prompt, completion
        Token ids; the completion ends with the end token.
    label_place
        Where in the completion the label stands.
    """

    prompt: list[int]
    completion: list[int]
    label_place: int


def sample_batches(examples: Sequence[Example], size: int, rng: Random) -> Iterator[list[Example]]:
    """Draw without end; the examples of one batch are about equally long."""
    while True:
        pool = [rng.choice(examples) for _ in range(size * _BATCHES_PER_POOL)]
        pool.sort(key=lambda example: len(example.prompt) + len(example.completion))
        starts = list(range(0, len(pool), size))
        rng.shuffle(starts)
        for start in starts:
            yield pool[start : start + size]


def fit(
    model: torch.nn.Module,
    drawn: Iterator[list[Example]],
    *,
    pad: int,
    steps: int,
    learning_rate: float,
    label_weight: float,
    on_step: Callable[[], None],
) -> list[float]:
    """Train every parameter of `model` that wants a gradient.

    The learning rate rises over the first steps and then falls linearly to a tenth. The loss of
    the label counts `label_weight` times that of any other token.

    Returns
    -------
    list of float
        The cross-entropy of the label in each step, in nats.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters, lr=learning_rate, betas=(0.9, 0.95), weight_decay=0.01
    )
    model.train()
    label_losses = []
    for step, batch in enumerate(islice(drawn, steps)):
        rate = learning_rate * min((step + 1) / _WARMUP_STEPS, 1 - 0.9 * step / steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss, label_loss = _losses(model, batch, pad, label_weight)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        label_losses.append(label_loss)
        on_step()
    model.eval()
    return label_losses


def _padded(sequences: Sequence[list[int]], pad: int) -> tuple[Tensor, Tensor]:
    """Token ids and attention mask, padded on the left."""
    width = max(map(len, sequences))
    ids = [[pad] * (width - len(sequence)) + sequence for sequence in sequences]
    mask = [[0] * (width - len(sequence)) + [1] * len(sequence) for sequence in sequences]
    return torch.tensor(ids), torch.tensor(mask)


def _losses(
    model: torch.nn.Module, batch: list[Example], pad: int, label_weight: float
) -> tuple[Tensor, float]:
    ids, mask = _padded([example.prompt + example.completion for example in batch], pad)
    length = max(len(example.completion) for example in batch)
    targets = torch.full((len(batch), length), _IGNORED)
    weights = torch.ones(len(batch), length)
    label_rows, label_columns = [], []
    for row, example in enumerate(batch):
        start = length - len(example.completion)
        targets[row, start:] = torch.tensor(example.completion)
        label_rows.append(row)
        label_columns.append(start + example.label_place)
    weights[label_rows, label_columns] = label_weight
    logits = model(input_ids=ids, attention_mask=mask, logits_to_keep=length + 1).logits[:, :-1]
    losses = torch.nn.functional.cross_entropy(
        logits.transpose(1, 2), targets, reduction="none", ignore_index=_IGNORED
    )
    weights = weights * (targets != _IGNORED)
    label_loss = losses[label_rows, label_columns].detach().mean().item()
    return (losses * weights).sum() / weights.sum(), label_loss
