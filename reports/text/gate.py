"""Sentences about a gate: its rules, what was measured, what would decide an open one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from saeval.reports.text.numbers import (
    format_count,
    format_difference,
    format_interval,
    format_items,
    format_level,
    format_pvalue,
    format_value,
    format_value_interval,
    join_words,
)
from saeval.stats.gate.results import CHANCE, Gate, RuleResult
from saeval.stats.gate.rules import EVERY, Rule
from saeval.stats.metrics.metric import Metric
from saeval.stats.metrics.registry import find_metric

_NAMED = 3
"""Rules that the first sentence names."""


def metric_of(rule: Rule) -> Metric:
    """How reports present a rule's metric."""
    if _is_undeclared(rule):
        return Metric("score", rule.metric.replace("{", "{{").replace("}", "}}"), "", kind="counts")
    return rule.definition


def rule_name(rule: Rule) -> str:
    """``NA recall``, ``False-abstention rate``, ``Recall of every label``."""
    if rule.label == EVERY:
        return f"{metric_of(rule).title.format(label='').strip().capitalize()} of every label"
    metric = metric_of(rule)
    name = metric.title.format(label=rule.label or "abstention")
    if rule.score is not None or find_metric(rule.metric) is None:
        return name
    return name[0].upper() + name[1:]


def demand(rule: Rule) -> str:
    """``must improve``, ``not worse by 3.0 pp``, ``at most 5.0%``."""
    scale = metric_of(rule).scale
    if rule.kind == "must_improve":
        return "must improve"
    if rule.kind == "not_worse_by":
        amount = f"{rule.limit * 100:.3g} pp" if scale == "proportion" else f"{rule.limit:g}"
        return f"not worse by {amount}"
    bound = f"{rule.limit * 100:.3g}%" if scale == "proportion" else f"{rule.limit:g}"
    return f"{rule.kind.replace('_', ' ')} {bound}"


def measured(result: RuleResult) -> str:
    """``+0.4 pp [−1.2, +2.0]``, of a difference; ``3.1% [2.2, 4.2]``, of a value."""
    scale = metric_of(result.rule).scale
    if result.rule.of_difference:
        value = format_difference(result.estimate, scale)
        limits = format_interval(result.interval, scale)
    else:
        value = format_value(result.estimate, scale)
        limits = format_value_interval(result.interval, scale)
    return value if result.interval is None else f"{value} {limits}"


def finding(result: RuleResult) -> str:
    """One sentence: what was measured, and what it means for the rule."""
    text = f"{rule_name(result.rule)} {demand(result.rule)}: {measured(result)}"
    if not result.rule.is_blocking:
        text = f"Advisory: {text}"
    what = {
        "PASS": "shown to hold",
        "REGRESSION": "shown to be broken",
        "INCONCLUSIVE": "not decided",
    }[result.verdict]
    details = [what]
    if result.decided_after is not None:
        details.append(f"after {format_items(result.decided_after)}")
    elif result.verdict == "PASS" and result.pvalue_pass is not None:
        details.append(f"p {format_pvalue(result.pvalue_pass)}")
    elif result.verdict == "REGRESSION" and result.pvalue_holm is not None:
        details.append(f"Holm p {format_pvalue(result.pvalue_holm)}")
    sentence = f"{text}; {', '.join(details)}."
    more = what_would_decide(result)
    return f"{sentence} {more}" if more else sentence


def what_would_decide(result: RuleResult) -> str:
    """What an undecided rule lacks; nothing for a decided one."""
    if result.verdict != "INCONCLUSIVE":
        return ""
    parts = []
    if result.note is not None:
        parts.append(f"{result.note[0].upper()}{result.note[1:]}.")
    if result.items_to_decide is not None:
        parts.append(f"About {format_items(_rounded(result.items_to_decide))} would decide it.")
    elif result.interval is not None:
        parts.append("The estimate is at the limit: more items cannot be counted on to decide it.")
    return " ".join(parts)


ASSUMPTION = (
    f"The numbers of items assume that the estimate is the truth and that further items are like "
    f"these; then the rule is decided in {CHANCE:.0%} of runs."
)


def interval_note(gate: Gate) -> str:
    """What the ends of the intervals are."""
    return f"Each end of an interval is a one-sided {format_level(gate.bound_level)} bound."


def look_note(gate: Gate) -> str:
    """Which look it was, and what it could spend; nothing where looks are not counted."""
    if (look := gate.look) is None:
        return ""
    shared = f"all looks at all {look.among} checkpoints" if look.among > 1 else "all looks"
    text = (
        f"Look {look.number} of this checkpoint, at α = {look.alpha:.3g} of the "
        f"{1 - gate.confidence_level:.3g} that {shared} share. The same answers again are the same "
        "look; with other answers it is the next one, at what is left."
    )
    if look.note is not None:
        text += f" {look.note[0].upper()}{look.note[1:]}."
    if look.checkpoints > look.among:
        text += (
            f" It is checkpoint {look.checkpoints} gated against this base by rules on these "
            f"metrics: of {look.checkpoints} that break a rule, some may pass by accident. To take "
            "one of several, say of how many (--among)."
        )
    return text


def headline(gate: Gate) -> str:
    """How many rules passed, are broken and are undecided, and which of the latter two.

    ``INCONCLUSIVE: 2 of 3 rules passed, none is broken, 1 is undecided (NA recall on fever).``
    """
    blocking = [result for result in gate.results if result.rule.is_blocking]
    passed, broken, undecided = (
        [result for result in blocking if result.verdict == verdict]
        for verdict in ("PASS", "REGRESSION", "INCONCLUSIVE")
    )
    of_all = f" of {format_rules(len(blocking))}"
    open_ones = f"{_are(len(undecided))} undecided{_named(undecided, gate)}"
    if broken:
        counts = [f"{len(broken)}{of_all} broken{_named(broken, gate)}", f"{len(passed)} passed"]
        counts[1:1] = [open_ones] if undecided else []
    else:
        counts = [f"{len(passed)}{of_all} passed"]
        counts += ["none is broken", open_ones] if undecided else []
    if gate.skipped:
        counts.append(f"{len(gate.skipped)} not held to")
    if missing := sum(missing.items for missing in gate.missing if not missing.allowed):
        counts.append(f"{format_items(missing)} answered by one model only")
    return f"{gate.verdict}: {', '.join(counts)}.{advisory_note(gate)}"


def format_rules(count: int) -> str:
    """``1 rule``, ``2 rules``."""
    return f"{count} {'rule' if count == 1 else 'rules'}"


def _are(count: int) -> str:
    return f"{count} {'is' if count == 1 else 'are'}"


def _named(results: Sequence[RuleResult], gate: Gate) -> str:
    """The first of these rules, in brackets; the task where there are several."""
    if not results:
        return ""
    several = len({result.task for result in gate.results}) > 1
    names = [rule_name(r.rule) + (f" on {r.task}" if several else "") for r in results]
    more = [f"{len(names) - _NAMED} more"] if len(names) > _NAMED else []
    return f" ({join_words([*names[:_NAMED], *more])})"


def advisory_note(gate: Gate) -> str:
    """What advisory rules found; nothing where there are none."""
    verdicts = Counter(r.verdict for r in gate.results if not r.rule.is_blocking)
    if not verdicts:
        return ""
    found = ", ".join(f"{number} {verdict}" for verdict, number in sorted(verdicts.items()))
    return f" Advisory rules, which do not count: {found}."


def guarantee(level: float, rules: int | None = None) -> list[str]:
    """The error rates that bound each verdict."""
    error = format_level(1 - level)
    number = "all rules of all tasks" if rules is None else f"all {rules} rules"
    if rules == 1:
        number = "the one rule"
    return [
        f"A checkpoint that breaks no rule is called a REGRESSION in about {error} of cases at "
        f"most, over {number} and all looks together (Holm's correction of one-sided tests).",
        f"A checkpoint that breaks any rule passes in about {error} of cases at most, over all "
        "looks: every rule must pass, each at what the look may spend (intersection–union test, "
        "Berger 1982).",
    ]


def saved(gate: Gate) -> str:
    """How many items early stop left unasked; nothing for a gate that could not stop early."""
    if not gate.sequential:
        return ""
    planned = sum(task.planned for task in gate.tasks)
    left = planned - sum(task.answers for task in gate.tasks)
    which = " that count" if any(task.trained_on for task in gate.tasks) else ""
    return (
        f"Asked the checkpoint {format_count(planned - left)} of {format_items(planned)}{which}: "
        f"{left / planned:.0%} saved."
    )


def trained_on(gate: Gate) -> dict[str, str]:
    """By task, where items were left out: how many, and why."""
    return {
        task.task: f"{task.task}: {format_count(task.trained_on)} of "
        f"{format_count(task.planned + task.trained_on)} answers are left out, because their items "
        "share an id, a wording or a cluster with what the checkpoint was trained on."
        for task in gate.tasks
        if task.trained_on
    }


def explain(
    name: str,
    level: float,
    general: Sequence[Rule],
    of_task: Mapping[str, Sequence[Rule]],
) -> Iterator[str]:
    """Every rule of a policy in a sentence or two, and the error rates of its verdicts."""
    yield f"{name}, level {format_level(level)}"
    for title, rules in [("Every task", general), *of_task.items()]:
        if rules:
            yield ""
            yield f"{title}:"
            for rule in rules:
                tier = "" if rule.is_blocking else f", {rule.tier}"
                yield f"- {rule_name(rule)} {demand(rule)}{tier}  ({rule.source})"
                yield f"    {_definition(rule)}"
                yield f"    {_verdicts(rule, level)}"
    yield ""
    yield from guarantee(level)
    yield (
        "What is neither shown to hold nor to be broken is INCONCLUSIVE, with the number of items "
        "that would decide it."
    )
    yield "A rule on every task is left out, and listed, where a task cannot be held to it."
    yield "Where one of two given files lacks items, nothing passes (unless with --allow-missing)."


def _is_undeclared(rule: Rule) -> bool:
    """Whether it is of another program's score, and no answers have said what that is."""
    return rule.score is None and find_metric(rule.metric) is None


def _definition(rule: Rule) -> str:
    if _is_undeclared(rule):
        return (
            f"A score that another program gives: {rule.metric}. Its direction and its range are "
            "known only with the answers; a limit that does not fit them is an error then."
        )
    label = "NA or UNKNOWN" if rule.label in (None, "abstention") else rule.label
    definition = metric_of(rule).definition
    if label == EVERY:
        return f"For each label X that items of the task have: {definition.format(label='X')}"
    return definition.format(label=label)


def _verdicts(rule: Rule, level: float) -> str:
    scale = metric_of(rule).scale
    sure = format_level(level)
    if not rule.of_difference:
        bound = format_value(rule.limit, scale)
        good, bad = ("below", "above") if rule.kind == "at_most" else ("above", "below")
        return (
            f"PASS if the checkpoint's value lies {good} {bound} with {sure} confidence, "
            f"REGRESSION if it lies {bad} after correction."
        )
    if _is_undeclared(rule):
        better, worse = (
            ("better", "worse")
            if rule.kind == "must_improve"
            else (f"no worse by more than {rule.limit:g}", "worse by more")
        )
        return (
            f"PASS if the checkpoint is shown to be {better} with {sure} confidence, REGRESSION if "
            f"it is shown to be {worse} after correction."
        )
    limit = format_difference(rule.threshold, scale)
    good, bad = ("above", "below") if rule.good_is_above else ("below", "above")
    return (
        f"PASS if checkpoint − base lies {good} {limit} with {sure} confidence, REGRESSION if it "
        f"lies {bad} after correction."
    )


def _rounded(items: int) -> int:
    """To two significant digits, upwards: a projection is no more precise than that."""
    unit = int(10 ** max(len(str(items)) - 2, 0))
    return -(-items // unit) * unit
