"""What there is to say about a judge beside the default grader."""

from __future__ import annotations

from saeval.reports.text.numbers import (
    format_count,
    format_level,
    format_value,
    format_value_range,
    join_words,
)
from saeval.stats._core.results import GraderAgreement
from saeval.stats.compare.results import JudgeAgreement, TaskComparison
from saeval.terminal_text import one_line

LOW_AGREEMENT = 0.9
"""Below it the two graders do not measure the same thing."""
MANY_LEFT_OUT = 0.02
"""Of the pairs: more than this could hide or make a difference that matters."""

TABLE_NOTE = (
    "Rows: the default grader; columns: the judge. Agreement and Cohen’s κ rest on the responses "
    "that both gave a label. A pair with an UNSCORED response is left out on both sides."
)


def judged_format(judge: JudgeAgreement) -> str:
    """How many responses only the judge could read: no answer is lost for its form any more."""
    base, checkpoint = (sum(side.counts[-1]) for side in (judge.base, judge.checkpoint))
    if base == checkpoint == 0:
        return "Format: every response of both models was parsed."
    return (
        f"Format: responses without a box that could be parsed {format_count(base)} → "
        f"{format_count(checkpoint)}; the judge graded them by their words, so they do not count "
        "as invalid."
    )


def judge_sentences(task: TaskComparison, level: float) -> tuple[str, ...]:
    """Agreement and kappa of each model, and what has no grade; nothing without a judge."""
    judge = task.judge
    if judge is None:
        return ()
    sentences = [_side("base", judge.base, level), _side("checkpoint", judge.checkpoint, level)]
    if judge.left_out:
        sentences.append(
            f"{format_count(judge.left_out)} of {_pairs(task)} are left out on both sides, since "
            f"the judge gave no grade: {_unscored(judge)}."
        )
    return tuple(sentences)


def judge_caution(task: TaskComparison, level: float) -> str | None:
    """A sentence if the graders disagree or many pairs have no grade."""
    judge = task.judge
    if judge is None:
        return None
    cautions = []
    low = [
        f"{format_value(side.agreement.value, 'proportion')} of the {name}'s responses"
        for name, side in (("base", judge.base), ("checkpoint", judge.checkpoint))
        if side.agreement.value is not None and side.agreement.value < LOW_AGREEMENT
    ]
    if low:
        cautions.append(
            f"judge and default grader agree on only {join_words(low)}; below {LOW_AGREEMENT:.0%} "
            "read some of both before believing either"
        )
    total = judge.left_out + task.items
    if judge.left_out > MANY_LEFT_OUT * total:
        cautions.append(
            f"the judge gave no grade on {format_count(judge.left_out)} of {_pairs(task)} "
            f"({format_value(judge.left_out / total, 'proportion')}, more than "
            f"{MANY_LEFT_OUT:.0%}), which are left out; they need not be like the rest"
        )
    return "; ".join(cautions) + "." if cautions else None


def _side(model: str, side: GraderAgreement, level: float) -> str:
    graded = (
        f"The judge graded {format_count(side.judged - side.unscored)} of the {model}'s responses"
    )
    if side.not_judged:
        graded += f" ({format_count(side.not_judged)} more need no judge)"
    if side.agreement.value is None or side.agreement.interval is None:
        return f"{graded}."
    limits = format_value_range(side.agreement.interval, "proportion")
    kappa = "" if side.kappa is None else f"; Cohen’s κ {format_value(side.kappa, 'score')}"
    return (
        f"{graded} and agrees with the default grader on {format_count(side.agreement.count)} of "
        f"{format_count(side.agreement.total)}, {format_value(side.agreement.value, 'proportion')} "
        f"({format_level(level)} Wilson interval {limits}{kappa})."
    )


def _unscored(judge: JudgeAgreement) -> str:
    parts = []
    for name, side in (("base", judge.base), ("checkpoint", judge.checkpoint)):
        if side.unscored:
            examples = ", ".join(one_line(item, 60) for item in side.unscored_examples)
            parts.append(
                f"{format_count(side.unscored)} responses of the {name} (such as {examples})"
            )
    return join_words(parts)


def _pairs(task: TaskComparison) -> str:
    left_out = 0 if task.judge is None else task.judge.left_out
    return f"{format_count(task.items + left_out)} pairs"
