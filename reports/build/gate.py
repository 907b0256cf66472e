"""A gate's verdict as a document."""

from __future__ import annotations

from collections.abc import Iterator

from saeval.reports.build.cells import cells_of
from saeval.reports.document import (
    Badge,
    Block,
    Cell,
    Column,
    Document,
    Paragraph,
    Part,
    Question,
    Row,
    Section,
    Sentences,
    Table,
    Tone,
)
from saeval.reports.text.answers import both_answers
from saeval.reports.text.gate import (
    ASSUMPTION,
    demand,
    guarantee,
    headline,
    interval_note,
    look_note,
    measured,
    rule_name,
    saved,
    trained_on,
    what_would_decide,
)
from saeval.reports.text.numbers import format_count
from saeval.stats.gate.results import Gate, RuleResult, Verdict

_SIGNS: dict[Verdict, str] = {"PASS": "✅", "REGRESSION": "❌", "INCONCLUSIVE": "❔"}
_TONES: dict[Verdict, Tone] = {"PASS": "better", "REGRESSION": "worse", "INCONCLUSIVE": "mixed"}


def gate_report(gate: Gate) -> Document:
    """For a job summary or a comment on a pull request."""
    n_blocking = sum(result.rule.is_blocking for result in gate.results)
    notes = [interval_note(gate), *guarantee(gate.confidence_level, n_blocking)]
    if any(what_would_decide(result) for result in gate.results):
        notes.append(ASSUMPTION)
    return Document(
        title=f"{_SIGNS[gate.verdict]} saeval gate: {gate.verdict}",
        opening=(
            Paragraph(f"{gate.base} → {gate.checkpoint}, {gate.policy}. {headline(gate)}"),
            Sentences(_answers(gate)),
            _table(gate, signs=True),
            Sentences((*_missing(gate), *_open_rules(gate))),
            Sentences(tuple(_left_out(gate))),
            *(Paragraph(text) for text in (saved(gate), look_note(gate)) if text),
            *(Part(f"{a.text} {a.answer}", (Sentences(a.evidence),)) for a in _answered(gate)),
            Paragraph(" ".join(notes), "footnote"),
        ),
    )


def gate_notice(gate: Gate) -> Paragraph:
    """What a report of the comparison says first of the gate that it was held to."""
    return Paragraph(
        f"{headline(gate)} By {gate.policy}; its rules and what they rest on: gate.md.",
        lead=f"{_SIGNS[gate.verdict]} saeval gate:",
    )


def gate_summary(gate: Gate) -> Document:
    """The verdict of every rule as a table, and the one for all last."""
    blocks: tuple[Block, ...] = (
        _table(gate, signs=False),
        Sentences((*_missing(gate), *_open_rules(gate)), "question"),
        Sentences(tuple(_left_out(gate)), "note"),
        *(Paragraph(text) for text in (saved(gate), look_note(gate)) if text),
        Paragraph(interval_note(gate), "note"),
        *(Part(f"{a.text} {a.answer}", (Sentences(a.evidence),)) for a in _answered(gate)),
    )
    return Document(
        title=f"Models: {gate.base} → {gate.checkpoint}, {gate.policy}",
        headline=headline(gate),
        sections=(Section("", "", blocks),),
        tone=_TONES[gate.verdict],
    )


def _answered(gate: Gate) -> tuple[Question, ...]:
    """Both answers of the comparison that was gated, if it is at hand."""
    return () if gate.compared is None else both_answers(gate.compared)


def _answers(gate: Gate) -> tuple[str, ...]:
    return tuple(f"{a.text} {a.answer}" for a in _answered(gate))


def _table(gate: Gate, *, signs: bool) -> Table:
    """A row per rule; on a terminal, which has no `signs`, a task is named once."""
    rows = []
    previous = None
    for result in gate.results:
        verdict = _verdict(result)
        badge = Badge(
            f"{_SIGNS[result.verdict]} {verdict}" if signs else verdict, _TONES[result.verdict]
        )
        name = "" if result.task == previous and not signs else result.task
        rule = f"{rule_name(result.rule)} {demand(result.rule)}"
        rows.append(Row((*cells_of(name, rule, measured(result)), Cell(badge=badge))))
        previous = result.task
    columns = (
        Column("Task", limit=30),
        Column("Rule", align="left", wrap=True),
        Column("Measured", align="left", wrap=True),
        Column("Verdict", align="left"),
    )
    return Table(columns, tuple(rows), "wide", "Rules")


def _missing(gate: Gate) -> Iterator[str]:
    yield from (missing.reason for missing in gate.missing if not missing.allowed)


def _open_rules(gate: Gate) -> Iterator[str]:
    for result in gate.results:
        if text := what_would_decide(result):
            yield f"{result.task}, {rule_name(result.rule)}: {text}"


def _left_out(gate: Gate) -> Iterator[str]:
    for skipped in gate.skipped:
        yield f"{skipped.task}, {rule_name(skipped.rule)}: not held to, {skipped.reason}."
    yield from trained_on(gate).values()
    yield from (missing.reason for missing in gate.missing if missing.allowed)


def _verdict(result: RuleResult) -> str:
    tier = "" if result.rule.is_blocking else f" ({result.rule.tier})"
    if result.decided_after is None:
        return f"{result.verdict}{tier}"
    return f"{result.verdict}{tier} after {format_count(result.decided_after)}"
