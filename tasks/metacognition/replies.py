r"""Parsing of replies about the model's own answers.

A reply about one answer ends with ``CONF=0.85``, one about two questions with ``\boxed{A}`` or
``\boxed{B}``. Reasoning may stand before it, and may hold the like.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from saeval.tasks.format.boxed import find_innermost_boxes, parse_boxed, strip_latex
from saeval.tasks.format.refusals import is_refusal
from saeval.tasks.format.response import CONFIDENCE_FIELD, extract_final_part, parse_confidence
from saeval.tasks.types import QUESTION_LABELS, ParsedResponse

_CONFIDENCE = re.compile(rf"(?<![\w=]){CONFIDENCE_FIELD}")
_CHOICE = re.compile(r"(?:question )?\(?([ab])\)?\.?", re.IGNORECASE)
_ALTERNATIVE = re.compile(r"\}[\s$*]{0,8}(?:and/or|or|and|[/|,&])[\s$*]{0,8}\\boxed\s{0,4}\{")
"""Between two boxes that name both questions, as the format itself does."""
_LONGEST_ALTERNATIVE = 40

_DECLINED = ParsedResponse(QUESTION_LABELS.abstention, "abstained")
_INVALID = ParsedResponse(None, "invalid")


def parse_confidence_reply(row: Mapping[str, Any], response: str) -> ParsedResponse:
    """The last ``CONF=`` after the reasoning that holds a number in [0, 1].

    From 0.5 up the reply is parsed as ``RIGHT``, below as ``WRONG``. A reply without a number that
    plainly abstains is an abstention.

    Examples
    --------
    >>> parse_confidence_reply({}, "I may be off.\\nCONF=0.35").prediction
    'WRONG'
    >>> parse_confidence_reply({}, "CONF=0.xx").status
    'invalid'
    """
    fields = _CONFIDENCE.finditer(extract_final_part(response))
    written = [field["confidence"] for field in fields]
    for text in reversed(written):
        if (stated := parse_confidence(text)) is not None:
            prediction = "RIGHT" if stated >= 0.5 else "WRONG"
            return ParsedResponse(prediction, "answered", stated, text)
    return _DECLINED if parse_boxed(response).abstained else _INVALID


def parse_choice_reply(row: Mapping[str, Any], response: str) -> ParsedResponse:
    r"""The last box after the reasoning that holds one letter, A or B, in either case.

    Boxes that are joined to each other (``\boxed{A} or \boxed{B}``) name no choice. A reply that
    plainly abstains, in a later box or without one, is an abstention.

    Examples
    --------
    >>> parse_choice_reply({}, "At first \\boxed{A}, but no: \\boxed{\\text{B}}").prediction
    'B'
    >>> parse_choice_reply({}, "\\boxed{A} or \\boxed{B}").status
    'invalid'
    """
    final = extract_final_part(response)
    boxes = list(find_innermost_boxes(final))
    joined = {box for both in pairwise(boxes) if _are_alternatives(final, *both) for box in both}
    for start, end in reversed(boxes):
        text = strip_latex(final[start:end])
        if (start, end) in joined:
            continue
        if choice := _CHOICE.fullmatch(text):
            return ParsedResponse(choice[1].upper(), "answered", None, text)
        if is_refusal(text):
            return _DECLINED
    return _DECLINED if parse_boxed(response).abstained else _INVALID


def _are_alternatives(text: str, first: tuple[int, int], second: tuple[int, int]) -> bool:
    """Whether nothing but a word such as "or" stands between two boxes."""
    if second[0] - first[1] > _LONGEST_ALTERNATIVE:
        return False
    return _ALTERNATIVE.fullmatch(text, first[1], second[0]) is not None
