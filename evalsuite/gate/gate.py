"""May this checkpoint ship? A comparison held to a policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from saeval.errors import InputError
from saeval.evalsuite.compare.comparison import compare_planned
from saeval.evalsuite.compare.config import ComparisonConfig
from saeval.evalsuite.compare.folder import write_files, write_reports
from saeval.evalsuite.compare.plan import (
    BASE,
    CHECKPOINT,
    ComparisonPlan,
    plan_comparison,
)
from saeval.evalsuite.compare.results import ComparedPredictions, Comparison, missing_predictions
from saeval.evalsuite.gate.collect import CountedAnswers, collect_task, count_answers
from saeval.evalsuite.gate.early_stopping import (
    SequentialGate,
)
from saeval.evalsuite.gate.look_record import LookRecord, find_record
from saeval.evalsuite.gate.looking import Looking
from saeval.evalsuite.gate.missing import Side, find_missing
from saeval.evalsuite.gate.one_model import withhold_improvement
from saeval.evalsuite.gate.policy import Policy
from saeval.evalsuite.gate.policy_file import load_policy
from saeval.evalsuite.gate.results import Gate
from saeval.evalsuite.models.types import Model, SavedPredictions
from saeval.evalsuite.options import (
    Out,
    RunOptions,
    check_asks_all,
    check_keywords,
    to_cache,
    to_engine_config,
    to_file_format,
    to_out,
    to_run_config,
)
from saeval.evalsuite.run.tasks import LoadedTask
from saeval.evalsuite.store.general import GeneralTask
from saeval.evalsuite.store.run_folder import lock_run_folder
from saeval.progress import SILENT, Progress
from saeval.stats.compare import results
from saeval.stats.compare.config import StatsConfig
from saeval.stats.gate.decide import GatedTask, decide_rules, overall_verdict
from saeval.stats.gate.looks import look_share
from saeval.stats.gate.results import GATE_SCHEMA_VERSION, MissingItems, SkippedRule, TaskCoverage
from saeval.tasks.registry import get_task, list_tasks

_STOPPED_EARLY = (
    "The run stopped early: the intervals and p values here take no account of that, those of the "
    "gate do."
)


def gate(
    base: results.Comparison | Model,
    checkpoint: Model | None = None,
    *,
    policy: Policy | str | Path | Mapping[str, Any] | None = None,
    until_decided: bool = False,
    allow_inconclusive: bool = False,
    allow_missing: bool = False,
    looks: str | Path | LookRecord | None = None,
    among: int = 1,
    allow_mismatch: bool = False,
    n_resamples: int = 10_000,
    out: Out = None,
    progress: Progress = SILENT,
    **options: Unpack[RunOptions],
) -> Gate:
    """Hold a checkpoint to its base by a policy: PASS, REGRESSION or INCONCLUSIVE.

    Parameters
    ----------
    base, checkpoint
        As `compare` takes them; or a comparison alone, whose predictions are then held to the
        policy.
    policy
        A policy, its YAML file, or a mapping as it would stand there (``{"rules": [{"metric":
        "accuracy", "not_worse_by": 0.02}]}``); None is the built-in policy.
    until_decided
        Ask the checkpoint in shuffled batches, and stop once every rule is decided.
    allow_inconclusive
        Whether the reports count INCONCLUSIVE as no failure.
    allow_missing
        Whether a checkpoint may pass although one of the two, whose answers are given, lacks items
        that the other answered.
    looks
        File that records the looks at checkpoints, or another record of them. A checkpoint that is
        gated again after more answers has what its earlier looks have left of α; None is
        ``SAEVAL_LOOKS``, or a file in the user's state folder.
    among
        Number of checkpoints of which one that passes will be taken: they share α.
    allow_mismatch, out, progress, **options
        As `compare` takes them.
    n_resamples
        Of the joint bootstrap, for metrics without a better test.

    Returns
    -------
    Gate
        Its `comparison` is the comparison that was held to the policy.

    Raises
    ------
    SaevalError
        A subclass for each kind of mistake; the message says what is wrong and what to do.

    Examples
    --------
    >>> comparison = saeval.compare("base.jsonl", "checkpoint.jsonl")     # doctest: +SKIP
    >>> saeval.gate(comparison, policy="gate.yaml").verdict               # doctest: +SKIP
    'PASS'
    >>> saeval.gate("baseline:main", "./checkpoint", tasks="fever").to_frame()  # doctest: +SKIP
    """
    rules = policy if isinstance(policy, Policy) else load_policy(policy)
    if among < 1:
        raise InputError(f"`among` must be 1 or more, found {among}")
    looking = Looking(find_record(looks), among)
    if isinstance(base, results.Comparison) and not isinstance(base, Comparison):
        base = Comparison.from_result(base)
    if isinstance(base, Comparison):
        if checkpoint is not None or options or until_decided or out is not None:
            raise InputError(
                "a comparison is gated as it is: leave out everything but it, `policy`, "
                "`looks` and `among`"
            )
        return gate_comparison(base, rules, looking, allow_missing, progress)
    check_keywords("gate", options, RunOptions)
    if checkpoint is None:
        raise InputError("`checkpoint` is needed, unless a comparison is gated")
    run = replace(to_run_config(options), shuffled=until_decided)
    check_asks_all(run)
    config = ComparisonConfig(
        run=run,
        engine=to_engine_config(options),
        stats=StatsConfig(
            rules.level,
            n_resamples,
            run.seed,
            equivalence_margin=rules.equivalence_margin,
            equivalence_margins=rules.equivalence_margins,
        ),
        allow_mismatch=allow_mismatch,
        cache=to_cache(options),
        file_format=to_file_format(options),
    )
    plan = plan_comparison(base, [checkpoint], config, to_out(out), progress)
    looking = looking.at_models(plan, until_decided)
    stopping_rule = _check_plan(plan, rules, looking, until_decided)
    (comparison,) = compare_planned(plan, stopping_rule=stopping_rule, progress=progress)
    models: tuple[tuple[Side, object], ...] = (
        ("base", plan.base),
        ("checkpoint", plan.checkpoints[CHECKPOINT]),
    )
    given = [side for side, model in models if isinstance(model, SavedPredictions)]
    result = _gate(
        rules,
        comparison,
        plan.loaded_tasks,
        run.samples,
        stopping_rule,
        looking,
        lambda counted, both: find_missing(counted, both, given, allowed=allow_missing),
        progress,
    )
    if out is not None:
        write_gated(result, plan, allow_inconclusive=allow_inconclusive, progress=progress)
    return result


def write_gated(
    gate: Gate, plan: ComparisonPlan, *, allow_inconclusive: bool, progress: Progress
) -> None:
    """Write the reports of the comparison and of the gate into its folder."""
    from saeval.reports import report_files

    with lock_run_folder(plan.folder, plan.manifest):
        write_reports(plan.folder, gate.comparison, gate, progress)
        files = report_files(gate, allow_inconclusive=allow_inconclusive)
        write_files(plan.folder, files, progress)


def _check_plan(
    plan: ComparisonPlan, policy: Policy, looking: Looking, until_decided: bool
) -> SequentialGate | None:
    """The stopping rule, if there is one; stops where the policy does not fit the tasks."""
    existing = [plan.existing.get(name) for name in (BASE, CHECKPOINT)]
    if existing[0] is not None and existing[1] is not None:
        both = ComparedPredictions(existing[0], existing[1])
        _check_policy(policy, [name for name in both.base if name in both.checkpoint], both)
    else:
        _check_policy(policy, plan.tasks)
    if not until_decided:
        return None
    if isinstance(plan.checkpoints[CHECKPOINT], SavedPredictions):
        raise InputError(
            "--until-decided asks the checkpoint batch by batch (in Python until_decided=True); "
            "give a CHECKPOINT that can be asked, not predictions"
        )
    return SequentialGate(
        policy,
        confidence_level=1 - looking.alpha(policy.level, looking.expected()),
        tasks=plan.loaded_tasks,
        samples=plan.config.run.samples,
        training=plan.training[CHECKPOINT],
        allow_mismatch=plan.config.allow_mismatch,
    )


def _check_policy(
    policy: Policy, tasks: Sequence[str], predictions: ComparedPredictions | None = None
) -> None:
    """Stop where the policy does not fit the tasks, as far as they are known already."""
    policy.check_tasks(tasks)
    for name in tasks:
        if predictions is not None and name in predictions.base:
            task = predictions.task(name)
        elif name in list_tasks():
            task = get_task(name)
        else:
            continue  # of another program: its answers say what it is
        policy.rules_for(name, task.labels.names, task)


def gate_comparison(
    comparison: Comparison,
    policy: Policy,
    looking: Looking,
    allow_missing: bool = False,
    progress: Progress = SILENT,
) -> Gate:
    """Hold a comparison to a policy, as `gate` does.

    Parameters
    ----------
    comparison
        With its predictions.
    policy, allow_missing, progress
        As for `gate`.
    looking
        The record of looks, and the models where they are known.
    """
    if comparison.predictions is None:
        raise missing_predictions(comparison)
    names = [task.task for task in comparison.tasks]
    _check_policy(policy, names, comparison.predictions)
    return _gate(
        policy,
        comparison,
        (),
        1,
        None,
        looking,
        lambda counted, both: find_missing(
            counted, both, ("base", "checkpoint"), allowed=allow_missing
        ),
        progress,
    )


def gated_tasks(comparison: Comparison, policy: Policy) -> list[GatedTask]:
    """The tasks of a finished comparison with their answers and the rules that they are held to.

    Raises
    ------
    InputError
        If the comparison lacks its predictions, or the policy does not fit its tasks.
    """
    if comparison.predictions is None:
        raise missing_predictions(comparison)
    names = [task.task for task in comparison.tasks]
    _check_policy(policy, names, comparison.predictions)
    predictions = comparison.predictions
    counted = [count_answers(name, predictions) for name in names]
    return [collect_task(answers, policy, None, 1, None)[0] for answers in counted]


def _gate(
    policy: Policy,
    comparison: Comparison,
    loaded_tasks: Sequence[LoadedTask],
    samples: int,
    stopping_rule: SequentialGate | None,
    looking: Looking,
    missing_of: Callable[[Sequence[CountedAnswers], ComparedPredictions], tuple[MissingItems, ...]],
    progress: Progress,
) -> Gate:
    loaded = {task.name: task for task in loaded_tasks}
    names = [task.task for task in comparison.tasks]
    names += [name for name in loaded if name not in names]
    predictions = comparison.predictions
    if predictions is None:
        raise missing_predictions(comparison)
    counted = [count_answers(name, predictions) for name in names]

    def collect() -> list[tuple[GatedTask, list[SkippedRule]]]:
        return [
            collect_task(answers, policy, loaded.get(answers.task), samples, stopping_rule)
            for answers in counted
        ]

    collected = collect()
    if not any(rule.is_blocking for task, _ in collected for rule in task.rules):
        kind = "blocking " if any(task.rules for task, _ in collected) else ""
        left_out = [rule.reason for _, skipped in collected for rule in skipped]
        scored = predictions.task(names[0])
        why = f" ({left_out[0]})" if left_out and isinstance(scored, GeneralTask) else ""
        raise InputError(
            f"{policy.name}: none of its {kind}rules is about {', '.join(names)}; nothing is "
            f"checked{why}"
        )
    look = looking.take(counted, policy, predictions)
    if stopping_rule is not None and stopping_rule.confidence_level != 1 - look.alpha:
        stopping_rule.confidence_level = 1 - look.alpha
        collected = collect()
    gated = [task for task, _ in collected]
    if not all(task.complete for task in gated):
        comparison = replace(comparison, warnings=(_STOPPED_EARLY, *comparison.warnings))
    with progress.status("verdicts"):
        decided = decide_rules(
            gated,
            confidence_level=1 - look.alpha,
            next_share=look_share(look.number + 1) / look_share(look.number),
            n_resamples=comparison.settings.n_resamples,
            seed=comparison.settings.seed,
            sequential=stopping_rule is not None,
        )
    results = withhold_improvement(decided, predictions)
    missing = missing_of(counted, predictions)
    verdict = overall_verdict(results)
    if verdict == "PASS" and any(not items.allowed for items in missing):
        verdict = "INCONCLUSIVE"
    return Gate(
        schema=GATE_SCHEMA_VERSION,
        saeval_version=version("saeval"),
        base=comparison.base.name,
        checkpoint=comparison.checkpoint.name,
        policy=policy.name,
        confidence_level=policy.level,
        sequential=stopping_rule is not None,
        verdict=verdict,
        tasks=tuple(
            TaskCoverage(
                task.task,
                0 if task.pairs is None else len(task.pairs),
                task.planned,
                task.trained_on,
            )
            for task in gated
        ),
        results=results,
        skipped=tuple(rule for _, left_out in collected for rule in left_out),
        look=look,
        missing=missing,
        compared=comparison,
    )
