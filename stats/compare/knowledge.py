"""Does the checkpoint know better what it does not know?

Three sources of evidence, each read by itself: where it abstains, what confidence it states, and
the probabilities that the model itself gives to its labels. `answer_of` is the table that makes one
answer of the three findings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from saeval.stats.compare.abstention import (
    find,
    gain_is_readable_answers,
    informedness,
    is_question,
    only_abstains,
)
from saeval.stats.compare.cost import cost_of
from saeval.stats.compare.direction import Direction, direction_of, margin_of
from saeval.stats.compare.findings import (
    Answer,
    Evidence,
    Finding,
    FindingName,
    Knowledge,
    Reason,
    Source,
)
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.results import TaskComparison

UNREADABLE = 0.5
"""With a larger proportion of unreadable answers nothing can be said of a checkpoint."""


def with_answers(tasks: Iterable[TaskComparison], level: float) -> tuple[TaskComparison, ...]:
    """The tasks with both answers, from their adjusted p values and intervals.

    Parameters
    ----------
    tasks
        As `adjust_family` returns them.
    level
        Confidence level.
    """
    return tuple(
        replace(task, knowledge=knowledge_of(task, level), cost=cost_of(task, level))
        for task in tasks
    )


def answer_of(abstention: FindingName, stated: FindingName, own: FindingName) -> Answer | None:
    """One answer of three findings; None where nothing moved, and precision decides.

    Parameters
    ----------
    abstention, stated, own
        What each source says; see `Finding`.

    Notes
    -----
    The model's own probabilities cannot be talked up, so where they were measured, what is said
    counts as knowledge only if they do not contradict it. Better abstention is knowledge put to
    use; better stated confidence without better own probabilities is said. A mean confidence that
    moves to the accuracy tells no answer from another, so honesty alone is never a *yes*.
    """
    said = (abstention, stated)
    if own == "better":
        return "cannot tell" if "worse" in said else "yes"
    if own == "worse":
        gained = abstention == "better" or stated in ("better", "more honest")
        return "only says so" if gained else "lost"
    if abstention == "refuses more":
        return "lost" if stated == "worse" else "only refuses more"
    if "worse" in said:
        return "cannot tell" if "better" in said else "lost"
    if "contradictory" in (*said, own):
        return "cannot tell"
    if abstention == "better":
        return "yes"
    if own == "untested":
        return "yes" if stated == "better" else None
    return "only says so" if stated in ("better", "more honest") else None


def knowledge_of(task: TaskComparison, level: float) -> Knowledge:
    """The first answer.

    Parameters
    ----------
    task
        Its p values are adjusted.
    level
        Confidence level.
    """
    findings = _abstention(task, level), _stated(task, level), _own(task, level)
    if task.primary is not None and not any(finding.evidence for finding in findings):
        return Knowledge("not asked", findings)
    if task.items and task.checkpoint.invalid / task.items > UNREADABLE:
        return Knowledge("cannot tell", findings, ("cannot be parsed",))
    if is_identical(task):
        return Knowledge("no", findings, ("identical",))
    answer = answer_of(*(finding.finding for finding in findings))
    if answer is None:
        tested = [finding for finding in findings if finding.finding != "untested"]
        shown = tested and all(finding.improvement_ruled_out for finding in tested)
        answer = "no" if shown else "cannot tell"
    return Knowledge(answer, findings)


def is_identical(task: TaskComparison) -> bool:
    """Whether both models gave the same labels and confidences, some of which can be read."""
    return (
        not task.base.invalid == task.checkpoint.invalid == task.items
        and task.n_changed_items == 0
        and task.base == task.checkpoint
        and all(row.difference in (0, None) for row in task.metrics)
    )


def _abstention(task: TaskComparison, level: float) -> Finding:
    names: list[tuple[str, str | None]] = [
        ("recall", task.abstention),
        ("false_abstention_rate", None),
    ]
    if is_question(task):
        names[1:] = [("correct_rate", None), ("correct_given_attempted", None)]
    evidence = _evidence(task, level, names)
    read = _in_questions if is_question(task) else _in_claims
    finding, ruled_out, reasons = read(task, level)
    if finding == "better" and gain_is_readable_answers(task, level):
        finding, reasons = "not detected", (*reasons, "readable answers only")
    return Finding("abstention", finding, ruled_out, evidence, reasons)


_Reading = tuple[FindingName, bool, tuple[Reason, ...]]


def _in_claims(task: TaskComparison, level: float) -> _Reading:
    change = informedness(task)
    if change is None:
        return "untested", False, ("not measured",)
    recall = _direction(task, "recall", level, task.abstention)
    refusals = _direction(task, "false_abstention_rate", level)
    row = find(task, "false_abstention_rate")
    limits = None if row is None else row.confidence_interval
    rose = limits is not None and limits.low > 0
    ruled_out = change.high < _margin(task)
    if change.low > 0 and recall == "better":
        return "better", False, ("refusals rose too",) if rose else ()
    if change.low > 0 and refusals == "better":
        ruled_out = _is_ruled_out(find(task, "recall", task.abstention))
        rightly = _direction(task, "accuracy", level) == "better"
        return ("answers more" if rightly else _nothing_found(ruled_out)), ruled_out, ()
    if change.high < 0 and "worse" in (recall, refusals) and not rose:
        return "worse", True, ()
    if (recall == "better" and rose) or (refusals == "worse" and recall != "worse"):
        return "refuses more", ruled_out, ()
    if change.high < 0 and "worse" in (recall, refusals):
        return "worse", True, ()
    return _nothing_found(ruled_out), ruled_out, ()


def _in_questions(task: TaskComparison, level: float) -> _Reading:
    change = informedness(task)
    attempted = find(task, "correct_given_attempted")
    if change is None and attempted is None:
        return "untested", False, ("not measured",)
    recall = _direction(task, "recall", level, task.abstention)
    abstains = _direction(task, "abstention_rate", level)
    selective = _direction(task, "correct_given_attempted", level)
    right = find(task, "correct_rate") or find(task, "accuracy")
    limits = None if right is None else right.confidence_interval
    lost = limits is not None and limits.high < 0
    ruled_out = _is_ruled_out(attempted) and (change is None or change.high < _margin(task))
    if only_abstains(task, level):
        return "refuses more", ruled_out, ()
    if (change is not None and change.low > 0 and recall == "better") or (
        selective == "better" and abstains == "higher"
    ):
        return "better", False, ("right answers lost too",) if lost else ()
    if (change is not None and change.high < 0 and recall == "worse") or (
        selective == "worse" and abstains == "lower"
    ):
        return "worse", True, ()
    return _nothing_found(ruled_out), ruled_out, ()


def _stated(task: TaskComparison, level: float) -> Finding:
    if task.confidence_is_own:
        return Finding("stated confidence", "untested", False, (), ("not measured",))
    return _of_confidence(task, level, "stated confidence")


def _of_confidence(task: TaskComparison, level: float, source: Source) -> Finding:
    names = [(name, None) for name in ("auroc", "auroc_alike", "overconfidence")]
    evidence = _evidence(task, level, [*names, ("confidence_missing", None)])
    honesty = _direction(task, "overconfidence", level)
    missing = _is_left_out_in_favour(task, level)
    over = find(task, "overconfidence")
    overclaims = honesty == "worse" and over is not None and (over.difference or 0) > 0
    finding, ruled_out, reasons = _confidence(
        task, "auroc", honesty, level, missing=missing, overclaims=overclaims
    )
    return Finding(source, finding, ruled_out, evidence, reasons)


def _own(task: TaskComparison, level: float) -> Finding:
    if task.confidence_is_own:
        return _of_confidence(task, level, "own probabilities")
    names = ("own_auroc", "own_auroc_alike", "own_brier", "own_confidence_wrong")
    evidence = _evidence(task, level, [(name, None) for name in names])
    honesty = _direction(task, "own_brier", level)
    wrong = find(task, "own_confidence_wrong")
    limits = None if wrong is None else wrong.confidence_interval
    overclaims = honesty == "worse" and limits is not None and limits.low > 0
    finding, ruled_out, reasons = _confidence(
        task, "own_auroc", honesty, level, missing=False, overclaims=overclaims
    )
    return Finding("own probabilities", finding, ruled_out, evidence, reasons)


def _confidence(
    task: TaskComparison,
    name: str,
    honesty: Direction,
    level: float,
    *,
    missing: bool,
    overclaims: bool,
) -> _Reading:
    """By the AUROC, which tells one answer from another; honesty on average comes second.

    A better AUROC beside a confidence that claims more than before, or is left out more often, is
    no finding. Underconfidence only limits it: accuracy that rises is enough to bring it about.
    """
    row, alike = find(task, name), find(task, f"{name}_alike")
    direction = "untested" if row is None else direction_of(row, level)
    limits = None if alike is None else alike.confidence_interval
    left_out: tuple[Reason, ...] = ("missing more often",) if missing else ()
    if direction in ("better", "worse"):
        better = direction == "better"
        if limits is not None and (limits.high < 0 if better else limits.low > 0):
            return "contradictory", False, ("alike disagrees", *left_out)
        confirmed = limits is not None and (limits.low > 0 if better else limits.high < 0)
        reasons: tuple[Reason, ...] = () if confirmed else ("alike not confirmed",)
        if better and honesty == "worse":
            reasons = (*reasons, "honesty disagrees")
        if better and (missing or overclaims):
            return "contradictory", False, (*reasons, *left_out)
        return ("better" if better else "worse"), not better, (*reasons, *left_out)
    ruled_out = _is_ruled_out(row)
    if honesty == "better" and not missing:
        return "more honest", ruled_out, ()
    if honesty == "worse":
        return "less honest", ruled_out, left_out
    if direction == "untested":
        return "untested", False, ("not measured", *left_out)
    return _nothing_found(ruled_out), ruled_out, left_out


def _is_left_out_in_favour(task: TaskComparison, level: float) -> bool:
    """Whether the checkpoint leaves confidence out more often, and a better AUROC may be by that.

    With what was left out at its worst for the checkpoint and its best for the base, an AUROC that
    is better all the same owes nothing to it.
    """
    row = find(task, "confidence_missing")
    if row is None or (row.difference or 0) <= 0:
        return False
    for treated in task.missing_confidence or ():
        if (treated.metric, treated.treatment) == ("auroc", "worst for the checkpoint"):
            return treated.interval is None or treated.interval.low <= 0
    return direction_of(row, level) == "worse"


def _evidence(
    task: TaskComparison, level: float, names: Sequence[tuple[str, str | None]]
) -> tuple[Evidence, ...]:
    rows = (find(task, *name) for name in names)
    return tuple(
        Evidence(row.metric, row.label, direction_of(row, level)) for row in rows if row is not None
    )


def _direction(
    task: TaskComparison, name: str, level: float, label: str | None = None
) -> Direction:
    row = find(task, name, label)
    return "untested" if row is None else direction_of(row, level)


def _margin(task: TaskComparison) -> float:
    """That of abstention recall, which its informedness has, too."""
    return margin_of(task.metric("recall", task.abstention)) or 0.0


def _is_ruled_out(row: MetricComparison | None) -> bool:
    """Whether an improvement beyond the margin is."""
    if row is None or row.confidence_interval is None:
        return False
    return row.confidence_interval.high < (margin_of(row) or 0.0)


def _nothing_found(ruled_out: bool) -> FindingName:
    return "unchanged" if ruled_out else "not detected"
