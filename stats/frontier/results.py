"""The result of running several models under several system prompts, as a tree of frozen values.

Reports read only this. Proportions are of all items; a value that does not exist is None, never
NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from saeval.stats._core.interval import Interval, Proportion
from saeval.stats.compare.results import ModelDescription

SCHEMA_VERSION = "saeval.frontier/1"

Relation = Literal["dominates", "dominated", "trade", "noise", "untested"]


@dataclass(frozen=True)
class Point:
    """A model under a system prompt.

    Attributes
    ----------
    right, wrong
        Proportions of all items: y and x.
    abstained, invalid
        Proportions of all items; invalid answers are among the wrong ones.
    hallucination
        Of the items without an answer, those with a valid answer all the same; its value is None
        where there is no such item.
    on_front
        Whether no other prompt of this model is at least as often right with no more wrong
        answers, and better in one of the two. An estimate: near points are not distinguished.
    """

    model: str
    system: str
    right: Proportion
    wrong: Proportion
    abstained: float
    invalid: float
    hallucination: Proportion
    on_front: bool


@dataclass(frozen=True)
class Change:
    """A paired difference of two points, checkpoint − base, in one coordinate."""

    difference: float
    interval: Interval | None
    pvalue: float | None
    pvalue_holm: float | None


@dataclass(frozen=True)
class Dominance:
    """A point of a checkpoint beside a point of the base.

    `relation` is ``noise`` where neither difference is significant (Holm's p value over all such
    tests, and the interval). Otherwise the estimates say which: the checkpoint ``dominates``, is
    ``dominated``, or trades right answers against wrong ones (``trade``).
    """

    model: str
    system: str
    base_system: str
    right: Change
    wrong: Change
    relation: Relation


@dataclass(frozen=True)
class BeyondFront:
    """Whether a point of a checkpoint lies where no prompt took the base.

    `pvalue` is of "some prompt of the base, or abstention from every item, is at least as often
    right with no more wrong answers"; `pvalue_holm` is adjusted over all points of all checkpoints.
    """

    model: str
    system: str
    pvalue: float | None
    pvalue_holm: float | None
    beyond: bool


@dataclass(frozen=True)
class Utility:
    """The best prompt of a model where a wrong answer costs `penalty` and a right one earns 1.

    `difference` is from the base under its own best prompt, with a paired interval; None for the
    base. The prompts were chosen on the same items, so the values are a little too high and the
    interval says nothing of that choice.
    """

    penalty: float
    model: str
    system: str
    value: float
    interval: Interval | None
    difference: float | None
    confidence_interval: Interval | None


@dataclass(frozen=True)
class Frontier:
    """The whole result. The first model is the base, the others are its checkpoints."""

    schema: str
    saeval_version: str
    task: str
    kind: str
    items: int
    clusters: int | None
    answerable: int
    confidence_level: float
    models: tuple[ModelDescription, ...]
    systems: dict[str, str | None]
    points: tuple[Point, ...]
    dominances: tuple[Dominance, ...]
    beyond: tuple[BeyondFront, ...]
    utilities: tuple[Utility, ...]
    warnings: tuple[str, ...]
