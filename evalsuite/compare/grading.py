"""A judge's grades in place of the default grader's, on both sides of a pair."""

from __future__ import annotations

from dataclasses import replace

from saeval.errors import EngineError
from saeval.evalsuite.compare.pairing import PairedPredictions
from saeval.evalsuite.judge.grades import GRADES_FILE, Grades
from saeval.evalsuite.store.table import PredictionTable
from saeval.stats.compare.results import JudgeAgreement
from saeval.stats.compare.transitions import INVALID_LABEL
from saeval.stats.metrics.agreement import UNSCORED


def apply_grades(
    pairs: PairedPredictions, grades: Grades | None, level: float
) -> tuple[PairedPredictions, JudgeAgreement | None]:
    """The pairs as the judge grades them, and how far it agrees with the default grader.

    A pair with a response that the judge was asked about and gave no grade is left out. Tasks
    other than open questions stay as they are.

    Parameters
    ----------
    pairs
        As the default grader reads them.
    grades
        None without a judge.
    level
        Confidence level of the intervals of agreement.

    Raises
    ------
    EngineError
        If more than half of the responses have no grade, or no pair is left.
    """
    if grades is None or not pairs.task.kind.is_open_ended:
        return pairs, None
    labels = pairs.task.labels.names
    base = grades.grade(list(pairs.base.values()), labels, level)
    checkpoint = grades.grade(list(pairs.checkpoint.values()), labels, level)
    kept = [
        (b, c) for b, c in zip(base.predictions, checkpoint.predictions, strict=True) if b and c
    ]
    agreements = (base.agreement, checkpoint.agreement)
    n_judged = sum(agreement.judged for agreement in agreements)
    n_unscored = sum(agreement.unscored for agreement in agreements)
    if not kept or n_unscored > n_judged / 2:
        raise EngineError(
            f"task {pairs.task.name}: the judge {grades.judge.name} gave no grade that can be "
            f"read on {n_unscored} of {n_judged} responses, too many to compare what is left; see "
            f"its replies in {GRADES_FILE}, and take another judge"
        )
    graded = replace(
        pairs,
        base=PredictionTable.of(b for b, _ in kept),
        checkpoint=PredictionTable.of(c for _, c in kept),
    )
    return graded, JudgeAgreement(
        default_labels=(*labels, INVALID_LABEL),
        judge_labels=(*labels, UNSCORED),
        left_out=len(pairs.base) - len(kept),
        base=base.agreement,
        checkpoint=checkpoint.agreement,
    )
