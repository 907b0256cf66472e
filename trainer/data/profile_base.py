"""Sample a base model on what a recipe could train on, and keep how often it is right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import BaseModel

from saeval.errors import DataError
from saeval.extras import require_extra
from saeval.files import AppendOnlyLog, write_atomic
from saeval.hub import model_content
from saeval.trainer.base_model import find_base_model
from saeval.trainer.data.base_sampler import BaseSampler, KeyedRow
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
from saeval.trainer.recipe.schema import Recipe


def profile_base(
    recipe: Recipe,
    base: str,
    out: Path | None = None,
    *,
    samples: int = 16,
    pool: int = 4,
    batch_size: int = 8,
    data_dir: str | None = None,
    on_load: Callable[[str], None] = lambda what: None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Profile:
    """Sample the base on a recipe's items, or resume a profile that was broken off.

    Parameters
    ----------
    recipe
        Whose items are sampled as it would train on them.
    base
        Base model, a hub id or a folder.
    out
        File of the profile; else named by recipe and model.
    samples
        How often each item is answered.
    pool
        Items profiled for each one that a source with a filter asks for.
    batch_size
        Items answered at once, each with all its samples.
    data_dir
        Data sets as local files.
    on_load
        Called before something is loaded, with what it is.
    on_progress
        Called with the number of items that are done, and of all.

    Raises
    ------
    SaevalError
        If base or data cannot be loaded, or `out` is something else or of something else.
    """
    require_extra("train", "torch", "transformers")
    folder = find_base_model(base)
    recipe = recipe.for_base(folder)
    out = out or Path(f"{recipe.name}-{folder.name}.profile.jsonl")
    on_load("items")
    rows = _select_rows(recipe, pool, data_dir)
    header = ProfileHeader(
        schema="satrain.profile/1",
        base=base,
        content=model_content(folder),
        items=len(rows),
        prompt=recipe.prompt,
        sampling=SamplingSettings(
            samples=samples,
            temperature=recipe.optimisation.temperature,
            max_completion_length=recipe.optimisation.max_completion_length,
            seed=recipe.seed,
        ),
    )
    known = _begin_file(out, header, rows)
    # Batches are of the same items in every run, so that a run that was broken off finds what an
    # unbroken one would.
    batches = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    unknown = [batch for batch in batches if any(key not in known for key, _ in batch)]
    if unknown:
        on_load("the base")
        sampler = BaseSampler(folder, header.sampling)
        done = len(known)
        on_progress(done, len(rows))
        with AppendOnlyLog(out).open() as append:
            for batch in unknown:
                entries = [
                    entry for entry in sampler.profile_batch(batch) if entry.item not in known
                ]
                append(map(_to_line, entries))
                done += len(entries)
                on_progress(done, len(rows))
    return read_profile(out)


def _select_rows(recipe: Recipe, pool: int, data_dir: str | None) -> list[KeyedRow]:
    """What the recipe's filters and order need to know; all of it where they need nothing."""
    evaluated = load_evaluation_items(recipe, data_dir, recipe.seed)
    selector = ItemSelector(recipe.prompt, evaluated.holdout, recipe.seed, data_dir)
    sources = recipe.data.sources
    filtered = [source for source in sources if source.filter is not None]
    every = recipe.data.order == "easy_first" or recipe.supervised or not filtered
    rows: dict[str, TrainingRow] = {}
    for source in sources if every else filtered:
        rows.update(selector.list_candidates(source, 1 if source.filter is None else pool))
    return list(rows.items())


def _begin_file(
    out: Path, header: ProfileHeader, rows: Sequence[KeyedRow]
) -> dict[str, ProfileEntry]:
    """Write the header and the entries of an earlier run; return the latter.

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
        prompts = {key: hash_prompt(row) for key, row in rows}
        known = {
            key: entry for key, entry in earlier.entries.items() if prompts.get(key) == entry.prompt
        }
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(out, "".join(map(_to_line, (header, *known.values()))))
    return known


def _to_line(part: BaseModel) -> str:
    return part.model_dump_json(by_alias=True) + "\n"
