"""Filters as conditions of SQL: columns from a fixed list, every value bound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from saeval.evalsuite.service.items.filter import ItemFilter, Sort
from saeval.evalsuite.service.items.schema import SIDES

_SEARCHED = (
    "item_id",
    "claim",
    "base_response",
    "checkpoint_response",
    "array_to_string(evidence, chr(10))",
    "array_to_string(answers, chr(10))",
)
_KEYS: dict[Sort, str] = {
    "number": "number",
    "item": "item_id",
    "base_confidence": "base_confidence",
    "checkpoint_confidence": "checkpoint_confidence",
    "confidence_change": "checkpoint_confidence - base_confidence",
    "base_probability": "base_probability",
    "checkpoint_probability": "checkpoint_probability",
    "score_change": "checkpoint_score - base_score",
}
_NEVER_NULL = ("number", "item")
_BEYOND_ALL = "1e308"


@dataclass(frozen=True)
class Sql:
    """Conditions joined by "and", with the values that they bind in order."""

    text: str = "true"
    values: tuple[Any, ...] = ()

    def __and__(self, other: Sql) -> Sql:
        if self == Sql():
            return other
        if other == Sql():
            return self
        return Sql(f"{self.text} and {other.text}", self.values + other.values)


def condition_of(wanted: ItemFilter) -> Sql:
    """What a filter asks of a row, but for its text, which is searched for by itself."""
    condition = Sql()
    for part in _parts(wanted):
        condition &= part
    return condition


def search_of(text: str) -> Sql:
    """That a text stands in a row, in any case."""
    found = " or ".join(f"regexp_matches({column}, ?, 'il')" for column in _SEARCHED)
    return Sql(f"({found})", (text,) * len(_SEARCHED))


@dataclass(frozen=True)
class Order:
    """An order in which every row has a place of its own: by a key, then by its number.

    Attributes
    ----------
    key
        An expression that is never null.
    descending
        Whether the largest key comes first.
    """

    key: str
    descending: bool

    @classmethod
    def of(cls, wanted: ItemFilter) -> Order:
        """That of a filter; rows without the value come last either way."""
        key = _KEYS[wanted.sort]
        if wanted.sort not in _NEVER_NULL:
            key = f"coalesce({key}, {'-' if wanted.descending else ''}{_BEYOND_ALL})"
        return cls(key, wanted.descending)

    def to_sql(self, *, backwards: bool = False) -> str:
        """What stands after "order by"."""
        ways = ("desc" if own != backwards else "asc" for own in (self.descending, False))
        return "{} {}, number {}".format(self.key, *ways)

    def beyond(self, key: object, number: int, *, backwards: bool = False) -> Sql:
        """That a row comes after the one of some key and number, or before it."""
        by_key, by_number = ("<" if own != backwards else ">" for own in (self.descending, False))
        return Sql(
            f"({self.key} {by_key} ? or ({self.key} = ? and number {by_number} ?))",
            (key, key, number),
        )


def _parts(wanted: ItemFilter) -> Iterator[Sql]:
    equal = {
        "task": wanted.task,
        "base_label": wanted.was,
        "checkpoint_label": wanted.now,
        "cluster_id": wanted.cluster,
    }
    for column, value in equal.items():
        if value is not None:
            yield Sql(f"{column} = ?", (value,))
    for side in SIDES:
        if outcomes := getattr(wanted, side):
            marks = ", ".join("?" * len(outcomes))
            yield Sql(f"{side}_outcome in ({marks})", outcomes)
        band = getattr(wanted, f"{side}_confidence")
        if band.low is not None:
            yield Sql(f"{side}_confidence >= ?", (band.low,))
        if band.high is not None:
            yield Sql(f"{side}_confidence <= ?", (band.high,))
        if getattr(wanted, f"{side}_missing"):
            yield Sql(f"{side}_lacks_confidence")
    if wanted.trained_on in ("yes", "no"):
        yield Sql(f"trained_on is {'not ' if wanted.trained_on == 'yes' else ''}null")
    elif wanted.trained_on is not None:
        yield Sql("trained_on = ?", (wanted.trained_on,))
    if wanted.changed:
        yield Sql("changed")
