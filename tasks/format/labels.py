"""Parsing of responses in fact verification.

A response that follows the prompt ends like this::

    LABEL=NA
    CONF=0.72

Reasoning may stand before it and may quote labels, the format or half an answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from saeval.tasks.format.response import CONFIDENCE_FIELD, extract_final_part, parse_confidence
from saeval.tasks.types import VERIFICATION_LABELS, ParsedResponse, Status

ANSWER_PREFIX = "LABEL="

# Label and confidence side by side or on consecutive lines, or a label alone on its line; bold,
# quoted or listed, too. Every run is bounded, so that hostile text costs linear time, and the
# pattern starts with a literal, so that long reasoning is skipped at the speed of a string search.
_MARKUP = r"[ \t>*_`#\"'-]{0,16}"
_BLOCK = re.compile(
    r"LABEL(?<![\w=]LABEL)[ \t]{0,4}=[ \t]{0,4}(?P<label>PASS|FAIL|NA)(?![\w|/=-])(?:"
    rf"[ \t*_`.,;\"']{{0,16}}\s{{0,16}}{_MARKUP}"
    rf"{CONFIDENCE_FIELD}"
    rf"|(?P<line_end>{_MARKUP}\.?[ \t\r]{{0,16}}$))",
    re.MULTILINE,
)
_LINE_START = re.compile(_MARKUP)


@dataclass(frozen=True)
class LabelAnswer:
    """What a response says.

    Attributes
    ----------
    label
        One of `VERIFICATION_LABELS`, or None if the response is invalid.
    confidence
        The stated probability that the label is right, in [0, 1], or None if none was stated.
    """

    label: str | None
    confidence: float | None

    @property
    def status(self) -> Status:
        """``invalid`` without a label, ``abstained`` for NA, ``answered`` otherwise."""
        if self.label is None:
            return "invalid"
        return "abstained" if self.label == VERIFICATION_LABELS.abstention else "answered"


INVALID = LabelAnswer(None, None)


def parse_label(response: str) -> LabelAnswer:
    """Parse the last well-formed block after the end of the reasoning.

    A block is ``LABEL=PASS``, ``LABEL=FAIL`` or ``LABEL=NA`` directly followed by ``CONF=`` and a
    number in [0, 1], or such a label alone on its line (then no confidence was stated).
    A block whose ``CONF=`` holds anything else, such as the format's own ``0.xx``, is not
    well-formed. If the response marks the end of its reasoning, only what follows the last such
    mark counts; reasoning that was begun and never ended holds no answer.

    Examples
    --------
    >>> parse_label("It says so, thus not LABEL=FAIL.</think>LABEL=PASS\\nCONF=0.9")
    Answer(label='PASS', confidence=0.9)
    >>> parse_label("I think it passes.").status
    'invalid'
    """
    final = extract_final_part(response)
    answer = INVALID
    for block in _BLOCK.finditer(final):
        if block["line_end"] is None:
            confidence = parse_confidence(block["confidence"])
            if confidence is not None:
                answer = LabelAnswer(block["label"], confidence)
        elif _begins_its_line(final, block.start()):
            answer = LabelAnswer(block["label"], None)
    return answer


def parse_verification(row: Mapping[str, Any], response: str) -> ParsedResponse:
    """`parse_label` as the parser of a task; the item itself is not needed."""
    answer = parse_label(response)
    return ParsedResponse(answer.label, answer.status, answer.confidence, answer.label)


def _begins_its_line(text: str, start: int) -> bool:
    """Whether nothing but markup stands before `start` on its line."""
    line = text[text.rfind("\n", 0, start) + 1 : start][-17:]
    return _LINE_START.fullmatch(line) is not None
