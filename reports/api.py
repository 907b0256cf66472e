"""What `saeval.reports` offers: a result in, texts out; nothing here writes a file."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console

from saeval.progress import GuardedConsole
from saeval.reports.build.checkpoint_series import series_report, series_summary
from saeval.reports.build.comparison import comparison_report, comparison_summary
from saeval.reports.build.frontier import PICTURE, frontier_report, frontier_summary
from saeval.reports.build.gate import gate_report, gate_summary
from saeval.reports.build.metacognition import metacognition_report, metacognition_summary
from saeval.reports.document import NO_LINKS, Document, Links
from saeval.reports.figures.frontier import frontier_picture, standalone
from saeval.reports.render.console import print_document
from saeval.reports.render.csv import (
    comparison_csv,
    frontier_csv,
    gate_csv,
    metacognition_csv,
    series_csv,
)
from saeval.reports.render.html import HtmlParts, render_html, render_parts
from saeval.reports.render.json import dump
from saeval.reports.render.junit import to_junit
from saeval.reports.render.markdown import render_markdown
from saeval.reports.render.series_index import SeriesIndex
from saeval.reports.text.brief import in_brief
from saeval.stats.checkpoints.results import CheckpointSeries
from saeval.stats.compare.results import Comparison
from saeval.stats.frontier.results import Frontier
from saeval.stats.gate.results import Gate
from saeval.stats.metacognition.results import Metacognition
from saeval.terminal_text import one_line

Result = Comparison | CheckpointSeries | Gate | Frontier | Metacognition


def to_html(result: Result, *, folders: Mapping[str, str] | None = None) -> str:
    """One self-contained page: it loads nothing, runs nothing, and shows hostile text as text.

    Parameters
    ----------
    result
        What to report.
    folders
        For several checkpoints: the folder of each one's own reports, relative to this one, by
        name and in their order. Without them their names link nowhere.
    """
    return render_html(build_report(result, folders))


def to_html_parts(
    result: Result,
    *,
    gate: Gate | None = None,
    folders: Mapping[str, str] | None = None,
    links: Links = NO_LINKS,
    heading: bool = True,
) -> HtmlParts:
    """The parts of `to_html` for the page of another program, under a strict policy of its own.

    Parameters
    ----------
    result, folders
        As for `to_html`.
    gate
        For a comparison that was held to a policy: what came of it, which the lead says.
    links
        For a comparison: addresses of pages of that program.
    heading
        Whether the lead of a comparison begins with an ``<h1>`` that names the models.
    """
    document = build_report(result, folders)
    if isinstance(result, Comparison):
        document = comparison_report(result, gate, links)
    return render_parts(document, heading=heading)


def to_markdown(result: Result, *, folders: Mapping[str, str] | None = None) -> str:
    """For a pull request or a job summary; names and model output in it are made harmless.

    Parameters
    ----------
    result, folders
        As for `to_html`.
    """
    return render_markdown(build_report(result, folders))


def to_json(result: Result, *, folders: Mapping[str, str] | None = None) -> str:
    """Versioned JSON that ends in a newline; the same result, the same text.

    Several checkpoints become an index: the folder of each comparison (its name without `folders`),
    the steps and the best one. Fields with the metadata ``{"serialized": False}`` are left out.

    Raises
    ------
    ValueError
        If a number is NaN or infinite, which JSON cannot hold: a missing value must be None.
    """
    if isinstance(result, CheckpointSeries):
        names = {c.checkpoint.name: c.checkpoint.name for c in result.comparisons}
        links = dict(folders or names)
        return dump(SeriesIndex(links, result.steps, result.best, result.notes))
    return dump(result)


def to_csv(result: Result) -> str:
    """A row per metric, rule or prompt; a value that does not exist is empty.

    Numbers are written in full. A text that a spreadsheet would run as a formula gets an apostrophe
    in front (OWASP, "CSV Injection").
    """
    match result:
        case Comparison():
            return comparison_csv(result)
        case CheckpointSeries():
            return series_csv(result)
        case Gate():
            return gate_csv(result)
        case Frontier():
            return frontier_csv(result)
        case Metacognition():
            return metacognition_csv(result)


def report_files(
    result: Result,
    *,
    folders: Mapping[str, str] | None = None,
    allow_inconclusive: bool = False,
    gate: Gate | None = None,
) -> dict[str, str]:
    """Every report of a result as text, by the name of its file.

    Parameters
    ----------
    result, folders
        As for `to_html`. Each comparison of several has reports of its own, which are not here.
    allow_inconclusive
        For a gate: whether INCONCLUSIVE is a skipped test in the JUnit file, and no failure.
    gate
        For a comparison that was held to a policy: what came of it, which its reports say first.
    """
    match result:
        case Comparison():
            document = comparison_report(result, gate)
            return {
                "comparison.json": to_json(result),
                "report.md": render_markdown(document),
                "report.html": render_html(document),
                "metrics.csv": to_csv(result),
            }
        case CheckpointSeries():
            return {
                "report.html": to_html(result, folders=folders),
                "report.md": to_markdown(result, folders=folders),
                "metrics.csv": to_csv(result),
                "family.json": to_json(result, folders=folders),
            }
        case Gate():
            return {
                "gate.json": to_json(result),
                "gate.md": to_markdown(result),
                "junit.xml": to_junit(result, allow_inconclusive=allow_inconclusive),
            }
        case Frontier():
            return {
                "frontier.html": to_html(result),
                "frontier.md": to_markdown(result),
                PICTURE: standalone(frontier_picture(result).to_svg("frontier")),
                "frontier.csv": to_csv(result),
                "frontier.json": to_json(result),
            }
        case Metacognition():
            return {
                "metacognition.html": to_html(result),
                "metacognition.md": to_markdown(result),
                "metacognition.csv": to_csv(result),
                "metacognition.json": to_json(result),
            }


def print_result(result: Result, console: Console | None = None) -> None:
    """Print what a terminal has room for: tables first, the verdict last.

    Parameters
    ----------
    result
        What to print. Its names and warnings are printed as they are, never as rich markup.
    console
        Where to, by default the standard output; without colour the signs still tell better from
        worse.
    """
    print_document(build_summary(result), console or GuardedConsole())


def to_brief(result: Result) -> str:
    """A line per task, for chat and pull requests; ends in a newline.

    Of a gate its verdict and a line per task, of a frontier and of metacognition a sentence per
    model.
    """
    return "".join(f"{one_line(line)}\n" for line in in_brief(result))


def build_report(result: Result, folders: Mapping[str, str] | None = None) -> Document:
    """The whole report as a document."""
    match result:
        case Comparison():
            return comparison_report(result)
        case CheckpointSeries():
            return series_report(result, folders)
        case Gate():
            return gate_report(result)
        case Frontier():
            return frontier_report(result)
        case Metacognition():
            return metacognition_report(result)


def build_summary(result: Result) -> Document:
    """The short report, for a terminal, as a document."""
    match result:
        case Comparison():
            return comparison_summary(result)
        case CheckpointSeries():
            return series_summary(result)
        case Gate():
            return gate_summary(result)
        case Frontier():
            return frontier_summary(result)
        case Metacognition():
            return metacognition_summary(result)
