"""The two questions of the first screen, each answered by a word and one plain sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from saeval.reports.document import Tone
from saeval.reports.text.cost import worst_clause
from saeval.reports.text.gate import (
    advisory_note,
    finding,
    format_rules,
    rule_name,
)
from saeval.reports.text.knowledge import CLAUSES, KNOWS, TONES, knowledge
from saeval.reports.text.numbers import format_items, join_words
from saeval.stats.compare.findings import Answer
from saeval.stats.compare.results import Comparison
from saeval.stats.gate.results import Gate, RuleResult

KNOWS_BETTER = KNOWS
MAY_IT_SHIP = "May it ship?"
HOW_TO_ASK = "saeval gate BASE CHECKPOINT --policy gate.yaml"
NAMED, REASONS = 3, 4
"""Tasks that a sentence names, and reasons that are given; of more their number is said."""

_WORDS: dict[Answer, str] = {
    "lost": "✗ Lost",
    "only says so": "✗ Only says so",
    "only refuses more": "✗ Only refuses more",
    "cannot tell": "? Cannot tell",
    "no": "No",
    "yes": "✓ Yes",
    "not asked": "Not asked",
}


@dataclass(frozen=True)
class Said:
    """An answer in a word and in a sentence."""

    word: str
    tone: Tone
    sentence: str


def say_knowledge(comparison: Comparison) -> Said:
    """Does it know better what it does not know? Over all tasks, the gravest first.

    What fell most stands in the same sentence, so that no gain is read without its price.
    """
    tasks, level = comparison.tasks, comparison.settings.confidence_level
    answers = {task.task: knowledge(task, level).answer for task in tasks}
    names = {
        kind: [task for task, answer in answers.items() if answer == kind]
        for kind in _WORDS
        if kind != "not asked"
    }
    fell = worst_clause(tasks, level)
    given = {kind: found for kind, found in names.items() if found}
    if not given:
        these = "This task measures" if len(tasks) == 1 else "These tasks measure"
        paid = f"; {fell}" if fell else ""
        return Said(_WORDS["not asked"], "", f"{these} neither abstention nor confidence{paid}.")
    clauses = [f"{CLAUSES[kind]}{_where(found, len(tasks))}" for kind, found in given.items()]
    sentence = "; ".join([*clauses, *([fell] if fell else [])])
    first = next(iter(given))
    word, tone = (_WORDS[first], TONES[first]) if len(given) == 1 else ("Mixed", "mixed")
    return Said(word, tone, f"{sentence[0].upper()}{sentence[1:]}.")


def _where(names: Sequence[str], of: int) -> str:
    """`` on a and b``, `` on all 3 tasks``, `` on 12 of 57 tasks``; nothing of the only task."""
    if of == 1:
        return ""
    if len(names) == of:
        return " on both tasks" if of == 2 else f" on all {of} tasks"
    if len(names) > NAMED:
        return f" on {len(names)} of {of} tasks"
    return f" on {join_words(names)}"


def say_gate(gate: Gate) -> Said:
    """May it ship? The verdict, and how many rules passed, are broken or are undecided."""
    blocking = [result for result in gate.results if result.rule.is_blocking]
    broken, undecided = (_with_verdict(gate, verdict) for verdict in ("REGRESSION", "INCONCLUSIVE"))
    of_all = f"of {format_rules(len(blocking))} of {gate.policy}"
    missing = sum(missing.items for missing in gate.missing if not missing.allowed)
    if gate.verdict == "PASS":
        said = Said("✓ PASS", "better", f"Yes: {_all(len(blocking))} of {gate.policy} passed.")
    elif gate.verdict == "REGRESSION":
        said = Said("✗ REGRESSION", "worse", f"No: {_counted(broken, of_all)} broken.")
    else:
        parts = []
        if undecided:
            parts.append(f"{_counted(undecided, of_all)} undecided, and none is broken")
        if missing:
            parts.append(f"{format_items(missing)} answered by one model only")
        why = "; ".join(parts) or "nothing was decided"
        said = Said("? INCONCLUSIVE", "mixed", f"Not yet: {why}.")
    return Said(said.word, said.tone, f"{said.sentence}{advisory_note(gate)}")


def _counted(results: Sequence[RuleResult], of_all: str) -> str:
    """``2 of 6 rules of gate.yaml are``."""
    return f"{len(results)} {of_all} {'is' if len(results) == 1 else 'are'}"


def _all(rules: int) -> str:
    return "the one rule" if rules == 1 else f"all {rules} rules"


def _with_verdict(gate: Gate, verdict: str) -> list[RuleResult]:
    return [r for r in gate.results if r.rule.is_blocking and r.verdict == verdict]


def deciding_rules(gate: Gate) -> list[RuleResult]:
    """Blocking rules that are broken, then those that are undecided; all of a gate that passed."""
    if gate.verdict == "PASS":
        return _with_verdict(gate, "PASS")
    return [*_with_verdict(gate, "REGRESSION"), *_with_verdict(gate, "INCONCLUSIVE")]


def gate_reasons(gate: Gate) -> Iterator[tuple[str, str]]:
    """Sentences that a verdict rests on, each with the task that it is about, if any.

    Of a gate that passed there is nothing to say but that.
    """
    if gate.verdict == "PASS":
        return
    several = len({result.task for result in gate.results}) > 1
    rules = deciding_rules(gate)
    for result in rules[:REASONS]:
        where = f"{result.task}: " if several else ""
        yield f"{where}{finding(result)}", result.task
    if more := rules[REASONS:]:
        names = sorted({rule_name(result.rule) for result in more})
        listed = ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
        yield f"{len(more)} more ({listed}).", ""
    yield from ((m.reason, m.task) for m in gate.missing[:REASONS] if not m.allowed)
