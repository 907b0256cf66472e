"""A gate's policy: rules on metrics in a YAML file, checked line by line.

::

    level: 0.95
    rules:
      - {metric: accuracy, not_worse_by: 0.02}
      - {metric: NA recall, must_improve: true}        # or {metric: recall, label: NA, …}
      - {metric: abstention recall, not_worse_by: 0.05}   # NA or UNKNOWN, as the task has it
      - {metric: recall of every label, not_worse_by: 0.08}   # a rule for each other label
      - {metric: invalid_rate, at_most: 0.05}
      - {task: gsm8k, metric: "exact_match,strict-match", not_worse_by: 0.02}
      - {task: mmlu, metric: acc, not_worse_by: 0.01, tier: advisory}   # shown, never counted
    tasks:
      fever:
        rules:
          - {metric: accuracy, not_worse_by: 0.01}     # instead of the general margin
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from saeval.errors import InputError, YamlError
from saeval.evalsuite.compare.metric_names import (
    ABSTENTION,
    LABELLED_METRICS,
    UnknownMetricError,
    parse_metric,
)
from saeval.evalsuite.gate.score_rules import rule_of_scores
from saeval.evalsuite.store.general import GeneralTask
from saeval.json_source import quoted_path
from saeval.stats.compare.config import StatsConfig
from saeval.stats.gate.results import SkippedRule
from saeval.stats.gate.rules import (
    EVERY,
    Kind,
    Rule,
    Tier,
    higher_is_better,
    metrics_of,
    rule_metrics,
)
from saeval.stats.metrics.registry import ENTRY_POINTS, get_metric
from saeval.suggest import closest, did_you_mean
from saeval.tasks.registry import get_task, list_tasks
from saeval.tasks.task import Task
from saeval.terminal_text import one_line, quoted
from saeval.yaml_source import KeyPath, read_yaml_file

BUILT_IN = Path(__file__).with_name("default_policy.yaml")
_BUILT_IN_NAME = "the built-in policy"
_KINDS: tuple[Kind, ...] = ("must_improve", "not_worse_by", "at_most", "at_least")
_Slot = tuple[str, str | None, str, str]
Where = Callable[[KeyPath], str]


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    metric: str
    label: str | None = None
    task: str | None = None
    tier: Tier = "blocking"
    must_improve: bool | None = None
    not_worse_by: float | None = None
    at_most: float | None = None
    at_least: float | None = None


class _Task(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    rules: list[_Rule]


class _Policy(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    level: float = 0.95
    equivalence_margin: float = StatsConfig.equivalence_margin
    rules: list[_Rule] = Field(default_factory=list)
    tasks: dict[str, _Task] = Field(default_factory=dict)


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
    """

    name: str
    level: float
    general: tuple[Rule, ...]
    of_task: Mapping[str, tuple[Rule, ...]]
    sources: Mapping[str, str]
    equivalence_margin: float = StatsConfig.equivalence_margin

    @property
    def is_built_in(self) -> bool:
        """Whether it is the one that holds where none is given."""
        return self.name == _BUILT_IN_NAME

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
        rules: dict[_Slot, Rule] = {}
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
                rules[_slot(resolved)] = resolved
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
        rules: dict[_Slot, Rule] = {}
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
            held = rules.get(_slot(resolved))
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
                rules[_slot(resolved)] = resolved
        return tuple(rules.values()), tuple(skipped)


def _resolve(
    rules: Sequence[Rule], labels: Sequence[str], abstention: str | None
) -> Iterator[tuple[Rule, Rule]]:
    """Each rule as it stands and as it is for a task, `EVERY` spelled out."""
    named = [replace(r, label=abstention) if r.label == ABSTENTION else r for r in rules]
    taken = {_slot(rule) for rule in named}
    for rule, resolved in zip(rules, named, strict=True):
        if rule.label != EVERY:
            yield rule, resolved
            continue
        for label in labels:
            of_label = replace(rule, label=label)
            if _slot(of_label) not in taken:
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


def load_policy(path: str | Path | Mapping[str, Any] | None) -> Policy:
    """Read and check a policy; the built-in one without a path.

    A mapping is a policy as it stands in YAML.

    Raises
    ------
    InputError
        One line for each mistake, with file and line.
    """
    if isinstance(path, Mapping):
        return _to_policy(dict(path), "policy", _place_in_mapping)
    if not isinstance(path, (str, Path, type(None))):
        raise InputError(
            "`policy` must be a saeval.Policy, a YAML file or a mapping with `rules`, found "
            f"{type(path).__name__}"
        )
    name = _BUILT_IN_NAME if path is None else str(path)
    path = None if path is None else Path(path)
    try:
        content, lines = read_yaml_file(path or BUILT_IN)
    except YamlError as error:
        raise InputError(str(error)) from error
    except FileNotFoundError:
        raise InputError(f"{path}: no such policy file") from None

    def where(key: KeyPath) -> str:
        at = next(lines[key[:end]] for end in range(len(key), -1, -1) if key[:end] in lines)
        return f"{path or BUILT_IN.name}:{at}"

    return _to_policy(content, name, where)


def _place_in_mapping(key: KeyPath) -> str:
    """``policy.rules[0]``."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in key)
    return "policy" + "".join(steps)


def _to_policy(content: object, name: str, where: Where) -> Policy:
    if not isinstance(content, dict):
        raise InputError(
            f"{where(())}: a policy is a mapping with `rules`, found {quoted(content)}"
        )
    try:
        read = _Policy.model_validate(content)
    except ValidationError as error:
        raise InputError(*_describe_problems(error, where)) from error
    if not 0.5 < read.level < 1:
        raise InputError(f"{where(('level',))}: `level` must lie between 0.5 and 1")
    if not 0 < read.equivalence_margin < 1:
        raise InputError(
            f"{where(('equivalence_margin',))}: `equivalence_margin` must lie between 0 and 1"
        )
    mistakes: list[str] = []
    everywhere = [(("rules", number), rule) for number, rule in enumerate(read.rules)]
    of_all = [(key, rule) for key, rule in everywhere if rule.task is None]
    general = _rules(of_all, None, where, mistakes)
    written: dict[str, list[tuple[KeyPath, _Rule]]] = {
        task: [(("tasks", task, "rules", number), rule) for number, rule in enumerate(entry.rules)]
        for task, entry in read.tasks.items()
    }
    sources = {task: where(("tasks", task)) for task in written}
    mistakes += [
        f"{sources[task]}: unknown task {quoted(task)}; {did_you_mean(task, list_tasks())}"
        for task, rules in written.items()
        if not rules and task not in list_tasks()
    ]
    for key, rule in everywhere:
        if rule.task is not None:
            sources.setdefault(rule.task, where(key))
            written.setdefault(rule.task, []).append((key, rule))
    of_task = {task: _rules(rules, task, where, mistakes) for task, rules in written.items()}
    if mistakes:
        raise InputError(*mistakes)
    every = [*general, *(rule for rules in of_task.values() for rule in rules)]
    if not every:
        raise InputError(f"{where(())}: the policy has no rules")
    if not any(rule.is_blocking for rule in every):
        raise InputError(
            f"{where(())}: every rule of the policy is advisory, so nothing could fail; leave out "
            "tier: advisory of one at least"
        )
    return Policy(name, read.level, general, of_task, sources, read.equivalence_margin)


def _rules(
    written: Sequence[tuple[KeyPath, _Rule]],
    task: str | None,
    where: Where,
    mistakes: list[str],
) -> tuple[Rule, ...]:
    """The rules of one list; those of a task may be of its own scores."""
    rules: dict[_Slot, Rule] = {}
    for key, entry in written:
        source = where(key)
        try:
            if entry.task not in (None, task):
                raise ValueError(
                    f"it stands under task {quoted(task)}; leave out task: {entry.task}"
                )
            rule = replace(_rule(entry, task), source=source, tier=entry.tier)
            slot = _slot(rule)
            if slot in rules:
                raise ValueError(
                    f"{describe_metric(rule)} is held to two such limits, first in "
                    f"{rules[slot].source}"
                )
            rules[slot] = rule
        except ValueError as error:
            mistakes.append(f"{source}: {error}")
    return tuple(rules.values())


def _rule(entry: _Rule, task: str | None) -> Rule:
    given = [kind for kind in _KINDS if getattr(entry, kind) is not None]
    try:
        metric, label = parse_metric(entry.metric, entry.label)
    except UnknownMetricError as error:
        is_typing_error = closest(entry.metric, rule_metrics(), cutoff=0.85) is not None
        is_known = task is None or task in list_tasks()
        if task is not None and entry.label is None and not (is_known and is_typing_error):
            return _rule_on_score(entry, given)
        raise UnknownMetricError(
            f"{error} (a metric of your own is registered by an entry point of the group "
            f"{ENTRY_POINTS}; a score of another program's task needs task: NAME)"
        ) from error
    except ValueError:
        if task is not None and task not in list_tasks() and entry.label is None:
            return _rule_on_score(entry, given)  # squad's f1 is of no label
        raise
    kind, limit = _one_limit(entry, given)
    better = higher_is_better(metric)
    if not get_metric(metric).has_difference and kind != "at_most":
        raise ValueError(f"{metric} is a comparison already: give at_most, not {kind}")
    if kind in ("must_improve", "not_worse_by"):
        if better is None:
            raise ValueError(f"{metric} has no good direction: give at_most or at_least")
        if kind == "must_improve":
            if limit is not True:
                raise ValueError("must_improve can only be true; leave the rule out otherwise")
            return Rule(metric, label, kind, 0.0)
        if limit == 0:
            raise ValueError(
                "not_worse_by: 0 cannot be shown of an equal model by any number of items; give a "
                "margin, or must_improve: true"
            )
    elif metric == "aurc":
        raise ValueError("aurc can only be held to the base: give not_worse_by or must_improve")
    elif better is not None and better != (kind == "at_least"):
        raise ValueError(
            f"{kind} would punish a better model: {metric} is better when "
            f"{'higher' if better else 'lower'}"
        )
    if not 0 < limit < 1:
        raise ValueError(f"{kind} must lie between 0 and 1 (0.02 is two points), found {limit:g}")
    return Rule(metric, label, kind, float(limit))


def _one_limit(entry: _Rule, given: Sequence[Kind]) -> tuple[Kind, Any]:
    if len(given) != 1:
        raise ValueError(
            f"give one of {', '.join(_KINDS)}, found {' and '.join(given) if given else 'none'}"
        )
    return given[0], getattr(entry, given[0])


def _rule_on_score(entry: _Rule, given: Sequence[Kind]) -> Rule:
    """A rule whose metric and limit are checked once the task's scores are known."""
    kind, limit = _one_limit(entry, given)
    if kind == "must_improve":
        if limit is not True:
            raise ValueError("must_improve can only be true; leave the rule out otherwise")
        limit = 0.0
    if not math.isfinite(limit):
        raise ValueError(f"{kind} must be a number, found {limit}")
    return Rule(entry.metric.strip(), None, kind, float(limit))


def _slot(rule: Rule) -> _Slot:
    """What there can be one rule of: a metric is held to the base once, and to either bound.

    And once more by an advisory rule.
    """
    return rule.metric, rule.label, "the base" if rule.of_difference else rule.kind, rule.tier


def _rests_on_abstention(rule: Rule, abstention: str | None) -> bool:
    of_label = rule.metric in LABELLED_METRICS and rule.label == abstention
    return of_label or rule.metric == "hallucination_rate"


def _describe_problems(error: ValidationError, where: Where) -> list[str]:
    """One line for each key that pydantic refuses."""
    mistakes = []
    for problem in error.errors():
        key = problem["loc"]
        dotted = quoted_path(key)
        if problem["type"] == "extra_forbidden":
            model = _Policy if len(key) == 1 else _Rule if "rules" in key else _Task
            hint = did_you_mean(str(key[-1]), model.model_fields)
            text = f"there is no key `{quoted_path(key[-1:])}`; {hint}"
        elif problem["type"] == "missing":
            text = f"`{key[-1]}` is missing"
        elif problem["type"] == "model_type":
            text = f"`{dotted}` must be a mapping, found {quoted(problem['input'])}"
        else:
            rule = problem["msg"].replace("Input should be", "must be")
            text = f"`{dotted}` {rule}, found {quoted(problem['input'])}"
        mistakes.append(f"{where(key)}: {text}")
    return mistakes
