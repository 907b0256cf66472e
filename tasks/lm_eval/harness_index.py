"""Which YAML files of lm-eval, and of a user's folder, define a task, group or tag.

lm-eval reads all of its fourteen thousand files as YAML before it knows a name, which takes half a
minute on a slow machine. Here they are searched as text, and only those that matter are parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import lm_eval.tasks
import yaml
from lm_eval.tasks._index import Entry, Kind, TaskIndex
from lm_eval.tasks._yaml_loader import load_yaml

from saeval.errors import InputError
from saeval.terminal_text import one_line, quoted

HARNESS_FOLDER = Path(lm_eval.tasks.__file__).parent.resolve()
"""Of the tasks that come with lm-eval."""

_DEFINED = re.compile(
    rb"""^[ \t]*(?:-[ \t]+)?["']?(?:task|group)["']?[ \t]*:[ \t]*["']?([^\s"'#\[{]+)""", re.M
)
_INCLUDED = re.compile(rb"""^["']?include["']?[ \t]*:(.*(?:\n[ \t]*-.*)*)""", re.M)
_WORD = re.compile(rb"""[^\s"'\[\],]+""")


class HarnessIndex:
    """The names of lm-eval's tasks, groups and tags, and of those in folders of a user.

    Parameters
    ----------
    folders
        Of a user; their names go before lm-eval's.
    """

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        self._roots = (HARNESS_FOLDER, *folders)
        self._texts: dict[Path, bytes] = {}

    @cached_property
    def _files(self) -> list[list[Path]]:
        """By root, in lm-eval's order."""
        return [list(TaskIndex._iter_yaml_files(root)) for root in self._roots]

    @cached_property
    def _definitions(self) -> dict[str, list[Path]]:
        """The files that may define a name as a task or group."""
        found: dict[str, list[Path]] = {}
        for path in (path for files in self._files for path in files):
            texts = [self._text(other) for other in (path, *self._included(path))]
            for name in {name for text in texts for name in _DEFINED.findall(text)}:
                found.setdefault(name.decode("utf-8", "replace"), []).append(path)
        return found

    @property
    def names(self) -> list[str]:
        """Of all tasks and groups."""
        return sorted(self._definitions)

    def find(self, name: str) -> dict[str, Entry]:
        """lm-eval's entries for a name and all that it stands for; empty if there is none.

        Raises
        ------
        InputError
            If a file of the user that may define it is no YAML.
        """
        entries: dict[str, Entry] = {}
        self._add(name, entries)
        return entries

    def _add(self, name: str, entries: dict[str, Entry]) -> None:
        if name in entries:
            return
        self._parse(self._definitions.get(name, ()), entries)
        if name not in entries:
            self._parse(self._mentioning(name), entries)
        entry = entries.get(name)
        if entry is not None and entry.kind is Kind.GROUP:
            for child in group_members(entry.cfg or {}):
                self._add(child, entries)

    def _parse(self, paths: Iterable[Path], entries: dict[str, Entry]) -> None:
        wanted = set(paths)
        for root, files in zip(self._roots, self._files, strict=True):
            own: dict[str, Entry] = {}
            for path in files:
                if path in wanted and (content := self._content(path, root)) is not None:
                    TaskIndex.process_cfg(content, path, own)
            for found, entry in own.items():
                if entry.kind is Kind.TAG and found in entries:
                    entries[found].tags |= entry.tags
                else:
                    entries[found] = entry

    def _content(self, path: Path, root: Path) -> dict[str, Any] | None:
        try:
            content: dict[str, Any] = load_yaml(path, resolve_func=False)
            TaskIndex._kind_of(content)
        except (yaml.YAMLError, ValueError, TypeError, OSError, RecursionError) as error:
            if root == HARNESS_FOLDER or "Unknown config shape" in str(error):
                return None
            raise InputError(
                f"{path}: not a task that lm-eval can read: {one_line(str(error), 200)}"
            ) from error
        return content

    def _mentioning(self, name: str) -> Iterator[Path]:
        word = name.encode()
        for path in (path for files in self._files for path in files):
            if any(word in self._text(other) for other in (path, *self._included(path))):
                yield path

    def _text(self, path: Path) -> bytes:
        if path not in self._texts:
            try:
                self._texts[path] = path.read_bytes()
            except OSError:
                self._texts[path] = b""
        return self._texts[path]

    def _included(self, path: Path, seen: frozenset[Path] = frozenset()) -> Iterator[Path]:
        text = self._text(path)
        if b"include" not in text:
            return
        for value in _INCLUDED.findall(text):
            for word in _WORD.findall(value):
                other = path.parent / word.decode("utf-8", "replace")
                if word != b"-" and other not in seen:
                    yield other
                    yield from self._included(other, seen | {path, other})


def group_members(content: Mapping[str, Any]) -> Iterator[str]:
    """Names of the tasks, groups and tags that a group lists, those within its own groups too."""
    members = content.get("task")
    for member in members if isinstance(members, list) else ():
        if isinstance(member, str):
            yield member
        elif isinstance(member, dict):
            if isinstance(name := member.get("group") or member.get("task"), str):
                yield name
            yield from group_members(member)


def check_code(path: Path, folders: Sequence[Path]) -> None:
    """Stop if a YAML file of a user names code that does not lie in a folder that they named.

    Parameters
    ----------
    path
        The file; what it includes is looked at as well.
    folders
        That code may be run from.

    Raises
    ------
    InputError
        If it does, or cannot be read.
    """
    trusted = [folder.resolve() for folder in (*folders, HARNESS_FOLDER)]
    waiting, seen = [path.resolve()], set()
    while waiting:
        file = waiting.pop()
        if file in seen or file.is_relative_to(HARNESS_FOLDER):
            continue
        seen.add(file)
        functions, includes = _read_references(file)
        named = any(file.is_relative_to(folder) for folder in trusted)
        for function in functions:
            module = function.rpartition(".")[0].replace(".", "/")
            code = (file.parent / f"{module}.py").resolve()
            inside = any(code.is_relative_to(folder) for folder in trusted)
            if not named or (code.exists() and not inside):
                raise InputError(
                    f"{file}: names code (!function {one_line(function, 80)}) that lies in no "
                    "folder given by --include_path; give --include_path with the folder of the "
                    "task and its code, if you trust them"
                )
        waiting += [(file.parent / include).resolve() for include in includes]


def _read_references(path: Path) -> tuple[list[str], list[str]]:
    """The functions that a file names, and the files that it includes."""
    functions: list[str] = []

    class _Loader(yaml.SafeLoader):
        """Calls nothing."""

    def note(loader: yaml.SafeLoader, node: yaml.Node) -> str:
        functions.append(str(getattr(node, "value", "")))
        return ""

    _Loader.add_constructor("!function", note)
    try:
        content = yaml.load(path.read_bytes(), Loader=_Loader)
    except (yaml.YAMLError, OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as YAML ({one_line(str(error), 200)})") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a task in YAML, found {quoted(content, 40)}")
    includes = content.get("include", [])
    return functions, [str(i) for i in (includes if isinstance(includes, list) else [includes])]
