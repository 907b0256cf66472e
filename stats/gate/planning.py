"""What a gate would say of more items, or fewer: by simulation from a finished comparison."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from saeval.stats._core import arrays as check
from saeval.stats._core.answers import PairedAnswers
from saeval.stats.gate.decide import GatedTask, decide_rules, overall_verdict
from saeval.stats.gate.results import Verdict
from saeval.stats.gate.rules import Rule

VERDICTS: tuple[Verdict, ...] = ("PASS", "REGRESSION", "INCONCLUSIVE")


@dataclass(frozen=True)
class RuleChances:
    """How often each verdict is given of one rule of a task."""

    task: str
    rule: Rule
    chances: dict[Verdict, float]


@dataclass(frozen=True)
class GateChances:
    """How often a gate says PASS, REGRESSION and INCONCLUSIVE.

    Attributes
    ----------
    items
        Items of each task in the simulated gates, by its name.
    chances
        Of the overall verdict; they sum to 1.
    rules
        Of every rule.
    simulations
        Number of simulated gates; a chance c has a standard error of √(c(1 − c)/simulations).
    """

    items: dict[str, int]
    chances: dict[Verdict, float]
    rules: tuple[RuleChances, ...]
    simulations: int


def simulate_verdicts(
    tasks: Sequence[GatedTask],
    *,
    items: int | None = None,
    confidence_level: float = 0.95,
    simulations: int = 200,
    n_resamples: int = 1000,
    seed: int = 0,
) -> GateChances:
    """How likely each verdict is with so many items, were the answers at hand the truth.

    Parameters
    ----------
    tasks
        Tasks with their answers and rules, of a finished comparison.
    items
        Items of each task; None for as many as there are.
    confidence_level, n_resamples
        As `decide_rules`.
    simulations
        Number of gates to simulate.
    seed
        Of the resamples.

    Returns
    -------
    GateChances

    Raises
    ------
    ValueError
        If a task has no answers, or a number is not positive.

    Notes
    -----
    Items, or clusters whole, are drawn with replacement, and `decide_rules` is applied to what was
    drawn. What holds of these answers is taken for the truth: a gain that was luck makes PASS look
    likelier than it is.
    """
    check.whole("simulations", simulations, 1)
    if items is not None:
        check.whole("items", items, 1)
    rng = np.random.default_rng(seed)
    overall: Counter[Verdict] = Counter()
    of_rule: Counter[tuple[int, Verdict]] = Counter()
    for number in range(simulations):
        drawn = [_drawn(task, items, rng) for task in tasks]
        results = decide_rules(
            drawn, confidence_level=confidence_level, n_resamples=n_resamples, seed=number
        )
        overall[overall_verdict(results)] += 1
        of_rule.update((place, result.verdict) for place, result in enumerate(results))
    rules = [(task.task, rule) for task in tasks for rule in task.rules]
    return GateChances(
        items={task.task: items or _size(task) for task in tasks},
        chances={verdict: overall[verdict] / simulations for verdict in VERDICTS},
        rules=tuple(
            RuleChances(
                task, rule, {verdict: of_rule[place, verdict] / simulations for verdict in VERDICTS}
            )
            for place, (task, rule) in enumerate(rules)
        ),
        simulations=simulations,
    )


def _size(task: GatedTask) -> int:
    return 0 if task.pairs is None else len(task.pairs)


def _drawn(task: GatedTask, items: int | None, rng: np.random.Generator) -> GatedTask:
    if task.pairs is None:
        raise ValueError(f"`tasks` must have answers, and {task.task!r} has none")
    if task.pairs.count is not None:
        raise ValueError(f"`tasks` must have a row for each item, and {task.task!r} has counts")
    pairs = _resample(task.pairs, items or len(task.pairs), rng)
    return replace(task, pairs=pairs, planned=len(pairs), decisions={})


def _resample(pairs: PairedAnswers, items: int, rng: np.random.Generator) -> PairedAnswers:
    """Items drawn with replacement, or clusters whole, each draw a cluster of its own."""
    if pairs.cluster is None:
        return pairs.subset(rng.integers(0, len(pairs), items))
    order = np.argsort(pairs.cluster, kind="stable")
    _, first, sizes = np.unique(pairs.cluster[order], return_index=True, return_counts=True)
    drawn = rng.integers(0, len(sizes), max(1, round(items * len(sizes) / len(pairs))))
    place = np.repeat(first[drawn], sizes[drawn])
    within = np.arange(len(place)) - np.repeat(np.cumsum(sizes[drawn]) - sizes[drawn], sizes[drawn])
    chosen = pairs.subset(order[place + within])
    return replace(chosen, cluster=np.repeat(np.arange(len(drawn)), sizes[drawn]))
