"""Names that a docstring describes under "Attributes" or "Parameters" but that do not exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

FOLDERS = ("evalsuite", "reports", "saeval", "stats", "tasks", "trainer")
_UNDERLINE = re.compile(r"-{3,}")
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def find_stale_names(root: Path) -> list[str]:
    """``path:line OWNER: NAME`` for every described name that is no field and no argument."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in _modules(root)}
    classes = {
        node.name: node
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    return [
        f"{path.relative_to(root)}:{node.lineno} {node.name}: {name}"
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef | _Function)
        for name in _stale_names(node, classes)
    ]


def described_names(docstring: str, section: str) -> Iterator[str]:
    """The names of a section in numpydoc's form; several may share a line, with commas."""
    lines = [*docstring.splitlines(), ""]
    inside = False
    for line, following in pairwise(lines):
        if _UNDERLINE.fullmatch(following):
            inside = line == section
        elif inside and line and not line[0].isspace() and not _UNDERLINE.fullmatch(line):
            yield from (name.strip().lstrip("*") for name in line.split(" : ")[0].split(","))


def _modules(root: Path) -> Iterator[Path]:
    for folder in FOLDERS:
        yield from sorted((root / folder).glob("*.py" if folder == "saeval" else "**/*.py"))


def _stale_names(node: ast.ClassDef | _Function, classes: dict[str, ast.ClassDef]) -> Iterator[str]:
    known = _members(node, classes) if isinstance(node, ast.ClassDef) else _arguments(node)
    docstring = ast.get_docstring(node) or ""
    for section in ("Attributes", "Parameters"):
        yield from (name for name in described_names(docstring, section) if name not in known)


def _members(node: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> set[str]:
    """Fields, properties, attributes set by methods, and arguments of the constructor."""
    members: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.AnnAssign | ast.Assign):
            targets = part.targets if isinstance(part, ast.Assign) else [part.target]
            members |= {t.id for t in targets if isinstance(t, ast.Name)}
            members |= {t.attr for t in targets if isinstance(t, ast.Attribute)}
        elif isinstance(part, _Function):
            members.add(part.name)
            if part.name == "__init__":
                members |= _arguments(part)
    for base in node.bases:
        parent = classes.get(base.id) if isinstance(base, ast.Name) else None
        if parent is not None and parent is not node:
            members |= _members(parent, classes)
    return members


def _arguments(node: _Function) -> set[str]:
    given = node.args
    arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    arguments += [extra for extra in (given.vararg, given.kwarg) if extra is not None]
    return {argument.arg for argument in arguments}
