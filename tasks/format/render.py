r"""Prompts by kind of task, and answers as those prompts ask for them: what readers read.

::

    LABEL=FAIL              \boxed{Port-au-Prince}              \boxed{A}
    CONF=0.75               CONF=0.75
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from saeval.tasks.format.labels import ABSTENTION, ANSWER_PREFIX
from saeval.tasks.format.prompts import (
    confidence_prompt,
    pairwise_prompt,
    question_prompt,
    verification_prompt,
)
from saeval.tasks.registry import Kind

DECLINING: Mapping[Kind, str] = {"verification": ABSTENTION, "question": "Unknown"}
"""What stands in the place of an answer that is declined, as the prompt words it."""

_PROMPTS: Mapping[Kind, Callable[[Mapping[str, Any]], str]] = {
    "verification": verification_prompt,
    "question": question_prompt,
    "confidence": confidence_prompt,
    "pairwise": pairwise_prompt,
}


def write_prompt(kind: Kind, row: Mapping[str, Any]) -> str:
    """The prompt of a task of that kind for one row."""
    return _PROMPTS[kind](row)


def write_answer(kind: Kind, answer: str, confidence: float) -> str:
    r"""An answer and the stated probability that it is right, to the format's two digits.

    Parameters
    ----------
    kind
        ``verification``, with a label as answer, or ``question``.
    answer
        A label, or what is to stand in the box.
    confidence
        In [0, 1].

    Examples
    --------
    >>> write_answer("question", DECLINING["question"], 2 / 3)
    '\\boxed{Unknown}\nCONF=0.67'
    """
    said = f"{ANSWER_PREFIX}{answer}" if kind == "verification" else write_choice(answer)
    return f"{said}\n{write_confidence(confidence)}"


def write_choice(choice: str) -> str:
    """What is chosen, in a box."""
    return f"\\boxed{{{choice}}}"


def write_confidence(confidence: float) -> str:
    """A probability in [0, 1]."""
    return f"CONF={confidence:.2f}"
