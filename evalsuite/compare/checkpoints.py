"""One base and several checkpoints: compared together, and the best one chosen."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import Unpack

from saeval.errors import InputError
from saeval.evalsuite.compare.best import select_best
from saeval.evalsuite.compare.comparison import compare_planned
from saeval.evalsuite.compare.config import to_comparison_config
from saeval.evalsuite.compare.describe import Price
from saeval.evalsuite.compare.folder import write_series
from saeval.evalsuite.compare.plan import ComparisonPlan, plan_comparison
from saeval.evalsuite.compare.results import CheckpointSeries, Comparison
from saeval.evalsuite.judge.grades import Judge
from saeval.evalsuite.models.types import Model
from saeval.evalsuite.options import CompareOptions, Out, to_out
from saeval.progress import SILENT, Progress
from saeval.stats.checkpoints.results import Best, NoBestError
from saeval.stats.checkpoints.series import checkpoint_series


def compare_checkpoints(
    base: Model,
    checkpoints: Sequence[Model],
    *,
    best: str | None = None,
    aa: bool = False,
    judge: str | Judge | None = None,
    price: Price = None,
    allow_mismatch: bool = False,
    jobs: int = 1,
    out: Out = None,
    progress: Progress = SILENT,
    **options: Unpack[CompareOptions],
) -> CheckpointSeries:
    """Compare several checkpoints with one base; p values are corrected over all of them.

    Parameters
    ----------
    base, checkpoints
        As `compare` takes them. Checkpoints of one training run are put in the order of their
        steps.
    best
        Metric that the best checkpoint is chosen by, such as ``"NA recall"`` or ``"brier@fever"``.
        Without it, checkpoints of one training run are chosen from by accuracy.
    aa, judge, price, allow_mismatch, jobs, out, progress, **options
        As `compare` takes them.

    Returns
    -------
    CheckpointSeries

    Examples
    --------
    >>> series = saeval.compare_checkpoints(
    ...     "runs/base", ["runs/step-100", "runs/step-200"], best="NA recall"
    ... )                                                                 # doctest: +SKIP
    >>> series.best.chosen                                                # doctest: +SKIP
    'step-200'
    """
    if len(checkpoints) < 2:
        raise InputError("`checkpoints`: give two or more; `compare` takes one")
    config = to_comparison_config(
        options,
        aa=aa,
        judge=judge,
        price=price,
        allow_mismatch=allow_mismatch,
        best=best,
        jobs=jobs,
    )
    plan = plan_comparison(base, checkpoints, config, to_out(out), progress)
    comparisons = compare_planned(plan, keep=out is not None, progress=progress)
    chosen, notes = _choose_best(plan, comparisons, progress)
    series = CheckpointSeries.from_result(
        checkpoint_series(comparisons, plan.steps, chosen, notes), plan.folder
    )
    if out is not None:
        write_series(series, plan, progress)
    return series


def _choose_best(
    plan: ComparisonPlan, comparisons: Sequence[Comparison], progress: Progress
) -> tuple[Best | None, tuple[str, ...]]:
    """The best checkpoint, if one is to be chosen, or why none can be told."""
    if (metric := plan.selection_metric) is None:
        return None, ()
    names = [comparison.checkpoint.name for comparison in comparisons]
    if len(set(names)) < len(names):
        names = list(plan.checkpoints)
    try:
        with progress.status("statistics: the best checkpoint"):
            best = select_best(metric, dict(zip(names, comparisons, strict=True)))
    except NoBestError as error:
        return None, (f"No best checkpoint is named: {error}.",)
    return best, ()
