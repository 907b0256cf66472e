"""Everything that can be said of a recipe before a GPU is touched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from saeval.errors import ModelError, RecipeError
from saeval.extras import require_extra
from saeval.trainer.checks.ask_base import ask_base
from saeval.trainer.checks.findings import Finding
from saeval.trainer.checks.plan import check_plan, check_tokens
from saeval.trainer.checks.reward import check_reward
from saeval.trainer.recipe.load import load_recipe
from saeval.trainer.recipe.schema import Recipe

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def check(
    recipe: Recipe | str | Path,
    *,
    changes: Sequence[str] = (),
    base: str | Path | None = None,
) -> list[Finding]:
    """What will go wrong with a recipe, warnings first.

    Parameters
    ----------
    recipe
        A recipe, its name or its file.
    changes
        Each ``key=value``, as on the command line; only where `recipe` is a name or a file.
    base
        Base model: checks its tokens for probing, and asks a model in a folder some items.

    Raises
    ------
    RecipeError
        If the recipe itself is wrong.
    ModelError
        If `base` has no tokenizer or cannot be loaded.
    """
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(str(recipe), changes)
    elif changes:
        raise RecipeError("`changes` are for a recipe by name or file; change this one itself")
    findings = [*check_reward(recipe), *check_plan(recipe)]
    if base is not None:
        findings += check_tokens(recipe, _load_tokenizer(str(base)))
        findings += ask_base(recipe, str(base))
    return sorted(findings, key=lambda finding: finding.severity != "warning")


def _load_tokenizer(base: str) -> PreTrainedTokenizerBase:
    require_extra("run", "transformers")
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(base, trust_remote_code=False)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"--base {base}: has no tokenizer that can be loaded ({reason})"
        ) from error
