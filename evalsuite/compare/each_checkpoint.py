"""The numbers of a base with every checkpoint, in several processes, kept as they are done."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice

from saeval.evalsuite.compare.folder import NEEDED_BY_WORKERS
from saeval.evalsuite.compare.pairing import PredictionsByTask
from saeval.evalsuite.compare.plan import AGAIN, BASE, ComparisonPlan
from saeval.evalsuite.compare.results import ComparedPredictions, Comparison
from saeval.evalsuite.compare.statistics import (
    PreparedComparison,
    add_noise,
    prepare_comparison,
)
from saeval.evalsuite.compare.unfinished import Unfinished
from saeval.evalsuite.judge.grades import Grades
from saeval.progress import Progress, slow_steps
from saeval.stats.compare.results import TaskComparison
from saeval.workers import start_workers


def compare_each(
    plan: ComparisonPlan,
    predictions: Mapping[str, PredictionsByTask],
    grades: Grades | None,
    progress: Progress,
    unfinished: Unfinished | None = None,
) -> list[Comparison]:
    """The base with every checkpoint; with the noise of the base asked twice, if it was.

    Parameters
    ----------
    plan, predictions, grades
        What is compared, who answered what, and a judge's grades if there are any.
    progress
        Receives progress.
    unfinished
        Where what is done is kept, and what was done before is found; None for nowhere.
    """
    names = [*plan.checkpoints, *([AGAIN] if plan.config.aa else [])]
    found: dict[str, Comparison] = {}
    if unfinished is not None:
        for name in names:
            kept = unfinished.read(name, _compared(plan, name, predictions, grades))
            if kept is not None:
                found[name] = kept
    left = [name for name in names if name not in found]
    with closing(_compute(plan, left, predictions, grades, progress)) as computed:
        for name, comparison in computed:
            found[name] = comparison
            if unfinished is not None:
                unfinished.keep(name, comparison)
    comparisons = [
        replace(found[name], folder=folder) for name, folder in plan.checkpoint_folders.items()
    ]
    if not plan.config.aa:
        return comparisons
    return [add_noise(comparison, found[AGAIN]) for comparison in comparisons]


def _compute(
    plan: ComparisonPlan,
    names: Sequence[str],
    predictions: Mapping[str, PredictionsByTask],
    grades: Grades | None,
    progress: Progress,
) -> Generator[tuple[str, Comparison], None, None]:
    """With their names; each is prepared when its numbers are about to be computed."""
    prepared: deque[PreparedComparison] = deque()

    def calls() -> Iterator[Callable[[], TaskComparison]]:
        for name in names:
            prepared.append(_prepare(plan, name, predictions, grades))
            yield from prepared[-1].calls

    n_tasks = sum(len(predictions[name]) for name in names)
    with (
        start_workers(plan.config.jobs, n_tasks, NEEDED_BY_WORKERS) as workers,
        slow_steps(progress, "statistics", len(names)) as advance,
    ):
        numbers = workers(calls())
        for name in names:
            first = next(numbers)
            own = prepared.popleft()
            yield name, own.finish([first, *islice(numbers, len(own.calls) - 1)])
            advance()


def _prepare(
    plan: ComparisonPlan,
    name: str,
    predictions: Mapping[str, PredictionsByTask],
    grades: Grades | None,
) -> PreparedComparison:
    compared = _compared(plan, name, predictions, grades)
    return prepare_comparison(
        compared,
        base_model=plan.describe(BASE, compared.base),
        checkpoint_model=plan.describe(name, compared.checkpoint),
        settings=plan.config.stats,
        cautions=(*plan.cautions(name), *plan.invalid_answer_cautions(name, predictions)),
    )


def _compared(
    plan: ComparisonPlan,
    name: str,
    predictions: Mapping[str, PredictionsByTask],
    grades: Grades | None,
) -> ComparedPredictions:
    return ComparedPredictions(
        predictions[BASE],
        predictions[name],
        grades,
        plan.training.get(name),
        plan.config.allow_mismatch,
        plan.proof(BASE),
        plan.proof(name),
    )
