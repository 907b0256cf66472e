"""One self-contained page: the verdict, the numbers, the pictures and the items that changed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from saeval.reports.build.parts import dimensions_of, samples_of
from saeval.reports.build.table_rows import Row, row_of
from saeval.reports.sanitize import clip, one_line, printable
from saeval.reports.text.contamination import clean_rows, overlap_summary
from saeval.reports.text.judge import TABLE_NOTE, agreement_tables
from saeval.reports.text.methods import definitions, methods, settings_lines
from saeval.reports.text.metric_names import TREATMENTS, published_name
from saeval.reports.text.numbers import (
    format_count,
    format_difference,
    format_interval,
    format_items,
    format_level,
    format_pvalue,
    format_small_pvalue,
    format_value,
)
from saeval.reports.text.significance import AA_NOTE, UNADJUSTED_NOTE, has_aa
from saeval.reports.text.summary import in_words
from saeval.reports.text.task import task_sentences
from saeval.reports.text.verdict import VERDICT_NAMES, Verdict
from saeval.stats.compare.results import Comparison, Flip, TaskComparison

if TYPE_CHECKING:
    from jinja2 import Environment

RESPONSE_HEAD, RESPONSE_TAIL = 300, 700


@dataclass(frozen=True)
class FlipGroup:
    """Items that changed in the same way."""

    title: str
    flips: tuple[Flip, ...]


def to_html(comparison: Comparison) -> str:
    """The page as text; it loads nothing, runs nothing, and shows hostile text as text."""
    from saeval.reports.figures.forest import forest_plots
    from saeval.reports.figures.task import task_pictures

    level = comparison.settings.level
    words = in_words(comparison)
    verdicts = {task.task: task.verdict for task in words.tasks}
    blocks = [(task, False) for task in comparison.tasks]
    if comparison.pooled is not None:
        blocks.append((comparison.pooled, True))
    tasks = [
        {
            "task": task,
            "id": f"task-{index}",
            "pooled": pooled,
            "verdict": None if pooled else verdicts[task.task],
            "sentences": task_sentences(task, level),
            "rows": [row_of(row, task, level) for row in task.metrics],
            "probed_rows": [
                row_of(row, task, level)
                for row in (task.label_probabilities.metrics if task.label_probabilities else ())
            ],
            "samples": samples_of(task, level, f"t{index}"),
            "dimensions": dimensions_of(task, level),
            "clean_rows": clean_rows(task, level),
            "overlap_summary": overlap_summary(task),
            "pictures": task_pictures(task, f"t{index}"),
            "abstention": task.abstention,
            "question": any(row.metric == "incorrect_rate" for row in task.metrics),
            "groups": flip_groups(task),
            "judge": () if task.judge is None else agreement_tables(task.judge),
        }
        for index, (task, pooled) in enumerate(blocks)
    ]
    return (
        environment()
        .get_template("report.html")
        .render(
            comparison=comparison,
            words=words,
            tasks=tasks,
            headline_table=_headline_table(tasks),
            forests=forest_plots(comparison),
            level=format_level(level),
            verdict_names=VERDICT_NAMES,
            tones=_TONES,
            treatments=TREATMENTS,
            settings=settings_lines(comparison),
            methods=methods(comparison),
            definitions=definitions(comparison),
            unadjusted_note=UNADJUSTED_NOTE,
            judge_note=TABLE_NOTE,
            aa_note=AA_NOTE if has_aa(comparison) else "",
            head=RESPONSE_HEAD,
            tail=RESPONSE_TAIL,
        )
    )


@cache
def environment() -> Environment:
    """Templates with every value escaped, and this project's ways of writing numbers as filters."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("saeval.reports"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.globals["zip"] = zip
    environment.filters.update(
        count=format_count,
        items=format_items,
        share=lambda number: format_value(number, "share"),
        points=lambda number: format_difference(number, "share"),
        interval=lambda limits: format_interval(limits, "share"),
        p=format_pvalue,
        precise=format_small_pvalue,
        published_name=published_name,
        line=one_line,
        printable=printable,
        clipped=lambda text: clip(text, RESPONSE_HEAD, RESPONSE_TAIL),
        picture=Markup,
    )
    return environment


_TONES: dict[Verdict, str] = {
    "better": "better",
    "worse": "worse",
    "mixed": "mixed",
    "format only": "mixed",
    "refuses more": "worse",
    "noise": "noise",
    "too few items": "noise",
    "identical": "noise",
    "unreadable": "worse",
}


def flip_groups(task: TaskComparison) -> tuple[FlipGroup, ...]:
    """The kept items: broken first, then mended, then those wrong before and after."""
    groups: dict[str, list[Flip]] = {"Broken": [], "Mended": [], "Wrong before and after": []}
    for flip in task.flips:
        if flip.base_label == flip.target:
            groups["Broken"].append(flip)
        elif flip.checkpoint_label == flip.target:
            groups["Mended"].append(flip)
        else:
            groups["Wrong before and after"].append(flip)
    return tuple(FlipGroup(title, tuple(flips)) for title, flips in groups.items() if flips)


def _headline_table(tasks: list[dict[str, Any]]) -> list[tuple[str, list[Row | None]]]:
    """Headline metrics as rows and tasks as columns; None where a task lacks the metric."""
    names: dict[str, None] = {}
    columns = []
    for task in tasks:
        column = {row.name: row for row in task["rows"] if row.headline}
        names.update(dict.fromkeys(column))
        columns.append(column)
    return [(name, [column.get(name) for column in columns]) for name in names]
