"""Whether a base's first answers leave reinforcement learning anything to learn from.

A base that does not keep to the format earns the same for nearly every answer, and so does one that
always answers alike: GRPO compares the completions of a group, finds no difference, and changes
nothing, step after step.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from saeval.terminal_text import quoted
from saeval.trainer.checks.findings import Finding
from saeval.trainer.data.rows import TrainingRow, read_completions
from saeval.trainer.recipe.schema import Recipe
from saeval.trainer.rewards.completion import Completion
from saeval.trainer.rewards.terms import compute_reward

PROMPTS = 16
"""Prompts of the first batch: enough that a base which is rarely right is right once."""

_SAME = 1e-9
_SHOWN = 100
_NOT_MEASURED = frozenset({"probabilities", "likelihood_rank"})
"""What rewards may require and answers alone do not show."""


def judge_answers(
    recipe: Recipe,
    rows: Sequence[TrainingRow],
    responses: Sequence[Sequence[str]],
    *,
    least_parsable: float,
    base: str,
    has_chat_template: bool,
    is_warm: bool = False,
    compares_rewards: bool = True,
) -> Finding | None:
    """What is wrong with the answers of a base to some prompts; None if it can be trained.

    Parameters
    ----------
    recipe
        Its rewards, and whether it uses a chat template.
    rows, responses
        Items, and of each the responses of its group.
    least_parsable
        The proportion of responses that has to be valid.
    base
        As it was named, for the command that mends it.
    has_chat_template
        Whether the base has one.
    is_warm
        Whether an earlier training made the adapter that this one begins with.
    compares_rewards
        Whether the rewards within groups are looked at, too.

    Returns
    -------
    Finding or None
        ``unparsable-base`` or ``equal-rewards``, with two answers and what to do.
    """
    remedy = _remedy(recipe, base, has_chat_template=has_chat_template, is_warm=is_warm)
    groups = [
        read_completions(
            row.task,
            row.item,
            group,
            step=recipe.optimisation.steps - 1,  # what is paid later differs, too
            steps=recipe.optimisation.steps,
        )
        for row, group in zip(rows, responses, strict=True)
    ]
    every = [completion for group in groups for completion in group]
    texts = [text for group in responses for text in group]
    invalid = [
        text
        for completion, text in zip(every, texts, strict=True)
        if completion.reading.status == "invalid"
    ]
    n_parsed = len(every) - len(invalid)
    if n_parsed < least_parsable * len(every):
        return Finding(
            "unparsable-base",
            f"the base answers {len(rows)} prompts in a form that can be parsed in {n_parsed} of "
            f"{len(every)} answers, fewer than {least_parsable:.0%}, so that rewards mean nothing: "
            f"{_examples(invalid)}; {remedy}",
        )
    if compares_rewards and all(_pays_the_same(recipe, group) for group in groups):
        return Finding(
            "equal-rewards",
            f"the {recipe.optimisation.group_size} answers to a prompt earn the same reward, for "
            f"each of {len(rows)} prompts, so that there is nothing to learn from: "
            f"{_examples(texts)}; raise optimisation.temperature (now "
            f"{recipe.optimisation.temperature:g}), choose items that the base gets right "
            f"sometimes (`satrain profile {recipe.name}` and `filter`), or "
            f"{remedy}",
        )
    return None


def _pays_the_same(recipe: Recipe, group: Sequence[Completion]) -> bool:
    """False, too, where a reward is paid by what only training measures."""
    paid = [term for term in recipe.terms if term.weight]
    if any(_NOT_MEASURED & set(term.component.requires) for term in paid):
        return False
    rewards = [compute_reward(paid, completion) for completion in group]
    return max(rewards) - min(rewards) < _SAME


def _examples(texts: Sequence[str]) -> str:
    return " and ".join(list(dict.fromkeys(quoted(text, _SHOWN) for text in texts))[:2])


def _remedy(recipe: Recipe, base: str, *, has_chat_template: bool, is_warm: bool) -> str:
    """The chat template where it is not used, then the format warm-up."""
    warm = f"{Path(base).name}-warm-up"
    command = f"satrain run format-warm-up --base {shlex.quote(base)} --out {shlex.quote(warm)}"
    longer = "teach it the format for more steps (optimisation.steps of its warm-up)"
    teach = (
        longer
        if is_warm
        else f"teach it the format ({command}) and train on from --base {shlex.quote(warm)}"
    )
    if has_chat_template and recipe.prompt.chat_template is not True:
        return f"apply its chat template (prompt.chat_template=true); if it needs more, {teach}"
    return teach
