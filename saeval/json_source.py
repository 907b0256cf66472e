"""JSON from outside: one reader, whatever the bytes are.

A file is a regular file of UTF-8, with or without a byte order mark. Numbers are finite and fit
into 64 bits, no key stands twice in an object, and no character is half of one. All else is an
error that says where.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from pydantic import BaseModel, ValidationError

from saeval.errors import InputError, SaevalError
from saeval.terminal_text import quoted

Content = TypeVar("Content", bound=BaseModel)

_LARGEST = 2**63
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_HALF_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


@contextmanager
def open_file(path: Path, error: type[SaevalError] = InputError) -> Iterator[BinaryIO]:
    """A regular file; a folder, pipe or device is an error, and never waited for.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise error(f"{path}: is a pipe or device; expected a file")
            yield file
    except IsADirectoryError:
        raise error(f"{path}: is a folder; expected a file") from None
    except FileNotFoundError:
        raise
    except OSError as problem:
        raise error(f"{path}: cannot be read ({problem.strerror})") from problem


def read_bytes(path: Path, error: type[SaevalError] = InputError) -> bytes:
    """What a regular file holds."""
    with open_file(path, error) as file:
        return file.read()


def read_text(path: Path, error: type[SaevalError] = InputError) -> str:
    """`read_bytes` as UTF-8 text."""
    return decode(read_bytes(path, error), str(path), error)


def decode(content: bytes, where: str, error: type[SaevalError] = InputError) -> str:
    """UTF-8 as text, without a byte order mark."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise error(f"{where}: not UTF-8 text ({problem.reason})") from problem


def read_lines(path: Path, error: type[SaevalError] = InputError) -> Iterator[tuple[str, str]]:
    """The lines of a file that are not blank, each with its place, ``file:line``."""
    with open_file(path, error) as file:
        for number, line in enumerate(file, start=1):
            where = f"{path}:{number}"
            if text := decode(line, where, error).strip():
                yield where, text


def parse_json(
    content: str | bytes,
    where: str,
    error: type[SaevalError] = InputError,
    *,
    nan: bool = False,
    halves: bool = False,
) -> Any:
    """The value that a text of JSON holds; `where` starts the message of the error.

    Parameters
    ----------
    content
        The text, or its bytes.
    where
        The file, and the line if there are several texts in it.
    error
        What is raised.
    nan
        Whether NaN and infinite numbers are taken: other programs write them.
    halves
        Whether half of a surrogate pair is kept, and not replaced: our own reports can write it.
    """
    text = decode(content, where, error) if isinstance(content, bytes) else content
    try:
        value = json.loads(
            text.removeprefix("\ufeff"),
            object_pairs_hook=_unrepeated,
            parse_int=_parse_int,
            parse_float=None if nan else _parse_float,
            parse_constant=None if nan else _refuse,
        )
    except RecursionError as problem:
        raise error(f"{where}: is nested too deeply") from problem
    except ValueError as problem:
        raise error(f"{where}: not JSON ({problem})") from problem
    return value if halves or not _HALF_ESCAPE.search(text) else _whole(value)


def parse_object(
    content: str | bytes, where: str, error: type[SaevalError] = InputError, *, nan: bool = False
) -> dict[str, Any]:
    """`parse_json` of what must be an object."""
    value = parse_json(content, where, error, nan=nan)
    if not isinstance(value, dict):
        raise error(f"{where}: expected an object, found {quoted(value, 40)}")
    return value


def validate(
    model: type[Content], value: object, where: str, error: type[SaevalError] = InputError
) -> Content:
    """A value as a model of pydantic; the first thing that is wrong is the error."""
    try:
        return model.model_validate(value)
    except ValidationError as problem:
        raise error(f"{where}: {first_problem(problem)}") from problem


def first_problem(error: ValidationError) -> str:
    """The first problem of a validation in one line: which field, the rule, what was found."""
    problem = error.errors(include_url=False)[0]
    field = quoted_path(problem["loc"])
    rule = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "json_invalid":
        return f"not JSON ({rule.removeprefix('Invalid JSON: ')})"
    if not field:
        return rule
    if problem["type"] == "missing":
        return f"field `{field}` is missing"
    return f"`{field}`: {rule}, found {quoted(problem['input'])}"


def quoted_path(path: Sequence[str | int]) -> str:
    """Keys down to a value, joined by dots; a key from outside is quoted where it must be."""
    return ".".join(
        str(key) if isinstance(key, int) or re.fullmatch(r"[\w.-]{1,60}", key) else quoted(key, 40)
        for key in path
    )


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {quoted(twice, 40)} stands twice in an object")
    return content


def _parse_int(text: str) -> int:
    number = int(text) if len(text) <= 20 else _LARGEST
    if abs(number) >= _LARGEST:
        raise ValueError("a whole number of more than 64 bits")
    return number


def _parse_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number that is too large")
    return number


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _whole(value: Any) -> Any:
    """With U+FFFD where half of a character stood, which could not be written again."""
    if isinstance(value, str):
        return _HALF_CHARACTER.sub("\ufffd", value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    return value
