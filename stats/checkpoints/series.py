"""One base against several checkpoints, as one family of tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from saeval.stats.checkpoints.results import SERIES_SCHEMA_VERSION, Best, CheckpointSeries
from saeval.stats.compare.knowledge import with_answers
from saeval.stats.compare.results import Comparison
from saeval.stats.compare.task import adjust_family, family_size


def checkpoint_series(
    comparisons: Sequence[Comparison],
    steps: tuple[int, ...] | None = None,
    best: Best | None = None,
    notes: tuple[str, ...] = (),
) -> CheckpointSeries:
    """Put comparisons together and adjust their p values over all of them.

    Parameters
    ----------
    comparisons
        One per checkpoint.
    steps, best, notes
        As in `CheckpointSeries`.

    Raises
    ------
    ValueError
        If `comparisons` is empty, they differ in base or settings, or `steps` are not one
        ascending number each.
    """
    if not comparisons:
        raise ValueError("`comparisons` must not be empty")
    first = comparisons[0]
    if any(c.base != first.base or c.settings != first.settings for c in comparisons):
        raise ValueError("`comparisons` must have the same base and settings")
    if steps is not None:
        ascending = all(step < later for step, later in pairwise(steps))
        if len(steps) != len(comparisons) or not ascending:
            raise ValueError("`steps` must be one for each comparison, ascending")
    tasks = [task for c in comparisons for task in c.tasks]
    level, tests = first.settings.confidence_level, family_size(tasks)
    adjusted = iter(with_answers(adjust_family(tasks), level))
    return CheckpointSeries(
        schema=SERIES_SCHEMA_VERSION,
        base=first.base,
        settings=first.settings,
        comparisons=tuple(
            replace(c, tasks=tuple(next(adjusted) for _ in c.tasks), tests_in_family=tests)
            for c in comparisons
        ),
        steps=steps,
        best=best,
        notes=notes,
    )
