"""``satrain profile``: sample the base on what a recipe could train on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from saeval.errors import SaevalError
from saeval.hub import model_content
from saeval.tasks.format.reading import Reading
from saeval.tasks.format.render import DECLINING
from saeval.tasks.registry import Task, get_task
from saeval.tasks.types import DataError
from saeval.trainer.data.holdout import load_evaluation_items
from saeval.trainer.data.profile import (
    Profile,
    ProfileEntry,
    ProfileHeader,
    SamplingSettings,
    hash_prompt,
    read_profile,
)
from saeval.trainer.data.rows import TrainingRow
from saeval.trainer.data.select_items import ItemSelector
from saeval.trainer.recipe.load import load_recipe
from saeval.trainer.recipe.schema import Recipe
from saeval.trainer.run.base_model import find_base_model

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Asked = tuple[str, TrainingRow]
"""An item's key and its row."""

SMALL_MODEL = 100_000_000
"""A model of fewer parameters runs on one thread: more threads only wait for each other."""


def profile_command(
    recipe_name: str,
    changes: Sequence[str],
    *,
    base: str,
    out: Path | None,
    samples: int,
    times: int,
    batch_size: int,
    data_dir: str | None,
) -> None:
    """Do as the command says."""
    console = Console(stderr=True)
    recipe = load_recipe(recipe_name, changes)
    folder = find_base_model(base)
    out = out or Path(f"{recipe.name}-{folder.name}.profile.jsonl")
    with console.status("loading items"):
        items = _items(recipe, times, data_dir)
        header = ProfileHeader(
            schema="satrain.profile/1",
            base=base,
            content=model_content(folder),
            items=len(items),
            prompt=recipe.prompt,
            sampling=SamplingSettings(
                samples=samples,
                temperature=recipe.optimisation.temperature,
                max_completion_length=recipe.optimisation.max_completion_length,
                seed=recipe.seed,
            ),
        )
        known = _begin(out, header, items)
    try:
        _sample(folder, header, items, known, out, batch_size, console)
    except KeyboardInterrupt:
        console.print(f"Kept in {out}; the same command goes on from there.", highlight=False)
        raise
    _summarise(read_profile(out), Console())


def _items(recipe: Recipe, times: int, data_dir: str | None) -> list[Asked]:
    """What the recipe's filters and order need to know; all of it where they need nothing."""
    evaluated = load_evaluation_items(recipe, data_dir, recipe.seed)
    selector = ItemSelector(recipe.prompt, evaluated.holdout, recipe.seed, data_dir)
    sources = recipe.data.sources
    filtered = [source for source in sources if source.filter is not None]
    every = recipe.data.order == "easy_first" or recipe.supervised or not filtered
    found: dict[str, TrainingRow] = {}
    for source in sources if every else filtered:
        found.update(selector.list_candidates(source, 1 if source.filter is None else times))
    return list(found.items())


def _begin(out: Path, header: ProfileHeader, items: Sequence[Asked]) -> dict[str, ProfileEntry]:
    """Write the header and what an earlier run has found; return the latter.

    Raises
    ------
    DataError
        If the file is something else, or a profile of something else.
    """
    known: dict[str, ProfileEntry] = {}
    if out.exists():
        earlier = read_profile(out)
        for name in ("content", "prompt", "sampling"):
            if getattr(earlier.header, name) != getattr(header, name):
                what = "base" if name == "content" else name
                raise DataError(
                    f"{out}: is a profile with another {what}; choose another --out or delete it"
                )
        asked = {key: hash_prompt(row) for key, row in items}
        known = {
            key: entry for key, entry in earlier.entries.items() if asked.get(key) == entry.prompt
        }
    out.parent.mkdir(parents=True, exist_ok=True)
    beside = out.with_name(f"{out.name}.new")
    lines: list[BaseModel] = [header, *known.values()]
    beside.write_text("".join(map(_line, lines)), encoding="utf-8")
    os.replace(beside, out)
    return known


def _line(part: BaseModel) -> str:
    return part.model_dump_json(by_alias=True) + "\n"


def _sample(
    folder: Path,
    header: ProfileHeader,
    items: Sequence[Asked],
    known: dict[str, ProfileEntry],
    out: Path,
    batch_size: int,
    console: Console,
) -> None:
    """Append an entry for each item that has none.

    Batches are of the same items in every run, so that a run that was broken off finds what an
    unbroken one would.
    """
    batches = [items[start : start + batch_size] for start in range(0, len(items), batch_size)]
    to_do = [batch for batch in batches if any(key not in known for key, _ in batch)]
    if not to_do:
        return
    with console.status("loading the base"):
        speaker = _Speaker(folder, header.sampling)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress, out.open("a", encoding="utf-8") as file:
        bar = progress.add_task("sampling", total=len(items), completed=len(known))
        for batch in to_do:
            found = [entry for entry in speaker.entries(batch) if entry.item not in known]
            file.write("".join(map(_line, found)))
            file.flush()
            progress.advance(bar, len(found))


class _Speaker:
    """The base, which is sampled as training samples it."""

    def __init__(self, folder: Path, sampling: SamplingSettings) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        self._sampling = sampling
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self._tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder)
            self._model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype="float32" if self._device == "cpu" else "bfloat16",
                use_safetensors=True,
            )
            self._model.to(self._device).eval()
        except (OSError, ValueError, KeyError) as error:
            reason = (str(error).splitlines() or [""])[0]
            raise SaevalError(f"{folder}: cannot be loaded as a model ({reason})") from error
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        size = sum(parameter.numel() for parameter in self._model.parameters())
        if self._device == "cpu" and size < SMALL_MODEL:
            torch.set_num_threads(1)

    def entries(self, batch: Sequence[Asked]) -> Iterator[ProfileEntry]:
        """What the samples of each item did."""
        said = self._responses([row for _, row in batch], _seed(self._sampling.seed, batch))
        for (key, row), responses in zip(batch, said, strict=True):
            yield make_entry(key, row, responses)

    def _responses(self, rows: Sequence[TrainingRow], seed: int) -> list[list[str]]:
        import torch
        from transformers import GenerationConfig

        prompts = [self._tokens(row) for row in rows]
        width = max(map(len, prompts))
        ids = torch.full((len(prompts), width), self._tokenizer.pad_token_id or 0)
        mask = torch.zeros_like(ids)
        for number, prompt in enumerate(prompts):
            ids[number, width - len(prompt) :] = torch.tensor(prompt)
            mask[number, width - len(prompt) :] = 1
        ends = self._model.generation_config.eos_token_id
        settings = GenerationConfig(
            do_sample=True,
            temperature=self._sampling.temperature,
            top_k=0,
            max_new_tokens=self._sampling.max_completion_length,
            num_return_sequences=self._sampling.samples,
            pad_token_id=self._tokenizer.pad_token_id,
            eos_token_id=ends if ends is not None else self._tokenizer.eos_token_id,
        )
        torch.manual_seed(seed)
        try:
            with torch.inference_mode():
                made = self._model.generate(
                    input_ids=ids.to(self._device),
                    attention_mask=mask.to(self._device),
                    generation_config=settings,
                )
        except torch.OutOfMemoryError as error:
            raise SaevalError(
                f"memory ran out on {len(rows)} items × {self._sampling.samples} samples at once; "
                "lower --batch-size (what is done is kept)"
            ) from error
        texts = self._tokenizer.batch_decode(made[:, width:], skip_special_tokens=True)
        k = self._sampling.samples
        return [texts[start : start + k] for start in range(0, len(texts), k)]

    def _tokens(self, row: TrainingRow) -> list[int]:
        if isinstance(row.prompt, str):
            return list(self._tokenizer(row.prompt).input_ids)
        text = self._tokenizer.apply_chat_template(
            list(row.prompt), tokenize=False, add_generation_prompt=True
        )
        return list(self._tokenizer(text, add_special_tokens=False).input_ids)


def make_entry(key: str, row: TrainingRow, responses: Sequence[str]) -> ProfileEntry:
    """What the samples of one item did, as its task reads them."""
    task, item = get_task(row.task), json.loads(row.item)
    read = [task.read(item, response) for response in responses]
    stated = [one.confidence for one in read if one.confidence is not None]
    return ProfileEntry(
        item=key,
        prompt=hash_prompt(row),
        right=sum(one.prediction == row.target for one in read),
        abstained=sum(one.status == "abstained" for one in read),
        invalid=sum(one.status == "invalid" for one in read),
        confidence=sum(stated) / len(stated) if stated else None,
        answer=next((_answer(task, one) for one in read if one.status != "invalid"), None),
    )


def _answer(task: Task, read: Reading) -> str | None:
    """In the response's own words, or the one way to decline."""
    return DECLINING[task.kind] if read.status == "abstained" else read.answer


def _seed(seed: int, batch: Sequence[Asked]) -> int:
    """Of a batch, whatever came before it."""
    keys = "\n".join(key for key, _ in batch)
    return int.from_bytes(hashlib.sha256(f"{seed}:{keys}".encode()).digest()[:4], "big")


def _summarise(profile: Profile, console: Console) -> None:
    k, entries = profile.header.sampling.samples, list(profile.entries.values())
    n = len(entries)
    never, always = sum(e.right == 0 for e in entries), sum(e.right == k for e in entries)

    def share(counts: Any) -> str:
        return f"{sum(counts) / max(1, n * k):.1%}"

    console.print(
        f"{n} items × {k} samples: {share(e.right for e in entries)} right, "
        f"{share(e.abstained for e in entries)} abstained, "
        f"{share(e.invalid for e in entries)} unreadable\n"
        f"always right {always}, sometimes {n - always - never}, never {never}\n"
        f"Use it with data.profile={profile.path}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
