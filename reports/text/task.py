"""What there is to say about one task, a sentence for each thing that matters."""

from __future__ import annotations

from collections.abc import Sequence

from saeval.reports.text.judge import judge_sentences, judged_format
from saeval.reports.text.metric_names import metric_name, metric_of
from saeval.reports.text.numbers import (
    format_count,
    format_difference,
    format_items,
    format_level,
    format_margin,
    format_pvalue,
    format_range,
    format_value,
    join_words,
)
from saeval.reports.text.significance import Sign, sign_of
from saeval.reports.text.verdict import (
    error_counts,
    gain_is_only_format,
    signed_rows,
    too_few_items,
    valid_on_both_sides,
)
from saeval.stats.compare.abstention import find, has_invalid, is_question, main_row
from saeval.stats.compare.direction import Direction, margin_of, significance_level
from saeval.stats.compare.knowledge import is_identical
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.results import TaskComparison
from saeval.stats.metrics.registry import get_metric

_SPOKEN_OF = {
    "accuracy",
    "recall",
    "false_abstention_rate",
    "invalid_rate",
    "auroc",
    "brier",
    "ece_squared_debiased",
}

COIN = 0.1
"""An AUROC that may lie further above one half than this is unknown, not a coin's."""


def task_sentences(task: TaskComparison, level: float) -> tuple[str, ...]:
    """Accuracy, both error directions, format, confidence, and whatever else moved."""
    if is_identical(task):
        same = f"No difference at all on {format_items(task.items)}."
        return (same, *judge_sentences(task, level))
    sentences = [
        _accuracy(task, level),
        _errors(task, level),
        _format(task, level),
        _confidence(task, level),
        _samples(task),
        _others(task, level),
        _outside_the_headline(task, level),
        *judge_sentences(task, level),
    ]
    return tuple(sentence for sentence in sentences if sentence)


def _accuracy(task: TaskComparison, level: float) -> str:
    row = main_row(task)
    if row is None:
        return ""
    sign, scale = sign_of(row, level), metric_of(row).scale
    name = "Accuracy" if row.declaration is None else metric_name(row, None)
    if sign.direction == "equivalent":
        within = format_margin(margin_of(row) or 0, scale)
        return f"{name} is equivalent within {within}: {from_to(row)}."
    change = format_difference(row.difference, scale)
    if row.confidence_interval is not None:
        limits = format_range(row.confidence_interval, scale)
        change += f", {format_level(level)} interval {limits}"
    if sign.is_significant:
        verb = "rose" if (row.difference or 0) > 0 else "fell"
        return f"{name} {verb}: {from_to(row)} ({change}, {_p_in_words(row)})."
    if (
        row.pvalue is not None
        and row.pvalue < significance_level(level)
        and row.pvalue_holm is not None
    ):
        return (
            f"{name} did not change significantly after correction for many tests: "
            f"{from_to(row)} ({change}, {_p_in_words(row)})."
        )
    if too_few_items(task):
        about = "accuracy" if row.declaration is None else name
        return f"Too few items to tell about {about}: {from_to(row)} ({change})."
    return f"{name} did not change significantly: {from_to(row)} ({change})."


def _errors(task: TaskComparison, level: float) -> str:
    counts, label = error_counts(task), task.abstention
    recall, refusals = find(task, "recall", label), find(task, "false_abstention_rate")
    if counts is None:
        return ""
    parts = []
    if counts.unanswerable:
        text = (
            f"missed {label} items {counts_from_to(counts.missed)} of "
            f"{format_count(counts.unanswerable)}"
        )
        if recall is not None:
            text += f" ({label} recall {from_to(recall)}, {_spoken(sign_of(recall, level))})"
        parts.append(text)
    if counts.answerable:
        text = (
            f"answered {label} on answerable items {counts_from_to(counts.refused)} of "
            f"{format_count(counts.answerable)}"
        )
        if is_question(task):
            text += _newly_declined(task)
        elif refusals is not None:
            text += f" ({_spoken(sign_of(refusals, level))})"
        parts.append(text)
    return f"Both error directions: {'; '.join(parts)}." if parts else ""


def _newly_declined(task: TaskComparison) -> str:
    """What the base had said to the questions that only the checkpoint declines."""
    if task.transitions is None:
        return ""
    labels, counts = task.transitions.labels, task.transitions.counts
    declined = labels.index(str(task.abstention))
    moved = {label: row[declined] for label, row in zip(labels, counts, strict=True)}
    right = sum(moved.get(label, 0) for label in _right_labels(task))
    others = sum(moved.values()) - moved[labels[declined]] - right
    if right + others == 0:
        return ""
    return (
        f"; new abstentions: {format_count(right)} that the base had right and "
        f"{format_count(others)} that it had not"
    )


def _right_labels(task: TaskComparison) -> list[str]:
    """The labels of right answers: those that are a target and do not abstain."""
    return [
        label
        for label, items in zip(task.labels, task.targets, strict=True)
        if items and label != task.abstention
    ]


def _format(task: TaskComparison, level: float) -> str:
    if not has_invalid(task):
        return ""
    invalid, accuracy = find(task, "invalid_rate"), find(task, "accuracy")
    if task.base.invalid == task.checkpoint.invalid == 0:
        if task.judge is not None:
            return judged_format(task.judge)
        return "Format: every response of both models was parsed."
    spoken = "" if invalid is None else f" ({_spoken(sign_of(invalid, level))})"
    invalid_counts = counts_from_to((task.base.invalid, task.checkpoint.invalid))
    text = f"Format: invalid responses {invalid_counts} of {format_count(task.items)}{spoken}"
    both = valid_on_both_sides(task)
    if accuracy is None or both is None or both.difference is None:
        return f"{text}."
    if sign_of(accuracy, level).direction != "better":
        return f"{text}."
    change = format_difference(both.difference, "proportion")
    if both.interval is not None:
        change += f" ({format_range(both.interval, 'proportion')})"
    claim = "is only format" if gain_is_only_format(task, level) else "is not just format"
    return (
        f"{text}; the accuracy gain {claim}: {change} on the {format_count(both.items)} items "
        "valid on both sides."
    )


def _confidence(task: TaskComparison, level: float) -> str:
    stated = task.base.stated_confidence, task.checkpoint.stated_confidence
    if task.primary is not None and not any(stated):
        return ""
    if 0 in stated:
        what = "no answer with a confidence" if is_question(task) else "no confidence stated"
        return f"Confidence: {what} by one of the models, so nothing can be said about it."
    moved = []
    for name in ("ece_squared_debiased", "brier"):
        row = find(task, name)
        if row is not None and (sign := sign_of(row, level)).is_significant:
            moved.append(f"{name_in_sentence(task, row)} is {_spoken(sign)} ({from_to(row)})")
    calibration = join_words(moved) or "calibration did not change significantly"
    tells = confidence_tells(task, level).removesuffix(".")
    return f"{tells}; {calibration}." if tells else f"Confidence: {calibration}."


def confidence_tells(task: TaskComparison, level: float) -> str:
    """What the checkpoint's AUROC says, by whether its interval leaves out one half."""
    row = find(task, "auroc")
    if row is None or row.checkpoint_interval is None:
        return ""
    what = "own probability of its choice" if task.confidence_is_own else "stated confidence"
    more = "is surer" if task.confidence_is_own else "states more confidence"
    numbers = f"(AUROC {from_to(row)}, {_spoken(sign_of(row, level))})"
    if row.checkpoint_interval.low > 0.5:
        return f"The checkpoint's {what} does tell right from wrong answers {numbers}."
    if row.checkpoint_interval.high < 0.5:
        return f"The checkpoint {more} when wrong than when right {numbers}."
    if row.checkpoint_interval.high > 0.5 + COIN:
        return f"The checkpoint's {what} is not shown to tell right from wrong {numbers}."
    return f"The checkpoint's {what} tells right from wrong no better than a coin {numbers}."


def _samples(task: TaskComparison) -> str:
    """What became of the items that were asked several times, as counts."""
    repeated = task.repeated
    if repeated is None:
        return ""
    base = [sum(row) for row in repeated.counts]
    checkpoint = [sum(column) for column in zip(*repeated.counts, strict=True)]
    moved = [
        f"{get_metric(name).title.lower()} {counts_from_to(pair)}"
        for name, *pair in zip(repeated.outcomes, base, checkpoint, strict=True)
        if any(pair)
    ]
    return (
        f"Of {format_items(repeated.items)} asked {repeated.samples} times each: "
        f"{join_words(moved)}."
    )


def _others(task: TaskComparison, level: float) -> str:
    moved = [
        f"{name_in_sentence(task, row)} {format_difference(row.difference, metric_of(row).scale)} "
        f"({_spoken(sign)})"
        for row, sign in signed_rows(task, level)
        if sign.is_significant and row.metric not in _SPOKEN_OF and row != main_row(task)
    ]
    return f"Also significant: {join_words(moved)}." if moved else ""


def _outside_the_headline(task: TaskComparison, level: float) -> str:
    """What got worse among the metrics that the short table leaves out."""
    worse = [
        f"{name_in_sentence(task, row)} {format_difference(row.difference, metric_of(row).scale)}"
        for row in task.metrics
        if not row.headline and sign_of(row, level).direction == "worse"
    ]
    if not worse:
        return ""
    return f"Worse outside the headline, by unadjusted p: {join_words(worse)}."


def name_in_sentence(task: TaskComparison, row: MetricComparison) -> str:
    """The metric in the middle of a sentence; proper names keep their capital."""
    if row.metric == "ece_squared_debiased":
        return "calibration error ECE²"
    if row.metric == "brier":
        return "Brier score"
    name = metric_name(row, task.abstention)
    if row.metric == "f_score" or row.declaration is not None:
        return name
    is_common_word = row.label is None and "{label}" not in metric_of(row).title
    first = name.partition(",")[0]  # an abbreviation keeps its capitals, whatever follows
    return name[:1].lower() + name[1:] if is_common_word and not first.isupper() else name


def from_to(row: MetricComparison) -> str:
    """``61.7% → 69.7%``."""
    scale = metric_of(row).scale
    return f"{format_value(row.base, scale)} → {format_value(row.checkpoint, scale)}"


def counts_from_to(pair: Sequence[int]) -> str:
    """``720 → 659``."""
    return f"{format_count(pair[0])} → {format_count(pair[1])}"


def _spoken(sign: Sign) -> str:
    words: dict[Direction, str] = {
        "equivalent": "equivalent within the margin",
        "not detected": "no change detected",
        "untested": "not tested",
    }
    word = words.get(sign.direction, sign.direction)
    return f"{word} by unadjusted p" if sign.is_significant and not sign.adjusted else word


def _p_in_words(row: MetricComparison) -> str:
    name, p = (
        ("Holm p", row.pvalue_holm) if row.pvalue_holm is not None else ("unadjusted p", row.pvalue)
    )
    text = format_pvalue(p)
    return f"{name} {text}" if text.startswith("<") else f"{name} = {text}"
