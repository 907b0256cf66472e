"""The two tasks about a model's own answers, ``confidence`` and ``pairwise``."""

from __future__ import annotations

from saeval.tasks.format.prompts import write_confidence_prompt, write_pairwise_prompt
from saeval.tasks.format.render import render_box, render_confidence
from saeval.tasks.metacognition.items import build_confidence_items, build_pairwise_items
from saeval.tasks.metacognition.replies import parse_choice_reply, parse_confidence_reply
from saeval.tasks.task import OwnAnswersSource, Task, TaskKind
from saeval.tasks.types import CONFIDENCE_LABELS, PAIRWISE_LABELS


def _render_judgement(label: str, confidence: float) -> str:
    """``RIGHT`` or ``WRONG`` as the probability that the model's answer is right."""
    return render_confidence(confidence if label == "RIGHT" else 1 - confidence)


CONFIDENCE = TaskKind(
    name="confidence",
    labels=CONFIDENCE_LABELS,
    write_prompt=write_confidence_prompt,
    parse=parse_confidence_reply,
    render_answer=_render_judgement,
    gold_answers=lambda row: (row["target"],),
)
PAIRWISE = TaskKind(
    name="pairwise",
    labels=PAIRWISE_LABELS,
    write_prompt=write_pairwise_prompt,
    parse=parse_choice_reply,
    render_answer=lambda choice, confidence: render_box(choice),
    gold_answers=lambda row: (row["target"],),
)

TASKS = (
    Task(
        name="confidence",
        summary="How certain is a model of an answer of its own? See `saeval metacognition`",
        kind=CONFIDENCE,
        source=OwnAnswersSource(build_confidence_items),
        dataset="metacognition",
    ),
    Task(
        name="pairwise",
        summary=(
            "Which of two questions is a model more likely to get right? See `saeval metacognition`"
        ),
        kind=PAIRWISE,
        source=OwnAnswersSource(build_pairwise_items),
        dataset="metacognition",
    ),
)
