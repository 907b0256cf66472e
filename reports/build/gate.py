"""A gate's verdict on a terminal, as Markdown, and in every file of a CI run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from saeval.reports.render.json import as_json
from saeval.reports.render.junit import to_junit
from saeval.reports.render.markdown_text import escape, markdown_table, plain
from saeval.reports.render.write import write_file
from saeval.reports.sanitize import one_line
from saeval.reports.text import gate as words
from saeval.reports.text.numbers import format_count, format_level
from saeval.stats.gate.decide import Gate, RuleResult

_STYLES = {"PASS": "green", "REGRESSION": "bold red", "INCONCLUSIVE": "yellow"}
_SIGNS = {"PASS": "✅", "REGRESSION": "❌", "INCONCLUSIVE": "❔"}


def write_gate(gate: Gate, folder: Path, *, strict: bool) -> list[Path]:
    """Write ``gate.json``, ``gate.md`` and ``junit.xml`` into a folder.

    Parameters
    ----------
    gate
        What to report.
    folder
        Made if it does not exist; each file is replaced in one step.
    strict
        Whether INCONCLUSIVE is a failure in the JUnit file.
    """
    texts = {
        "gate.json": gate_json(gate),
        "gate.md": gate_markdown(gate),
        "junit.xml": to_junit(gate, strict=strict),
    }
    folder.mkdir(parents=True, exist_ok=True)
    return [write_file(folder / name, text) for name, text in texts.items()]


def gate_json(gate: Gate) -> str:
    """Everything, as JSON of schema ``saeval.gate/1``."""
    return as_json(gate)


def gate_markdown(gate: Gate) -> str:
    """For a job summary or a comment on a pull request; names in it are made harmless."""
    return "\n".join(_markdown(gate))


def _markdown(gate: Gate) -> Iterator[str]:
    yield f"## {_SIGNS[gate.verdict]} saeval gate: {gate.verdict}"
    yield ""
    yield f"{escape(gate.base)} → {escape(gate.checkpoint)}, {escape(gate.policy)}. " + plain(
        words.headline(gate)
    )
    yield ""
    yield from markdown_table(
        ("Task", "Rule", "Measured", "Verdict"),
        [
            (
                escape(result.task),
                escape(f"{words.rule_name(result.rule)} {words.demand(result.rule)}"),
                escape(words.measured(result)),
                f"{_SIGNS[result.verdict]} {result.verdict}",
            )
            for result in gate.results
        ],
        right=False,
    )
    open_ones = [result for result in gate.results if words.what_would_decide(result)]
    for result in open_ones:
        name = f"{result.task}, {words.rule_name(result.rule)}"
        yield f"- {escape(name)}: {escape(words.what_would_decide(result))}"
    if open_ones:
        yield ""
    for skipped in gate.skipped:
        yield (
            f"- {escape(skipped.task)}: {escape(words.rule_name(skipped.rule))} was not held to: "
            f"{escape(skipped.why)}."
        )
    left_out = words.trained_on(gate)
    for text in left_out.values():
        yield f"- {escape(text)}"
    if gate.skipped or left_out:
        yield ""
    if text := words.saved(gate):
        yield escape(text)
        yield ""
    notes = [_interval_note(gate), *words.guarantee(gate.level, len(gate.results))]
    if open_ones:
        notes.append(words.ASSUMPTION)
    yield f"<sub>{escape(' '.join(notes))}</sub>"
    yield ""


def print_gate(gate: Gate, console: Console) -> None:
    """The verdict of every rule as a table, and the one for all last."""
    console.print(
        _text(f"{one_line(gate.base, 60)} → {one_line(gate.checkpoint, 60)}", "bold"),
        _text(f", {one_line(gate.policy)}"),
        sep="",
    )
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for name in ("Task", "Rule", "Measured", "Verdict"):
        table.add_column(name, no_wrap=name in ("Task", "Verdict"))
    previous = None
    for result in gate.results:
        table.add_row(
            _text("" if result.task == previous else one_line(result.task, 30)),
            _text(f"{words.rule_name(result.rule)} {words.demand(result.rule)}"),
            _text(words.measured(result)),
            _text(_verdict(result), _STYLES[result.verdict]),
        )
        previous = result.task
    console.print(table)
    for result in gate.results:
        if text := words.what_would_decide(result):
            name = f"{one_line(result.task, 30)}, {words.rule_name(result.rule)}"
            console.print(_text(f"? {name}: {text}"), soft_wrap=False)
    for skipped in gate.skipped:
        name = f"{one_line(skipped.task, 30)}, {words.rule_name(skipped.rule)}"
        console.print(_text(f"- {name}: not held to, {one_line(skipped.why)}", "dim"))
    for text in words.trained_on(gate).values():
        console.print(_text(f"- {one_line(text, 160)}"))
    if text := words.saved(gate):
        console.print(_text(text))
    console.print(_text(_interval_note(gate), "dim"))
    console.print()
    console.print(_text(words.headline(gate), _STYLES[gate.verdict]))


def _verdict(result: RuleResult) -> str:
    if result.decided_after is None:
        return result.verdict
    return f"{result.verdict} after {format_count(result.decided_after)}"


def _interval_note(gate: Gate) -> str:
    level = format_level(gate.level)
    return f"Each end of an interval is a one-sided {level} bound."


def _text(text: str, style: str = "") -> Text:
    """As Text, so that markup in it stays text."""
    return Text(text, style=style)
