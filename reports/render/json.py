"""The Comparison as versioned JSON, and back."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from saeval.errors import InputError
from saeval.json_source import parse_json
from saeval.reports.render.json_keys import keys_of, path_in_file, with_field_names
from saeval.reports.text.summary import in_words
from saeval.stats.compare.knowledge import with_answers
from saeval.stats.compare.results import (
    FIRST_SCHEMA_VERSION,
    SCHEMA_VERSION,
    SECOND_SCHEMA_VERSION,
    Comparison,
    TaskComparison,
)
from saeval.stats.gate.results import GATE_SCHEMA_VERSION, Gate
from saeval.terminal_text import quoted

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from pydantic import TypeAdapter

_OF_FIRST_SCHEMA = (
    "This comparison is of an earlier version: the recall of PASS, FAIL and other classes that do "
    "not abstain is not corrected for many tests, and own probabilities are not tested; compare "
    "again for that."
)
Result = TypeVar("Result")
"""What is read."""
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def dump(result: object) -> str:
    """A tree of dataclasses as JSON text that ends in a newline.

    Raises
    ------
    ValueError
        If a number is NaN or infinite, which JSON cannot hold: a missing value must be None.

    Notes
    -----
    A model may emit half of a surrogate pair. It cannot be encoded, so it is written as a JSON
    escape, which reads back as the same character.
    """
    if where := not_finite(result, type(result).__name__.lower()):
        raise ValueError(f"{where} is not finite; a value that does not exist is None")
    tree = with_words(result) if isinstance(result, Comparison | Gate) else result
    text = json.dumps(tree, default=_fields, indent=2, ensure_ascii=False, allow_nan=False)
    return _LONE_SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text) + "\n"


def with_words(result: Comparison | Gate) -> dict[str, Any]:
    """The fields of a result; what its comparison says in words comes first, after the schema."""
    comparison = result if isinstance(result, Comparison) else result.compared
    if comparison is None:
        return _fields(result)
    words = in_words(comparison)
    names = ("knows_better", "cost")
    return {
        "schema": result.schema,
        "in_words": {
            "headline": words.headline,
            **{
                name: {"question": a.text, "answer": a.answer, "evidence": a.evidence}
                for name, a in zip(names, words.answers, strict=True)
            },
        },
        **_fields(result),
    }


def from_json(text: str) -> Comparison:
    """The comparison that `to_json` wrote.

    Raises
    ------
    ValueError
        If the text is not JSON, is of an unknown schema, or lacks or garbles a value.
    """
    tree, schema = parse_result(text, "not a comparison")
    if schema not in (SCHEMA_VERSION, SECOND_SCHEMA_VERSION, FIRST_SCHEMA_VERSION):
        raise ValueError(_unknown_schema("a comparison", schema, SCHEMA_VERSION))
    if schema != SCHEMA_VERSION:
        tree = _with_changed_items(tree)
    comparison = read_result(Comparison, tree, "not a complete comparison")
    for task in (*comparison.tasks, *([comparison.pooled] if comparison.pooled else [])):
        if mistake := _find_wrong_shape(task):
            raise ValueError(f"not a complete comparison: task {task.task}: {mistake}")
    warnings = comparison.warnings
    if schema == FIRST_SCHEMA_VERSION and _OF_FIRST_SCHEMA not in warnings:
        warnings = (*warnings, _OF_FIRST_SCHEMA)
    # The answers follow from the numbers; a file that says otherwise is not believed.
    answered = with_answers(comparison.tasks, comparison.settings.confidence_level)
    return replace(comparison, schema=SCHEMA_VERSION, tasks=answered, warnings=warnings)


def _with_changed_items(tree: Any) -> Any:
    """The tree of an earlier schema, whose tasks hold the first of their changed items."""
    tasks = tree.get("tasks")
    if not isinstance(tasks, list):
        return tree
    return {
        **tree,
        "tasks": [
            {**task, "changed_items": task["flips"]}
            if isinstance(task, dict) and "flips" in task
            else task
            for task in tasks
        ],
    }


def gate_from_json(text: str) -> Gate:
    """The gate that `to_json` wrote; files hold its comparison apart.

    Raises
    ------
    ValueError
        If the text is not JSON, is of an unknown schema, or lacks or garbles a value.
    """
    tree, schema = parse_result(text, "not a gate")
    if schema != GATE_SCHEMA_VERSION:
        raise ValueError(_unknown_schema("a gate", schema, GATE_SCHEMA_VERSION))
    return read_result(Gate, tree, "not a complete gate")


def parse_result(text: str, otherwise: str) -> tuple[object, object]:
    """The tree in a JSON text and the schema that it says it is of; ValueError if it is no JSON."""
    try:
        tree = parse_json(text, otherwise, halves=True)
    except InputError as error:
        raise ValueError(str(error)) from None
    return tree, tree.get("schema") if isinstance(tree, dict) else None


def read_result(kind: Callable[..., Result], tree: object, otherwise: str) -> Result:
    """A result from its tree; ValueError, whose message begins with `otherwise`, if it is none."""
    from pydantic import ValidationError

    try:
        result = cast(Result, _adapter(kind).validate_python(with_field_names(tree, kind)))
    except ValidationError as error:
        first = error.errors()[0]
        where = path_in_file(first["loc"], kind)
        raise ValueError(f"{otherwise}: {where}: {first['msg']}") from None
    if number := not_finite(result, type(result).__name__.lower()):
        raise ValueError(f"{otherwise}: {number} is no number")
    return result


def _unknown_schema(what: str, schema: object, expected: str) -> str:
    return (
        f"not {what} that this version can read: its schema is {quoted(schema)}, "
        f"expected {expected!r}"
    )


def _find_wrong_shape(task: TaskComparison) -> str | None:
    """What reports could not show, since lists that belong together are of different lengths."""
    if not task.labels and task.is_graded:
        return "`labels` is empty"
    if len(task.targets) != len(task.labels):
        return f"{len(task.labels)} labels and {len(task.targets)} targets"
    if task.transitions is None:
        return None if task.mcnemar is None else "`transitions` is missing"
    size = len(task.labels) + 1
    counts = task.transitions.counts
    lengths = {len(task.transitions.labels), len(counts), *map(len, counts)}
    if lengths != {size}:
        return f"`transitions` must have {size} labels and {size} rows of {size} counts"
    return None


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _fields(value: object) -> dict[str, Any]:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        keys = keys_of(type(value))
        return {
            keys.get(field.name, field.name): getattr(value, field.name)
            for field in _serialized(value)
        }
    raise TypeError(f"a comparison holds no {type(value).__name__}")


def _serialized(value: DataclassInstance) -> list[dataclasses.Field[Any]]:
    return [
        field
        for field in dataclasses.fields(value)
        if field.metadata.get("serialized", True)
        and (
            field.metadata.get("serialized_if_none", True) or getattr(value, field.name) is not None
        )
        and (
            field.metadata.get("serialized_if_default", True)
            or getattr(value, field.name) != field.default
        )
    ]


def not_finite(value: object, path: str) -> str | None:
    """The path of the first number that is not finite."""
    if isinstance(value, float):
        return None if math.isfinite(value) else path
    children: list[tuple[str, object]] = []
    if isinstance(value, dict):
        children = [(f"{path}[{key!r}]", child) for key, child in value.items()]
    elif isinstance(value, tuple):
        children = [(f"{path}[{index}]", child) for index, child in enumerate(value)]
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        children = [
            (f"{path}.{field.name}", getattr(value, field.name)) for field in _serialized(value)
        ]
    return next((bad for at, child in children if (bad := not_finite(child, at))), None)
