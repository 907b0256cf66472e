"""The base model of a training, found before anything is written."""

from __future__ import annotations

from pathlib import Path

from saeval.errors import ModelError
from saeval.hub import check_model_folder, model_folder


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
