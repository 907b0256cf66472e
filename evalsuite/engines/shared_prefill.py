"""lm-eval's transformers model, which reads a prompt once for its answers and its labels.

Between what ``generate`` reads of a batch of prompts and the first token that it writes, the tokens
of the labels are read after the prompts, one label at a time, and cut off again. So the first
sample is, bit by bit, what it is without labels. Every further sample begins from the same keys and
values. What is read is what separate requests would read, token by token; log-probabilities agree
to rounding.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from lm_eval.models.huggingface import HFLM
from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance

Tokens = tuple[int, ...]


@dataclass(frozen=True)
class Continuation:
    """Tokens after a prompt, and how many of the last ones are scored."""

    tokens: Tokens
    n_scored: int


@dataclass(frozen=True)
class Score:
    """The sum of log-probabilities of tokens, and what it cost.

    Attributes
    ----------
    response
        As ``loglikelihood`` answers: the sum, and whether every token is the likeliest.
    n_read
        Tokens that were read for it beside the prompt.
    """

    response: tuple[float, bool]
    n_read: int


@dataclass
class _Prefill:
    """A batch of prompts that has been read: its keys and values, and the last logits."""

    context: torch.Tensor
    mask: torch.Tensor
    cache: DynamicCache
    logits: torch.Tensor

    def crop(self, length: int) -> None:
        """Forget what was read after so many tokens."""
        if (surplus := self.cache.get_seq_length() - length) > 0:
            self.cache.crop(-surplus)


class SharedPrefillLM(HFLM):  # type: ignore[misc]
    """`HFLM` whose `generate_until` also scores what was asked for by `expect`."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        self._encoded: dict[tuple[Any, ...], list[int]] | None = None
        super().__init__(*arguments, **settings)
        self.forget()

    def expect(
        self, prompts: Sequence[tuple[str, Sequence[Instance]]], *, n_samples: int = 1
    ) -> None:
        """Score continuations of prompts when those are read next.

        Parameters
        ----------
        prompts
            Each with ``loglikelihood`` requests that begin with it.
        n_samples
            How often the prompts are answered before `forget`.
        """
        self.forget()
        self._encoded = {}
        if not self._can_share:
            return
        self._is_kept = n_samples > 1
        for prompt, instances in prompts:
            read = tuple(self.tok_encode(prompt))
            expected = self._expected.setdefault(read, {})
            for instance in instances:
                continuation = self._continuation(read, instance)
                if continuation is not None:
                    expected[continuation] = None

    def score_of(self, prompt: str, instance: Instance) -> Score | None:
        """What was found beside a generation; None if it was not read."""
        if not self._expected:
            return None
        read = tuple(self.tok_encode(prompt))
        continuation = self._continuation(read, instance)
        return None if continuation is None else self._scores.get((read, continuation))

    def forget(self) -> None:
        """Let go of what was read."""
        self._expected: dict[Tokens, dict[Continuation, None]] = {}
        self._scores: dict[tuple[Tokens, Continuation], Score] = {}
        self._prefill: _Prefill | None = None
        self._is_kept = False
        self._encoded = None

    def tok_encode(self, string: str, *arguments: Any, **settings: Any) -> list[int]:
        """As lm-eval does; between `expect` and `forget` every text once."""
        if self._encoded is None:
            return list(super().tok_encode(string, *arguments, **settings))
        key = (string, arguments, *settings.items())
        if key not in self._encoded:
            self._encoded[key] = super().tok_encode(string, *arguments, **settings)
        return list(self._encoded[key])

    @property
    def _own_model(self) -> Any:
        """The model without PEFT around it: what ``generate`` calls, adapters inside."""
        model = self.model
        return model.get_base_model() if hasattr(model, "get_base_model") else model

    @cached_property
    def _can_share(self) -> bool:
        """Whether all that the model keeps of a prompt is keys and values, token by token."""
        if self.backend != "causal" or self.think_end_token is not None or self.enable_thinking:
            return False
        model = self._own_model
        is_fixed = getattr(model.generation_config, "cache_implementation", None) is not None
        if is_fixed or not {"past_key_values", "attention_mask"} <= self._arguments:
            return False
        kinds = self._layer_kinds
        if DynamicSlidingWindowLayer in kinds and _has_shared_or_chunked_layers(model.config):
            return False
        return kinds <= {DynamicLayer, DynamicSlidingWindowLayer}

    @cached_property
    def _arguments(self) -> set[str]:
        return set(inspect.signature(self._own_model.forward).parameters)

    @cached_property
    def _layer_kinds(self) -> set[type]:
        cache = DynamicCache(config=self._own_model.config.get_text_config(decoder=True))
        return {type(layer) for layer in cache.layers}

    def _continuation(self, read: Tokens, instance: Instance) -> Continuation | None:
        """What follows a prompt's tokens; None where the tokens are not those of the prompt."""
        if not read or not instance.args[0]:
            return None
        context, scored = self._encode_pair(*instance.args)
        whole = (*context, *scored)
        if whole[: len(read)] != read or not 0 < len(scored) <= len(whole) - len(read):
            return None
        if len(whole) > self.max_length:
            return None
        return Continuation(whole[len(read) :], len(scored))

    def _model_generate(
        self, context: torch.Tensor, max_length: int, stop: list[str], **settings: Any
    ) -> torch.Tensor:
        mask = settings.get("attention_mask")
        if mask is None or not (self._is_kept or any(self._expected.values())):
            return self._write(context, max_length, stop, settings)
        prefill, length = self._prefill, context.shape[1]
        if prefill is not None and length > 1 and torch.equal(prefill.context, context):
            prefill.crop(length - 1)  # generation begins from the last token's logits
            settings["past_key_values"] = prefill.cache
            return self._write(context, max_length, stop, settings)
        self._prefill = prefill = None
        if DynamicSlidingWindowLayer in self._layer_kinds:
            # It forgets what its window has passed; a whole cache gives the same answers.
            settings["past_key_values"] = DynamicCache()
        with self._at_prefill(context, mask):
            return self._write(context, max_length, stop, settings)

    def _write(
        self, context: torch.Tensor, max_length: int, stop: list[str], settings: Mapping[str, Any]
    ) -> torch.Tensor:
        written: torch.Tensor = super()._model_generate(context, max_length, stop, **settings)
        return written

    @contextmanager
    def _at_prefill(self, context: torch.Tensor, mask: torch.Tensor) -> Iterator[None]:
        """Look at the first thing that the model reads: score after it, if it is the prompts."""

        def look(_: Any, arguments: Any, settings: Mapping[str, Any], output: Any) -> None:
            handle.remove()  # what follows calls the model, too
            read, cache = settings.get("input_ids"), getattr(output, "past_key_values", None)
            if (
                isinstance(cache, DynamicCache)
                and isinstance(read, torch.Tensor)
                and torch.equal(read, context)
                and cache.get_seq_length() == context.shape[1]
                and all(type(layer) is DynamicLayer for layer in cache.layers)
            ):
                prefill = _Prefill(context, mask, cache, output.logits[:, -1:])
                if self._is_kept:
                    self._prefill = prefill
                self._score(prefill)

        handle = self._own_model.register_forward_hook(look, with_kwargs=True)
        try:
            yield
        finally:
            handle.remove()

    def _score(self, prefill: _Prefill) -> None:
        """Every continuation of every row: the first of each row together, then the second, ….

        As many tokens as all have in common at their start, row by row, are read once.
        """
        rows = [
            tuple(tokens[is_own.bool()].tolist())
            for tokens, is_own in zip(prefill.context, prefill.mask, strict=True)
        ]
        expected = [list(self._expected.get(row, ())) for row in rows]
        if not any(expected):
            return
        common = min(_n_common(continuations) for continuations in expected if continuations)
        length, mask = prefill.context.shape[1], prefill.mask
        before = torch.log_softmax(prefill.logits.float(), dim=-1)
        if common:
            heads = [own[0].tokens[:common] if own else () for own in expected]
            logprobs, mask = self._read_on(prefill, mask, heads)
            before = torch.cat([before, logprobs], dim=1)
        for number in range(max(map(len, expected))):
            asked = [own[number] if number < len(own) else None for own in expected]
            tails = [() if own is None else own.tokens[common:-1] for own in asked]
            logprobs = before
            if any(tails):
                after, _ = self._read_on(prefill, mask, tails)
                logprobs = torch.cat([before, after], dim=1)
                prefill.crop(length + common)
            for row, own in enumerate(asked):
                if own is not None:
                    n_read = len(tails[row]) + (common if number == 0 else 0)
                    self._scores[rows[row], own] = Score(_total(logprobs[row], own), n_read)
        prefill.crop(length)

    def _read_on(
        self, prefill: _Prefill, mask: torch.Tensor, rows: Sequence[Tokens]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Log-probabilities after tokens that follow what the cache holds, and the new mask."""
        width = max(map(len, rows))
        filler = self.tokenizer.pad_token_id or 0
        context = prefill.context
        tokens = context.new_tensor([[*row, *[filler] * (width - len(row))] for row in rows])
        counts = mask.new_tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
        mask = torch.cat([mask, counts], dim=1)
        settings: dict[str, Any] = {"past_key_values": prefill.cache, "use_cache": True}
        if "position_ids" in self._arguments:
            positions = (mask.long().cumsum(-1) - 1).clamp(min=0)
            settings["position_ids"] = positions[:, -width:]
        output = self._own_model(
            input_ids=tokens, attention_mask=mask, return_dict=True, **settings
        )
        return torch.log_softmax(output.logits.float(), dim=-1), mask


def _n_common(continuations: Sequence[Continuation]) -> int:
    """Tokens that all begin with, of those that are read: the last is only scored."""
    shortest = min(len(own.tokens) for own in continuations) - 1
    first = continuations[0].tokens
    for place in range(shortest):
        if any(own.tokens[place] != first[place] for own in continuations):
            return place
    return shortest


def _total(logprobs: torch.Tensor, continuation: Continuation) -> tuple[float, bool]:
    """Of the scored tokens; `logprobs` has a row for what comes after the prompt, and so on."""
    n_tokens = len(continuation.tokens)
    own = logprobs[n_tokens - continuation.n_scored : n_tokens]
    scored = torch.tensor(continuation.tokens[-continuation.n_scored :], device=logprobs.device)
    chosen = own.gather(1, scored[:, None])[:, 0]
    return float(chosen.sum()), bool((own.argmax(dim=1) == scored).all())


def _has_shared_or_chunked_layers(config: Any) -> bool:
    """Whether layers use each other's keys, or attend in chunks: a whole cache may not do there."""
    text = config.get_text_config(decoder=True)
    kinds = set(getattr(text, "layer_types", None) or ())
    return bool(getattr(text, "num_kv_shared_layers", 0)) or "chunked_attention" in kinds
