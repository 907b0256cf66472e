"""``satrain check``: everything that can be said of a recipe before a GPU is touched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from saeval.errors import SaevalError
from saeval.trainer.checks.plan import check_plan, check_tokens
from saeval.trainer.checks.report import print_report
from saeval.trainer.checks.reward import Finding, check_reward
from saeval.trainer.recipe.load import load_recipe
from saeval.trainer.recipe.schema import Recipe

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def check_command(recipe_name: str, changes: Sequence[str], base: str | None) -> bool:
    """Print what is found and return whether there is any warning."""
    recipe = load_recipe(recipe_name, changes)
    findings = check(recipe, None if base is None else _tokenizer(base))
    print_report(recipe, findings, Console())
    return any(finding.severity == "warning" for finding in findings)


def check(recipe: Recipe, tokenizer: PreTrainedTokenizerBase | None = None) -> list[Finding]:
    """All findings, warnings first."""
    found = [*check_reward(recipe), *check_plan(recipe)]
    if tokenizer is not None:
        found += check_tokens(recipe, tokenizer)
    return sorted(found, key=lambda finding: finding.severity != "warning")


def _tokenizer(base: str) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(base)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise SaevalError(
            f"--base {base}: has no tokenizer that can be loaded ({reason})"
        ) from error
    return tokenizer
