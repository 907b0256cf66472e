"""Which look at a checkpoint a gate is, and what it may spend."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from saeval.evalsuite.compare.plan import CHECKPOINT, ComparisonPlan
from saeval.evalsuite.compare.results import ComparedPredictions
from saeval.evalsuite.gate.collect import CountedAnswers
from saeval.evalsuite.gate.look_record import LookRecord
from saeval.evalsuite.gate.looks import Looked, answers_key, expected_look, model_key, take_look
from saeval.evalsuite.gate.policy import Policy
from saeval.evalsuite.store.hashing import hash_text
from saeval.stats.gate.looks import Look, look_share


@dataclass(frozen=True)
class Looking:
    """The record, and what is known of the models before anything is asked.

    Attributes
    ----------
    record
        Where looks are kept.
    among
        Checkpoints that share α.
    model, base
        Of the weights, where they are known.
    run
        Of a run that stops once it is decided.
    """

    record: LookRecord
    among: int
    model: str | None = None
    base: str | None = None
    run: str | None = None

    def at_models(self, plan: ComparisonPlan, until_decided: bool) -> Looking:
        """The same with the models of a plan."""
        identity = json.dumps(plan.identity, sort_keys=True, default=str)
        return replace(
            self,
            model=model_key(plan.checkpoints[CHECKPOINT]),
            base=model_key(plan.base),
            run=hash_text(identity) if until_decided else None,
        )

    def expected(self) -> int:
        """The number of the look that a run will be, before it has answers."""
        return 1 if self.run is None else expected_look(self.record, self.model, self.run)

    def alpha(self, level: float, number: int) -> float:
        """What a look may spend."""
        return (1 - level) * look_share(number) / self.among

    def take(
        self, counted: Sequence[CountedAnswers], policy: Policy, predictions: ComparedPredictions
    ) -> Look:
        """Record the look."""
        base = self.base or answers_key(predictions.base)
        pairs = {answers.task: answers.pairs for answers in counted if answers.pairs is not None}
        looked = Looked(pairs, self.model, base, _rules_key(policy), self.run)
        place = take_look(self.record, looked)
        return Look(
            place.number,
            self.alpha(policy.level, place.number),
            self.among,
            place.checkpoints,
            place.note,
        )


def _rules_key(policy: Policy) -> str:
    """Of the metrics that the rules are about, whatever their margins."""
    tasks = {"": policy.general, **policy.of_task}
    metrics = sorted(
        f"{task} {rule.metric} {rule.label} {rule.of_difference}"
        for task, rules in tasks.items()
        for rule in rules
    )
    return hash_text("\n".join(metrics))
