"""The kinds of tasks that ask about the world."""

from __future__ import annotations

from saeval.tasks.format.labels import parse_verification
from saeval.tasks.format.prompts import (
    write_choice_prompt,
    write_question_prompt,
    write_verification_prompt,
)
from saeval.tasks.format.render import render_boxed_answer, render_label
from saeval.tasks.grading.choice import grade_choice
from saeval.tasks.grading.match import grade_answer
from saeval.tasks.task import TaskKind
from saeval.tasks.types import QUESTION_LABELS, VERIFICATION_LABELS

VERIFICATION = TaskKind(
    name="verification",
    labels=VERIFICATION_LABELS,
    write_prompt=write_verification_prompt,
    parse=parse_verification,
    render_answer=render_label,
    gold_answers=lambda row: (row["target"],),
    abstention_answer=VERIFICATION_LABELS.abstention,
    has_evidence=True,
    has_label_probabilities=True,
    abstention_is_verdict=True,
)
"""Does the evidence support the claim? Items are `Claim`\\ s."""

OPEN_QUESTION = TaskKind(
    name="question",
    labels=QUESTION_LABELS,
    write_prompt=write_question_prompt,
    parse=grade_answer,
    render_answer=render_boxed_answer,
    gold_answers=lambda row: row["answers"],
    abstention_answer="Unknown",
    is_open_ended=True,
    max_response_tokens=1024,
)
"""A question with a short answer in the model's own words. Items are `Question`\\ s."""

MULTIPLE_CHOICE = TaskKind(
    name="multiple_choice",
    labels=QUESTION_LABELS,
    write_prompt=write_choice_prompt,
    parse=grade_choice,
    render_answer=lambda answer, confidence: answer,
    gold_answers=lambda row: (row["choices"][row["gold"]],),
    is_multiple_choice=True,
)
"""A question whose choices are scored by their log-likelihoods. Items are `ChoiceQuestion`\\ s."""
