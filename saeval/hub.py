"""What a model is by its content, whatever its path: training records it, evaluation compares."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

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
)
"""Patterns of the files that make a model and its tokenizer; none is pickled or executable."""


def model_content(folder: Path) -> str:
    """SHA-256 of a model's weights, configuration and tokenizer."""
    return hash_files(folder, matching(folder, MODEL_FILES))


def matching(folder: Path, patterns: Iterable[str]) -> list[str]:
    """Names of the files in a folder that match any pattern, sorted."""
    return sorted({p.name for pattern in patterns for p in folder.glob(pattern) if p.is_file()})


def hash_files(folder: Path, names: Iterable[str]) -> str:
    """SHA-256 over names and contents of files, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(names):
        digest.update(name.encode() + b"\0")
        with (folder / name).open("rb") as content:
            while block := content.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
