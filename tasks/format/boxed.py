r"""Parsing of boxed answers.

A response that follows the prompt of an open question ends like this::

    \boxed{Michio Sugeno}
    CONF=0.85

Reasoning may stand before it and may hold boxes of its own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from saeval.tasks.format.refusals import ends_in_refusal, is_refusal
from saeval.tasks.format.response import CONFIDENCE_FIELD, extract_final_part, parse_confidence
from saeval.tasks.types import Status

_BOX = re.compile(r"\\boxed\s{0,4}(?=\{)")
_BRACE = re.compile(r"\\[\\{}]|[{}]")
_CONFIDENCE = re.compile(CONFIDENCE_FIELD)
_FRACTION = re.compile(r"\\[dt]?frac\{([^{}]{0,40})\}\{([^{}]{0,40})\}")
_STYLE = re.compile(
    r"\\(?:text\w{0,8}|math\w{0,8}|mbox|emph|operatorname|displaystyle)(?![A-Za-z])"
)
_SPACE = re.compile(r"\\[,;:! ]|\\quad|~|\s+")
_ESCAPED = re.compile(r"\\([%$&_#{}])")
_PLACEHOLDERS = {"answer", "your answer", "final answer", "...", "…"}


@dataclass(frozen=True)
class BoxedAnswer:
    """What a response says.

    Attributes
    ----------
    text
        What stands in the box, freed of LaTeX; None if there is no box.
    abstained
        Whether it abstains, in the box or plainly without one.
    confidence
        The stated probability that the boxed answer is right, or None if none was stated.
    """

    text: str | None
    abstained: bool
    confidence: float | None

    @property
    def status(self) -> Status:
        """``abstained``, ``answered`` with a text, ``invalid`` with neither."""
        if self.abstained:
            return "abstained"
        return "invalid" if self.text is None else "answered"


def parse_boxed(response: str) -> BoxedAnswer:
    r"""Parse the last well-formed box after the end of the reasoning.

    A box is well-formed if its braces are balanced, it holds no other box, it is not empty and not
    the prompt's own ``\boxed{answer}``, and if the ``CONF=`` that follows it, where there is one,
    holds a number in [0, 1]. Where no box is well-formed, a final part that ends with a
    plain refusal is an abstention; anything else is invalid.

    Examples
    --------
    >>> parse_boxed("He lived in Ulm.</think>So \\boxed{\\text{Ulm}}\nCONF=0.9")
    BoxedAnswer(text='Ulm', abstained=False, confidence=0.9)
    >>> parse_boxed("\\boxed{I don't know}").status
    'abstained'
    >>> parse_boxed("It is Ulm.").status
    'invalid'
    """
    final = extract_final_part(response)
    following = len(final)
    for start, end in reversed(list(find_innermost_boxes(final))):
        text = strip_latex(final[start:end])
        confidence = _CONFIDENCE.search(final, end, following)
        stated = parse_confidence(confidence["confidence"]) if confidence else None
        following = start
        if _is_answer(text) and (confidence is None or stated is not None):
            return BoxedAnswer(text, is_refusal(text), stated)
    if ends_in_refusal(final):
        written = _CONFIDENCE.findall(final)
        return BoxedAnswer(None, True, parse_confidence(written[-1]) if written else None)
    return BoxedAnswer(None, False, None)


def find_innermost_boxes(text: str) -> Iterator[tuple[int, int]]:
    """Where the contents of the boxes that hold no other box begin and end, in one pass."""
    boxes = {match.end(): match.end() + 1 for match in _BOX.finditer(text)}
    if not boxes:
        return
    latest = -1
    opened: list[int] = []
    for brace in _BRACE.finditer(text, min(boxes)):
        if brace[0] == "{":
            opened.append(brace.start())
            latest = brace.start() if brace.start() in boxes else latest
        elif brace[0] == "}" and opened:
            start = opened.pop()
            if start in boxes and start == latest:
                yield boxes[start], brace.start()


def strip_latex(content: str) -> str:
    """Without LaTeX's styles, spaces, escapes and dollars."""
    text = _FRACTION.sub(r"\1/\2", content)
    text = _STYLE.sub("", text)
    text = re.sub(r"\{,\}", ",", text)
    text = re.sub(r"(?<!\\)[{}$]", "", text)
    text = _SPACE.sub(" ", text)
    return _ESCAPED.sub(r"\1", text).strip(' *`"“”')


def _is_answer(text: str) -> bool:
    return (
        any(unicodedata.category(sign)[0] not in "PZC" for sign in text)
        and text.casefold() not in _PLACEHOLDERS
        and _CONFIDENCE.search(text) is None
    )
