"""Which items are wanted, in which order: as a value, and as the query of an address.

The address of "was NA, now wrong, confidence above 0.8"::

    ?was=NA&checkpoint=wrong&checkpoint_min=0.8
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypeVar, get_args
from urllib.parse import urlencode

from saeval.errors import InputError
from saeval.evalsuite.service.items.schema import OUTCOMES, Outcome
from saeval.evalsuite.store.texts import encodable
from saeval.suggest import did_you_mean
from saeval.terminal_text import quoted

TrainedOn = Literal["yes", "no", "id", "text", "cluster"]
Sort = Literal[
    "number",
    "item",
    "base_confidence",
    "checkpoint_confidence",
    "confidence_change",
    "base_probability",
    "checkpoint_probability",
    "score_change",
]
SORTS: tuple[Sort, ...] = get_args(Sort)
_LONGEST = {"text": 200}
_LONGEST_NAME = 2000

Value = TypeVar("Value", bound=str)


@dataclass(frozen=True)
class Band:
    """Confidences from `low` to `high`, both included; None for no limit."""

    low: float | None = None
    high: float | None = None

    def __bool__(self) -> bool:
        return self != Band()


@dataclass(frozen=True)
class ItemFilter:
    """Which items are wanted, and in which order; all conditions hold together.

    Attributes
    ----------
    task
        Name of a task.
    was, now
        Labels of the base and of the checkpoint: a cell of the transition table, or a row or
        column of it.
    base, checkpoint
        Outcomes of each side, any of which will do; any if empty.
    base_confidence, checkpoint_confidence
        Confidences that were stated.
    base_missing, checkpoint_missing
        Whether only items are wanted for which that side owed a confidence and stated none.
    trained_on
        Whether the checkpoint was trained on the item, or by what it is known.
    cluster
        Id of a cluster.
    text
        Stands in the id, the claim, the evidence, the answers or a response, in any case.
    changed
        Whether only items with another label are wanted.
    sort, descending
        The order; items without the value come last.

    Examples
    --------
    >>> wanted = ItemFilter(was="NA", checkpoint=("wrong",), checkpoint_confidence=Band(low=0.8))
    >>> wanted.to_query()
    'was=NA&checkpoint=wrong&checkpoint_min=0.8'
    >>> ItemFilter.from_query([("was", "NA"), ("base_min", "")]) == ItemFilter(was="NA")
    True
    """

    task: str | None = None
    was: str | None = None
    now: str | None = None
    base: tuple[Outcome, ...] = ()
    checkpoint: tuple[Outcome, ...] = ()
    base_confidence: Band = Band()
    checkpoint_confidence: Band = Band()
    base_missing: bool = False
    checkpoint_missing: bool = False
    trained_on: TrainedOn | None = None
    cluster: str | None = None
    text: str | None = None
    changed: bool = False
    sort: Sort = "number"
    descending: bool = False

    @classmethod
    def from_query(cls, query: Iterable[tuple[str, str]]) -> ItemFilter:
        """The filter that an address asks for; fields of a form that were left empty say nothing.

        Raises
        ------
        InputError
            Of the first value that is none.
        """
        given: dict[str, list[str]] = {}
        for name, value in query:
            if value != "":
                given.setdefault(name, []).append(value)

        def last(name: str) -> str | None:
            return _text(name, given[name][-1]) if name in given else None

        sort = last("sort") or "number"
        return cls(
            **{name: last(name) for name in ("task", "was", "now", "cluster")},
            text=last("q"),
            base=_outcomes("base", given.get("base", ())),
            checkpoint=_outcomes("checkpoint", given.get("checkpoint", ())),
            base_confidence=_band("base", last("base_min"), last("base_max")),
            checkpoint_confidence=_band(
                "checkpoint", last("checkpoint_min"), last("checkpoint_max")
            ),
            base_missing=_flag("base_missing", last("base_missing")),
            checkpoint_missing=_flag("checkpoint_missing", last("checkpoint_missing")),
            changed=_flag("changed", last("changed")),
            trained_on=_optional("trained_on", last("trained_on"), get_args(TrainedOn)),
            sort=_one_of("sort", sort.removeprefix("-"), SORTS),
            descending=sort.startswith("-"),
        )

    def to_query(self, **more: str | int | None) -> str:
        """The query of an address that asks for this, with further parameters."""
        pairs: list[tuple[str, str]] = []
        for own in fields(self):
            value = getattr(self, own.name)
            if own.name in ("sort", "descending") or not value:
                continue
            pairs += _parameters("q" if own.name == "text" else own.name, value)
        if self.sort != "number" or self.descending:
            pairs.append(("sort", ("-" if self.descending else "") + self.sort))
        pairs += [(name, str(value)) for name, value in more.items() if value is not None]
        return urlencode(pairs)

    def with_cell(self, was: str | None, now: str | None) -> ItemFilter:
        """The same of another cell, row or column of the transition table."""
        return replace(self, was=was, now=now)

    @property
    def without_cell(self) -> ItemFilter:
        """The same without a label of either side, in the order of the file."""
        return replace(self, was=None, now=None, sort="number", descending=False)

    @property
    def is_everything(self) -> bool:
        """Whether no item is left out."""
        return replace(self, sort="number", descending=False) == ItemFilter()


def _parameters(name: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, Band):
        side = name.removesuffix("_confidence")
        ends = ((f"{side}_min", value.low), (f"{side}_max", value.high))
        return [(end, repr(float(limit))) for end, limit in ends if limit is not None]
    if isinstance(value, tuple):
        return [(name, part) for part in value]
    return [(name, "1" if value is True else value)]


def _text(name: str, value: str) -> str:
    longest = _LONGEST.get("text" if name == "q" else name, _LONGEST_NAME)
    if len(value) > longest:
        raise InputError(f"`{name}` must have at most {longest} characters, found {len(value)}")
    return encodable(value)


def _outcomes(name: str, values: Sequence[str]) -> tuple[Outcome, ...]:
    wanted = {_one_of(name, value, OUTCOMES) for value in values}
    return tuple(outcome for outcome in OUTCOMES if outcome in wanted)


def _band(side: str, low: str | None, high: str | None) -> Band:
    band = Band(_limit(f"{side}_min", low), _limit(f"{side}_max", high))
    if band.low is not None and band.high is not None and band.low > band.high:
        raise InputError(
            f"`{side}_min` must not be above `{side}_max`, found {band.low:g} and {band.high:g}"
        )
    return band


def _limit(name: str, value: str | None) -> float | None:
    if value is None:
        return None
    try:
        limit = float(value)
    except ValueError:
        limit = math.nan
    if not 0 <= limit <= 1:
        raise InputError(f"`{name}` must be a number from 0 to 1, found {quoted(value)}")
    return abs(limit)  # no minus zero


def _flag(name: str, value: str | None) -> bool:
    if value not in (None, "1"):
        raise InputError(f"`{name}` must be 1 or left out, found {quoted(value)}")
    return value == "1"


def _optional(name: str, value: str | None, known: Sequence[Value]) -> Value | None:
    return None if value is None else _one_of(name, value, known)


def _one_of(name: str, value: str, known: Sequence[Value]) -> Value:
    for one in known:
        if value == one:
            return one
    raise InputError(f"`{name}` has no value {quoted(value)}; {did_you_mean(value, known)}")
