"""The parts that every response has: the end of its reasoning, and a stated confidence."""

from __future__ import annotations

import re

CONFIDENCE_FIELD = r"CONF[ \t]{0,4}=[ \t]{0,4}(?P<confidence>[^\s*_`,;\"']{0,32})"
"""Pattern of a stated confidence, right or not; `parse_confidence` reads what it matches."""

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


def extract_final_part(response: str) -> str:
    """What follows the last end of reasoning; nothing if reasoning was begun and not ended."""
    rest = _after_reasoning(response)
    return "" if _START_OF_REASONING.search(rest) else rest


def ends_in_reasoning(response: str) -> bool:
    """Whether reasoning was begun and not ended."""
    return _START_OF_REASONING.search(_after_reasoning(response)) is not None


def parse_confidence(written: str) -> float | None:
    """A number in [0, 1] as written after ``CONF=``; None for anything else."""
    return float(written) if _CONFIDENCE.fullmatch(written) else None


def _after_reasoning(response: str) -> str:
    end = 0
    for mark in _END_OF_REASONING.finditer(response):
        end = mark.end()
    return response[end:]
