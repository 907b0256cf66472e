"""Do the default tests and intervals keep their promises? Type I error and coverage, simulated.

Every data set is two models on the same items: an item's difficulty (and its cluster's) is shared,
each model adds noise of its own, states one of nine levels of confidence and sometimes gives an
answer that cannot be read. Under ``null`` the two models are exchangeable, so every true
difference is 0 and a p below .05 is an error. Under ``effect`` the checkpoint is better and better
calibrated; the true differences come from one sample of four million items.

::

    make validity                 # 20,000 data sets per case; writes docs/evidence/validity.md
    .venv/bin/python tests/simulations/validity.py --datasets 500 --out /tmp/validity.md
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import click
import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from saeval.stats._core.answers import Answers, PairedAnswers, paired_answers
from saeval.stats.bootstrap.paired import paired_bootstrap
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.metric_table import metric_rows
from saeval.stats.metrics.aurc import aurc

LABELS = ("PASS", "FAIL", "NA")
LEVELS = np.array([0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0])
REPLICATES = 1000
BLOCK = 100
SETTINGS = StatsConfig(confidence_level=0.95, n_resamples=REPLICATES, seed=0)

AURC = ("aurc", None)
METRICS = (
    ("accuracy", None),
    ("macro_f1", None),
    ("recall", "NA"),
    ("precision", "NA"),
    ("f1", "NA"),
    ("abstention_rate", None),
    ("false_abstention_rate", None),
    ("invalid_rate", None),
    ("auroc", None),
    ("brier", None),
    ("ece_squared_debiased", None),
    AURC,
    ("confidence_mean", None),
    ("confidence_std", None),
)


@dataclass(frozen=True)
class Case:
    """One kind of data set; `clusters` of 0 means independent items."""

    name: str
    items: int
    clusters: int = 0
    effect: bool = False
    na_share: float = 1 / 3
    invalid: float = 0.03


CASES = (
    Case("null, n = 200", 200),
    Case("null, n = 1000", 1000),
    Case("effect, n = 1000", 1000, effect=True),
    Case("null, n = 1000, 5% NA, 10% invalid", 1000, na_share=0.05, invalid=0.10),
    Case("null, n = 1000 in 300 clusters", 1000, clusters=300),
    Case("effect, n = 1000 in 300 clusters", 1000, clusters=300, effect=True),
    Case("null, n = 1000 in 50 clusters", 1000, clusters=50),
)


def draw(case: Case, rng: np.random.Generator, items: int | None = None) -> PairedAnswers:
    """One data set of a case."""
    n = items or case.items
    shares = [(1 - case.na_share) / 2] * 2 + [case.na_share]
    cluster, shared = None, np.zeros(n)
    if case.clusters:
        groups = case.clusters if items is None else max(1, n * case.clusters // case.items)
        cluster = rng.integers(0, groups, n)
        shared = rng.normal(0, 0.7, groups)[cluster]
    target = rng.choice(3, n, p=shares)
    difficulty = rng.normal(0, 1, n) + shared

    def answers(*, better: bool) -> Answers:
        strength = 0.45 + 0.15 * better - difficulty + rng.normal(0, 0.6, n)
        wrong = (target + rng.integers(1, 3, n)) % 3
        predicted = np.where(strength > 0, target, wrong)
        predicted[rng.random(n) < case.invalid * (0.5 if better else 1)] = 3
        feeling = (0.5 + 0.4 * better) * strength + rng.normal(0, 1, n) + shared / 2
        level = np.clip(np.rint(5.5 + 1.5 * feeling).astype(int), 0, len(LEVELS) - 1)
        confidence = np.where(predicted == 3, np.nan, LEVELS[level])
        return Answers(predicted, confidence)

    base = answers(better=False)
    return paired_answers(LABELS, "NA", target, base, answers(better=case.effect), cluster)


@cache
def truth(case: Case) -> dict[tuple[str, str | None], float]:
    """The true differences: 0 under the null, else from a large sample."""
    if not case.effect:
        return dict.fromkeys(METRICS, 0.0)
    pairs = replace(draw(case, np.random.default_rng(1), 4_000_000), cluster=None)
    found = paired_bootstrap(pairs, n_resamples=1)
    differences = {
        key: float(found.checkpoint[key][0] - found.base[key][0]) for key in METRICS if key != AURC
    }
    stated = pairs.both_confident
    after = aurc(pairs.checkpoint_correct[stated], pairs.checkpoint.confidence[stated])
    return {
        **differences,
        AURC: after - aurc(pairs.base_correct[stated], pairs.base.confidence[stated]),
    }


def block(case: Case, seed: int) -> dict[tuple[str, str | None], list[int]]:
    """Over `BLOCK` data sets: how many had a result, a p below .05, an interval with the truth."""
    counts: dict[tuple[str, str | None], list[int]] = defaultdict(lambda: [0, 0, 0])
    true = truth(case)
    for number in range(BLOCK):
        rng = np.random.default_rng([seed, number, case.items, case.clusters])
        pairs = draw(case, rng)
        bootstrap = paired_bootstrap(pairs, n_resamples=REPLICATES, rng=rng)
        for row in metric_rows(pairs, bootstrap, SETTINGS, rng):
            key, limits = (row.metric, row.label), row.confidence_interval
            if key in true and row.pvalue is not None and limits is not None:
                counts[key][0] += 1
                counts[key][1] += row.pvalue < 0.05
                counts[key][2] += limits.low <= true[key] <= limits.high
    return dict(counts)


def table(case: Case, counts: dict[tuple[str, str | None], list[int]]) -> Iterator[str]:
    """Markdown rows of one case; a star marks what lies outside the bands."""
    heading = "power at 5%" if case.effect else "type I error at 5%"
    yield f"### {case.name}"
    yield ""
    yield f"| metric | {heading} | coverage of 95% | data sets |"
    yield "|:--|--:|--:|--:|"
    lowest = 0.045 if case.items >= 1000 else 0.04
    for key in METRICS:
        total, rejected, covered = counts.get(key, [0, 0, 0])
        if not total:
            continue
        name = " ".join(part for part in (key[1], key[0].replace("_", " ")) if part)
        error, coverage = rejected / total, covered / total
        outside = "" if case.effect or lowest <= error <= 0.055 else " *"
        missed = "" if 0.94 <= coverage <= 0.96 else " *"
        yield f"| {name} | {error:.2%}{outside} | {coverage:.2%}{missed} | {total:,} |"
    yield ""


@click.command()
@click.option("--datasets", default=20_000, show_default=True, help="Data sets per case.")
@click.option("--workers", default=2, show_default=True, help="Processes.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("docs/evidence/validity.md"),
    show_default=True,
    help="Where the table goes.",
)
def main(datasets: int, workers: int, out: Path) -> None:
    """Measure type I error and coverage of every default method."""
    blocks = -(-datasets // BLOCK)
    lines = [
        "# Validity of the default tests and intervals",
        "",
        f"Made by `tests/simulations/validity.py --datasets {datasets}` (`make validity`): "
        f"{blocks * BLOCK:,} simulated paired data sets per case, {REPLICATES:,} bootstrap "
        "replicates and permutations each; the module's text says how they are drawn. "
        f"Monte Carlo error is about ±{1.96 * (0.05 * 0.95 / (blocks * BLOCK)) ** 0.5:.2%}. "
        "A star marks a type I error outside 4.5–5.5% "
        "(4.0–5.5% at n = 200) or a coverage outside 94–96%.",
        "",
    ]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with (
        Progress(*columns, TimeRemainingColumn()) as progress,
        ProcessPoolExecutor(workers) as pool,
    ):
        for case in CASES:
            bar = progress.add_task(case.name, total=blocks)
            total: dict[tuple[str, str | None], list[int]] = defaultdict(lambda: [0, 0, 0])
            for done in as_completed([pool.submit(block, case, seed) for seed in range(blocks)]):
                for key, counts in done.result().items():
                    total[key] = [a + b for a, b in zip(total[key], counts, strict=True)]
                progress.advance(bar)
            lines += table(case, total)
            out.write_text("\n".join(lines))
    click.echo(f"Wrote {out}")


if __name__ == "__main__":
    main()
