"""Pages of the reference for Python, made from the docstrings of what each package exports."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import griffe
from griffe import DocstringSectionKind as Kind

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "saeval": "Compare models, gate checkpoints, read and write results.",
    "saeval.stats": "Statistics of paired models: arrays in, frozen results out.",
    "saeval.tasks": "What is asked, and how an answer is parsed and graded.",
    "saeval.reports": "A result as a text in each format.",
    "saeval.trainer": "How a checkpoint is made.",
}
_LABELS = {Kind.attributes: "Attributes", Kind.parameters: "Parameters", Kind.returns: "Returns",
           Kind.yields: "Yields", Kind.raises: "Raises"}  # fmt: skip


def python_pages() -> dict[str, str]:
    """The page of every package by its file's name, and `README.md`, which lists them."""
    sources = griffe.load(
        "saeval", docstring_parser="numpy", search_paths=[ROOT], allow_inspection=False
    )
    pages = {}
    index = ["# Python\n\nWhat each package exports; the rest of the package may change.\n"]
    for package, purpose in PACKAGES.items():
        module = importlib.import_module(package)
        if not hasattr(module, "__all__"):
            continue
        names = sorted((n for n in module.__all__ if not n.startswith("__")), key=_order(module))
        file = f"{package.rpartition('.')[2]}.md"
        parts = [f"# {package}\n\n{purpose}\n"]
        parts += [_entry(package, name, getattr(module, name), sources) for name in names]
        pages[file] = "\n".join(parts)
        listed = ", ".join(f"[`{name}`]({file}#{_anchor(name)})" for name in names)
        index.append(f"## [`{package}`]({file})\n\n{purpose}\n\n{listed}\n")
    return pages | {"README.md": "\n".join(index)}


def _order(module: Any) -> Any:
    def key(name: str) -> tuple[int, str]:
        value = getattr(module, name)
        exception = inspect.isclass(value) and issubclass(value, Exception)
        return (2 if exception else 1 if inspect.isclass(value) else 0, name.lower())

    return key


def _anchor(name: str) -> str:
    return name.lower()


def _entry(package: str, name: str, value: Any, sources: griffe.Object) -> str:
    """One export: its signature, and its docstring in Markdown."""
    heading = f"## {name}\n"
    path = f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', '')}"
    if not (inspect.isclass(value) or inspect.isroutine(value)):
        return f"{heading}\n`{package}.{name}`: {type(value).__name__}\n"
    source = sources[path.removeprefix("saeval.")]
    where = source.relative_filepath if source.filepath.is_relative_to(ROOT) else source.filepath
    place = str(where).removeprefix("saeval/")
    parts = [heading, _signature(name, source), *_docstring(source)]
    if source.is_class:
        parts += _methods(source)
    parts.append(f"Defined in `{place}`.\n")
    return "\n".join(parts)


def _signature(name: str, source: griffe.Object) -> str:
    if source.is_class and not _constructor(source):
        bases = ", ".join(str(base) for base in source.bases)
        return f"```python\nclass {name}{f'({bases})' if bases else ''}\n```\n"
    parameters = [p for p in source.parameters if p.name not in ("self", "cls")]
    written, kinds = [], griffe.ParameterKind
    keyword_only = False
    for parameter in parameters:
        text = parameter.name
        if parameter.annotation is not None:
            text += f": {parameter.annotation}"
        if parameter.kind is kinds.var_positional:
            text, keyword_only = f"*{text}", True
        elif parameter.kind is kinds.var_keyword:
            text = f"**{text}"
        else:
            if parameter.kind is kinds.keyword_only and not keyword_only:
                written.append("*")
                keyword_only = True
            if parameter.default is not None:
                text += f" = {parameter.default}"
        written.append(text)
    returns = "" if source.is_class or source.returns is None else f" -> {source.returns}"
    one_line = f"{name}({', '.join(written)}){returns}"
    if len(one_line) <= 96:
        return f"```python\n{one_line}\n```\n"
    inner = "".join(f"    {text},\n" for text in written)
    return f"```python\n{name}(\n{inner}){returns}\n```\n"


def _constructor(source: griffe.Object) -> bool:
    return source.is_class and bool(list(source.parameters))


def _methods(source: griffe.Object) -> list[str]:
    """Public methods and properties, a line each."""
    rows = []
    for name, member in source.members.items():
        if name.startswith("_") and name not in ("__getitem__", "__iter__", "__len__"):
            continue
        if member.is_alias or member.docstring is None:
            continue
        if member.is_function:
            arguments = ", ".join(
                p.name for p in member.parameters if p.name not in ("self", "cls")
            )
            rows.append(f"- `{name}({arguments})`: {_summary(member)}")
        elif "property" in member.labels:
            rows.append(f"- `{name}`: {_summary(member)}")
    return ["**Methods**\n\n" + "\n".join(rows) + "\n"] if rows else []


def _summary(source: griffe.Object) -> str:
    return _markdown(source.docstring.value.partition("\n\n")[0].replace("\n", " "))


def _docstring(source: griffe.Object) -> list[str]:
    if source.docstring is None:
        return []
    parts = []
    for section in source.docstring.parsed:
        if section.kind is Kind.text:
            parts.append(_markdown(section.value) + "\n")
        elif section.kind in _LABELS:
            rows = "\n".join(_rows(section.kind, section.value))
            parts.append(f"**{_LABELS[section.kind]}**\n\n{rows}\n")
        elif section.kind is Kind.examples:
            for kind, text in section.value:
                code = kind is Kind.examples
                parts.append(f"```pycon\n{text}\n```\n" if code else _markdown(text) + "\n")
        elif section.kind is Kind.admonition:
            body = _markdown(section.value.description)
            parts.append(f"**{section.title}**\n\n{body}\n")
    return parts


def _rows(kind: Kind, items: list[Any]) -> list[str]:
    """A line each; what was documented together, such as ``base, checkpoint``, stays together."""
    named: dict[str, list[str]] = {}
    for item in items:
        name = "" if kind is Kind.raises else getattr(item, "name", "")
        name = name or str(item.annotation or "")
        named.setdefault(_markdown(" ".join(item.description.split())), []).append(name)
    rows = []
    for description, names in named.items():
        shown = ", ".join(f"`{name}`" for name in names if name)
        rows.append("- " + ": ".join(part for part in (shown, description) if part))
    return rows


def _markdown(text: str) -> str:
    """reStructuredText as docstrings use it: double backticks, footnotes, roles."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text.replace("``", "`"))
    text = re.sub(r"\[(\d+)\]_", r"(\1)", text)
    text = re.sub(r"^\.\. \[(\d+)\] ", r"\1. ", text, flags=re.MULTILINE)
    text = re.sub(r"^\.\. math::\s*", "", text, flags=re.MULTILINE)
    # Only code may hold brackets that look like links or tags.
    pieces = re.split(r"(`[^`\n]*`)", text)
    pieces[::2] = [piece.replace("<", "&lt;").replace("](", "] (") for piece in pieces[::2]]
    return "".join(pieces)
