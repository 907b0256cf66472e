"""Several checkpoints of one base, as a tree of frozen values: comparisons, steps and the best one.

`saeval.stats.checkpoints.series` and `saeval.stats.checkpoints.best` make it.
"""

from __future__ import annotations

from dataclasses import dataclass

from saeval.stats._core.interval import Interval
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.results import Comparison, ModelDescription

SERIES_SCHEMA_VERSION = "saeval.family/1"


class NoBestError(ValueError):
    """No best checkpoint can be chosen; the message is a sentence that says why."""


@dataclass(frozen=True)
class Candidate:
    """A checkpoint that could have been chosen.

    `interval` holds together with those of all other candidates; `best_proportion` and
    `maybe_best` are those of `saeval.stats.bootstrap.winner.Selection`.
    """

    name: str
    value: float
    difference: float
    interval: Interval | None
    best_proportion: float
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
        From the base: as observed, with the luck of the choice taken out, and an interval valid
        although it was chosen.
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
    confidence_level: float
    n_resamples: int
    base: float
    chosen: str
    difference: float
    corrected: float
    interval: Interval | None
    candidates: tuple[Candidate, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class CheckpointSeries:
    """Comparisons of the same base with several checkpoints.

    Holm's and Benjamini–Hochberg's p values in them are over every headline metric of every task of
    every checkpoint.

    Attributes
    ----------
    steps
        Of the checkpoints of one training run, ascending; None if they are not.
    best
        The best checkpoint, or None where none was requested or none could be chosen.
    notes
        Sentences on what could not be determined.
    """

    schema: str
    base: ModelDescription
    settings: StatsConfig
    comparisons: tuple[Comparison, ...]
    steps: tuple[int, ...] | None = None
    best: Best | None = None
    notes: tuple[str, ...] = ()

    @property
    def task_names(self) -> tuple[str, ...]:
        """Every task that any comparison has, in the order of their first mention."""
        return tuple(dict.fromkeys(t.task for c in self.comparisons for t in c.tasks))
