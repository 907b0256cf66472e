"""Files of weights: what tensors one holds, and whether it and its folder are complete.

A file in the safetensors format begins with the length of its header (8 bytes, little-endian), then
the header, a JSON object::

    {"lm_head.weight": {"dtype": "F32", "shape": [1000, 128], "data_offsets": [0, 512000]}, …}

and ends with the last of the tensors.
"""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from saeval.errors import ModelError
from saeval.json_source import open_file, parse_object, read_bytes

_INDEX = "*.safetensors.index.json"
_DOWNLOADS = ("*.incomplete", ".cache/huggingface/download/*.incomplete")
"""Where the hub's client writes what it has not downloaded to its end."""
_SHARD = re.compile(r"(.*)-\d+-of-(\d+)\.safetensors")
_LARGEST_HEADER = 100_000_000
"""As in the format's own implementation."""


def check_weights(folder: Path, name: str) -> None:
    """Stop if a model or adapter in a folder is still being written, or was cut off.

    Parameters
    ----------
    folder
        Of the model or adapter.
    name
        What the message begins with.

    Raises
    ------
    ModelError
        Naming the file that is missing or too short.
    """
    if partial := [path for pattern in _DOWNLOADS for path in sorted(folder.glob(pattern))]:
        raise _incomplete(name, f"{partial[0]} is a download that has not ended")
    held: dict[str, Mapping[str, Any]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        try:
            held[path.name] = _read_header(path)
        except ValueError as error:
            raise _incomplete(name, f"{path} {error}") from error
    indices = sorted(folder.glob(_INDEX))
    for index in indices:
        for tensor, file in _weight_map(index, name).items():
            if file not in held:
                raise _incomplete(
                    name, f"{folder / str(file)} is missing, which {index.name} names"
                )
            if tensor not in held[file]:
                raise _incomplete(
                    name, f"{folder / file} has no {tensor}, which {index.name} names"
                )
    for match in filter(None, map(_SHARD.fullmatch, held)):
        if not (folder / f"{match[1]}.safetensors.index.json").is_file():
            raise _incomplete(name, f"{match[1]}.safetensors.index.json is missing in {folder}")


def read_tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of the tensors in a file, by name.

    Raises
    ------
    ModelError
        If it is not whole.
    """
    try:
        return {name: value["shape"] for name, value in _read_header(path).items()}
    except ValueError as error:
        raise _incomplete(str(path), str(error)) from error


def stored_type(folder: Path) -> str | None:
    """The type of most of the weights in a model's folder, as safetensors names it: ``BF16``.

    None of a folder without files of that format.

    Raises
    ------
    ModelError
        If a file is not whole.
    """
    numbers: Counter[str] = Counter()
    for path in sorted(folder.glob("*.safetensors")):
        try:
            for tensor in _read_header(path).values():
                numbers[str(tensor["dtype"])] += math.prod(tensor["shape"])
        except (ValueError, KeyError) as error:
            raise _incomplete(str(path), str(error)) from error
    return max(numbers, key=numbers.__getitem__, default=None)


def _read_header(path: Path) -> dict[str, Any]:
    """Its tensors; a `ValueError` says what is wrong with the file."""
    with open_file(path, ModelError) as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, _LARGEST_HEADER):
            raise ValueError(f"has no whole header ({size} bytes)")
        try:
            header = parse_object(file.read(length), str(path), ModelError)
            tensors = {name: value for name, value in header.items() if name != "__metadata__"}
            for value in tensors.values():
                value["shape"] = tuple(map(int, value["shape"]))
            end = max((int(value["data_offsets"][1]) for value in tensors.values()), default=0)
        except (ModelError, ValueError, TypeError, KeyError, IndexError) as error:
            raise ValueError("is no safetensors file") from error
    if 8 + length + end != size:
        raise ValueError(f"has {size} bytes of {8 + length + end}")
    return tensors


def _weight_map(index: Path, name: str) -> dict[str, Any]:
    try:
        content = parse_object(read_bytes(index, ModelError), str(index), ModelError)
        return dict(content["weight_map"])
    except (ModelError, ValueError, TypeError, KeyError) as error:
        raise _incomplete(name, f"{index} lists no weights (weight_map)") from error


def _incomplete(name: str, what: str) -> ModelError:
    return ModelError(
        f"{name}: the weights are not complete: {what}; wait until they are written, or fetch or "
        "save them again"
    )
