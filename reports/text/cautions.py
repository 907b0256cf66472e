"""What a reader must not overlook before believing a gain."""

from __future__ import annotations

from collections.abc import Callable

from saeval.reports.text.contamination import overlap_caution
from saeval.reports.text.judge import judge_caution
from saeval.reports.text.metric_names import confidence_word, metric_name, metric_of
from saeval.reports.text.numbers import (
    format_count,
    format_difference,
    format_items,
    format_range,
    format_value,
    join_words,
)
from saeval.reports.text.significance import sign_of
from saeval.reports.text.verdict import (
    gain_is_only_format,
    too_few_items,
    treatments_disagree,
    valid_on_both_sides,
    verdict,
)
from saeval.stats.compare.abstention import (
    find,
    knowledge_lost,
    main_row,
    only_abstains,
    refusal_rise,
)
from saeval.stats.compare.direction import leaves_out_zero
from saeval.stats.compare.invalid import InvalidTreatment
from saeval.stats.compare.knowledge import is_identical
from saeval.stats.compare.results import Comparison, TaskComparison
from saeval.terminal_text import one_line

SHORTCUT_ABOVE_CHANCE = 0.05
NEARLY_ALWAYS = 0.9
ENOUGH_TO_SEE_A_HABIT = 20
MOSTLY = 0.5
ONE_NUMBER = 0.01
"""A standard deviation of confidence below this is one number for everything."""


def cautions(comparison: Comparison) -> tuple[str, ...]:
    """Sentences, the gravest first; each names its task."""
    level = comparison.settings.confidence_level
    rules: tuple[Callable[[TaskComparison, float], str | None], ...] = (
        _cannot_be_read,
        _identical,
        _trained_on,
        _only_format,
        _refuses_more,
        _answers_more,
        _abstains_always,
        _invalid_treatments,
        _published_treatments,
        _shortcut,
        _too_few,
        _unpaired,
        judge_caution,
    )
    sentences = [*comparison.warnings, *_cut_prompts(comparison)]
    for rule in rules:
        for task in comparison.tasks:
            sentence = rule(task, level)
            if sentence is not None:
                sentences.append(f"{task.task}: {sentence}")
    sentences.extend(_one_confidence(comparison))
    sentences.extend(_spread_is_not_knowledge(comparison))
    sentences.extend(_pooled_gain_of_one_task(comparison))
    return tuple(sentences)


def _cut_prompts(comparison: Comparison) -> list[str]:
    costs = (("base", comparison.base.cost), ("checkpoint", comparison.checkpoint.cost))
    return [
        f"{format_count(cost.truncated)} of {format_items(cost.items)} had the beginning of their "
        f"prompt cut off to fit the {who}."
        for who, cost in costs
        if cost is not None and cost.truncated
    ]


def _identical(task: TaskComparison, level: float) -> str | None:
    if not is_identical(task):
        return None
    return (
        "both models gave the same label and confidence on every item; if the checkpoint is an "
        "adapter, check that it was applied."
    )


def _trained_on(task: TaskComparison, level: float) -> str | None:
    return overlap_caution(task)


def _only_format(task: TaskComparison, level: float) -> str | None:
    both = valid_on_both_sides(task)
    if both is None or not gain_is_only_format(task, level):
        return None
    return (
        f"the accuracy gain is only format; on the {format_count(both.items)} items valid on both "
        f"sides it is {_change(both)}."
    )


def _cannot_be_read(task: TaskComparison, level: float) -> str | None:
    share = task.checkpoint.invalid / task.items if task.items else 0.0
    if share <= MOSTLY:
        return None
    return (
        f"{format_value(share, 'proportion')} of the checkpoint's responses could not be parsed; "
        "nothing else about it can be believed before that is mended (template, length, format)."
    )


def _refuses_more(task: TaskComparison, level: float) -> str | None:
    lost = knowledge_lost(task, level)
    if lost is not None:
        fewer = format_difference(-lost, "proportion")
        if only_abstains(task, level):
            return (
                f"it only abstains more: fewer questions are answered rightly ({fewer}), and those "
                "still answered are answered no better."
            )
        return f"it abstains on some of what it knew: right answers fell ({fewer})."
    rise = refusal_rise(task, level)
    if rise is None:
        return None
    label = task.abstention
    gain, cost = format_difference(rise[0], "proportion"), format_difference(rise[1], "proportion")
    if rise[1] >= rise[0]:
        return (
            f"the gain in {label} recall is only refusing more: {gain}, while refusals of items "
            f"that have an answer rose by as much or more, {cost}."
        )
    return (
        f"the gain in {label} recall ({gain}) is partly refusing more: refusals of items that "
        f"have an answer rose, too ({cost})."
    )


def _answers_more(task: TaskComparison, level: float) -> str | None:
    label = task.abstention
    recall, refusals = find(task, "recall", label), find(task, "false_abstention_rate")
    if recall is None or refusals is None:
        return None
    if sign_of(recall, level).direction != "worse" or (refusals.difference or 0) >= 0:
        return None
    if task.checkpoint.invalid > task.base.invalid:
        return None
    if not leaves_out_zero(refusals.confidence_interval):
        return None
    return (
        f"it abstains less everywhere: refusals of items that have an answer fell "
        f"({format_difference(refusals.difference, 'proportion')}), but so did {label} recall "
        f"({format_difference(recall.difference, 'proportion')})."
    )


def _abstains_always(task: TaskComparison, level: float) -> str | None:
    share = task.checkpoint.abstained / task.items if task.items else 0.0
    if share < NEARLY_ALWAYS or task.items < ENOUGH_TO_SEE_A_HABIT:
        return None
    return (
        f"the checkpoint answers {task.abstention} to {format_value(share, 'proportion')} of "
        "all items, which gives a high recall and knows nothing."
    )


def _invalid_treatments(task: TaskComparison, level: float) -> str | None:
    return _disagreement(task.invalid_treatments, "the accuracy difference depends on")


def _published_treatments(task: TaskComparison, level: float) -> str | None:
    if task.published is None:
        return None
    return _disagreement(
        task.published.treatments, "counted as the published studies do, the difference depends on"
    )


def _disagreement(treatments: tuple[InvalidTreatment, ...], what: str) -> str | None:
    kind = treatments_disagree(treatments)
    if kind is None:
        return None
    cases = join_words(
        [
            f"{format_difference(t.difference, 'proportion')} if {_condition(t.treatment)}"
            for t in treatments
            if t.difference is not None
        ]
    )
    tail = ", and the sign changes" if kind == "sign" else ""
    return f"{what} how invalid answers are treated: {cases}{tail}."


def _condition(treatment: str) -> str:
    return {
        "wrong": "they are wrong",
        "valid on both sides": "only items valid on both sides count",
        "as abstention": "they abstain",
        "labels as filed": "the file's labels are taken as they are",
    }.get(treatment, treatment)


def _shortcut(task: TaskComparison, level: float) -> str | None:
    label = task.abstention
    if task.evidence_shortcut is None or label is None:
        return None
    share = task.targets[task.labels.index(label)] / sum(task.targets)
    if task.evidence_shortcut <= max(share, 1 - share) + SHORTCUT_ABOVE_CHANCE:
        return None
    return (
        f"answering {label} to exactly the items shown without evidence separates {label} from the "
        f"rest on {format_value(task.evidence_shortcut, 'proportion')} of items, so {label} recall "
        "here may only measure noticing that evidence is missing."
    )


def _too_few(task: TaskComparison, level: float) -> str | None:
    if verdict(task, level) != "too few items":
        return None
    row = main_row(task)
    if row is None or row.confidence_interval is None:
        return f"too few to tell ({format_items(task.items)})."
    name = "accuracy" if row.declaration is None else one_line(metric_name(row, None), 60)
    limits = format_range(row.confidence_interval, metric_of(row).scale)
    return (
        f"too few to tell ({format_items(task.items)}): a true {name} difference anywhere "
        f"from {limits} fits."
    )


def _unpaired(task: TaskComparison, level: float) -> str | None:
    left = task.unpaired
    if left.base_only == left.checkpoint_only == 0:
        return None
    return (
        f"{format_count(left.base_only)} items have only the base's answer and "
        f"{format_count(left.checkpoint_only)} only the checkpoint's; they are left out."
    )


def _one_confidence(comparison: Comparison) -> list[str]:
    """Of a checkpoint that is honest on average, if at all, and tells nothing of an answer."""
    names, means = [], []
    for task in comparison.tasks:
        spread, mean = find(task, "confidence_std"), find(task, "confidence_mean")
        if spread is None or mean is None or is_identical(task):
            continue
        if task.confidence_is_own:
            continue
        constant = spread.checkpoint is not None and spread.checkpoint < ONE_NUMBER
        if constant and spread.items >= ENOUGH_TO_SEE_A_HABIT:
            names.append(task.task)
            means.append(format_value(mean.checkpoint, "score"))
    if not names:
        return []
    stated = " and ".join(dict.fromkeys(means))
    return [
        f"{join_words(names)}: the checkpoint states one confidence for nearly everything "
        f"({stated}), which tells no answer from another; Brier score and ECE² say only how far it "
        "is from the accuracy."
    ]


def _spread_is_not_knowledge(comparison: Comparison) -> list[str]:
    level = comparison.settings.confidence_level
    names: dict[str, list[str]] = {}
    for task in comparison.tasks:
        spread, auroc = find(task, "confidence_std"), find(task, "auroc")
        if spread is None or sign_of(spread, level).direction != "higher":
            continue
        if auroc is None or sign_of(auroc, level).direction != "better":
            names.setdefault(confidence_word(task), []).append(task.task)
    return [
        f"{join_words(tasks)}: {word} varies more, but tells right from wrong no better; spread "
        "alone is not knowledge."
        for word, tasks in names.items()
    ]


def _pooled_gain_of_one_task(comparison: Comparison) -> list[str]:
    level = comparison.settings.confidence_level
    pooled = None if comparison.pooled is None else find(comparison.pooled, "accuracy")
    if pooled is None or sign_of(pooled, level).direction != "better":
        return []
    signs = {
        task.task: sign_of(row, level).direction
        for task in comparison.tasks
        if (row := find(task, "accuracy")) is not None
    }
    gained = [name for name, direction in signs.items() if direction == "better"]
    others = [
        task.task
        for task in comparison.tasks
        if task.task in signs and task.task not in gained and not too_few_items(task)
    ]
    if len(gained) != 1 or not others:
        return []
    return [
        f"The pooled accuracy gain ({format_difference(pooled.difference, 'proportion')}) comes "
        f"from {gained[0]}; it is not significant on {join_words(others)}."
    ]


def _change(treatment: InvalidTreatment) -> str:
    text = format_difference(treatment.difference, "proportion")
    if treatment.interval is None:
        return text
    return f"{text} ({format_range(treatment.interval, 'proportion')})"
