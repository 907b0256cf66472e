"""How a checkpoint is made: recipes, rewards, training; each is imported when it is used.

>>> from saeval.trainer import load_recipe
>>> load_recipe("ternary", ["optimisation.steps=10"]).optimisation.steps
10
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saeval.trainer.backends.protocol import Checkpoint
    from saeval.trainer.checks.check import check
    from saeval.trainer.checks.findings import Finding
    from saeval.trainer.data.profile import Profile
    from saeval.trainer.data.profile_base import profile_base
    from saeval.trainer.recipe.load import list_recipes, load_recipe
    from saeval.trainer.recipe.schema import Recipe
    from saeval.trainer.rewards.registry import register_reward
    from saeval.trainer.run.observer import TrainingObserver
    from saeval.trainer.run.train import train

__all__ = [
    "Checkpoint",
    "Finding",
    "Profile",
    "Recipe",
    "TrainingObserver",
    "check",
    "list_recipes",
    "load_recipe",
    "profile_base",
    "register_reward",
    "train",
]

_MODULES = {
    "Checkpoint": "backends.protocol",
    "Finding": "checks.findings",
    "Profile": "data.profile",
    "Recipe": "recipe.schema",
    "TrainingObserver": "run.observer",
    "check": "checks.check",
    "list_recipes": "recipe.load",
    "load_recipe": "recipe.load",
    "profile_base": "data.profile_base",
    "register_reward": "rewards.registry",
    "train": "run.train",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
