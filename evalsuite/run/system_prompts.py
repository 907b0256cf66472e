"""System prompts from files: the text is the prompt, the name of the file is its name."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from pathlib import Path

from saeval.errors import InputError

PLAIN = "none"
"""The name of the run without a system prompt."""


@dataclass(frozen=True)
class SystemPrompt:
    """A system prompt and its name; the text is None where there is no prompt."""

    name: str
    text: str | None


def read_systems(argument: str, *, plain: bool = True) -> tuple[SystemPrompt, ...]:
    """The system prompts that an argument names, in the order of their names.

    Parameters
    ----------
    argument
        A file, several joined with commas, a glob, or a folder, of which every file is taken that
        is not hidden.
    plain
        Whether the run without a system prompt comes first.

    Raises
    ------
    InputError
        If there is no such file, one is empty or no text, or two have one name.
    """
    prompts: dict[str, SystemPrompt] = {}
    files: dict[str, Path] = {}
    for path in _files(argument):
        name = path.stem
        if name == PLAIN:
            raise InputError(
                f"--systems: {path} is named {PLAIN!r}, which is the run without a system prompt; "
                "rename it"
            )
        if name in files:
            raise InputError(
                f"--systems: {files[name]} and {path} are both named {name!r}; rename one of them"
            )
        files[name] = path
        prompts[name] = SystemPrompt(name, _text(path))
    first = (SystemPrompt(PLAIN, None),) if plain else ()
    return (*first, *(prompts[name] for name in sorted(prompts)))


def _files(argument: str) -> list[Path]:
    paths: list[Path] = []
    for part in filter(None, (part.strip() for part in argument.split(","))):
        path = Path(part)
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.is_file() and p.name[0] != ".")
            if not inside:
                raise InputError(f"--systems: the folder {part!r} holds no file")
            paths += inside
        elif glob.has_magic(part) and not path.is_file():
            matching = sorted(p for p in map(Path, glob.glob(part, recursive=True)) if p.is_file())
            if not matching:
                raise InputError(f"--systems: no file matches {part!r}")
            paths += matching
        elif path.is_file():
            paths.append(path)
        else:
            raise InputError(f"--systems: there is no file {part!r}")
    if not paths:
        raise InputError(f"--systems: {argument!r} names no file")
    return list(dict.fromkeys(paths))


def _text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--systems: cannot read {path} ({error})") from error
    if not text:
        raise InputError(
            f"--systems: {path} is empty; the run without a system prompt needs no file"
        )
    return text
