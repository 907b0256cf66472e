"""``satrain check``: everything that can be said of a recipe before a GPU is touched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from saeval.errors import SaevalError
from saeval.trainer.check.plan import plan_findings, token_findings
from saeval.trainer.check.report import show
from saeval.trainer.check.reward import Finding, reward_findings
from saeval.trainer.recipe.load import load_recipe
from saeval.trainer.recipe.schema import Recipe

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def check_command(recipe_name: str, changes: Sequence[str], base: str | None) -> bool:
    """Print what is found and return whether there is any warning."""
    recipe = load_recipe(recipe_name, changes)
    findings = check(recipe, None if base is None else _tokenizer(base))
    show(recipe, findings, Console())
    return any(finding.severity == "warning" for finding in findings)


def check(recipe: Recipe, tokenizer: PreTrainedTokenizerBase | None = None) -> list[Finding]:
    """All findings, warnings first."""
    found = [*reward_findings(recipe), *plan_findings(recipe)]
    if tokenizer is not None:
        found += token_findings(recipe, tokenizer)
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
