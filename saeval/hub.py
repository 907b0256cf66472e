"""Models by hub id or folder: found, downloaded, and known by their content.

Training records the content of a model, evaluation compares it, whatever the path.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from textwrap import shorten

from saeval.errors import ModelError
from saeval.extras import require_extra
from saeval.json_source import parse_object, read_bytes

MODEL_FILES = (
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "*.model",
    "*.jinja",
    "chat_template.json",
    "additional_chat_templates/*.jinja",
)
"""Patterns of the files that make a model and its tokenizer; none is pickled or executable."""
ADAPTER_FILES = ("adapter_model.safetensors", "adapter_config.json")
"""Files of a PEFT adapter."""

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.*", "*.model")
_HUB_ID = re.compile(r"\w[\w.-]*(/[\w.-]+)?")


def is_hub_id(name: str) -> bool:
    """Whether a model of the hub may be called so."""
    return _HUB_ID.fullmatch(name) is not None


def model_folder(argument: str, *, also: Iterable[str] = ()) -> Path:
    """The folder of a model: as given, or of a hub id, downloaded or found in the cache.

    Raises
    ------
    ModelError
        If there is neither such a folder nor a model of that name on the hub.
    """
    folder = Path(argument)
    return folder if folder.is_dir() else download_model(argument, also=also)


def download_model(identifier: str, *, also: Iterable[str] = ()) -> Path:
    """A model of the hub in the local cache, without anything pickled or executable.

    Parameters
    ----------
    identifier
        Hub id.
    also
        Names or patterns of further files.

    Raises
    ------
    ModelError
        If the hub gives no model of that name.
    """
    require_extra("run", "huggingface_hub")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(identifier, allow_patterns=[*MODEL_FILES, *also]))
    except Exception as error:  # many kinds: no network, not found, gated, bad name
        reason = (str(error).strip().splitlines() or [""])[0]
        raise ModelError(
            f"{identifier}: no such local file or folder, and the hub does not give a model of "
            f"that name ({type(error).__name__}: {shorten(reason, 160, placeholder=' …')})"
        ) from error


def check_model_folder(folder: Path, name: str) -> None:
    """Stop unless a folder holds a model that can be loaded, and its tokenizer.

    Raises
    ------
    ModelError
        Beginning with `name` and saying what is missing.
    """
    if not (folder / "config.json").is_file():
        raise ModelError(f"{name}: no configuration in {folder} (config.json)")
    if not matching(folder, ("*.safetensors",)):
        raise ModelError(
            f"{name}: no weights in safetensors format in {folder}; "
            "pickled weights are not loaded, convert them with `save_pretrained` first"
        )
    if not matching(folder, _TOKENIZER_FILES):
        raise ModelError(f"{name}: no tokenizer in {folder} (tokenizer.json)")


def model_content(folder: Path) -> str:
    """SHA-256 of a model's weights, configuration and tokenizer."""
    return hash_files(folder, matching(folder, MODEL_FILES))


def has_chat_template(folder: Path) -> bool:
    """Whether the tokenizer in a folder brings a chat template, in whichever file."""
    if (folder / "chat_template.jinja").is_file() or (folder / "chat_template.json").is_file():
        return True
    path = folder / "tokenizer_config.json"
    try:
        settings = parse_object(read_bytes(path, ModelError), str(path), ModelError, nan=True)
    except (FileNotFoundError, ModelError):
        return False
    return bool(settings.get("chat_template"))


def matching(folder: Path, patterns: Iterable[str]) -> list[str]:
    """Paths in a folder of the files that match any pattern, sorted."""
    found = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    return sorted(path.relative_to(folder).as_posix() for path in found)


def hash_files(folder: Path, names: Iterable[str]) -> str:
    """SHA-256 over names and contents of files, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(names):
        digest.update(name.encode() + b"\0")
        with (folder / name).open("rb") as content:
            while block := content.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
