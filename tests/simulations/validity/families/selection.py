"""The best of several checkpoints: bias, intervals, and the set of those that may be the best."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from scipy.stats import norm

from saeval.stats.bootstrap.winner import select_best
from validity.data import REPLICATES
from validity.promises import Case, Family, Outcome, Promise

BASE = 0.60
KINDS = ("all equal", "one 3 points better", "one 12 points better", "rises, then falls")


@dataclass(frozen=True)
class Run:
    """A run of training; `clusters` of 0 means independent items."""

    kind: str
    items: int
    checkpoints: int
    clusters: int = 0

    @property
    def accuracies(self) -> np.ndarray:
        """Shape (K,): the true ones."""
        k = self.checkpoints
        if self.kind == "all equal":
            return np.full(k, 0.65)
        if self.kind == "rises, then falls":
            step = np.arange(k) / (k - 1)
            return BASE + 0.08 * np.minimum(1, step / 0.6) - 0.1 * np.maximum(0, step - 0.7)
        found = np.full(k, BASE)
        found[k // 2] += 0.03 if self.kind == "one 3 points better" else 0.12
        return found


def correct_answers(run: Run, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Whether the base, shape (n,), and the checkpoints, shape (n, K), are right."""
    n, k = run.items, run.checkpoints
    shared = rng.normal(size=n)
    if run.clusters:
        group = np.arange(n) % run.clusters
        shared = (rng.normal(size=run.clusters)[group] + shared) / np.sqrt(2)
    own = np.empty((n, k + 1))
    own[:, 0] = rng.normal(size=n)
    for step in range(1, k + 1):
        own[:, step] = 0.8 * own[:, step - 1] + 0.6 * rng.normal(size=n)
    latent = np.sqrt(0.4) * shared[:, None] + np.sqrt(0.6) * own
    right = latent < norm.ppf([BASE, *run.accuracies])
    return right[:, 0].astype(float), right[:, 1:].astype(float)


@cache
def resamples(items: int, clusters: int) -> np.ndarray:
    """Weights of bootstrap resamples, shape (B, n), which all data sets share."""
    rng = np.random.default_rng(1)
    units = clusters or items
    weights = rng.multinomial(units, np.full(units, 1 / units), REPLICATES)
    weights = weights[:, np.arange(items) % units].astype(float)
    return weights / weights.sum(axis=1, keepdims=True)


def simulate(run: Run, rng: np.random.Generator) -> dict[Outcome, float]:
    base, right = correct_answers(run, rng)
    changes = right - base[:, None]
    replicates = resamples(run.items, run.clusters) @ changes
    found = select_best(changes.mean(axis=0), replicates, higher_is_better=True)
    true = run.accuracies - BASE
    truth, best = true[found.chosen], int(true.argmax())
    interval = found.intervals[found.chosen]
    reach = norm.ppf(0.975) * replicates[:, found.chosen].std()
    return {
        ("the best", "bias, observed"): 100 * (found.difference - truth),
        ("the best", "bias, corrected"): 100 * (found.corrected - truth),
        ("the best", "error, observed"): 100 * abs(found.difference - truth),
        ("the best", "error, corrected"): 100 * abs(found.corrected - truth),
        ("the best", "own interval"): abs(found.difference - truth) <= reach,
        ("the best", "simultaneous interval"): (
            interval is not None and interval.low <= truth <= interval.high
        ),
        ("the best", "in the set"): found.maybe_best[best],
        ("the best", "size of the set"): sum(found.maybe_best),
    }


def number(quantity: str, digits: int = 2) -> Promise:
    return Promise("the best", quantity, is_mean=True, digits=digits)


PROMISES = (
    *(
        number(f"{kind}, {which}")
        for kind in ("bias", "error")
        for which in ("observed", "corrected")
    ),
    Promise("the best", "own interval"),
    Promise("the best", "simultaneous interval", at_least=0.945),
    Promise("the best", "in the set", at_least=0.93),
    number("size of the set", 1),
)


def case(run: Run, quick: bool = False) -> Case:
    grouped = f" in {run.clusters} clusters" if run.clusters else ""
    return Case(
        f"{run.items:,} items{grouped}, K = {run.checkpoints}, {run.kind}",
        partial(simulate, run),
        PROMISES,
        quick,
        share=0.5,
    )


FAMILY = Family(
    "The best of several checkpoints",
    """A base and K checkpoints of one run on the same items, of which neighbours err alike.
Biases and sizes of errors are of the difference in accuracy between the chosen checkpoint and
the base, in percentage points. *Own* is the chosen checkpoint's 95% interval as if it had not
been chosen, *simultaneous* the one that reports show, *in the set* how often those that cannot
be told from the best include the truly best one.""",
    (
        case(Run("all equal", 200, 5)),
        case(Run("all equal", 200, 20), quick=True),
        case(Run("one 3 points better", 200, 20)),
        case(Run("rises, then falls", 200, 20)),
        case(Run("all equal", 1000, 5)),
        *(case(Run(kind, 1000, 20)) for kind in KINDS),
        case(Run("all equal", 1000, 20, 200)),
        case(Run("one 3 points better", 1000, 20, 200)),
    ),
)
