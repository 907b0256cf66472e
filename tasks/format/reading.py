"""What every response has in common: where it begins to answer, and what a reader makes of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Status = Literal["answered", "abstained", "invalid"]

CONFIDENCE_FIELD = r"CONF[ \t]{0,4}=[ \t]{0,4}(?P<confidence>[^\s*_`,;\"']{0,32})"
"""Pattern of a stated confidence, right or not; `confidence_of` reads what it finds."""

# The reasoning is over after any of these. "assistantfinal" is what a decoder that drops
# special tokens leaves of "<|start|>assistant<|channel|>final<|message|>".
_END_OF_REASONING = re.compile(
    r"</think>|</thinking>|</thought>|</reasoning>|\[/THINK\]|◁/think▷|<\|END_THINKING\|>"
    r"|<\|end_of_thought\|>|<\|channel\|>final(?:<\|message\|>)?|assistantfinal"
)
_START_OF_REASONING = re.compile(
    r"<think>|<thinking>|<thought>|<reasoning>|\[THINK\]|◁think▷|<\|START_THINKING\|>"
    r"|<\|begin_of_thought\|>|<\|channel\|>analysis"
)
_CONFIDENCE = re.compile(r"0?\.[0-9]+|0\.?|1(?:\.0*)?")


@dataclass(frozen=True)
class Reading:
    """One response as its task reads it.

    Attributes
    ----------
    prediction
        One of the task's labels, or None if the response could not be read.
    status
        ``invalid`` without a prediction, ``abstained`` or ``answered``.
    confidence
        The stated probability of being right, in [0, 1], or None if none was stated.
    answer
        The final answer in the response's own words, or None if it could not be read.
    right_in_reasoning
        Whether the right answer stands in the reasoning but is not the final answer.
    """

    prediction: str | None
    status: Status
    confidence: float | None
    answer: str | None
    right_in_reasoning: bool


def final_part(response: str) -> str:
    """What follows the last end of reasoning; nothing if reasoning was begun and not ended."""
    end = 0
    for mark in _END_OF_REASONING.finditer(response):
        end = mark.end()
    final = response[end:]
    return "" if _START_OF_REASONING.search(final) else final


def confidence_of(written: str) -> float | None:
    """A number in [0, 1] as written after ``CONF=``; None for anything else."""
    return float(written) if _CONFIDENCE.fullmatch(written) else None
