"""Is the best of several checkpoints reported honestly? Bias and coverage, simulated.

A data set is a base and K checkpoints of one run on the same items: an item's difficulty is shared,
neighbouring checkpoints err alike (an autoregression over the steps), and with clusters their items
share a part of it. The true accuracies are set, so the true difference of whichever checkpoint is
chosen is known. Beside `saeval.stats.bootstrap.winner.select_best` stand the difference as
observed with its own
interval, and two other corrections that are possible for means over items: the mean over bootstrap
resamples of the checkpoint chosen there on the items that were not drawn (out of bag), and the mean
over random halves of the one chosen on one half on the other half.

::

    make selection-validity       # 2,000 data sets each; writes docs/evidence/selection-validity.md
    .venv/bin/python tests/simulations/selection_validity.py --datasets 200 --out /tmp/selection.md
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import click
import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from scipy.stats import norm

from saeval.stats.bootstrap.winner import select_best

BASE = 0.60
REPLICATES = 1000
HALVES = 100
BLOCK = 100
KINDS = ("all equal", "one a little better", "one far better", "rises, then falls")
WAYS = ("observed", "corrected", "out of bag", "halves")


@dataclass(frozen=True)
class Case:
    """One kind of data set; `clusters` of 0 means independent items."""

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
        found[k // 2] += 0.03 if self.kind == "one a little better" else 0.12
        return found


CASES = (
    *(Case(kind, n, k) for n, k, kind in product((200, 1000), (5, 20), KINDS)),
    *(Case(kind, 1000, 20, 200) for kind in KINDS),
)


def correct_answers(case: Case, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Whether the base, shape (n,), and the checkpoints, shape (n, K), are right."""
    n, k = case.items, case.checkpoints
    shared = rng.normal(size=n)
    if case.clusters:
        group = np.arange(n) % case.clusters
        shared = (rng.normal(size=case.clusters)[group] + shared) / np.sqrt(2)
    own = np.empty((n, k + 1))
    own[:, 0] = rng.normal(size=n)
    for step in range(1, k + 1):
        own[:, step] = 0.8 * own[:, step - 1] + 0.6 * rng.normal(size=n)
    latent = np.sqrt(0.4) * shared[:, None] + np.sqrt(0.6) * own
    right = latent < norm.ppf([BASE, *case.accuracies])
    return right[:, 0].astype(float), right[:, 1:].astype(float)


def drawn(case: Case, rng: np.random.Generator) -> np.ndarray:
    """Weights of bootstrap resamples, shape (B, n): clusters are drawn whole."""
    if not case.clusters:
        return rng.multinomial(case.items, np.full(case.items, 1 / case.items), REPLICATES)
    share = np.full(case.clusters, 1 / case.clusters)
    of_clusters = rng.multinomial(case.clusters, share, REPLICATES)
    return of_clusters[:, np.arange(case.items) % case.clusters]


def means(weights: np.ndarray, changes: np.ndarray) -> np.ndarray:
    return weights @ changes / weights.sum(axis=1, keepdims=True)


def block(case: Case, seed: int) -> np.ndarray:
    """Sums over data sets, which share their resamples: they do not depend on the data.

    Errors and squared errors of each way, then how often the two intervals cover, how often the
    truly best is in the set, and the size of the set.
    """
    rng = np.random.default_rng([seed, CASES.index(case)])
    weights = drawn(case, rng).astype(float)
    units = case.clusters or case.items
    half = np.array([rng.permutation(units) < units // 2 for _ in range(HALVES)], dtype=float)
    half = half[:, np.arange(case.items) % units]
    true = case.accuracies - BASE
    total = np.zeros(2 * len(WAYS) + 4)
    for _ in range(BLOCK):
        base, right = correct_answers(case, rng)
        changes = right - base[:, None]
        replicates = means(weights, changes)
        found = select_best(changes.mean(axis=0), replicates, higher_is_better=True)
        out_of_bag = means((weights == 0).astype(float), changes)
        one, other = means(half, changes), means(1 - half, changes)
        truth = true[found.chosen]
        estimates = np.array(
            [
                found.difference,
                found.corrected,
                out_of_bag[np.arange(REPLICATES), replicates.argmax(axis=1)].mean(),
                (
                    other[np.arange(HALVES), one.argmax(axis=1)]
                    + one[np.arange(HALVES), other.argmax(axis=1)]
                ).mean()
                / 2,
            ]
        )
        errors = estimates - truth
        reach = norm.ppf(0.975) * replicates[:, found.chosen].std()
        interval = found.intervals[found.chosen]
        covered = (
            abs(found.difference - truth) <= reach,
            interval is not None and interval.low <= truth <= interval.high,
            found.maybe_best[int(true.argmax())],
            sum(found.maybe_best),
        )
        total += [*errors, *errors**2, *covered]
    return total


HEAD = """# The best of several checkpoints, simulated

Made by `tests/simulations/selection_validity.py --datasets {datasets}` (`make selection-validity`):
{datasets:,} simulated runs per case, {replicates:,} bootstrap replicates each; the module's text
says how they are drawn. Errors are of the difference in accuracy between the chosen checkpoint and
the base, in percentage points, against its true one. Monte Carlo error is about ±0.2 points at 200
items and ±0.1 at 1,000; of a coverage, ±{error:.1%}.

## The difference

*Observed* is the difference as it is; *corrected* is what reports show. *Out of bag* and *halves*
are two other corrections.

| case | items | K | {bias} | {rmse} |
|:--|--:|--:|{rule}|
"""
MIDDLE = """
## The interval, and the set of the best

The chosen checkpoint's own 95% interval, as if it had not been chosen, and the simultaneous one
that reports show: how often each holds its true difference. Then how often the set of those that
cannot be told from the best holds the truly best one, and how many of the K are in it on average.

| case | items | K | own interval | simultaneous | best in the set | size of the set |
|:--|--:|--:|--:|--:|--:|--:|
"""


def rows(totals: dict[Case, np.ndarray], datasets: int) -> tuple[str, str]:
    """Of the two tables."""
    estimates, intervals = "", ""
    for case, total in totals.items():
        mean = total / datasets
        clustered = f" in {case.clusters} clusters" if case.clusters else ""
        head = f"| {case.kind} | {case.items:,}{clustered} | {case.checkpoints} |"
        bias = [f"{100 * value:+.2f}" for value in mean[: len(WAYS)]]
        rmse = [f"{100 * value**0.5:.2f}" for value in mean[len(WAYS) : 2 * len(WAYS)]]
        estimates += f"{head} {' | '.join(bias)} | {' | '.join(rmse)} |\n"
        own, simultaneous, held, size = mean[2 * len(WAYS) :]
        intervals += f"{head} {own:.1%} | {simultaneous:.1%} | {held:.1%} | {size:.1f} |\n"
    return estimates, intervals


@click.command()
@click.option("--datasets", default=2_000, show_default=True, help="Data sets per case.")
@click.option("--workers", default=2, show_default=True, help="Processes.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("docs/evidence/selection-validity.md"),
    show_default=True,
    help="Where the tables go.",
)
def main(datasets: int, workers: int, out: Path) -> None:
    """Measure what choosing the best checkpoint adds, and what is left of it after correction."""
    blocks = -(-datasets // BLOCK)
    done = blocks * BLOCK
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    totals = {}
    with (
        Progress(*columns, TimeRemainingColumn()) as progress,
        ProcessPoolExecutor(workers) as pool,
    ):
        bar = progress.add_task("simulating", total=blocks * len(CASES))
        jobs = {pool.submit(block, case, seed): case for case in CASES for seed in range(blocks)}
        totals = {case: np.zeros(2 * len(WAYS) + 4) for case in CASES}
        for job in as_completed(jobs):
            totals[jobs[job]] += job.result()
            progress.advance(bar)
    estimates, intervals = rows(totals, done)
    head = HEAD.format(
        datasets=done,
        replicates=REPLICATES,
        error=1.96 * (0.05 * 0.95 / done) ** 0.5,
        bias=" | ".join(f"bias, {way}" for way in WAYS),
        rmse=" | ".join(f"RMSE, {way}" for way in WAYS),
        rule="|".join(["--:"] * 2 * len(WAYS)),
    )
    out.write_text(head + estimates + MIDDLE + intervals)
    click.echo(f"Wrote {out}")


if __name__ == "__main__":
    main()
