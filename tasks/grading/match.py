r"""Whether an answer is right, without a judge.

An answer is compared with each right answer ("gold") in turn and is right if it equals one:

- as text, in the normal form of `saeval.tasks.grading.normalize` (case, accents,
  punctuation, articles) and without a title such as *Dr.* or *Sir*;
- as a number: ``1,200``, ``1200`` and *twelve hundred*; exactly, unless the gold gives a range
  (``150 (acceptable range: anything between 148 and 152)``). A unit that both state must be the
  same; it may be missing from the answer, and the answer may add one that the question names;
- as a date, in whichever format. Every part that the gold states must be the same; the answer may
  add parts (``14 December 1972`` where ``1972`` is asked), not leave any out;
- as a list, in any order: *A and B* is *B, A*. A list of several golds is right, too.

A gold may name variants itself: *(aka …)*, *a.k.a.*, an acronym in parentheses. An answer may add a
parenthesis that holds no *or*, and either side may add words of the question at its beginning or
end: *Erie* and *Lake Erie*, where a lake is asked. *In Ulm* is *Ulm* where the question asks where
or when. Nothing else is matched in part: *Paris* is not right because *Paris Hilton* was answered,
nor the other way round.

Known error directions
----------------------
Right answers taken for wrong, the larger part: a surname or a first name alone, another spelling
or transliteration, a synonym that the gold does not list, a sentence in the box, a place with more
or fewer parts (*Frankfurt* for *Frankfurt, Germany*), a rounded number, a list with one part
worded differently, and golds that are sentences themselves (many of SelfAware's and KUQ's). Where
SimpleQA and SimpleQA Verified word one answer in two ways, this grader takes one for the other in
nine cases of ten; some of the rest contradict each other.

Wrong answers taken for right: golds that are wrong themselves (TriviaQA's aliases are titles of
redirects), an answer in parentheses that names another thing of the same name (*London (Ontario)*),
an ordinal for a number (*6th* for *6*), a date more exact than the gold and wrong in that part,
``03/04/2001`` read either way, one of several golds where all were asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from saeval.tasks.format.boxed import parse_boxed
from saeval.tasks.grading.normalize import normal_forms, normalize_words
from saeval.tasks.grading.quantities import (
    KNOWN_UNITS,
    Quantity,
    normalize_unit,
    parse_dates,
    parse_quantity,
)
from saeval.tasks.types import QUESTION_LABELS, ParsedResponse

_RANGE = re.compile(
    r"\(acceptable range:[^()]{0,60}?between (?P<low>[^()]{1,60}?) and (?P<high>[^()]{1,60})\)$"
)
_ANY_RANGE = re.compile(r"\(acceptable range:[^()]*\)$")
_PREPOSITION = re.compile(r"^(?:in|at|on|by|from|near|since|until|around) (?=\S)", re.IGNORECASE)
_PARENTHESIS = re.compile(r" ?\(([^()]*)\)")
_ALSO = re.compile(
    r"^(?:or|aka|a\.k\.a\.?|also (?:known?|called|spelled)(?: as)?|then known? as|formerly)\b"
    r"[\s:]*",
    re.IGNORECASE,
)
_ALIAS = re.compile(
    r",?\s+(?:a\.?k\.?a\.?|(?:locally )?also (?:known|called)(?: as)?)\s+", re.IGNORECASE
)
_HEDGE = re.compile(
    r"\b(?:or|and|not|maybe|perhaps|possibly|probably|either|alternatively)\b", re.I
)
_SEPARATOR = re.compile(r"\s*;\s*|,\s+(?:and\s+|&\s+)?|\s+(?:and|&)\s+", re.IGNORECASE)
_TITLE = re.compile(
    r"^(?:(?:sir|dame|lord|lady|dr|doctor|mr|mrs|ms|miss|prof|professor|rev|reverend) )+(?=\w)"
)
_TURNING = re.compile(r"\b(?:not|no|non|never|or|nor|except|ex|former)\b|\d")
_LONGEST = 1000
"""Characters of an answer or a gold; what is longer equals nothing."""
_LONGEST_LIST = 30
"""Parts of a list; what has more is one text."""
_LEAST_LETTERS = 2
_LEAST_NUMBER = 100


def matches_gold(answer: str, golds: Sequence[str], question: str = "") -> bool:
    """Whether an answer equals one of the golds, as the module's text says.

    Parameters
    ----------
    answer
        A short answer, as it stands in the box.
    golds
        The right answers, any of which will do.
    question
        What was asked; its words may be added to an answer.

    Examples
    --------
    >>> matches_gold("the 14th of December, 1972", ["14 December 1972 UTC"])
    True
    >>> matches_gold("Paris Hilton", ["Paris"])
    False
    """
    if len(answer) > _LONGEST:
        return False
    golds = [gold for gold in golds if len(gold) <= _LONGEST]
    question_words = frozenset(normalize_words(question).split())
    right = [variant for gold in golds for variant in gold_variants(gold)]
    given = _answer_variants(answer)
    if question_words & {"where", "when"}:
        right += [_PREPOSITION.sub("", variant) for variant in right]
        given += tuple(_PREPOSITION.sub("", variant) for variant in given)
    for text in given:
        if any(_equal(text, gold, question_words) for gold in right):
            return True
        parts = _split_list(text)
        if len(parts) > 1 and all(
            any(_same(part, gold, question_words) for gold in right) for part in parts
        ):
            return True
    return any(_in_range(answer, gold, question_words) for gold in golds)


def grade_answer(row: Mapping[str, Any], response: str) -> ParsedResponse:
    """Parse and grade a response to a question: ``RIGHT``, ``WRONG``, ``UNKNOWN`` or invalid.

    Any answer to a question that has none is ``WRONG``. Words of refusal are an answer where they
    are the right one (``Na`` for sodium), except for the prompt's own ``Unknown``.
    """
    boxed = parse_boxed(response)
    golds = row["answers"]
    right = boxed.text is not None and matches_gold(boxed.text, golds, row["question"])
    prediction: str | None = None
    if boxed.abstained and not (right and normalize_words(boxed.text or "") != "unknown"):
        prediction = QUESTION_LABELS.abstention
    elif boxed.text is not None:
        prediction = "RIGHT" if right else "WRONG"
    return ParsedResponse(
        prediction=prediction,
        status="abstained"
        if prediction == QUESTION_LABELS.abstention
        else ("invalid" if prediction is None else "answered"),
        confidence=boxed.confidence,
        answer=boxed.text,
        right_in_reasoning=prediction != "RIGHT"
        and _is_mentioned(golds, row["question"], response),
    )


def _is_mentioned(golds: Iterable[str], question: str, response: str) -> bool:
    """Whether a gold stands in the words before the last box, as whole words.

    Golds that stand in the question, single letters and numbers below 100 say nothing there and
    are not looked for.
    """
    question_words = f" {normalize_words(question)} "
    candidates = {normalize_words(variant) for gold in golds for variant in gold_variants(gold)}
    informative = [
        gold for gold in candidates if _is_informative(gold) and f" {gold} " not in question_words
    ]
    if not informative:
        return False
    before, box, _ = response.rpartition("\\boxed")
    reasoning = f" {normalize_words(before if box else response)} "
    return any(f" {gold} " in reasoning for gold in informative)


def _is_informative(gold: str) -> bool:
    number = parse_quantity(gold)
    if number is not None and not number.unit:
        return abs(number.value) >= _LEAST_NUMBER
    return len(gold) >= _LEAST_LETTERS


@lru_cache(maxsize=50_000)
def gold_variants(gold: str) -> tuple[str, ...]:
    """A gold as one would say it, and the variants that it names itself.

    Examples
    --------
    >>> gold_variants("Lake Erie (also known as Erie)")
    ('Lake Erie (also known as Erie)', 'Lake Erie', 'Erie')
    >>> gold_variants("150 (acceptable range: anything between 148 and 152)")
    ('150',)
    """
    text = _ANY_RANGE.sub("", gold).strip()
    named = [text, *(part for part in _ALIAS.split(text) if part != text)]
    outside = _PARENTHESIS.sub("", text).strip()
    if outside and outside != text:
        named.append(outside)
        for inside in _PARENTHESIS.findall(text):
            also = _ALSO.sub("", inside).strip(" \"'")
            if also != inside or _is_acronym(inside, outside):
                named.append(also)
    return tuple(dict.fromkeys(way for way in named if way == text or any(map(str.isalnum, way))))


def _is_acronym(short: str, long: str) -> bool:
    initials = "".join(word[0] for word in re.findall(r"\w+", long) if word[0].isupper())
    return short.isupper() and len(short) > 1 and short.replace(".", "") == initials


def _answer_variants(answer: str) -> tuple[str, ...]:
    """An answer, and without the parentheses that only add to it."""
    added = _PARENTHESIS.findall(answer)
    outside = _PARENTHESIS.sub("", answer).strip()
    if added and outside and not any(_HEDGE.search(inside) for inside in added):
        return answer, outside
    return (answer,)


def _equal(answer: str, gold: str, question_words: frozenset[str]) -> bool:
    if _same(answer, gold, question_words):
        return True
    parts, unmatched = _split_list(answer), list(_split_list(gold))
    if len(parts) != len(unmatched) or len(parts) < 2:
        return False
    for part in parts:
        match = next((other for other in unmatched if _same(part, other, question_words)), None)
        if match is None:
            return False
        unmatched.remove(match)
    return True


def _split_list(text: str) -> tuple[str, ...]:
    parts = tuple(part for part in _SEPARATOR.split(text.strip(" .")) if part.strip())
    return parts if len(parts) <= _LONGEST_LIST else (text,)


def _same(answer: str, gold: str, question_words: frozenset[str]) -> bool:
    """Whether two answers are one: as numbers or dates where both are, else as text."""
    if answer.strip() == gold.strip():
        return True
    number, gold_number = _quantity(answer), _quantity(gold)
    if number and gold_number:
        same_value = number.value == gold_number.value
        return same_value and _units_agree(number, gold_number, question_words)
    time, gold_time = _seconds(answer), _seconds(gold)
    if time is not None and gold_time is not None:
        return time == gold_time
    dates, gold_dates = _dates(answer), _dates(gold)
    if dates and gold_dates:
        return any(date.agrees_with(other) for date in dates for other in gold_dates)
    if dates and gold_number and not gold_number.unit:
        return any(date.year == gold_number.value for date in dates)
    return any(
        _strip_title(form) == _strip_title(gold_form)
        or _differ_by_question_words(form, gold_form, question_words)
        for form in _normal_forms(answer)
        for gold_form in _normal_forms(gold)
    )


_quantity = lru_cache(maxsize=50_000)(parse_quantity)
_dates = lru_cache(maxsize=50_000)(parse_dates)
_normal_forms = lru_cache(maxsize=50_000)(normal_forms)


def _strip_title(normal: str) -> str:
    return _TITLE.sub("", normal)


def _units_agree(answer: Quantity, gold: Quantity, question_words: frozenset[str]) -> bool:
    """Whether the units are the same, but for what the answer leaves out or the question names."""
    named = {normalize_unit(word) for word in question_words} | {"time"}
    added, left_out = set(answer.unit) - set(gold.unit), set(gold.unit) - set(answer.unit)
    if added and left_out:
        return False
    return added <= named and left_out <= named | KNOWN_UNITS


def _differ_by_question_words(first: str, second: str, question_words: frozenset[str]) -> bool:
    """Whether one is the other with words of the question before or after it."""
    shorter, longer = sorted((first.split(), second.split()), key=len)
    size = len(shorter)
    if size == len(longer) or set(shorter) <= question_words:
        return False
    for rest, core in ((longer[:-size], longer[-size:]), (longer[size:], longer[:size])):
        if core == shorter and set(rest) <= question_words and not _TURNING.search(" ".join(rest)):
            return True
    return False


def _in_range(answer: str, gold: str, question_words: frozenset[str]) -> bool:
    """Whether a number lies in the range that the gold calls acceptable."""
    bounds = _RANGE.search(gold)
    if bounds is None:
        return False
    right = parse_quantity(_RANGE.sub("", gold))
    number, low, high = (parse_quantity(text) for text in (answer, bounds["low"], bounds["high"]))
    if number and right and low and high:
        units = Quantity(right.value, right.unit or high.unit)
        return low.value <= number.value <= high.value and _units_agree(
            number, units, question_words
        )
    times = [_seconds(text) for text in (bounds["low"], answer, bounds["high"])]
    seconds = [time for time in times if time is not None]
    return len(seconds) == len(times) and seconds == sorted(seconds)


def _seconds(text: str) -> int | None:
    """``3:11:22`` or ``41:18`` as one number."""
    if not re.fullmatch(r"\d{1,3}(?::[0-5]\d){1,2}", text.strip(" .")):
        return None
    total = 0
    for part in text.strip(" .").split(":"):
        total = total * 60 + int(part)
    return total
