"""Plan a comparison or a gate from a finished comparison: ``saeval power --comparison``."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.special import ndtri

from saeval.evalsuite.compare.results import Comparison
from saeval.evalsuite.gate.gate import gated_tasks
from saeval.evalsuite.gate.policy import Policy
from saeval.stats.compare.results import TaskComparison
from saeval.stats.gate.looks import look_share
from saeval.stats.gate.planning import GateChances, simulate_verdicts
from saeval.stats.inference.power_of_estimates import design_effect


@dataclass(frozen=True)
class TaskPlan:
    """What a finished comparison says of a task to plan the next by.

    Attributes
    ----------
    task, items
        Its name and items.
    discordant_rate
        Proportion of items that exactly one model answered rightly.
    design_effect
        By how much clusters raise the variance of the difference in accuracy; 1 without clusters.
    auroc_standard_error
        Of the difference of the AUROCs, at these items; None where it was not tested.
    """

    task: str
    items: int
    discordant_rate: float
    design_effect: float
    auroc_standard_error: float | None


def plan_tasks(comparison: Comparison, policy: Policy) -> tuple[TaskPlan, ...]:
    """What each task of a comparison says to plan by."""
    plans = []
    for gated in gated_tasks(comparison, policy):
        pairs, task = gated.pairs, comparison[gated.task]
        if pairs is None:
            continue
        effect = None
        if pairs.cluster is not None:
            effect = design_effect(
                pairs.base_correct.astype(float),
                pairs.checkpoint_correct.astype(float),
                pairs.cluster,
            )
        error = _auroc_standard_error(task, comparison.settings.confidence_level)
        plans.append(
            TaskPlan(
                gated.task, len(pairs), sum(pairs.discordant) / len(pairs), effect or 1.0, error
            )
        )
    return tuple(plans)


def _auroc_standard_error(task: TaskComparison, confidence_level: float) -> float | None:
    """Of the difference; None where it was not tested or, in another program's task, is none."""
    for row in task.metrics:
        if row.metric == "auroc" and row.confidence_interval is not None:
            interval = row.confidence_interval
            z = float(ndtri((1 + confidence_level) / 2))
            return (interval.high - interval.low) / (2 * z)
    return None


def simulate_gate(
    comparison: Comparison, policy: Policy, items: int | None, simulations: int
) -> GateChances:
    """How often a first look would give the policy's verdicts, were these answers the truth."""
    return simulate_verdicts(
        gated_tasks(comparison, policy),
        items=items,
        confidence_level=1 - look_share(1) * (1 - policy.level),
        simulations=simulations,
        seed=comparison.settings.seed,
    )
