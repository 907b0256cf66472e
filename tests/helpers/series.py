"""Several checkpoints of one run, for tests of reports."""

from __future__ import annotations

from dataclasses import replace

from comparisons import comparison, task, with_row

from saeval.stats._core.interval import Interval
from saeval.stats.checkpoints.results import Best, Candidate, CheckpointSeries
from saeval.stats.checkpoints.series import checkpoint_series
from saeval.stats.compare.results import ModelDescription

HOSTILE = "<script>alert(1)</script> [red]x[/red] =1+1 | a"


def of_a_run() -> CheckpointSeries:
    """Three checkpoints whose accuracy rises, the best one named, with hostile names."""
    found = []
    for step, gain in ((10, 0.0), (200, 0.2), (3000, 0.3)):
        one = task()
        p, limits = (0.001, (gain - 0.1, gain + 0.1)) if gain else (1.0, (-0.1, 0.1))
        one = with_row(one, "accuracy", values=(0.5, 0.5 + gain), limits=limits, p=p)
        name = f"step-{step} {HOSTILE}"
        model = ModelDescription(name, name, {})
        found.append(replace(comparison(one), checkpoint=model))
    candidates = tuple(
        Candidate(c.checkpoint.name, 0.5 + gain, gain, Interval(gain - 0.1, gain + 0.1, "x"), s, m)
        for c, gain, s, m in zip(
            found, (0.0, 0.2, 0.3), (0.0, 0.1, 0.9), (False, True, True), strict=True
        )
    )
    best = Best(
        "accuracy", None, True, ("fever",), 300, 0.95, 200, 0.5, candidates[2].name, 0.3, 0.29,
        candidates[2].interval, candidates, (),
    )  # fmt: skip
    return replace(
        checkpoint_series(found, (10, 200, 3000)),
        comparisons=tuple(found),
        best=best,
        notes=(HOSTILE,),
    )
