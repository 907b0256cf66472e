"""The base model, found before anything is written."""

from __future__ import annotations

from pathlib import Path
from textwrap import shorten

from saeval.errors import RunFolderError
from saeval.hub import MODEL_FILES, matching


def find_base_model(argument: str) -> Path:
    """The folder of a base model: as given, or of a hub id, downloaded or found in the cache.

    Raises
    ------
    RunFolderError
        If there is no such model, or it is nothing that can be trained.
    """
    folder = Path(argument)
    if not folder.is_dir():
        folder = _from_hub(argument)
    if (folder / "adapter_config.json").is_file():
        raise RunFolderError(
            f"--base {argument}: is an adapter; merge it into its base first "
            "(`merge_and_unload` of PEFT), and give the merged model"
        )
    if not (folder / "config.json").is_file() or not matching(folder, ("*.safetensors",)):
        raise RunFolderError(
            f"--base {argument}: holds no model (config.json and weights in safetensors format)"
        )
    if not matching(folder, ("tokenizer.json", "tokenizer.model", "vocab.*", "*.model")):
        raise RunFolderError(f"--base {argument}: holds no tokenizer (tokenizer.json)")
    return folder


def _from_hub(identifier: str) -> Path:
    """Without anything pickled or executable."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(identifier, allow_patterns=list(MODEL_FILES)))
    except Exception as error:  # many kinds: no network, not found, gated, bad name
        reason = (str(error).strip().splitlines() or [""])[0]
        raise RunFolderError(
            f"--base {identifier}: no such folder, and the hub does not give a model of that name "
            f"({type(error).__name__}: {shorten(reason, 160, placeholder=' …')})"
        ) from error
