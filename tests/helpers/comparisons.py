"""Small comparisons, made by `stats` and then bent to the case that a test is about."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from saeval.stats._core.answers import Answers, PairedAnswers, paired_answers
from saeval.stats._core.interval import Interval
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.knowledge import with_answers
from saeval.stats.compare.published import PublishedAnswers, published_convention
from saeval.stats.compare.results import (
    SCHEMA_VERSION,
    ChangedItem,
    Comparison,
    ModelDescription,
    TaskComparison,
)
from saeval.stats.compare.task import adjust_family, compare_task, family_size

LABELS = ("PASS", "FAIL", "NA")
SETTINGS = StatsConfig(confidence_level=0.95, n_resamples=200, seed=0)
HOSTILE = (
    "<script>alert(1)</script> [red]x[/red] **b** | c\nsecond `line` \x1b[31m\x00 \ud800 "
    "\u202e @someone #1 https://evil.example $x$ '\" &amp; ]]> --> :smile:"
)


def simulated(n: int = 300, seed: int = 1, *, confident: bool = True) -> PairedAnswers:
    """Two models of the same quality; about one answer in twenty is unreadable."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 3, n)

    def answers() -> Answers:
        predicted = np.where(rng.random(n) < 0.6, target, rng.integers(0, 3, n))
        predicted[rng.random(n) < 0.05] = 3
        confidence = rng.choice([0.5, 0.65, 0.8, 0.9, 0.95], n)
        confidence[predicted == 3] = np.nan
        return Answers(predicted, confidence if confident else np.full(n, np.nan))

    return paired_answers(LABELS, "NA", target, answers(), answers())


@cache
def _ordinary() -> TaskComparison:
    return _compare(simulated())


def _compare(pairs: PairedAnswers) -> TaskComparison:
    return adjust_family([compare_task("seeded by this", pairs, SETTINGS)])[0]


def task(name: str = "fever", pairs: PairedAnswers | None = None, **parts: Any) -> TaskComparison:
    """A task with Holm's p as if it were the only one."""
    return replace(_ordinary() if pairs is None else _compare(pairs), task=name, **parts)


def comparison(*tasks: TaskComparison, pooled: TaskComparison | None = None) -> Comparison:
    return Comparison(
        schema=SCHEMA_VERSION,
        saeval_version="0.1.0",
        base=ModelDescription("small", "hub/small", {"engine": "hf"}),
        checkpoint=ModelDescription("small-grpo", "runs/7", {}),
        settings=SETTINGS,
        tests_in_family=family_size(tasks or (task(),)),
        tasks=with_answers(tasks or (task(),), SETTINGS.confidence_level),
        pooled=pooled,
        warnings=(),
    )


def with_row(
    found: TaskComparison,
    metric: str,
    label: str | None = None,
    *,
    values: tuple[float, float],
    limits: tuple[float, float] | None,
    p: float | None,
) -> TaskComparison:
    """The task with one metric set: base and checkpoint, interval of the difference, Holm's p."""
    row = found.metric(metric, label)
    changed = replace(
        row,
        base=values[0],
        checkpoint=values[1],
        difference=values[1] - values[0],
        confidence_interval=None if limits is None else Interval(*limits, "percentile-bootstrap"),
        pvalue=p,
        pvalue_holm=p,
        equivalence=None,  # which its interval then stands for
    )
    rows = tuple(changed if other is row else other for other in found.metrics)
    return replace(found, metrics=rows)


def quiet(found: TaskComparison) -> TaskComparison:
    """The task with every headline difference within narrow noise."""
    for row in found.metrics:
        if row.headline:
            found = with_row(
                found, row.metric, row.label, values=(0.5, 0.5001), limits=(-0.02, 0.02), p=1.0
            )
    return found


def with_treatments(found: TaskComparison, *changes: tuple[float, float, float]) -> TaskComparison:
    """Difference, low and high for: wrong, valid on both sides, as abstention."""
    return replace(
        found,
        invalid_treatments=tuple(
            replace(old, difference=change, interval=Interval(low, high, "tango-score"))
            for old, (change, low, high) in zip(found.invalid_treatments, changes, strict=True)
        ),
    )


def hostile_comparison() -> Comparison:
    """Every text that a model, a data set or a user can choose is hostile."""
    pairs = simulated(40)
    predicted = pairs.target, np.roll(pairs.target, 1)
    published = published_convention(
        LABELS,
        "NA",
        pairs.target,
        *(PublishedAnswers(side, np.full(40, 0.5), np.arange(40) % 5 > 0) for side in predicted),
        own_reading=True,
        invalid_here=(1, 2),
        n_resamples=50,
        rng=np.random.default_rng(0),
    )
    published = replace(published, source=HOSTILE)
    flip = ChangedItem(
        item_id=f"=cmd()|{HOSTILE}",
        target="NA",
        base_label="NA",
        checkpoint_label="PASS",
        base_confidence=0.5,
        checkpoint_confidence=None,
        claim=HOSTILE,
        evidence=(HOSTILE, ""),
        base_response=HOSTILE * 40,
        checkpoint_response="",
    )
    found = task(
        "=cmd()|" + HOSTILE, pairs, changed_items=(flip,), n_changed_items=9, published=published
    )
    found = replace(found, warnings=(HOSTILE,))
    model = ModelDescription(HOSTILE, HOSTILE, {HOSTILE: HOSTILE})
    return replace(comparison(found), base=model, checkpoint=model, warnings=(HOSTILE,))


def bare_comparison() -> Comparison:
    """One item, no confidences, and no value where the contract allows None."""
    one = paired_answers(
        LABELS,
        "NA",
        np.array([0]),
        Answers(np.array([3]), np.array([np.nan])),
        Answers(np.array([0]), np.array([np.nan])),
    )
    found = task("tiny", one)
    rows = tuple(
        replace(
            row,
            base=None,
            checkpoint=None,
            difference=None,
            base_interval=None,
            checkpoint_interval=None,
            confidence_interval=None,
            pvalue=None,
            method=None,
            pvalue_holm=None,
            pvalue_bh=None,
        )
        for row in found.metrics
    )
    treatments = tuple(
        replace(t, base=None, checkpoint=None, difference=None, interval=None)
        for t in found.invalid_treatments
    )
    assert found.transitions is not None
    rate = replace(found.transitions.negative_flip_rate, value=None, interval=None)
    transitions = replace(found.transitions, negative_flip_rate=rate, positive_flip_rate=rate)
    return comparison(
        replace(found, metrics=rows, invalid_treatments=treatments, transitions=transitions)
    )


def identical_comparison() -> Comparison:
    pairs = simulated()
    same = paired_answers(LABELS, "NA", pairs.target, pairs.base, pairs.base)
    return comparison(task("fever", same), task("vitaminc", same), pooled=task("pooled", same))


def one_item_comparison() -> Comparison:
    answers = Answers(np.array([2]), np.array([0.9]))
    pairs = paired_answers(
        LABELS, "NA", np.array([2]), Answers(np.array([0]), np.array([0.5])), answers
    )
    return comparison(task("one", pairs))


EVERY_CASE = {
    name: cache(make)
    for name, make in {
        "ordinary": comparison,
        "several": lambda: comparison(
            task("a"), task("b", simulated(250, 2)), pooled=task("pooled")
        ),
        "hostile": hostile_comparison,
        "bare": bare_comparison,
        "identical": identical_comparison,
        "one item": one_item_comparison,
        "no confidences": lambda: comparison(task("t", simulated(confident=False))),
    }.items()
}
