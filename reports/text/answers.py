"""The two answers that a report begins with."""

from __future__ import annotations

from saeval.reports.document import Question
from saeval.reports.text.cost import answer_cost
from saeval.reports.text.knowledge import answer_knowledge
from saeval.stats.compare.results import Comparison


def both_answers(comparison: Comparison) -> tuple[Question, Question]:
    """Both questions, answered over all tasks."""
    return answer_knowledge(comparison), answer_cost(comparison)
