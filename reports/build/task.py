"""One task of a comparison as a section: its sentences, pictures and tables."""

from __future__ import annotations

from collections.abc import Iterator

from saeval.reports.build.cells import draw_later, metric_table
from saeval.reports.build.changed_items import broken_items
from saeval.reports.build.explain import Explain
from saeval.reports.build.task_details import (
    group_details,
    judge_details,
    overlap_details,
    overlap_note,
    published_details,
    samples_details,
)
from saeval.reports.build.task_tests import detail_parts, transition_table
from saeval.reports.document import (
    Badge,
    Block,
    Details,
    Figure,
    Grid,
    Jump,
    Only,
    Paragraph,
    Section,
    Sentences,
)
from saeval.reports.figures.task import (
    confidence_histograms,
    reliability_diagram,
    risk_coverage_curves,
    transition_matrix,
)
from saeval.reports.text.metric_names import confidence_word
from saeval.reports.text.numbers import format_count, format_items, format_level, format_value
from saeval.reports.text.significance import UNADJUSTED_NOTE
from saeval.reports.text.task import task_sentences
from saeval.stats.compare.abstention import has_invalid, is_question
from saeval.stats.compare.results import TaskComparison
from saeval.terminal_text import one_line


def task_section(
    task: TaskComparison,
    level: float,
    anchor: str,
    badge: Badge | None,
    jumps: tuple[Jump, ...] = (),
    explain: Explain | None = None,
) -> Section:
    """Everything about one task, or about the pooled items, which have no verdict.

    Parameters
    ----------
    task
        The task.
    level
        Confidence level.
    anchor
        Id of the section, which also starts the ids inside its pictures.
    badge
        The verdict.
    jumps
        Links after its heading.
    explain
        Where metrics are explained.
    """
    return Section(
        title=task.task,
        anchor=anchor,
        badge=badge,
        subtitle=format_items(task.items),
        group="Tasks",
        jumps=jumps,
        ruled=True,
        folded=True,
        blocks=(
            Paragraph(_counts(task), "note"),
            *overlap_note(task),
            Sentences(task.warnings, "warning"),
            Sentences(task_sentences(task, level)),
            Grid(tuple(_pictures(task, level, anchor))),
            Details(
                "All metrics",
                (
                    metric_table(
                        task.metrics,
                        task,
                        level,
                        label=f"All metrics of {task.task}",
                        family=True,
                        explain=explain,
                    ),
                    Paragraph(UNADJUSTED_NOTE, "note"),
                ),
            ),
            *_label_probabilities(task, level),
            *overlap_details(task, level),
            *samples_details(task, level, anchor),
            *group_details(task, level, anchor),
            *judge_details(task),
            *_tests(task, level),
            Only("markdown", tuple(broken_items(task))),
            *published_details(task, level),
        ),
    )


def _tests(task: TaskComparison, level: float) -> Iterator[Block]:
    if not task.is_graded:
        return
    yield Only("markdown", (transition_table(task),))
    title = "Invalid answers, flips and tests in detail"
    yield Details(
        title if has_invalid(task) else "Flips and tests in detail",
        (Grid(tuple(detail_parts(task, level))),),
    )


def _counts(task: TaskComparison) -> str:
    clusters = "" if task.clusters is None else f" in {format_count(task.clusters)} clusters"
    targets = ", ".join(
        f"{format_count(number)} {label}"
        for label, number in zip(task.labels, task.targets, strict=True)
        if number or not is_question(task)
    )
    of_targets = f": {targets}" if task.primary is None else ""
    sentences = [f"{format_items(task.items)}, paired{clusters}{of_targets}."]
    if has_invalid(task):
        sentences.append(
            f"Invalid: base {format_count(task.base.invalid)}, checkpoint "
            f"{format_count(task.checkpoint.invalid)}."
        )
    left = task.unpaired
    if left.base_only or left.checkpoint_only:
        examples = [
            one_line(item, 60) for item in left.base_only_examples + left.checkpoint_only_examples
        ]
        such_as = f" (such as {', '.join(examples)})" if examples else ""
        sentences.append(
            f"Unpaired and left out: base {format_count(left.base_only)}, checkpoint "
            f"{format_count(left.checkpoint_only)}{such_as}."
        )
    return " ".join(sentences)


def _pictures(task: TaskComparison, level: float, prefix: str) -> Iterator[Figure]:
    stated = bool(task.base.reliability or task.checkpoint.reliability)
    if stated:
        word = confidence_word(task)
        yield Figure(
            draw_later(f"{prefix}-reliability", reliability_diagram, task),
            (
                f"Reliability: accuracy at each level of {word} with "
                f"{format_level(level)} Wilson intervals; a larger mark is more items. On the "
                "dashed line confidence is right.",
            ),
        )
        yield Figure(
            draw_later(f"{prefix}-histograms", confidence_histograms, task),
            (f"{word[0].upper()}{word[1:]}, by outcome and by the label given; items per tenth.",),
        )
    if task.transitions is None:
        return
    broken, mended = task.transitions.negative_flip_rate, task.transitions.positive_flip_rate
    rates = "; ".join(
        f"{what}: {format_count(rate.count)} of {format_count(rate.total)}, "
        f"{format_value(rate.value, 'proportion')}"
        for rate, what in ((broken, "Right to wrong"), (mended, "wrong to right"))
    )
    yield Figure(
        draw_later(f"{prefix}-transitions", transition_matrix, task),
        (f"Labels from base (rows) to checkpoint (columns). {rates}.",),
    )
    if stated:
        yield Figure(
            draw_later(f"{prefix}-risk", risk_coverage_curves, task),
            (
                "Risk and coverage: error rate when only the most confident proportion is "
                "answered; ties averaged. A smaller area (AURC) is better.",
            ),
        )


def _label_probabilities(task: TaskComparison, level: float) -> Iterator[Block]:
    probed = task.label_probabilities
    if probed is None:
        return
    yield Details(
        "The model’s own label probabilities",
        (
            Paragraph(
                "The probability that the model itself gives to the label it wrote, as a second "
                f"confidence, on the {format_items(probed.items)} where both models wrote a label "
                "and were probed.",
                "note",
            ),
            metric_table(probed.metrics, task, level, label=f"Label probabilities of {task.task}"),
            Paragraph(UNADJUSTED_NOTE, "note"),
        ),
    )
