"""A gate's policy: rules on metrics, and which of them a task is held to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from saeval.errors import InputError
from saeval.evalsuite.compare.metric_names import (
    ABSTENTION,
    LABELLED_METRICS,
)
from saeval.evalsuite.gate.score_rules import rule_of_scores
from saeval.evalsuite.store.general import GeneralTask
from saeval.stats.compare.config import StatsConfig
from saeval.stats.gate.results import SkippedRule
from saeval.stats.gate.rules import (
    EVERY,
    Rule,
    metrics_of,
)
from saeval.suggest import closest
from saeval.tasks.registry import get_task
from saeval.tasks.task import Task
from saeval.terminal_text import one_line

BUILT_IN_NAME = "the built-in policy"
Slot = tuple[str, str | None, str, str]


@dataclass(frozen=True)
class Policy:
    """Rules for every task, and further or other ones for some.

    Attributes
    ----------
    name
        Of its file, for people.
    level
        1 − α, over all rules of all tasks.
    general
        Rules for every task; a label may be `ABSTENTION`, or `EVERY` for a rule per label of the
        task that no other rule of the same list is about.
    of_task
        Rules by task; one of the same metric and the same kind of limit (to the base, or on the
        value) stands instead of the general one.
    sources
        Where each task is named, ``file:line``.
    equivalence_margin
        What its report calls equivalent; no rule rests on it.
    equivalence_margins
        The same of single metrics, by name; None for none.
    """

    name: str
    level: float
    general: tuple[Rule, ...]
    of_task: Mapping[str, tuple[Rule, ...]]
    sources: Mapping[str, str]
    equivalence_margin: float = StatsConfig.equivalence_margin
    equivalence_margins: Mapping[str, float] | None = None

    @property
    def is_built_in(self) -> bool:
        """Whether it is the one that holds where none is given."""
        return self.name == BUILT_IN_NAME

    def check_tasks(self, names: Iterable[str]) -> None:
        """Stop if a task of the policy is not among those that are compared."""
        known = list(names)
        for task, source in self.sources.items():
            if task not in known:
                near = closest(task, known, cutoff=0.8)
                hint = f"did you mean {one_line(near)}? Else " if near else ""
                raise InputError(
                    f"{source}: task {one_line(task)} is not run; {hint}add it to --tasks or take "
                    f"it out of the policy (run: {one_line(', '.join(known))})"
                )

    def rules_for(
        self, name: str, targets: Iterable[str], task: Task | None = None
    ) -> tuple[tuple[Rule, ...], tuple[SkippedRule, ...]]:
        """The rules that a task is held to, and the general ones that it cannot be held to.

        Parameters
        ----------
        name
            Of the task.
        targets
            Labels that its items have.
        task
            What it is; by default the known task of that name.

        Raises
        ------
        InputError
            If a rule of the task's own list is about a metric that it does not have.
        """
        task = task or get_task(name)
        if isinstance(task, GeneralTask):
            return self._rules_for_scores(task)
        abstention = task.labels.abstention
        has = metrics_of(task.labels.names, abstention, task.labels.wrong)
        present = set(targets)
        rules: dict[Slot, Rule] = {}
        skipped = []
        own = self.of_task.get(name, ())
        labels = task.labels.names
        for rule, resolved in (
            *_resolve(self.general, labels, abstention),
            *_resolve(own, labels, abstention),
        ):
            reason = None
            if rule.label == EVERY and resolved.key not in has:
                continue  # open questions have a recall of what has no answer alone
            if resolved.key not in has:
                reason = f"the task has no {describe_metric(rule)}"
            elif _rests_on_abstention(resolved, abstention) and abstention not in present:
                reason = f"no item of it has the target {abstention}"
            elif rule.label == EVERY and resolved.label not in present:
                reason = f"no item of it has the target {resolved.label}"
            if reason is None:
                rules[slot_of(resolved)] = resolved
            elif rule in own and rule.label != EVERY:
                raise InputError(f"{rule.source}: {reason} (task {name})")
            else:
                shown = resolved if rule.label == EVERY else rule
                skipped.append(SkippedRule(name, shown, reason))
        return tuple(rules.values()), tuple(skipped)

    def _rules_for_scores(
        self, task: GeneralTask
    ) -> tuple[tuple[Rule, ...], tuple[SkippedRule, ...]]:
        """Of another program's task; of the built-in policy only what it measures is mentioned."""
        rules: dict[Slot, Rule] = {}
        skipped = []
        own = self.of_task.get(task.name, ())
        for rule in (*self.general, *own):
            try:
                resolved = rule_of_scores(rule, task)
            except ValueError as error:
                if rule in own:
                    raise InputError(f"{rule.source}: {error}") from error
                if rule.metric == "accuracy" or not self.is_built_in:
                    skipped.append(SkippedRule(task.name, rule, _why_not(rule, task, error)))
                continue
            held = rules.get(slot_of(resolved))
            if held is not None and rule in own and not _is_general(held, self.general):
                raise InputError(
                    f"{rule.source}: {describe_metric(resolved)} is held to two such limits, first "
                    f"in {held.source}"
                )
            happens = {
                "invalid_rate": task.has_invalid,
                "confidence_missing": task.misses_confidence,
            }
            if not self.is_built_in or rule in own or happens.get(resolved.metric, True):
                rules[slot_of(resolved)] = resolved
        return tuple(rules.values()), tuple(skipped)


def _resolve(
    rules: Sequence[Rule], labels: Sequence[str], abstention: str | None
) -> Iterator[tuple[Rule, Rule]]:
    """Each rule as it stands and as it is for a task, `EVERY` spelled out."""
    named = [replace(r, label=abstention) if r.label == ABSTENTION else r for r in rules]
    taken = {slot_of(rule) for rule in named}
    for rule, resolved in zip(rules, named, strict=True):
        if rule.label != EVERY:
            yield rule, resolved
            continue
        for label in labels:
            of_label = replace(rule, label=label)
            if slot_of(of_label) not in taken:
                yield rule, of_label


def _why_not(rule: Rule, task: GeneralTask, error: ValueError) -> str:
    """Why a general rule is left out: the task has no such metric, or the limit does not fit."""
    has = {"accuracy", *(score.name for score in task.scores)}
    return str(error) if rule.metric in has else f"the task has no {describe_metric(rule)}"


def _is_general(rule: Rule, general: Sequence[Rule]) -> bool:
    """Whether a rule comes from the list for every task."""
    return any(rule.source == other.source for other in general)


def describe_metric(rule: Rule) -> str:
    """``NA recall``, ``false abstention rate``: its metric as a policy may name it."""
    return " ".join(part for part in (rule.label, rule.metric.replace("_", " ")) if part)


def slot_of(rule: Rule) -> Slot:
    """What there can be one rule of: a metric is held to the base once, and to either bound.

    And once more by an advisory rule.
    """
    return rule.metric, rule.label, "the base" if rule.of_difference else rule.kind, rule.tier


def _rests_on_abstention(rule: Rule, abstention: str | None) -> bool:
    of_label = rule.metric in LABELLED_METRICS and rule.label == abstention
    return of_label or rule.metric == "hallucination_rate"
