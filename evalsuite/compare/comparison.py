"""Base and checkpoints on the same items: ask whoever has no predictions, pair, compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from typing_extensions import Unpack

from saeval.errors import InputError
from saeval.evalsuite.compare.best import parse_selection_metric, select_best
from saeval.evalsuite.compare.describe import Price
from saeval.evalsuite.compare.folder import write_comparison, write_series
from saeval.evalsuite.compare.pairing import PredictionsByTask, TaskPredictions, pair_tasks
from saeval.evalsuite.compare.plan import (
    AGAIN,
    BASE,
    CHECKPOINT,
    ComparisonConfig,
    ComparisonPlan,
    plan_comparison,
)
from saeval.evalsuite.compare.results import CheckpointSeries, ComparedPredictions, Comparison
from saeval.evalsuite.compare.statistics import add_noise, compare_predictions
from saeval.evalsuite.engines.base import Engine
from saeval.evalsuite.judge.ask import ask_judge, check_judge
from saeval.evalsuite.judge.grades import Grades, Judge, parse_judge
from saeval.evalsuite.models.types import Model
from saeval.evalsuite.options import (
    CompareOptions,
    Out,
    to_cache,
    to_engine_config,
    to_out,
    to_run_config,
    to_stats_config,
)
from saeval.evalsuite.run.runner import Run, answer_runs, log_throughput
from saeval.evalsuite.run.tasks import LoadedTask
from saeval.evalsuite.store.prediction import Prediction, read_predictions
from saeval.evalsuite.store.run_folder import PredictionFile, lock_run_folder, read_run
from saeval.progress import SILENT, Progress
from saeval.stats.checkpoints.results import Best, NoBestError
from saeval.stats.checkpoints.series import family


class StoppingRule(Protocol):
    """Decides, while a checkpoint answers, when it has answered enough."""

    def n_next_items(
        self, task: LoadedTask, base: TaskPredictions, checkpoint: TaskPredictions
    ) -> int | None:
        """How many items of a task to ask next.

        Parameters
        ----------
        task
            The task that is asked.
        base
            All predictions of the base.
        checkpoint
            Those of the checkpoint so far.

        Returns
        -------
        int or None
            None for all that are left, 0 to stop.
        """


def compare(
    base: Model,
    checkpoint: Model,
    *,
    aa: bool = False,
    judge: str | Judge | None = None,
    price: Price = None,
    allow_mismatch: bool = False,
    out: Out = None,
    progress: Progress = SILENT,
    **options: Unpack[CompareOptions],
) -> Comparison:
    """Compare a checkpoint with its base on the same items.

    Parameters
    ----------
    base, checkpoint
        Each a model folder, a PEFT adapter folder, a hub id, a model of a server
        (``http://host:port/v1#model``), a run folder, ``baseline:NAME``, files of predictions, or
        predictions as `run` and `read_predictions` return them.
    aa
        Whether the base is asked twice, so that every difference stands beside that of the base
        from itself.
    judge
        A model of a server that grades answers to open questions in place of the default grader.
    price
        Of a million tokens read and written, for the report.
    allow_mismatch
        Compare what was asked differently: prompts, documents, settings (never targets).
    out
        Folder for predictions and reports; what is unfinished there is resumed. ``"auto"`` is a
        folder under ``saeval-runs/`` that is named after the models. With None no reports are
        written, and only a model that is asked leaves its answers under ``saeval-runs/``.
    progress
        Is told how far it is; nobody by default.
    **options
        What is asked of a model without predictions (``tasks``, ``limit``, ``per_label``, ``seed``,
        … or ``run_config=``: see `RunConfig`), how it is run (``engine``, ``device``, … or
        ``engine_config=``: see `EngineConfig`), ``cache`` (folder of answers kept across runs) and
        statistics (``confidence_level``, ``n_resamples`` or ``stats_config=``: see `StatsConfig`).
        With predictions, ``tasks`` chooses among those that are there.

    Returns
    -------
    Comparison

    Raises
    ------
    SaevalError
        Where anything is not as it should be: a subclass says what, and what to do.

    Examples
    --------
    >>> comparison = saeval.compare("base.jsonl", "checkpoint.jsonl")     # doctest: +SKIP
    >>> comparison["fever"]["accuracy"].difference                        # doctest: +SKIP
    0.031
    >>> saeval.compare(
    ...     "Qwen/Qwen3-8B", "./checkpoint", tasks=["fever", "vitaminc"], limit=500
    ... )                                                                 # doctest: +SKIP
    """
    config = _to_config(
        options, aa=aa, judge=judge, price=price, allow_mismatch=allow_mismatch, best=None
    )
    plan = plan_comparison(base, [checkpoint], config, to_out(out))
    (comparison,) = compare_planned(plan, progress=progress)
    if out is not None:
        write_comparison(comparison, plan, progress)
    return comparison


def compare_checkpoints(
    base: Model,
    checkpoints: Sequence[Model],
    *,
    best: str | None = None,
    aa: bool = False,
    judge: str | Judge | None = None,
    price: Price = None,
    allow_mismatch: bool = False,
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
    aa, judge, price, allow_mismatch, out, progress, **options
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
    config = _to_config(
        options, aa=aa, judge=judge, price=price, allow_mismatch=allow_mismatch, best=best
    )
    plan = plan_comparison(base, checkpoints, config, to_out(out))
    comparisons = compare_planned(plan, progress=progress)
    chosen, notes = _choose_best(plan, comparisons, progress)
    series = CheckpointSeries.from_result(
        family(comparisons, plan.steps, chosen, notes), plan.folder
    )
    if out is not None:
        write_series(series, plan, progress)
    return series


def _to_config(
    options: CompareOptions,
    *,
    best: str | None,
    judge: str | Judge | None,
    aa: bool,
    price: Price,
    allow_mismatch: bool,
) -> ComparisonConfig:
    run = to_run_config(options)
    grader = parse_judge(judge) if isinstance(judge, str) else judge
    stats = to_stats_config(options, run.seed)
    return ComparisonConfig(
        run=run,
        engine=to_engine_config(options),
        stats=stats if grader is None else replace(stats, judge=grader.description),
        judge=grader,
        best=None if best is None else parse_selection_metric(best),
        aa=aa,
        allow_mismatch=allow_mismatch,
        price=price,
        cache=to_cache(options),
    )


def compare_planned(
    plan: ComparisonPlan,
    *,
    stopping_rule: StoppingRule | None = None,
    progress: Progress = SILENT,
) -> list[Comparison]:
    """Ask whoever has no predictions, let the judge grade, and compare.

    Parameters
    ----------
    plan
        What is compared with what.
    stopping_rule
        Where there is one checkpoint: when it has answered enough.
    progress
        Is told how far it is.
    """
    judge = plan.config.judge
    if not plan.to_ask:
        # What is wrong with the predictions shows before anything is written or a judge is paid.
        if judge is None:
            return _compare_all(plan, plan.existing, None, progress)
        _pair_all(plan, plan.existing)
    elif judge is not None:
        check_judge(judge, plan.folder, plan.config.cache, plan.config.engine.server)
    predictions, grades = dict(plan.existing), None
    with lock_run_folder(plan.folder, plan.manifest):
        if plan.to_ask:
            predictions |= _ask_models(plan, stopping_rule, progress)
        if judge is not None:
            grades = ask_judge(
                judge,
                _pair_all(plan, predictions),
                plan.folder,
                plan.config.cache,
                plan.config.engine.server,
                progress,
            )
    return _compare_all(plan, predictions, grades, progress)


def _ask_models(
    plan: ComparisonPlan, stopping_rule: StoppingRule | None, progress: Progress
) -> dict[str, PredictionsByTask]:
    """The predictions of whoever had none, by name."""
    runs = {
        name: Run(model, plan.run_folder(name), plan.loaded_tasks, plan.config.run)
        for name, model in plan.to_ask.items()
    }
    if plan.config.aa:
        runs[AGAIN] = replace(runs[BASE], folder=plan.run_folder(AGAIN), again=True)
    if stopping_rule is not None and CHECKPOINT in runs:
        n_next_items = partial(_n_next_items, plan, stopping_rule)
        runs[CHECKPOINT] = replace(runs[CHECKPOINT], n_next_items=n_next_items)

    def check_prompts(engine: Engine) -> None:
        for existing in plan.to_check:
            existing.check_prompts(plan.loaded_tasks, plan.config.run, engine.chat_template)

    answer_runs(
        list(runs.values()),
        plan.config.engine,
        progress,
        cache=plan.config.cache,
        on_engine=check_prompts,
    )
    predictions: dict[str, PredictionsByTask] = {}
    for name, run in runs.items():
        if stopping_rule is not None and name == CHECKPOINT:
            predictions[name] = _read_answered(plan, run.folder)
        else:
            predictions[name] = plan.select(read_run(run.folder).predictions, name)
        log_throughput(run, progress)
    return predictions


def _n_next_items(
    plan: ComparisonPlan, stopping_rule: StoppingRule, task: LoadedTask
) -> int | None:
    base = plan.existing.get(BASE)
    return stopping_rule.n_next_items(
        task,
        _read_task(plan.run_folder(BASE), task.name) if base is None else base[task.name],
        _read_task(plan.run_folder(CHECKPOINT), task.name),
    )


def _read_answered(plan: ComparisonPlan, folder: Path) -> PredictionsByTask:
    """What a run that may have been stopped has answered, of the tasks that it got to."""
    predictions = {task.name: _read_task(folder, task.name) for task in plan.loaded_tasks}
    return {name: items for name, items in predictions.items() if items}


def _read_task(folder: Path, task: str) -> TaskPredictions:
    path = PredictionFile(folder, task).path
    return {p.key: p for p in read_predictions(path)} if path.is_file() else {}


def _pair_all(
    plan: ComparisonPlan, predictions: Mapping[str, PredictionsByTask]
) -> list[Prediction]:
    """All paired predictions; stops where two models were not asked the same."""
    paired = [
        pairs
        for name in predictions
        if name != BASE
        for pairs in pair_tasks(
            predictions[BASE], predictions[name], allow_mismatch=plan.config.allow_mismatch
        )
    ]
    return [p for pairs in paired for p in (*pairs.base, *pairs.checkpoint)]


def _compare_all(
    plan: ComparisonPlan,
    predictions: Mapping[str, PredictionsByTask],
    grades: Grades | None,
    progress: Progress,
) -> list[Comparison]:
    """The base with every checkpoint; with the noise of the base asked twice, if it was."""
    comparisons = [
        replace(_compare(plan, name, predictions, grades, progress), folder=folder)
        for name, folder in plan.checkpoint_folders.items()
    ]
    if not plan.config.aa:
        return comparisons
    again = _compare(plan, AGAIN, predictions, grades, progress)
    return [add_noise(comparison, again) for comparison in comparisons]


def _compare(
    plan: ComparisonPlan,
    name: str,
    predictions: Mapping[str, PredictionsByTask],
    grades: Grades | None,
    progress: Progress,
) -> Comparison:
    compared = ComparedPredictions(
        predictions[BASE],
        predictions[name],
        grades,
        plan.training.get(name),
        plan.config.allow_mismatch,
    )
    return compare_predictions(
        compared,
        base_model=plan.describe(BASE, compared.base),
        checkpoint_model=plan.describe(name, compared.checkpoint),
        settings=plan.config.stats,
        cautions=plan.cautions(name),
        progress=progress,
    )


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
