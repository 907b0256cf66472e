r"""Answers as the prompts ask for them; the inverse of parsing.

::

    LABEL=FAIL              \boxed{Port-au-Prince}              \boxed{A}
    CONF=0.75               CONF=0.75
"""

from __future__ import annotations

from saeval.tasks.format.labels import ANSWER_PREFIX


def render_label(label: str, confidence: float) -> str:
    """A label and the probability that it is right, to the format's two digits."""
    return f"{ANSWER_PREFIX}{label}\n{render_confidence(confidence)}"


def render_boxed_answer(answer: str, confidence: float) -> str:
    r"""An answer in a box and the probability that it is right, to the format's two digits.

    Examples
    --------
    >>> render_boxed_answer("Unknown", 2 / 3)
    '\\boxed{Unknown}\nCONF=0.67'
    """
    return f"{render_box(answer)}\n{render_confidence(confidence)}"


def render_box(content: str) -> str:
    """A choice or an answer in a box."""
    return f"\\boxed{{{content}}}"


def render_confidence(confidence: float) -> str:
    """A probability in [0, 1] as a stated confidence."""
    return f"CONF={confidence:.2f}"
