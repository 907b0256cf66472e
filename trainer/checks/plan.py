"""What is wrong with the rest of a recipe: groups, resuming, profiles, tokens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from saeval.tasks.factworld.world import generate_claims
from saeval.tasks.format.labels import ANSWER_PREFIX
from saeval.tasks.registry import get_task
from saeval.tasks.types import VERIFICATION_LABELS
from saeval.trainer.checks.findings import Finding
from saeval.trainer.data.rows import make_training_row
from saeval.trainer.recipe.schema import Recipe

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def check_plan(recipe: Recipe) -> list[Finding]:
    """What sizes and settings show."""
    return [*find_split_groups(recipe), *_inexact_resume(recipe), *_profile(recipe)]


def find_split_groups(recipe: Recipe) -> Iterator[Finding]:
    """Groups lie whole on a device only if each device's completions are a multiple of them."""
    optimisation, devices = recipe.optimisation, recipe.hardware.devices
    generated = recipe.completions_per_step * optimisation.steps_per_generation
    share = generated // devices
    if recipe.supervised or share % optimisation.group_size == 0:
        return
    at_once = recipe.completions_at_once
    yield Finding(
        "split-groups",
        f"each of {devices} devices gets {share} completions at a time ({at_once} at once × "
        f"{share // at_once}), which is no multiple of the group size {optimisation.group_size}: "
        "groups are split, and what is counted in them is wrong; make "
        f"`optimisation.prompts_per_step` a multiple of {devices}",
    )


def _inexact_resume(recipe: Recipe) -> Iterator[Finding]:
    """A checkpoint inside a generation's use cannot bring back the completions in memory."""
    optimisation, every = recipe.optimisation, recipe.saving.every
    if optimisation.iterations > 1:
        yield Finding(
            "inexact-resume",
            f"`optimisation.iterations` is {optimisation.iterations}: the completions of a "
            "generation are used again, and a run that was broken in between resumes with others",
        )
    elif every % optimisation.steps_per_generation:
        yield Finding(
            "inexact-resume",
            f"saving every {every} steps falls inside a generation of "
            f"{optimisation.steps_per_generation} steps, so that resuming is not exact; make "
            f"`saving.every` a multiple of {optimisation.steps_per_generation}",
        )


def _profile(recipe: Recipe) -> Iterator[Finding]:
    filtered = any(source.filter is not None for source in recipe.data.sources)
    chooses = filtered or recipe.data.order == "easy_first"
    if recipe.data.profile is None and (chooses or recipe.needs_profile):
        does = "makes its targets from" if recipe.needs_profile else "chooses items by"
        yield Finding(
            "needs-profile",
            f"it {does} how often the base answers them rightly; make a profile with "
            "`satrain profile` and give data.profile=FILE",
            "note",
        )


def check_tokens(recipe: Recipe, tokenizer: PreTrainedTokenizerBase) -> list[Finding]:
    """Whether the base's tokens let label probabilities be probed.

    Probing reads the next token after the prompt and ``LABEL=``; it is right only if a label's
    tokens are the same there as on their own, and no label is the beginning of another.
    """
    if recipe.probing.every == 0:
        return []

    def tokens(text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False).input_ids)

    findings = []
    prefix = _prefix(recipe, tokenizer)
    before, alone = tokens(prefix), {label: tokens(label) for label in VERIFICATION_LABELS.names}
    for label in VERIFICATION_LABELS.names:
        together = tokens(prefix + label)
        if together != before + alone[label]:
            findings.append(
                Finding(
                    "label-tokens",
                    f"{ANSWER_PREFIX}{label} is read as other tokens than {ANSWER_PREFIX} and "
                    f"{label} one by one ({_shown(tokenizer, together[len(before) - 1 :])}): "
                    "probed probabilities would be wrong for this base",
                )
            )
    for label, other in (
        (label, other)
        for label in VERIFICATION_LABELS.names
        for other in VERIFICATION_LABELS.names
        if label != other
    ):
        if alone[other][: len(alone[label])] == alone[label]:
            findings.append(
                Finding("label-tokens", f"the tokens of {label} are the beginning of {other}'s")
            )
    if not findings and any(len(ids) > 1 for ids in alone.values()):
        lengths = ", ".join(f"{label} {len(ids)}" for label, ids in alone.items())
        findings.append(
            Finding(
                "label-tokens",
                f"labels have several tokens ({lengths}): probing takes a forward pass for each",
                "note",
            )
        )
    return findings


def _prefix(recipe: Recipe, tokenizer: PreTrainedTokenizerBase) -> str:
    """The end of a prompt as probing sees it; the item in it does not matter."""
    row = make_training_row(get_task("factworld"), generate_claims("test", 1)[0], recipe.prompt)
    if isinstance(row.prompt, str):
        return row.prompt + ANSWER_PREFIX
    text = tokenizer.apply_chat_template(
        list(row.prompt), tokenize=False, add_generation_prompt=True
    )
    return str(text) + ANSWER_PREFIX


def _shown(tokenizer: PreTrainedTokenizerBase, ids: list[int]) -> str:
    return " ".join(repr(tokenizer.decode([token])) for token in ids)
