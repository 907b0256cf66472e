"""The best of several checkpoints, as a tree of frozen values; `stats.best_checkpoint` makes it."""

from __future__ import annotations

from dataclasses import dataclass

from stats.comparison import Interval


class NoBestError(ValueError):
    """Why no best checkpoint can be told, as a sentence."""


@dataclass(frozen=True)
class Candidate:
    """A checkpoint that could have been chosen.

    `interval` holds together with those of all other candidates; `best_share` and `maybe_best` are
    those of `stats.selection.Selection`.
    """

    name: str
    value: float
    difference: float
    interval: Interval | None
    best_share: float
    maybe_best: bool


@dataclass(frozen=True)
class Best:
    """The best checkpoint.

    Attributes
    ----------
    metric, label
        By which it was chosen; the label is None where the tasks have different ones.
    tasks
        Over whose mean, each counting once.
    items
        That it rests on. Confidence metrics rest on the items where all models stated one, so
        they may differ a little from those of each comparison.
    base
        The base's value.
    chosen
        Its name; of equally good ones the first.
    difference, corrected, interval
        From the base: as observed, with the luck of the choice taken out, and at `level` although
        it was chosen.
    candidates
        All of them, the chosen one among them.
    left_out
        Names of those that have no value.
    """

    metric: str
    label: str | None
    higher_is_better: bool
    tasks: tuple[str, ...]
    items: int
    level: float
    replicates: int
    base: float
    chosen: str
    difference: float
    corrected: float
    interval: Interval | None
    candidates: tuple[Candidate, ...]
    left_out: tuple[str, ...]
