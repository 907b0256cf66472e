"""A gate's policy as a YAML file, read and checked line by line.

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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from saeval.errors import InputError, YamlError
from saeval.evalsuite.compare.metric_names import (
    UnknownMetricError,
    parse_metric,
)
from saeval.evalsuite.gate.policy import BUILT_IN_NAME, Policy, Slot, describe_metric, slot_of
from saeval.json_source import quoted_path
from saeval.stats.compare.config import StatsConfig
from saeval.stats.gate.rules import (
    Kind,
    Rule,
    Tier,
    higher_is_better,
    rule_metrics,
)
from saeval.stats.metrics.registry import ENTRY_POINTS, get_metric
from saeval.suggest import closest, did_you_mean
from saeval.tasks.registry import list_tasks
from saeval.terminal_text import quoted
from saeval.yaml_source import KeyPath, parse_yaml, read_yaml_file

BUILT_IN = Path(__file__).with_name("default_policy.yaml")
_KINDS: tuple[Kind, ...] = ("must_improve", "not_worse_by", "at_most", "at_least")
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
    equivalence_margins: dict[str, float] | None = None
    rules: list[_Rule] = Field(default_factory=list)
    tasks: dict[str, _Task] = Field(default_factory=dict)


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
    name = BUILT_IN_NAME if path is None else str(path)
    path = None if path is None else Path(path)
    try:
        read = read_yaml_file(path or BUILT_IN)
    except YamlError as error:
        raise InputError(str(error)) from error
    except FileNotFoundError:
        raise InputError(f"{path}: no such policy file") from None
    return _read_policy(read, name, str(path or BUILT_IN.name))


def parse_policy(text: str, name: str) -> Policy:
    """Read and check the text of a policy file, whoever wrote it.

    `BUILT_IN_NAME` as its name makes it the built-in policy, of this version or an earlier one.

    Raises
    ------
    InputError
        One line for each mistake, with name and line.
    """
    source = BUILT_IN.name if name == BUILT_IN_NAME else name
    try:
        read = parse_yaml(text, source)
    except YamlError as error:
        raise InputError(str(error)) from error
    return _read_policy(read, name, source)


def _read_policy(read: tuple[Any, Mapping[KeyPath, int]], name: str, source: str) -> Policy:
    content, lines = read

    def where(key: KeyPath) -> str:
        at = next(lines[key[:end]] for end in range(len(key), -1, -1) if key[:end] in lines)
        return f"{source}:{at}"

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
    for metric, margin in (read.equivalence_margins or {}).items():
        if not 0 < margin < math.inf:
            raise InputError(
                f"{where(('equivalence_margins', metric))}: an equivalence margin must be positive"
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
    margins = read.equivalence_margin, read.equivalence_margins
    return Policy(name, read.level, general, of_task, sources, *margins)


def _rules(
    written: Sequence[tuple[KeyPath, _Rule]],
    task: str | None,
    where: Where,
    mistakes: list[str],
) -> tuple[Rule, ...]:
    """The rules of one list; those of a task may be of its own scores."""
    rules: dict[Slot, Rule] = {}
    for key, entry in written:
        source = where(key)
        try:
            if entry.task not in (None, task):
                raise ValueError(
                    f"it stands under task {quoted(task)}; leave out task: {entry.task}"
                )
            rule = replace(_rule(entry, task), source=source, tier=entry.tier)
            slot = slot_of(rule)
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
