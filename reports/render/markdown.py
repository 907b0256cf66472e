"""The comparison as Markdown for a pull request or a job summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from saeval.reports.render.markdown_parts import clean_table, group_tables, sample_tables
from saeval.reports.render.markdown_text import details, escape, markdown_table, plain
from saeval.reports.sanitize import one_line
from saeval.reports.text.judge import TABLE_NOTE, agreement_tables
from saeval.reports.text.methods import definitions, methods, settings_lines
from saeval.reports.text.metric_names import (
    TREATMENTS,
    format_change,
    metric_name,
    metric_of,
    published_name,
)
from saeval.reports.text.numbers import (
    MISSING,
    format_count,
    format_difference,
    format_interval,
    format_items,
    format_level,
    format_pvalue,
    format_small_pvalue,
    format_value,
)
from saeval.reports.text.significance import AA_NOTE, UNADJUSTED_NOTE, has_aa, sign_of
from saeval.reports.text.summary import TaskWords, in_words
from saeval.reports.text.task import task_sentences
from saeval.reports.text.verdict import VERDICT_NAMES
from saeval.stats.compare.results import (
    Comparison,
    InvalidTreatment,
    JudgeAgreement,
    McNemar,
    MetricComparison,
    PublishedConvention,
    PublishedRow,
    TaskComparison,
    Transitions,
)

BROKEN_SHOWN = 5
CLAIM_SHOWN = 160


def to_markdown(comparison: Comparison) -> str:
    """Words first, then the headline table; each task's details are folded."""
    return "\n".join(_lines(comparison)).rstrip() + "\n"


def _lines(comparison: Comparison) -> Iterator[str]:
    words = in_words(comparison)
    level = comparison.settings.level
    yield f"## {escape(comparison.base.name)} → {escape(comparison.checkpoint.name)}"
    yield ""
    yield f"**{escape(words.headline)}** {' '.join(escape(text) for text in words.summary)}"
    yield ""
    if words.cautions:
        yield "**Before believing a gain**"
        yield ""
        yield from (f"- {escape(caution)}" for caution in words.cautions)
        yield ""
    blocks = list(comparison.tasks)
    if comparison.pooled is not None:
        blocks.append(comparison.pooled)
    yield from _headline_table(blocks, level)
    if has_aa(comparison):
        yield AA_NOTE
        yield ""
    for task in comparison.tasks:
        spoken = next(entry for entry in words.tasks if entry.task == task.task)
        yield from _task(task, level, spoken)
    if comparison.pooled is not None:
        yield from _task(comparison.pooled, level, None)
    yield from details("Settings and definitions", _settings(comparison))


def _headline_table(blocks: Sequence[TaskComparison], level: float) -> Iterator[str]:
    columns: list[dict[str, MetricComparison]] = []
    names: dict[str, None] = {}
    for task in blocks:
        label = task.abstention
        column = {metric_name(row, label): row for row in task.metrics if row.headline}
        columns.append(column)
        names.update(dict.fromkeys(column))
    heads = [f"{escape(task.task)} ({format_count(task.items)})" for task in blocks]
    body = []
    unadjusted = False
    for name in names:
        cells = []
        for column in columns:
            row = column.get(name)
            if row is None:
                cells.append(MISSING)
                continue
            sign = sign_of(row, level)
            unadjusted |= sign.beyond_noise and not sign.adjusted
            scale = metric_of(row).scale
            change = format_change(row)
            reading = f"**{sign.text}**" if sign.beyond_noise else plain(sign.text)
            values = f"{format_value(row.base, scale)} → {format_value(row.checkpoint, scale)}"
            limits = format_interval(row.difference_interval, scale)
            cells.append(f"{change} {reading}<br><sub>{values} {limits}</sub>")
        body.append([escape(name), *cells])
    yield from markdown_table(["Metric", *heads], body, right=False)
    yield (
        f"Checkpoint − base with the {format_level(level)} interval. A reading other than "
        "noise is beyond it by Holm’s p and by the interval."
        + (f" {UNADJUSTED_NOTE}" if unadjusted else "")
    )
    yield ""


def _task(task: TaskComparison, level: float, words: TaskWords | None) -> Iterator[str]:
    verdict = "" if words is None else f": {VERDICT_NAMES[words.verdict]}"
    title = f"{task.task}{verdict}, {format_items(task.items)}"
    yield from details(title, _task_body(task, level))


def _task_body(task: TaskComparison, level: float) -> Iterator[str]:
    yield from (f"- ⚠ {escape(warning)}" for warning in task.warnings)
    yield from (f"- {escape(sentence)}" for sentence in task_sentences(task, level))
    left = task.unpaired
    if left.base_only or left.checkpoint_only:
        examples = ", ".join(
            escape(one_line(item, 60))
            for item in (*left.base_only_examples, *left.checkpoint_only_examples)
        )
        yield (
            f"- Unpaired and left out: {format_count(left.base_only)} of the base, "
            f"{format_count(left.checkpoint_only)} of the checkpoint, such as {examples}"
        )
    yield ""
    yield from _metrics(task.metrics, task, level)
    if task.label_probabilities is not None:
        yield "**The model’s own probability of the label it wrote, as a second confidence**"
        yield ""
        yield from _metrics(task.label_probabilities.metrics, task, level)
    yield from clean_table(task, level)
    yield from sample_tables(task, level)
    yield from group_tables(task, level)
    yield from _transitions(task.transitions, level)
    yield from _treatments("Accuracy by treatment of unreadable answers", task.invalid_treatments)
    if task.judge is not None:
        yield from _judge(task.judge)
    yield from _tests(task)
    yield from _broken(task)
    if task.published is not None:
        yield from _published(task.published)


def _metrics(rows: Sequence[MetricComparison], task: TaskComparison, level: float) -> Iterator[str]:
    label = task.abstention
    body = []
    for row in rows:
        scale = metric_of(row).scale
        name = escape(metric_name(row, label))
        body.append(
            [
                f"**{name}**" if row.headline else name,
                format_value(row.base, scale),
                format_value(row.checkpoint, scale),
                format_change(row),
                format_interval(row.difference_interval, scale),
                format_pvalue(row.p),
                format_pvalue(row.p_max_t),
                format_pvalue(row.p_holm),
                format_pvalue(row.p_bh),
                format_count(row.items),
                plain(sign_of(row, level).text),
            ]
        )
    interval = f"{format_level(level)} interval"
    heads = ["Metric", "Base", "Checkpoint", "Difference", interval, "p", "Max-T p", "Holm p"]
    yield from markdown_table([*heads, "BH p", "Items", "Reading"], body)


def _transitions(transitions: Transitions, level: float) -> Iterator[str]:
    yield "**Labels from base (rows) to checkpoint (columns)**"
    yield ""
    labels = [escape(label) for label in transitions.labels]
    body = [
        [f"**{label}**", *(format_count(n) for n in counts)]
        for label, counts in zip(labels, transitions.counts, strict=True)
    ]
    yield from markdown_table(["", *labels], body)
    rates = []
    for name, rate in (
        ("Negative-flip rate (right to wrong)", transitions.negative_flip_rate),
        ("positive-flip rate (wrong to right)", transitions.positive_flip_rate),
    ):
        text = f"{name} {format_value(rate.value, 'share')}"
        if rate.interval is not None:
            low, high = (format_value(v, "share") for v in (rate.interval.low, rate.interval.high))
            text += f" ({format_level(level)} Wilson interval {low} to {high})"
        rates.append(text)
    yield f"{', '.join(rates)}."
    yield ""


def _treatments(title: str, treatments: Sequence[InvalidTreatment]) -> Iterator[str]:
    yield f"**{title}**"
    yield ""
    body = [
        [
            escape(TREATMENTS.get(t.treatment, t.treatment)),
            format_count(t.items),
            format_value(t.base, "share"),
            format_value(t.checkpoint, "share"),
            format_difference(t.difference, "share"),
            format_interval(t.interval, "share"),
        ]
        for t in treatments
    ]
    yield from markdown_table(
        ["Treatment", "Items", "Base", "Checkpoint", "Difference", "Interval"], body
    )


def _judge(judge: JudgeAgreement) -> Iterator[str]:
    for table in agreement_tables(judge):
        yield f"**Judge and default grader, {table.model.lower()}**"
        yield ""
        body = [[f"**{escape(label)}**", *counts] for label, counts in table.rows]
        yield from markdown_table(["Default", *map(escape, table.columns)], body)
    yield TABLE_NOTE
    yield ""


def _tests(task: TaskComparison) -> Iterator[str]:
    clustered = " It takes items as independent, which in clusters they are not."
    yield (f"**McNemar** {_mcnemar(task.mcnemar)}{'' if task.clusters is None else clustered}")
    yield ""
    if task.levene:
        tests = "; ".join(
            f"{escape(test.center)} centre "
            f"W {MISSING if test.statistic is None else f'{test.statistic:.3f}'}, "
            f"p {format_pvalue(test.p)}"
            for test in task.levene
        )
        yield (
            f"**Levene** on the spread of confidence: {tests}. It takes the two models’ "
            "confidences for independent samples, which they are not."
        )
        yield ""
    if task.spread is not None:
        yield (
            "**Spread of confidence, paired**: p of the ratio of standard deviations "
            f"{format_small_pvalue(task.spread.log_ratio_p)}, paired Brown–Forsythe "
            f"{format_small_pvalue(task.spread.brown_forsythe_p)}."
        )
        yield ""
    yield (
        "**Symmetry of the label changes**: Bowker p "
        f"{format_small_pvalue(task.transitions.bowker_p)}, "
        f"Stuart–Maxwell p {format_small_pvalue(task.transitions.stuart_maxwell_p)}."
    )
    yield ""


def _mcnemar(test: McNemar) -> str:
    return (
        f"{format_count(test.base_only)} right with the base only, "
        f"{format_count(test.checkpoint_only)} with the checkpoint only: "
        f"mid-p {format_small_pvalue(test.p_mid)}, exact {format_small_pvalue(test.p_exact)}, "
        f"asymptotic {format_small_pvalue(test.p_asymptotic)}, continuity-corrected "
        f"{format_small_pvalue(test.p_corrected)} (χ² {test.statistic_corrected:.3f})."
    )


def _broken(task: TaskComparison) -> Iterator[str]:
    broken = [flip for flip in task.flips if flip.base_label == flip.target]
    if not broken:
        return
    more = "; more in report.html" if len(broken) > BROKEN_SHOWN else ""
    yield f"**Broken items** ({min(len(broken), BROKEN_SHOWN)} of {len(broken)} kept{more})"
    yield ""
    body = [
        [
            escape(one_line(flip.item_id, 40)),
            escape(flip.target),
            f"{escape(flip.base_label)} → {escape(flip.checkpoint_label)}",
            escape(one_line(flip.claim, CLAIM_SHOWN)),
        ]
        for flip in broken[:BROKEN_SHOWN]
    ]
    yield from markdown_table(["Item", "Target", "Base → checkpoint", "Claim"], body, right=False)


def _published(published: PublishedConvention) -> Iterator[str]:
    yield f"**Counted as the published studies do**, read by {escape(published.source)}"
    yield ""
    yield from (f"- {escape(sentence)}" for sentence in published.explanation)
    yield ""
    for title, rows in (
        ("Calibration, each model’s own items", published.calibration),
        ("Significance, items valid on both sides", published.significance),
    ):
        if rows:
            yield title
            yield ""
            heads = ["Number", "Base", "Checkpoint", "Difference", "p", "Items"]
            yield from markdown_table(heads, [_published_row(row) for row in rows])
    if published.treatments:
        yield from _treatments("Accuracy by treatment, published reading", published.treatments)
    yield f"McNemar, published reading: {_mcnemar(published.mcnemar)}"
    yield ""


def _published_row(row: PublishedRow) -> list[str]:
    items = format_count(row.base_items)
    if row.checkpoint_items != row.base_items:
        items += f", {format_count(row.checkpoint_items)}"
    base, checkpoint = (
        MISSING if number is None else f"{number:.4f}" for number in (row.base, row.checkpoint)
    )
    change = MISSING if row.difference is None else f"{row.difference:+.4f}".replace("-", "−")
    name = escape(published_name(row.name))
    return [name, base, checkpoint, change, format_pvalue(row.p), items]


def _settings(comparison: Comparison) -> Iterator[str]:
    yield from (f"- {name}: {escape(text)}" for name, text in settings_lines(comparison))
    yield from (f"- {escape(sentence)}" for sentence in methods(comparison))
    yield ""
    yield from (f"- **{escape(name)}**: {escape(text)}" for name, text in definitions(comparison))
    yield ""
