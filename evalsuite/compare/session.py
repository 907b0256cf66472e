"""One comparison from its plan to its numbers: whoever has no answers yet is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from saeval.evalsuite.cli.configs import server_config_from_options
from saeval.evalsuite.compare.comparison import PredictionsByTask, add_noise
from saeval.evalsuite.compare.plan import (
    AGAIN,
    BASE,
    CHECKPOINT,
    ComparisonPlan,
    StoppingRule,
    plan_comparison,
)
from saeval.evalsuite.engines.base import Engine
from saeval.evalsuite.judge.grades import Grades
from saeval.evalsuite.run.runner import Run, answer_runs, log_throughput
from saeval.evalsuite.store.run_folder import lock_run_folder, read_run
from saeval.progress import progress_bar
from saeval.stats.compare.results import Comparison


@dataclass(frozen=True)
class Compared:
    """Comparisons whose folder is still claimed, and what is behind them.

    `answers` has those of every model by its name, `verdicts` a judge's.
    """

    plan: ComparisonPlan
    comparisons: list[Comparison]
    answers: Mapping[str, PredictionsByTask]
    verdicts: Grades | None


@contextmanager
def comparing(
    base_argument: str,
    checkpoint_arguments: Sequence[str],
    out: Path | None,
    options: Mapping[str, Any],
    console: Console,
    attendant: StoppingRule | None = None,
) -> Iterator[Compared]:
    """Answer what has to be answered and compare; the folder is claimed until the reports are made.

    With an `attendant` there is one checkpoint, and it may be asked less than everything.
    """
    plan = plan_comparison(base_argument, checkpoint_arguments, out, options, attendant)
    answers, comparisons = dict(plan.saved), None
    # What is wrong with the answers shows before anything is written or a judge is paid.
    if not plan.to_ask and plan.judge is None:
        comparisons = _compared(plan, answers, None, console)
    elif not plan.to_ask:
        plan.pairs(answers)
    elif plan.judge is not None:
        from saeval.evalsuite.judge.ask import check_judge

        check_judge(plan.judge, plan.folder, options["cache"], server_config_from_options(options))
    with lock_run_folder(plan.folder, plan.manifest):
        if plan.to_ask:
            answers |= _asked(plan, options["cache"], console, attendant)
        verdicts = None
        if plan.judge is not None:
            from saeval.evalsuite.judge.ask import ask_judge

            with progress_bar(console) as progress:
                verdicts = ask_judge(
                    plan.judge,
                    plan.pairs(answers),
                    plan.folder,
                    options["cache"],
                    server_config_from_options(options),
                    progress,
                )
        if comparisons is None:
            comparisons = _compared(plan, answers, verdicts, console)
        yield Compared(plan, comparisons, answers, verdicts)


def _asked(
    plan: ComparisonPlan, cache: Path | None, console: Console, attendant: StoppingRule | None
) -> dict[str, PredictionsByTask]:
    """The answers of whoever had none, by name."""
    tasks = tuple(plan.asked)
    runs = {
        name: Run(model, plan.place(name), tasks, plan.config)
        for name, model in plan.to_ask.items()
    }
    if plan.again:
        runs[AGAIN] = replace(runs[BASE], folder=plan.place(AGAIN), again=True)
    if attendant is not None:
        attendant.begin(plan.asked, plan.saved.get(BASE, plan.place(BASE)), plan.place(CHECKPOINT))
        if CHECKPOINT in runs:
            runs[CHECKPOINT] = replace(runs[CHECKPOINT], n_next_items=attendant.more)

    def same_prompts(engine: Engine) -> None:
        for answers in plan.earlier:
            answers.check_prompts(plan.asked, plan.config, engine.chat_template)

    with progress_bar(console) as progress:
        answer_runs(list(runs.values()), plan.engine, progress, cache=cache, on_engine=same_prompts)
    answers: dict[str, PredictionsByTask] = {}
    for name, run in runs.items():
        if attendant is not None and name == CHECKPOINT:
            answers[name] = attendant.answered()
        else:
            answers[name] = plan.of_tasks(read_run(run.folder).predictions, name)
        log_throughput(run, console)
    return answers


def _compared(
    plan: ComparisonPlan,
    answers: Mapping[str, PredictionsByTask],
    verdicts: Grades | None,
    console: Console,
) -> list[Comparison]:
    """The base with every checkpoint; with the noise of the base asked twice, if it was."""
    found = [plan.compare(name, answers, verdicts, console) for name in plan.checkpoints]
    if not plan.again:
        return found
    again = plan.compare(AGAIN, answers, verdicts, console)
    return [add_noise(comparison, again) for comparison in found]
