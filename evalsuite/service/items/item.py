"""Items as typed values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from saeval.evalsuite.service.items.schema import SIDES, Outcome

_ONE_SIDE = ("label", "status", "outcome", "confidence", "lacks_confidence", "probability", "score")
_NAMES = (
    *("number", "task", "item_id", "sample_index", "cluster_id", "target", "changed"),
    *("trained_on", "claim"),
)


@dataclass(frozen=True)
class Answer:
    """What one model answered; see `saeval.evalsuite.service.items.schema`."""

    label: str | None
    status: str
    outcome: Outcome
    confidence: float | None
    lacks_confidence: bool
    probability: float | None
    score: float | None


@dataclass(frozen=True)
class WholeAnswer(Answer):
    """With the probability of every label, if they were probed, and the response."""

    probabilities: Mapping[str, float] | None
    response: str


@dataclass(frozen=True)
class ItemSummary:
    """An item as a list shows it."""

    number: int
    task: str
    item_id: str
    sample_index: int
    cluster_id: str | None
    target: str
    changed: bool
    trained_on: str | None
    claim: str
    base: Answer
    checkpoint: Answer


@dataclass(frozen=True)
class Item(ItemSummary):
    """An item with everything that was asked and answered."""

    base: WholeAnswer
    checkpoint: WholeAnswer
    evidence: tuple[str, ...]
    answers: tuple[str, ...]


SUMMARY_COLUMNS = (*_NAMES, *(f"{side}_{name}" for side in SIDES for name in _ONE_SIDE))
"""Of `SCHEMA`, what `summary_of` takes."""


def summary_of(row: Mapping[str, Any]) -> ItemSummary:
    """Of a row with `SUMMARY_COLUMNS`."""
    sides: dict[str, Any] = {side: Answer(**_side(row, side)) for side in SIDES}
    return ItemSummary(**sides, **{name: row[name] for name in _NAMES})


def item_of(row: Mapping[str, Any]) -> Item:
    """Of a whole row."""
    values: dict[str, Any] = {name: row[name] for name in _NAMES}
    for side in SIDES:
        probed, response = row[f"{side}_probabilities"], row[f"{side}_response"]
        probabilities = None if probed is None else dict(probed)
        own = _side(row, side)
        values[side] = WholeAnswer(**own, probabilities=probabilities, response=response)
    for name in ("evidence", "answers"):
        values[name] = tuple(row[name])
    return Item(**values)


def _side(row: Mapping[str, Any], side: str) -> dict[str, Any]:
    return {name: row[f"{side}_{name}"] for name in _ONE_SIDE}
