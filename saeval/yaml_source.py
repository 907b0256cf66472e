"""YAML that remembers on which line each key stands.

The scalars are those of YAML 1.2's core schema: only ``true`` and ``false`` are truth values
(``NO`` is text), ``2e-6`` is a number, and there are no dates.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from saeval.errors import YamlError
from saeval.json_source import read_text
from saeval.terminal_text import one_line, quoted

_LARGEST = 1_000_000
_LONGEST_NUMBER = 19
"""Digits of a whole number, so that it fits into 64 bits."""
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")

KeyPath = tuple[str | int, ...]
"""Keys and list positions from the top of a document down to a value."""


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Without aliases: a few of them can stand for more values than memory holds."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "an alias; write the value out", mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        return node


for _tag, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", ["n", "~", ""]),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.inf|\.nan", "-+."),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), list(_first)
    )


def _constructor(kind: str) -> Callable[[Any, yaml.Node], Any]:
    """A scalar of a kind, also where a tag says that it is one.

    SafeLoader's own reading of numbers is YAML 1.1's, where 010 is eight.
    """
    read: Callable[[str], Any] = {
        "bool": {"true": True, "false": False}.__getitem__,
        "null": {"null": None, "~": None, "": None}.__getitem__,
        "int": lambda text: int(text) if len(text) < _LONGEST_NUMBER else int(""),
        "float": lambda text: float(text.replace(".inf", "inf").replace(".nan", "nan")),
        "str": lambda text: text if not _HALF_CHARACTER.search(text) else int(""),
    }[kind]

    def construct(loader: Any, node: yaml.Node) -> Any:
        try:
            return read(node.value)
        except (ValueError, KeyError, TypeError, AttributeError):
            problem = f"{quoted(node.value, 40)} is no {kind} that can be read"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None

    return construct


# No dates, sets or bytes, also where a tag asks for them.
_Loader.yaml_constructors = {
    tag: construct
    for tag, construct in yaml.SafeLoader.yaml_constructors.items()
    if tag in (None, *(f"tag:yaml.org,2002:{kind}" for kind in ("seq", "map")))
}
for _kind in ("bool", "null", "int", "float", "str"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _constructor(_kind))


class _TaskLoader(_Loader):
    """Of lm-eval's task files: the name behind ``!function`` is text, and nothing is imported."""


_TaskLoader.add_constructor("!function", _constructor("str"))


def parse_yaml(text: str, name: str, *, functions: bool = False) -> tuple[Any, dict[KeyPath, int]]:
    """A document and the line of every key and list entry in it.

    Where `functions` says so, the ``!function`` of lm-eval's task files is taken, as text.

    Raises
    ------
    YamlError
        If it is no YAML, a key stands twice or is no text, or it has aliases or tags of its own;
        the message begins with ``name:line``.

    Examples
    --------
    >>> parse_yaml("a: 1\\nb:\\n  - {c: 2e-6}", "it.yaml")
    ({'a': 1, 'b': [{'c': 2e-06}]}, {(): 1, ('a',): 1, ('b',): 2, ('b', 0): 3, ('b', 0, 'c'): 3})
    """
    if len(text) > _LARGEST:
        raise YamlError(f"{name}: is of more than {_LARGEST} characters; it is meant for people")
    if half := _HALF_CHARACTER.search(text):
        raise YamlError(f"{name}: not YAML: {half[0]!r} is half a character")
    try:
        loader = (_TaskLoader if functions else _Loader)(text)
    except yaml.YAMLError as error:
        raise YamlError(f"{name}: not YAML: {_reason(error)}") from error
    try:
        node = loader.get_single_node()
        if node is None:
            return None, {(): 1}
        lines: dict[KeyPath, int] = {(): 1}
        _collect(node, (), lines, name)
        return loader.construct_document(node), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}" if mark else name
        raise YamlError(f"{where}: not YAML: {one_line(str(error.problem), 200)}") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # chr() of an escape too large
        raise YamlError(f"{name}: not YAML: {_reason(error)}") from error
    except RecursionError as error:
        raise YamlError(f"{name}: is nested too deeply") from error
    finally:
        loader.dispose()


def _reason(error: Exception) -> str:
    return one_line((str(error).splitlines() or ["it cannot be read"])[0], 200)


class _Dumper(yaml.SafeDumper):
    """Quotes the text that `_Loader` would take for something else."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers


def dump_yaml(content: Any) -> str:
    """YAML that `parse_yaml` reads as `content`, which is of plain types.

    Examples
    --------
    >>> print(dump_yaml({"label": "NO", "rate": 2e-6, "version": "1e5"}), end="")
    label: NO
    rate: 2.0e-06
    version: '1e5'
    """
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def parse_yaml_value(text: str, name: str) -> Any:
    """One value as YAML writes it, such as ``3``, ``true``, ``fever`` or ``[1, 2]``."""
    return parse_yaml(text, name)[0]


def read_yaml_file(path: Path) -> tuple[Any, dict[KeyPath, int]]:
    """`parse_yaml` of a file."""
    return parse_yaml(read_text(path, YamlError), str(path))


def _collect(node: yaml.Node, path: KeyPath, lines: dict[KeyPath, int], name: str) -> None:
    if isinstance(node, yaml.SequenceNode):
        for number, entry in enumerate(node.value):
            lines[(*path, number)] = entry.start_mark.line + 1
            _collect(entry, (*path, number), lines, name)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                shown = quoted(getattr(key, "value", ""), 40)
                raise YamlError(f"{name}:{line}: a key must be a name, found {shown}")
            inner = (*path, key.value)
            if inner in lines:
                raise YamlError(
                    f"{name}:{line}: `{one_line(key.value, 60)}` stands twice, first on line "
                    f"{lines[inner]}"
                )
            lines[inner] = line
            _collect(value, inner, lines, name)
