"""The base model of a training, found before anything is written."""

from __future__ import annotations

from pathlib import Path

from saeval.errors import ModelError
from saeval.hub import check_model_folder, has_chat_template, model_folder
from saeval.trainer.recipe.schema import Recipe


def find_base_model(argument: str) -> Path:
    """The folder of a base model: as given, or of a hub id, downloaded or found in the cache.

    Raises
    ------
    ModelError
        If there is no such model, or it is nothing that can be trained.
    """
    try:
        folder = model_folder(argument)
    except ModelError as error:
        raise ModelError(f"--base {error}") from error
    if (folder / "adapter_config.json").is_file():
        raise ModelError(
            f"--base {argument}: is an adapter; merge it into its base first "
            "(`merge_and_unload` of PEFT), and give the merged model"
        )
    check_model_folder(folder, f"--base {argument}")
    return folder


def choose_prompt_form(recipe: Recipe, base_folder: Path) -> Recipe:
    """The recipe with ``prompt.chat_template: auto`` replaced by whether the base has one."""
    if recipe.prompt.chat_template != "auto":
        return recipe
    prompt = recipe.prompt.model_copy(update={"chat_template": has_chat_template(base_folder)})
    return recipe.model_copy(update={"prompt": prompt})
