"""``family.json``: which comparisons belong together, their steps, and the best checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field

from saeval.reports.render.json import parse_result, read_result
from saeval.stats.checkpoints.results import SERIES_SCHEMA_VERSION, Best
from saeval.terminal_text import quoted

_OTHERWISE = "not an index of comparisons"


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
    tree, schema = parse_result(text, _OTHERWISE)
    if schema != SERIES_SCHEMA_VERSION:
        raise ValueError(f"schema {quoted(schema)} is not {SERIES_SCHEMA_VERSION!r}")
    return read_result(SeriesIndex, tree, _OTHERWISE)
