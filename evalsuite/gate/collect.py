"""The answers of a task that a gate counts, and the rules that it is held to."""

from __future__ import annotations

from dataclasses import dataclass

from saeval.errors import InputError
from saeval.evalsuite.compare.pairing import PairedPredictions, TaskPredictions, to_arrays
from saeval.evalsuite.compare.results import ComparedPredictions
from saeval.evalsuite.gate.early_stopping import (
    SequentialGate,
    exclude_training_items,
    targets_of,
)
from saeval.evalsuite.gate.policy import Policy
from saeval.evalsuite.run.tasks import LoadedTask
from saeval.evalsuite.store.general import GeneralTask
from saeval.evalsuite.store.table import EMPTY
from saeval.stats.gate.decide import GatedTask
from saeval.stats.gate.results import SkippedRule
from saeval.stats.gate.rules import Rule


@dataclass(frozen=True)
class CountedAnswers:
    """Of a task: all of the checkpoint's answers, and those that count.

    Items that the checkpoint was trained on do not. `pairs` is None where nothing is left.
    """

    task: str
    base: TaskPredictions
    checkpoint: TaskPredictions
    clean_base: TaskPredictions
    clean: TaskPredictions
    pairs: PairedPredictions | None


def count_answers(name: str, predictions: ComparedPredictions) -> CountedAnswers:
    """The answers of a task without the items that the checkpoint was trained on.

    Raises
    ------
    InputError
        If it was trained on all.
    """
    base, checkpoint = predictions.base[name], predictions.checkpoint.get(name, EMPTY)
    clean_base = exclude_training_items(name, base, predictions.training)
    if not len(clean_base):
        raise InputError(
            f"task {name}: the checkpoint was trained on every item; gate it on others"
        )
    clean = exclude_training_items(name, checkpoint, predictions.training)
    pairs = predictions.pair_items(name, clean_base, clean) if len(clean) else None
    return CountedAnswers(name, base, checkpoint, clean_base, clean, pairs)


def collect_task(
    counted: CountedAnswers,
    policy: Policy,
    loaded: LoadedTask | None,
    samples: int,
    stopping_rule: SequentialGate | None,
) -> tuple[GatedTask, list[SkippedRule]]:
    """A task with its pairs, its rules and what was decided of them early."""
    name, clean_base = counted.task, counted.clean_base
    pairs = None
    targets = set() if loaded is None else targets_of(loaded)
    if counted.pairs is not None:
        pairs = to_arrays(counted.pairs)
        targets = targets or set(counted.pairs.base.distinct("target"))
    if loaded is None:
        planned = 0 if pairs is None else len(pairs)
        trained_on = len(counted.checkpoint) - len(counted.clean)
    else:
        ids = set(loaded.ids)
        planned = sum(item in ids for item in clean_base.ids())
        trained_on = len(ids) * samples - planned
    decisions = {}
    if stopping_rule is not None:
        decisions = stopping_rule.decisions(name, counted.base, counted.checkpoint, intervals=True)
    task = None if counted.pairs is None else counted.pairs.task
    rules, skipped = policy.rules_for(name, targets, task)
    left_out = list(skipped)
    if clean_base.is_null("confidence").all():
        silent = [rule for rule in rules if _is_general_of_confidence(policy, name, rule)]
        if not (isinstance(task, GeneralTask) and policy.is_built_in):
            why = "the base states no confidence"
            left_out += [SkippedRule(name, rule, why) for rule in silent]
        kept = [place for place, rule in enumerate(rules) if rule not in silent]
        rules = tuple(rules[place] for place in kept)
        decisions = {new: decisions[old] for new, old in enumerate(kept) if old in decisions}
    return GatedTask(name, pairs, rules, planned, decisions, trained_on), left_out


def _is_general_of_confidence(policy: Policy, task: str, rule: Rule) -> bool:
    is_own = rule in policy.of_task.get(task, ())
    metric = rule.definition
    return not is_own and (metric.needs_confidence or metric.name == "confidence_missing")
