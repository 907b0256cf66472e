"""Base and checkpoints on the same items: ask whoever has no predictions, pair, compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from typing_extensions import Unpack

from saeval.evalsuite.compare.cautions import checksum_notes, import_notes
from saeval.evalsuite.compare.config import to_comparison_config
from saeval.evalsuite.compare.describe import Price
from saeval.evalsuite.compare.each_checkpoint import compare_each
from saeval.evalsuite.compare.folder import write_comparison
from saeval.evalsuite.compare.pairing import PredictionsByTask, TaskPredictions, pair_tasks
from saeval.evalsuite.compare.plan import (
    AGAIN,
    BASE,
    CHECKPOINT,
    ComparisonPlan,
    plan_comparison,
)
from saeval.evalsuite.compare.results import Comparison
from saeval.evalsuite.compare.unfinished import Unfinished
from saeval.evalsuite.engines.base import Engine
from saeval.evalsuite.judge.grades import Judge
from saeval.evalsuite.models.types import Model
from saeval.evalsuite.options import (
    CompareOptions,
    Out,
    to_out,
)
from saeval.evalsuite.run.runner import Run, answer_runs, log_throughput
from saeval.evalsuite.run.tasks import LoadedTask
from saeval.evalsuite.store.prediction import Prediction
from saeval.evalsuite.store.run_files import read_answers
from saeval.evalsuite.store.run_folder import lock_run_folder, read_run
from saeval.extras import require_extra
from saeval.progress import SILENT, Progress


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
    jobs: int = 1,
    out: Out = None,
    progress: Progress = SILENT,
    **options: Unpack[CompareOptions],
) -> Comparison:
    """Compare a checkpoint with its base on the same items.

    Parameters
    ----------
    base, checkpoint
        Each a model folder, a PEFT adapter folder, a hub id, a model of a server
        (``http://host:port/v1#model``), a run folder, ``baseline:NAME``, a run or baseline of
        a server of the record (``URL/runs/ID``, ``URL/baselines/NAME``), files of predictions, or
        predictions as `run` and `read_predictions` return them.
    aa
        Ask the base twice, and report beside every difference how far the base differs from
        itself.
    judge
        Model of a server that grades open questions in place of the default grader.
    price
        Prices of a million tokens read and written, for the report.
    allow_mismatch
        Compare in spite of different prompts, documents or settings (never targets).
    jobs
        The most processes that statistics and reports are made in, where there is enough for
        several. No number depends on it. A script that gives more than 1 must begin under
        ``if __name__ == "__main__":``, since each process imports it.
    out
        Folder for predictions and reports; an unfinished one is resumed. ``"auto"`` names a folder
        under ``saeval-runs/`` after the models. With None no reports are written; the answers of a
        model that is asked are kept under ``saeval-runs/`` all the same.
    progress
        Receives progress; silent by default.
    **options
        What is asked of a model without predictions (``tasks``, ``limit``, ``per_label``, ``seed``,
        … or ``run_config=``: see `RunConfig`), how it is run (``engine``, ``device``, … or
        ``engine_config=``: see `EngineConfig`), ``cache`` (folder of answers kept across runs),
        ``file_format`` (``"parquet"`` for the answers of finished tasks) and statistics
        (``confidence_level``, ``n_resamples``, ``equivalence_margin`` or ``stats_config=``: see
        `StatsConfig`).
        With predictions, ``tasks`` chooses among those that are there.

    Returns
    -------
    Comparison

    Raises
    ------
    SaevalError
        A subclass for each kind of mistake; the message says what is wrong and what to do.

    Examples
    --------
    >>> comparison = saeval.compare("base.jsonl", "checkpoint.jsonl")     # doctest: +SKIP
    >>> comparison["fever"]["accuracy"].difference                        # doctest: +SKIP
    0.031
    >>> saeval.compare(
    ...     "Qwen/Qwen3-8B", "./checkpoint", tasks=["fever", "vitaminc"], limit=500
    ... )                                                                 # doctest: +SKIP
    """
    config = to_comparison_config(
        options,
        aa=aa,
        judge=judge,
        price=price,
        allow_mismatch=allow_mismatch,
        best=None,
        jobs=jobs,
    )
    plan = plan_comparison(base, [checkpoint], config, to_out(out), progress)
    (comparison,) = compare_planned(plan, progress=progress)
    if out is not None:
        write_comparison(comparison, plan, progress)
    return comparison


def compare_planned(
    plan: ComparisonPlan,
    *,
    stopping_rule: StoppingRule | None = None,
    keep: bool = False,
    progress: Progress = SILENT,
) -> list[Comparison]:
    """Ask whoever has no predictions, let the judge grade, and compare.

    Parameters
    ----------
    plan
        What is compared with what.
    stopping_rule
        Where there is one checkpoint: when it has answered enough.
    keep
        Whether each of several comparisons of saved predictions is written when it is done, so that
        what ends on the way goes on from there.
    progress
        Receives progress.
    """
    models = (plan.base, *plan.checkpoints.values())
    for note in (*checksum_notes(models), *import_notes(models)):
        progress.log(note)
    judge = plan.config.judge
    if judge is not None:
        require_extra("run", "openai", "tenacity")
    if not plan.to_ask:
        # What is wrong with the predictions shows before anything is written or a judge is paid.
        if judge is None and not keep:
            return compare_each(plan, plan.existing, None, progress)
        if judge is None:
            return _compare_and_keep(plan, progress)
        _pair_all(plan, plan.existing)
    elif judge is not None:
        from saeval.evalsuite.judge.ask import check_judge

        check_judge(judge, plan.folder, plan.config.cache, plan.config.engine.server)
    predictions, grades = dict(plan.existing), None
    with lock_run_folder(plan.folder, plan.manifest):
        if plan.to_ask:
            predictions |= _ask_models(plan, stopping_rule, progress)
        if judge is not None:
            from saeval.evalsuite.judge.ask import ask_judge

            grades = ask_judge(
                judge,
                _pair_all(plan, predictions),
                plan.folder,
                plan.config.cache,
                plan.config.engine.server,
                progress,
            )
    return compare_each(plan, predictions, grades, progress)


def _compare_and_keep(plan: ComparisonPlan, progress: Progress) -> list[Comparison]:
    """The base with every checkpoint that it was not compared with before."""
    for name in plan.checkpoints:
        pair_tasks(
            plan.existing[BASE], plan.existing[name], allow_mismatch=plan.config.allow_mismatch
        )
    with lock_run_folder(plan.folder, plan.manifest):
        unfinished = Unfinished.of(plan)
        if unfinished.compared:
            progress.log(
                f"{plan.folder}: {len(unfinished.compared)} of {len(plan.checkpoints)} checkpoints "
                "were compared before, and are kept"
            )
        return compare_each(plan, plan.existing, None, progress, unfinished)


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
        file_format=plan.config.file_format,
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
        read_answers(plan.run_folder(BASE), task.name) if base is None else base[task.name],
        read_answers(plan.run_folder(CHECKPOINT), task.name),
    )


def _read_answered(plan: ComparisonPlan, folder: Path) -> PredictionsByTask:
    """What a run that may have been stopped has answered, of the tasks that it got to."""
    predictions = {task.name: read_answers(folder, task.name) for task in plan.loaded_tasks}
    return {name: items for name, items in predictions.items() if len(items)}


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
    return [p for pairs in paired for side in (pairs.base, pairs.checkpoint) for p in side.values()]
