"""The verdict in plain words, made once and shown by every report."""

from __future__ import annotations

from dataclasses import dataclass

from reports import vocabulary as say
from reports.cautions import cautions
from reports.readings import (
    Verdict,
    error_counts,
    gain_is_only_format,
    identical,
    signed_rows,
    too_few_items,
    valid_on_both_sides,
    verdict,
)
from reports.signs import Sign, find, sign_of
from stats.comparison import Comparison, MetricComparison, TaskComparison

_SPOKEN_OF = {
    "accuracy",
    "recall",
    "false_abstention_rate",
    "invalid_rate",
    "auroc",
    "brier",
    "ece_squared_debiased",
}
_NAMED_AT_MOST = 4

_CLAUSES: dict[Verdict, str] = {
    "better": "better on {}",
    "mixed": "mixed on {}",
    "worse": "worse on {}",
    "format only": "better only in format on {}",
    "refuses more": "not better at knowing, only refusing more, on {}",
    "noise": "neither better nor worse beyond noise on {}",
    "too few items": "too few items to tell on {}",
    "identical": "identical on {}",
}


@dataclass(frozen=True)
class TaskWords:
    """One task's verdict and the sentences that explain it."""

    task: str
    verdict: Verdict
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Words:
    """What a report says before its numbers.

    Attributes
    ----------
    headline
        One sentence: the verdict on every task. Models are just "base" and "checkpoint".
    summary
        The sentences that complete the first paragraph.
    tasks
        Every task's own words.
    cautions
        What to know before believing a gain.

    Names of tasks are as in the comparison; whoever shows the words escapes them.
    """

    headline: str
    summary: tuple[str, ...]
    tasks: tuple[TaskWords, ...]
    cautions: tuple[str, ...]


def in_words(comparison: Comparison) -> Words:
    """Say what changed, what got worse and what is noise, by Holm's p and the intervals."""
    level = comparison.settings.level
    return Words(
        headline=_headline(comparison),
        summary=_summary(comparison),
        tasks=tuple(
            TaskWords(task.task, verdict(task, level), task_sentences(task, level))
            for task in comparison.tasks
        ),
        cautions=cautions(comparison),
    )


def task_sentences(task: TaskComparison, level: float) -> tuple[str, ...]:
    """Accuracy, both error directions, format, confidence, and whatever else moved."""
    if identical(task):
        return (f"No difference at all on {say.count(task.items)} items.",)
    sentences = [
        _accuracy(task, level),
        _errors(task, level),
        _format(task, level),
        _confidence(task, level),
        _others(task, level),
    ]
    return tuple(sentence for sentence in sentences if sentence)


def _headline(comparison: Comparison) -> str:
    level = comparison.settings.level
    if all(identical(task) for task in comparison.tasks):
        items = sum(task.items for task in comparison.tasks)
        return (
            f"No difference at all: the checkpoint answers all {say.count(items)} items exactly as "
            "the base does."
        )
    by_verdict: dict[Verdict, list[str]] = {kind: [] for kind in _CLAUSES}
    for task in comparison.tasks:
        kind = verdict(task, level)
        by_verdict[kind].append(task.task + (_both_ways(task, level) if kind == "mixed" else ""))
    clauses = [
        _CLAUSES[kind].format(say.listing(names)) for kind, names in by_verdict.items() if names
    ]
    text = "; ".join(clauses)
    return f"{text[:1].upper()}{text[1:]}."


def _both_ways(task: TaskComparison, level: float) -> str:
    better, worse = (
        ", ".join(_name(task, r) for r, s in signed_rows(task, level) if s.direction == direction)
        for direction in ("better", "worse")
    )
    return f" (better: {better}; worse: {worse})"


def _summary(comparison: Comparison) -> tuple[str, ...]:
    if all(identical(task) for task in comparison.tasks):
        return ()
    level = comparison.settings.level
    tested = [
        (task, row, sign)
        for task in comparison.tasks
        for row, sign in signed_rows(task, level)
        if sign.direction != "untested"
    ]
    overall = comparison.pooled or comparison.tasks[0]
    better = [(task, row) for task, row, sign in tested if sign.direction == "better"]
    worse = [(task, row) for task, row, sign in tested if sign.direction == "worse"]
    noise = sum(not sign.beyond_noise for _, _, sign in tested)
    several = len(comparison.tasks) > 1
    sentences = []
    if better:
        sentences.append(f"Better beyond noise: {_named(better, several)}.")
    sentences.append(
        f"Worse beyond noise: {_named(worse, several)}."
        if worse
        else "Nothing is worse beyond noise."
    )
    if tested:
        sentences[-1] += f" Of {len(tested)} tested differences {noise} are within noise."
    sentences.append(_overall_errors(overall))
    sentences.append(_confidence_tells(overall, level))
    return tuple(sentence for sentence in sentences if sentence)


def _named(rows: list[tuple[TaskComparison, MetricComparison]], several: bool) -> str:
    named = []
    for task, row in rows[:_NAMED_AT_MOST]:
        where = f" on {task.task}" if several else ""
        named.append(f"{_name(task, row)}{where} ({_from_to(row)})")
    more = len(rows) - len(named)
    return say.listing([*named, f"{more} more"] if more else named)


def _overall_errors(task: TaskComparison) -> str:
    over = f"Over all {say.count(task.items)} items"
    base, checkpoint = task.base.invalid, task.checkpoint.invalid
    unreadable = f"unreadable responses {say.count(base)} → {say.count(checkpoint)}"
    counts = error_counts(task)
    if counts is None:
        return f"{over}, base → checkpoint: {unreadable}."
    label = say.abstention_label(task)
    return (
        f"{over}, base → checkpoint: {label} items wrongly answered "
        f"{_counts(counts.answered)} of {say.count(counts.unanswerable)}, answerable items "
        f"refused {_counts(counts.refused)} of {say.count(counts.answerable)}, {unreadable}."
    )


def _accuracy(task: TaskComparison, level: float) -> str:
    row = find(task, "accuracy")
    if row is None:
        return ""
    sign = sign_of(row, level)
    if sign.direction == "same":
        return f"Accuracy is the same, {say.value(row.base, 'share')}."
    change = say.difference(row.difference, "share")
    if row.difference_interval is not None:
        limits = say.interval_in_words(row.difference_interval, "share")
        change += f", {say.level_in_words(level)} interval {limits}"
    if sign.beyond_noise:
        verb = "rose" if (row.difference or 0) > 0 else "fell"
        return f"Accuracy {verb}: {_from_to(row)} ({change}, {_p_in_words(row)})."
    if too_few_items(task):
        return f"Too few items to tell about accuracy: {_from_to(row)} ({change})."
    return f"Accuracy did not change beyond noise: {_from_to(row)} ({change})."


def _errors(task: TaskComparison, level: float) -> str:
    counts, label = error_counts(task), say.abstention_label(task)
    recall, refusals = find(task, "recall", label), find(task, "false_abstention_rate")
    if counts is None:
        return ""
    parts = []
    if counts.unanswerable:
        text = (
            f"wrongly answered {label} items {_counts(counts.answered)} of "
            f"{say.count(counts.unanswerable)}"
        )
        if recall is not None:
            text += f" ({label} recall {_from_to(recall)}, {_spoken(sign_of(recall, level))})"
        parts.append(text)
    if counts.answerable:
        text = (
            f"refused answerable items {_counts(counts.refused)} of {say.count(counts.answerable)}"
        )
        if refusals is not None:
            text += f" ({_spoken(sign_of(refusals, level))})"
        parts.append(text)
    return f"Both error directions: {'; '.join(parts)}." if parts else ""


def _format(task: TaskComparison, level: float) -> str:
    invalid, accuracy = find(task, "invalid_rate"), find(task, "accuracy")
    if task.base.invalid == task.checkpoint.invalid == 0:
        return "Format: every response of both models was readable."
    spoken = "" if invalid is None else f" ({_spoken(sign_of(invalid, level))})"
    text = (
        f"Format: unreadable responses {_counts((task.base.invalid, task.checkpoint.invalid))} "
        f"of {say.count(task.items)}{spoken}"
    )
    both = valid_on_both_sides(task)
    if accuracy is None or both is None or both.difference is None:
        return f"{text}."
    if sign_of(accuracy, level).direction != "better":
        return f"{text}."
    change = say.difference(both.difference, "share")
    if both.interval is not None:
        change += f" ({say.interval_in_words(both.interval, 'share')})"
    claim = "is only format" if gain_is_only_format(task, level) else "is not just format"
    return (
        f"{text}; the accuracy gain {claim}: {change} on the {say.count(both.items)} items valid "
        "on both sides."
    )


def _confidence(task: TaskComparison, level: float) -> str:
    if task.base.stated_confidence == 0 or task.checkpoint.stated_confidence == 0:
        return "Confidence: not stated by both models, so nothing can be said about it."
    parts = [_confidence_tells(task, level).removesuffix(".")]
    moved = []
    for name in ("ece_squared_debiased", "brier"):
        row = find(task, name)
        if row is not None and (sign := sign_of(row, level)).beyond_noise:
            moved.append(f"{_name(task, row)} is {_spoken(sign)} ({_from_to(row)})")
    parts.extend(moved or ["calibration did not change beyond noise"])
    return f"{'; '.join(part for part in parts if part)}.".replace("..", ".")


def _confidence_tells(task: TaskComparison, level: float) -> str:
    """What the checkpoint's AUROC says, by whether its interval leaves out one half."""
    row = find(task, "auroc")
    if row is None or row.checkpoint_interval is None:
        return ""
    numbers = f"(AUROC {_from_to(row)}, {_spoken(sign_of(row, level))})"
    if row.checkpoint_interval.low > 0.5:
        return f"The checkpoint's stated confidence does tell right from wrong answers {numbers}."
    if row.checkpoint_interval.high < 0.5:
        return f"The checkpoint states more confidence when wrong than when right {numbers}."
    verb = "The checkpoint's stated confidence tells right from wrong"
    return f"{verb} no better than a coin {numbers}."


def _others(task: TaskComparison, level: float) -> str:
    moved = [
        f"{_name(task, row)} {say.difference(row.difference, say.metric_of(row).scale)} "
        f"({_spoken(sign)})"
        for row, sign in signed_rows(task, level)
        if sign.beyond_noise and row.metric not in _SPOKEN_OF
    ]
    return f"Also beyond noise: {say.listing(moved)}." if moved else ""


def _name(task: TaskComparison, row: MetricComparison) -> str:
    """The metric in the middle of a sentence."""
    if row.metric == "ece_squared_debiased":
        return "calibration error (ECE²)"
    name = say.metric_name(row, say.abstention_label(task))
    is_common_word = row.label is None and "{label}" not in say.metric_of(row).name
    return name[:1].lower() + name[1:] if is_common_word and not name.isupper() else name


def _from_to(row: MetricComparison) -> str:
    scale = say.metric_of(row).scale
    return f"{say.value(row.base, scale)} → {say.value(row.checkpoint, scale)}"


def _counts(pair: tuple[int, int]) -> str:
    return f"{say.count(pair[0])} → {say.count(pair[1])}"


def _spoken(sign: Sign) -> str:
    word = {"same": "no change", "untested": "not tested"}.get(sign.direction, sign.direction)
    return f"{word} by unadjusted p" if sign.beyond_noise and not sign.adjusted else word


def _p_in_words(row: MetricComparison) -> str:
    name, p = ("Holm p", row.p_holm) if row.p_holm is not None else ("unadjusted p", row.p)
    text = say.p_value(p)
    return f"{name} {text}" if text.startswith("<") else f"{name} = {text}"
