"""``family.json``: which comparisons belong together, their steps, and the best checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field

from saeval.errors import InputError
from saeval.json_source import parse_json
from saeval.reports.render.json import not_finite
from saeval.reports.render.json_keys import path_in_file, with_field_names
from saeval.stats.checkpoints.results import SERIES_SCHEMA_VERSION, Best
from saeval.terminal_text import quoted


@dataclass(frozen=True)
class SeriesIndex:
    """Links to the comparisons by name; `steps`, `best` and `notes` are those of the family."""

    schema: str = field(default=SERIES_SCHEMA_VERSION, kw_only=True)
    comparisons: dict[str, str]
    steps: tuple[int, ...] | None = None
    best: Best | None = None
    notes: tuple[str, ...] = ()


def read_index(text: str) -> SeriesIndex:
    """The index that `saeval.reports.to_json` wrote.

    Raises
    ------
    ValueError
        If the text is no JSON, is of an unknown schema, or lacks or garbles a value.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        tree = parse_json(text, "not an index of comparisons")
    except InputError as error:
        raise ValueError(str(error)) from None
    schema = tree.get("schema") if isinstance(tree, dict) else None
    if schema != SERIES_SCHEMA_VERSION:
        raise ValueError(f"schema {quoted(schema)} is not {SERIES_SCHEMA_VERSION!r}")
    try:
        index = TypeAdapter(SeriesIndex).validate_python(with_field_names(tree, SeriesIndex))
    except ValidationError as error:
        first = error.errors()[0]
        where = path_in_file(first["loc"], SeriesIndex)
        raise ValueError(f"not an index of comparisons: {where}: {first['msg']}") from None
    if number := not_finite(index, "index"):
        raise ValueError(f"not an index of comparisons: {number} is no number")
    return index
