"""The comparison on a terminal: a table per task, then the words."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from saeval.reports.sanitize import one_line
from saeval.reports.text.metric_names import metric_name, metric_of
from saeval.reports.text.numbers import (
    format_count,
    format_difference,
    format_interval,
    format_items,
    format_level,
    format_pvalue,
    format_value,
)
from saeval.reports.text.significance import AA_NOTE, UNADJUSTED_NOTE, Direction, has_aa, sign_of
from saeval.reports.text.summary import Words, in_words
from saeval.reports.text.verdict import VERDICT_NAMES
from saeval.stats.compare.results import Comparison, TaskComparison

_STYLES: dict[Direction, str] = {
    "better": "bold green",
    "worse": "bold red",
    "higher": "cyan",
    "lower": "cyan",
    "noise": "dim",
    "same": "dim",
    "untested": "dim",
}
_ASCII = str.maketrans(
    {"→": ">", "−": "-", "–": "-", "²": "2", "✓": "+", "✗": "x", "↑": "^", "↓": "v", "…": "."}
)


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print the headline metrics of every task, then the verdict in words.

    Parameters
    ----------
    comparison
        What to print. Its names and warnings are printed as they are, never as rich markup.
    console
        Where to; without colour the signs still tell better from worse.
    """
    _Printer(console).comparison(comparison)


def as_text(console: Console, text: str, style: str = "") -> Text:
    """As Text, so that markup in it stays text; reduced to what the terminal can encode."""
    encoding = console.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(_ASCII).encode(encoding, "replace").decode(encoding)
    return Text(text, style=style)


class _Printer:
    def __init__(self, console: Console) -> None:
        self.console = console

    def comparison(self, comparison: Comparison) -> None:
        names = f"{one_line(comparison.base.name, 60)} → {one_line(comparison.checkpoint.name, 60)}"
        self.line(names, style="bold")
        for task in comparison.tasks:
            self.task(task, comparison)
        if comparison.pooled is not None:
            self.task(comparison.pooled, comparison)
            self.line(UNADJUSTED_NOTE, style="dim")
        if has_aa(comparison):
            self.line(AA_NOTE, style="dim")
        self.words(in_words(comparison))

    def task(self, task: TaskComparison, comparison: Comparison) -> None:
        self.console.print()
        title = self.text(one_line(task.task, 40), "bold")
        title.append(self.text(_counts(task)))
        self.console.print(title)
        for warning in task.warnings:
            self.bullet("!", warning, "yellow")
        level = format_level(comparison.settings.level)
        gap = 1 if self.console.width >= 90 else 0
        table = Table(box=SIMPLE_HEAD, padding=(0, gap, 0, 0), pad_edge=False, show_edge=False)
        table.add_column("Metric", no_wrap=True, overflow="ellipsis")
        aa = has_aa(comparison)
        for name in ("Base", "Ckpt.", "Diff.", *(["A/A"] if aa else [])):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column(self.text(f"{level} interval"), justify="right", no_wrap=True)
        # Where there is no room for all, the p that is not corrected is what can be missed.
        abstention = task.abstention
        names = [metric_name(row, abstention) for row in task.metrics if row.headline]
        raw_p = self.console.width >= 90 or not (aa or max(map(len, names), default=0) > 15)
        if raw_p:
            table.add_column("p", justify="right", no_wrap=True)
        table.add_column("Holm p", justify="right", no_wrap=True)
        table.add_column("", no_wrap=True)
        for row in task.metrics:
            if not row.headline:
                continue
            scale = metric_of(row).scale
            sign = sign_of(row, comparison.settings.level)
            cells = (
                one_line(metric_name(row, abstention)),
                format_value(row.base, scale),
                format_value(row.checkpoint, scale),
                format_difference(row.difference, scale),
                *([format_difference(row.noise, scale)] if aa else []),
                format_interval(row.difference_interval, scale),
                *([format_pvalue(row.p)] if raw_p else []),
                format_pvalue(row.p_holm),
            )
            style = _STYLES[sign.direction]
            table.add_row(*(self.text(cell) for cell in cells), self.text(sign.text, style))
        self.console.print(table)

    def words(self, words: Words) -> None:
        for task in words.tasks:
            self.console.print()
            title = self.text(one_line(task.task, 40), "bold")
            title.append(self.text(f": {VERDICT_NAMES[task.verdict]}"))
            self.console.print(title)
            for sentence in task.sentences:
                self.bullet("-", sentence)
        if words.cautions:
            self.console.print()
            self.line("Before believing a gain", style="bold")
            for caution in words.cautions:
                self.bullet("!", caution, "yellow")
        # Last, because that is what stands above the prompt.
        self.console.print()
        self.line(words.headline, style="bold")
        self.line(" ".join(words.summary))

    def bullet(self, mark: str, sentence: str, style: str = "") -> None:
        lines = self.text(one_line(sentence)).wrap(self.console, max(20, self.console.width - 4))
        for number, text in enumerate(lines):
            start = self.text(f"  {mark} ", style) if number == 0 else Text("    ")
            text.rstrip()
            self.console.print(start.append_text(text))

    def line(self, text: str, style: str = "") -> None:
        self.console.print(self.text(one_line(text), style))

    def text(self, text: str, style: str = "") -> Text:
        return as_text(self.console, text, style)


def _counts(task: TaskComparison) -> str:
    parts = [format_items(task.items)]
    if task.clusters is not None:
        parts.append(f"{format_count(task.clusters)} clusters")
    parts.append(
        f"invalid {format_count(task.base.invalid)} → {format_count(task.checkpoint.invalid)}"
    )
    left = task.unpaired
    if left.base_only or left.checkpoint_only:
        unpaired = (
            f"{format_count(left.base_only)} base, {format_count(left.checkpoint_only)} checkpoint"
        )
        parts.append(f"unpaired {unpaired}")
    return f"  {', '.join(parts)}"
