"""Filters of items in words and as links."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from saeval.evalsuite.service.items.filter import Band, ItemFilter, Sort
from saeval.evalsuite.service.items.items_file import Cell
from saeval.evalsuite.service.items.schema import Outcome

_SORTS: dict[Sort, tuple[str, str | None]] = {
    "number": ("Order of the data", None),
    "item": ("Id, A to Z", "Id, Z to A"),
    "base_confidence": ("Base confidence, low first", "Base confidence, high first"),
    "checkpoint_confidence": (
        "Checkpoint confidence, low first",
        "Checkpoint confidence, high first",
    ),
    "confidence_change": ("Confidence lost, most first", "Confidence gained, most first"),
    "base_probability": ("Base probability, low first", "Base probability, high first"),
    "checkpoint_probability": (
        "Checkpoint probability, low first",
        "Checkpoint probability, high first",
    ),
    "score_change": ("Score lost, most first", "Score gained, most first"),
}
_TRAINED_ON = {
    "yes": "trained on",
    "no": "not trained on",
    "id": "trained on, known by its id",
    "text": "trained on, known by its wording",
    "cluster": "trained on, known by its cluster",
}
_NOT_RIGHT: tuple[Outcome, ...] = ("wrong", "abstained", "invalid")
_PRESETS: dict[str, ItemFilter] = {
    "Everything": ItemFilter(),
    "Changed": ItemFilter(changed=True),
    "Broken": ItemFilter(base=("right",), checkpoint=_NOT_RIGHT),
    "Fixed": ItemFilter(base=_NOT_RIGHT, checkpoint=("right",)),
    "Not right on either side": ItemFilter(base=_NOT_RIGHT, checkpoint=_NOT_RIGHT),
    "Abstained before, now wrong": ItemFilter(base=("abstained",), checkpoint=("wrong",)),
    "Wrong and sure": ItemFilter(
        checkpoint=("wrong",),
        checkpoint_confidence=Band(low=0.8),
        sort="checkpoint_confidence",
        descending=True,
    ),
    "No confidence": ItemFilter(checkpoint_missing=True),
}
_HEAT = 5


class Condition(NamedTuple):
    """A condition in words, and the query of the same filter without it."""

    text: str
    query_without: str


class Choice(NamedTuple):
    """A named value of a form or a link, and whether it is the present one."""

    name: str
    value: str
    is_chosen: bool


class CellLink(NamedTuple):
    """A cell of the transition table: its labels, its items, and how dark it is, from 0."""

    was: str
    now: str
    items: int
    heat: int


def describe(wanted: ItemFilter) -> list[Condition]:
    """The conditions of a filter, each of which can be left out."""
    return [
        Condition(text, replace(wanted, **{name: getattr(ItemFilter(), name)}).to_query())
        for name, text in _words(wanted)
    ]


def presets(wanted: ItemFilter) -> list[Choice]:
    """Filters that answer a question, of the same task."""
    return [
        Choice(name, own.to_query(), own == wanted)
        for name, own in ((name, replace(own, task=wanted.task)) for name, own in _PRESETS.items())
    ]


def sort_choices(wanted: ItemFilter) -> list[Choice]:
    """The orders that there are."""
    return [
        Choice(title, f"-{sort}" if descending else sort, own == (wanted.sort, wanted.descending))
        for sort, titles in _SORTS.items()
        for descending, title in enumerate(titles)
        if title is not None
        for own in [(sort, bool(descending))]
    ]


def cell_table(labels: Sequence[str], cells: Sequence[Cell]) -> list[list[CellLink]]:
    """The transition table with a row for each label of the base; empty without labels."""
    counts = {(cell.was, cell.now): cell.items for cell in cells}
    most = max(counts.values(), default=1)
    return [
        [
            CellLink(was, now, items, -(-_HEAT * items // most))
            for now in labels
            for items in [counts.get((was, now), 0)]
        ]
        for was in labels
    ]


def _words(wanted: ItemFilter) -> Iterator[tuple[str, str]]:
    texts: dict[str, Any] = {
        "task": wanted.task and f"task {wanted.task}",
        "text": wanted.text and f"“{wanted.text}” in id or text",
        "was": wanted.was and f"was {wanted.was}",
        "now": wanted.now and f"now {wanted.now}",
        "changed": wanted.changed and "label changed",
        "base": wanted.base and f"base {' or '.join(wanted.base)}",
        "base_confidence": _band("base", wanted.base_confidence),
        "base_missing": wanted.base_missing and "base without confidence",
        "checkpoint": wanted.checkpoint and f"checkpoint {' or '.join(wanted.checkpoint)}",
        "checkpoint_confidence": _band("checkpoint", wanted.checkpoint_confidence),
        "checkpoint_missing": wanted.checkpoint_missing and "checkpoint without confidence",
        "trained_on": wanted.trained_on and _TRAINED_ON[wanted.trained_on],
        "cluster": wanted.cluster and f"cluster {wanted.cluster}",
    }
    return ((name, text) for name, text in texts.items() if text)


def _band(side: str, band: Band) -> str | None:
    if not band:
        return None
    if band.high is None:
        return f"{side} confidence at least {band.low:g}"
    if band.low is None:
        return f"{side} confidence at most {band.high:g}"
    return f"{side} confidence from {band.low:g} to {band.high:g}"
