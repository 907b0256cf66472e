"""The base model, sampled as training samples it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from saeval.errors import SaevalError
from saeval.tasks.registry import get_task
from saeval.tasks.task import Task
from saeval.tasks.types import ParsedResponse
from saeval.trainer.data.profile import ProfileEntry, SamplingSettings, hash_prompt
from saeval.trainer.data.rows import TrainingRow

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

KeyedRow = tuple[str, TrainingRow]
"""An item's key and its row."""

_SMALL_MODEL = 100_000_000
"""A model of fewer parameters runs on one thread: more threads only wait for each other."""


class BaseSampler:
    """A base model and its tokenizer, loaded to be sampled.

    Parameters
    ----------
    folder
        Of the model.
    sampling
        How it is sampled.

    Raises
    ------
    SaevalError
        If the folder cannot be loaded as a model.
    """

    def __init__(self, folder: Path, sampling: SamplingSettings) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        self._sampling = sampling
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self._tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
                folder, trust_remote_code=False
            )
            self._model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype="float32" if self._device == "cpu" else "bfloat16",
                use_safetensors=True,
                trust_remote_code=False,
            )
            self._model.to(self._device).eval()
        except (OSError, ValueError, KeyError) as error:
            reason = (str(error).splitlines() or [""])[0]
            raise SaevalError(f"{folder}: cannot be loaded as a model ({reason})") from error
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        size = sum(parameter.numel() for parameter in self._model.parameters())
        if self._device == "cpu" and size < _SMALL_MODEL:
            torch.set_num_threads(1)

    def profile_batch(self, batch: Sequence[KeyedRow]) -> list[ProfileEntry]:
        """What the samples of each item did; the seed is the batch's, whatever came before it."""
        groups = self.sample([row for _, row in batch], _seed_batch(self._sampling.seed, batch))
        return [
            make_entry(key, row, responses)
            for (key, row), responses in zip(batch, groups, strict=True)
        ]

    def sample(self, rows: Sequence[TrainingRow], seed: int) -> list[list[str]]:
        """The samples of each row."""
        import torch
        from transformers import GenerationConfig

        prompts = [self._tokenize(row) for row in rows]
        width = max(map(len, prompts))
        ids = torch.full((len(prompts), width), self._tokenizer.pad_token_id or 0)
        mask = torch.zeros_like(ids)
        for number, prompt in enumerate(prompts):
            ids[number, width - len(prompt) :] = torch.tensor(prompt)
            mask[number, width - len(prompt) :] = 1
        end = self._model.generation_config.eos_token_id
        n_samples = self._sampling.samples
        settings = GenerationConfig(
            do_sample=True,
            temperature=self._sampling.temperature,
            top_k=0,
            max_new_tokens=self._sampling.max_completion_length,
            num_return_sequences=n_samples,
            pad_token_id=self._tokenizer.pad_token_id,
            eos_token_id=end if end is not None else self._tokenizer.eos_token_id,
        )
        torch.manual_seed(seed)
        try:
            with torch.inference_mode():
                sequences = self._model.generate(
                    input_ids=ids.to(self._device),
                    attention_mask=mask.to(self._device),
                    generation_config=settings,
                )
        except torch.OutOfMemoryError as error:
            raise SaevalError(
                f"memory ran out on {len(rows)} items × {n_samples} samples at once; "
                "lower --batch-size (what is done is kept)"
            ) from error
        texts = self._tokenizer.batch_decode(sequences[:, width:], skip_special_tokens=True)
        return [texts[start : start + n_samples] for start in range(0, len(texts), n_samples)]

    def _tokenize(self, row: TrainingRow) -> list[int]:
        if isinstance(row.prompt, str):
            return list(self._tokenizer(row.prompt).input_ids)
        text = self._tokenizer.apply_chat_template(
            list(row.prompt), tokenize=False, add_generation_prompt=True
        )
        return list(self._tokenizer(text, add_special_tokens=False).input_ids)


def make_entry(key: str, row: TrainingRow, responses: Sequence[str]) -> ProfileEntry:
    """What the samples of one item did, as its task parses them."""
    task, item = get_task(row.task), json.loads(row.item)
    readings = [task.parse(item, response) for response in responses]
    stated = [reading.confidence for reading in readings if reading.confidence is not None]
    valid = (reading for reading in readings if reading.status != "invalid")
    return ProfileEntry(
        item=key,
        prompt=hash_prompt(row),
        right=sum(reading.prediction == row.target for reading in readings),
        abstained=sum(reading.status == "abstained" for reading in readings),
        invalid=sum(reading.status == "invalid" for reading in readings),
        confidence=sum(stated) / len(stated) if stated else None,
        answer=next((_answer_text(task, reading) for reading in valid), None),
    )


def _answer_text(task: Task, reading: ParsedResponse) -> str | None:
    """In the response's own words, or the one way to abstain."""
    return task.kind.abstention_answer if reading.status == "abstained" else reading.answer


def _seed_batch(seed: int, batch: Sequence[KeyedRow]) -> int:
    keys = "\n".join(key for key, _ in batch)
    return int.from_bytes(hashlib.sha256(f"{seed}:{keys}".encode()).digest()[:4], "big")
