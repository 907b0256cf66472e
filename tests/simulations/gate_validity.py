"""Does the gate keep its promises? How often it errs, simulated with and without early stop.

Data sets are those of `tests/simulations/validity.py`: two models on the same items. Where a rule
errs most is
with the truth exactly at its limit, so each metric's limit is put where the truth is: a margin as
large as the checkpoint's true loss, a bound at its true value (from one sample of two million
items). There a PASS is an error, and so is a REGRESSION, and neither may occur in more than 5% of
the data sets. For whole policies the tables say how often an unchanged model (two exchangeable
ones) is blocked and passes, and what early stop saves.

::

    make gate-validity            # 2,000 data sets per case; writes docs/evidence/gate-validity.md
    .venv/bin/python tests/simulations/gate_validity.py --datasets 200 --out /tmp/gate-validity.md
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from gate_cases import (
    AT_THE_LIMIT,
    BLOCK,
    POLICY,
    REPLICATES,
    WHOLE,
    DataKind,
    at_the_limit,
    harmless,
    limits_block,
    policy_block,
)
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from validity import Case

from saeval.stats.gate.rules import Rule


def limits_table(
    title: str, counts: dict[object, np.ndarray], errors_at: Sequence[int]
) -> Iterator[str]:
    """Markdown rows of one kind; a star marks an error over 5% by more than chance allows.

    `errors_at` are the columns that are errors.
    """
    yield f"### {title}"
    yield ""
    yield "| rule | limit | passes | blocks | passes, early stop | blocks, early stop |"
    yield "|:--|--:|--:|--:|--:|--:|"
    for rule, (total, *errors) in counts.items():
        bound = 0.05 + 2.58 * (0.05 * 0.95 / total) ** 0.5
        cells = [
            f"{e / total:.1%}{' *' if column in errors_at and e / total > bound else ''}"
            for column, e in enumerate(errors)
        ]
        if isinstance(rule, Rule):
            name = " ".join(part for part in (rule.label, rule.metric.replace("_", " ")) if part)
            kind_of_rule = rule.kind.replace("_", " ")
            yield f"| {name}, {kind_of_rule} | {rule.limit:.3f} | {' | '.join(cells)} |"
        else:
            yield f"| **{rule}** | | {' | '.join(cells)} |"
    yield ""


HEAD = """# Validity of the gate

Made by `tests/simulations/gate_validity.py --datasets {datasets}` (`make gate-validity`):
{datasets:,}
simulated pairs of models per case, {replicates:,} bootstrap replicates each; the module's text says
how they are drawn. Monte Carlo error is about ±{error:.1%}. A star marks an error rate over 5% by
more than chance allows at 99%.

"""

EVERY, PASSES, BLOCKS = (0, 1, 2, 3), (0, 2), (1, 3)


@dataclass(frozen=True)
class Part:
    """Tables of one sort: the data sets, their rules, and which columns are errors."""

    title: str
    head: str
    kinds: tuple[DataKind, ...]
    rules: Callable[[DataKind], list[Rule]]
    errors_at: tuple[int, ...]


AT_LIMIT = Part(
    "Truth at the limit",
    """## The truth exactly at the limit

There a rule errs most: to pass is an error, and so is to be blocked. Each line holds one rule alone
to its limit, and the last line all of them at once, where *blocks* is the family-wise rate over all
rules, after Holm. A rule that is no mean over items (F1, precision, AUROC, AURC, ECE², correct if
attempted, the F-score) is tested at the full size with and without early stop.

""",
    AT_THE_LIMIT,
    at_the_limit,
    EVERY,
)
BEYOND = Part(
    "Worse than the limit",
    """## Checkpoints worse than the limit

The truth lies beyond the limit: the margin is three quarters of the true loss, the bound a tenth
off the true value. To pass is an error; to be blocked is right.

""",
    (AT_THE_LIMIT[0], AT_THE_LIMIT[2], AT_THE_LIMIT[4]),
    lambda kind: [
        *(rule for rule in at_the_limit(kind, 0.25) if rule.of_difference),
        *(rule for rule in at_the_limit(kind, 0.1) if not rule.of_difference),
    ],
    PASSES,
)
HARMLESS = Part(
    "Unchanged",
    """## Unchanged checkpoints

All true differences are 0 and every margin is 0.02. To be blocked is an error; to pass is right,
and how often it happens is the power.

""",
    (
        DataKind("1,000 items", Case("", 1000)),
        DataKind("1,000 items in 300 clusters", Case("", 1000, 300)),
        DataKind("1,000 open questions", Case("", 1000), questions=True),
    ),
    harmless,
    BLOCKS,
)

MIDDLE = """## Whole policies, and what early stop saves

The rules are the built-in ones that are means over items ({rules}), and in the last line accuracy
must improve. *Asked* is the mean share of the items that had been asked when the run stopped. An
unchanged checkpoint is one whose true differences are all 0.

| case | passes | blocked | passes, early stop | blocked, early stop | asked |
|:--|--:|--:|--:|--:|--:|
"""


@click.command()
@click.option("--datasets", default=2_000, show_default=True, help="Data sets per case.")
@click.option("--workers", default=2, show_default=True, help="Processes.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("docs/evidence/gate-validity.md"),
    show_default=True,
    help="Where the tables go.",
)
def main(datasets: int, workers: int, out: Path) -> None:
    """Measure how often the gate errs, and what early stop saves."""
    blocks = -(-datasets // BLOCK)
    done = blocks * BLOCK
    error = 1.96 * (0.05 * 0.95 / done) ** 0.5
    text = HEAD.format(datasets=done, replicates=REPLICATES, error=error)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with (
        Progress(*columns, TimeRemainingColumn()) as progress,
        ProcessPoolExecutor(workers) as pool,
    ):
        for part in (AT_LIMIT, BEYOND, HARMLESS):
            text += part.head
            for kind in part.kinds:
                rules = part.rules(kind)
                bar = progress.add_task(f"{part.title}, {kind.name}", total=blocks)
                counts: dict[object, np.ndarray] = {}
                jobs = [pool.submit(limits_block, kind, rules, seed) for seed in range(blocks)]
                for job in as_completed(jobs):
                    for rule, row in job.result().items():
                        counts[rule] = counts.get(rule, np.zeros(5)) + row
                    progress.advance(bar)
                title = f"{part.title}, {kind.name}"
                text += "\n".join(limits_table(title, counts, part.errors_at)) + "\n"
        names = ", ".join(f"{r.metric.replace('_', ' ')} {r.limit:g}" for r in POLICY)
        text += MIDDLE.format(rules=names)
        for place, (kind, _) in enumerate(WHOLE):
            bar = progress.add_task(kind.name, total=blocks)
            total = np.zeros(6)
            for job in as_completed(
                [pool.submit(policy_block, place, seed) for seed in range(blocks)]
            ):
                total += job.result()
                progress.advance(bar)
            rates = " | ".join(f"{value / total[0]:.1%}" for value in total[1:])
            text += f"| {kind.name} | {rates} |\n"
    out.write_text(text)
    click.echo(f"Wrote {out}")


if __name__ == "__main__":
    main()
