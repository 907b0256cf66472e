"""Numbers and dates inside answers, read so that equal ones are equal however they are written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from dateutil import parser as date_parser

from saeval.tasks.grading.normalize import fold_text

_BELOW_TWENTY = """\
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen"""
_ORDINALS_BELOW_TWENTY = """\
zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth
fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth"""
_TEN_TIMES = "twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINALS_TEN_TIMES = (
    "twentieth thirtieth fortieth fiftieth sixtieth seventieth eightieth ninetieth"
)
_SMALL = {
    word: value
    for spelled in (_BELOW_TWENTY, _ORDINALS_BELOW_TWENTY)
    for value, word in enumerate(spelled.split())
} | {"once": 1, "twice": 2, "thrice": 3}
_TENS = {
    word: value * 10
    for spelled in (_TEN_TIMES, _ORDINALS_TEN_TIMES)
    for value, word in enumerate(spelled.split(), start=2)
}
_SCALES = {
    "hundred": 100,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
}
_UNITS = {
    "%": "percent", "percent": "percent", "percentage": "percent", "pct": "percent",
    "$": "dollar", "usd": "dollar", "us$": "dollar", "€": "euro", "eur": "euro",
    "£": "pound", "gbp": "pound", "¥": "yen", "jpy": "yen", "₹": "rupee", "inr": "rupee",
    "m": "meter", "metre": "meter", "km": "kilometer", "kilometre": "kilometer",
    "cm": "centimeter", "centimetre": "centimeter", "mm": "millimeter", "millimetre": "millimeter",
    "ft": "foot", "feet": "foot", "in": "inch", "inches": "inch", "mi": "mile", "yd": "yard",
    "kg": "kilogram", "g": "gram", "mg": "milligram", "lb": "pound", "lbs": "pound",
    "s": "second", "sec": "second", "secs": "second", "min": "minute", "mins": "minute",
    "h": "hour", "hr": "hour", "hrs": "hour", "km2": "square kilometer", "sq": "square",
    "hp": "horsepower", "°c": "celsius", "°f": "fahrenheit", "times": "time",
}  # fmt: skip
KNOWN_UNITS = frozenset(_UNITS.values()) | {
    "year", "month", "week", "day", "acre", "hectare", "degree", "square", "cubic", "people",
    "liter", "litre", "ton", "tonne", "watt", "volt", "mph", "franc", "mark", "fahrenheit",
}  # fmt: skip
"""Words that say in what a number is counted; an answer may leave them out."""

_VAGUE = r"(?:about|approximately|approx\.?|around|roughly|circa|c\.|ca\.|almost|nearly|some|~|≈)"
_BEFORE = re.compile(rf"(?:(?:in|on|since|at|{_VAGUE})(?:\s+|(?<=[~≈.])))*")
_DIGITS = re.compile(
    r"(?P<sign>[-+])?\s?(?P<currency>us\$|[$€£¥₹])?\s?"
    r"(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?: \d{3})+(?!\d)|\d{1,3}(?:\.\d{3}){2,}"
    r"|\d+(?:\.\d+)?|\.\d+)(?P<ordinal>(?:st|nd|rd|th)\b)?"
)
_SPELLED = re.compile(r"[a-z]+(?:[ -][a-z]+)*")
_LONGEST = 60

_MONTHS = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    "|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
_DATE = re.compile(
    rf"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,?\s+)?"
    rf"(?:(?:the )?\d{{1,2}}(?:st|nd|rd|th)?[\s,./-]+(?:day )?(?:of )?(?:{_MONTHS})\.?"
    rf"(?:[\s,./-]+(?:of )?\d{{3,4}})?"
    rf"|(?:{_MONTHS})\.?(?:[\s,./-]+(?:the )?\d{{1,2}}(?:st|nd|rd|th)?)?"
    r"(?:[\s,./-]+(?:of )?\d{3,4})?"
    rf"|\d{{4}}[\s,./-]+(?:{_MONTHS})\.?(?:[\s,./-]+\d{{1,2}}(?:st|nd|rd|th)?)?"
    r"|\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})"
)
# Two dates that differ in every part; a part that follows the default was not written.
_DEFAULTS = (datetime(1904, 1, 1), datetime(1908, 2, 2))


@dataclass(frozen=True)
class Quantity:
    """A number and the words after it, if any."""

    value: Fraction
    unit: tuple[str, ...]


@dataclass(frozen=True)
class Date:
    """The parts that were written; None for a part that was not."""

    year: int | None
    month: int | None
    day: int | None

    def agrees_with(self, other: Date) -> bool:
        """Whether every part of the other date is the same here."""
        pairs = ((self.year, other.year), (self.month, other.month), (self.day, other.day))
        return all(expected is None or own == expected for own, expected in pairs)


def parse_quantity(text: str) -> Quantity | None:
    """The number that a text is, with at most four words of unit; None if it is anything else.

    Examples
    --------
    >>> parse_quantity("about 1,200 metres")
    Quantity(value=Fraction(1200, 1), unit=('meter',))
    >>> parse_quantity("twenty-one").value, parse_quantity("118 million").value
    (Fraction(21, 1), Fraction(118000000, 1))
    >>> print(parse_quantity("Apollo 11"))
    None
    """
    if len(text) > _LONGEST:
        return None
    plain = " ".join(fold_text(text).strip(" .\"'").split())
    plain = plain[_match_end(_BEFORE, plain) :].strip()
    digits = _DIGITS.match(plain)
    if digits:
        value = _value(digits["number"]) * (-1 if digits["sign"] == "-" else 1)
        rest = plain[digits.end() :]
        if re.match(r"[\d:/.,]\S|[-'’][a-z0-9]|[a-z]+\d", rest):
            return None
        words = re.findall(r"[^\s,.()-]+", rest)
        while words and words[0] in _SCALES:
            value *= _SCALES[words.pop(0)]
        currency = (_UNITS[digits["currency"]],) if digits["currency"] else ()
        return _measured(value, (*currency, *words))
    return _spelled(plain)


def parse_dates(text: str) -> tuple[Date, ...]:
    """The dates that a text may be: two where day and month cannot be told apart, often none.

    Examples
    --------
    >>> parse_dates("14th of December, 1972") == parse_dates("1972-12-14")
    True
    >>> parse_dates("03/04/2001")
    (Date(year=2001, month=3, day=4), Date(year=2001, month=4, day=3))
    """
    if len(text) > _LONGEST:
        return ()
    plain = " ".join(fold_text(text).strip(" .\"'").split()).removesuffix(" utc")
    plain = plain[_match_end(_BEFORE, plain) :]
    plain = re.sub(r"\b(?:the|day)\b ?|(?<=\d)(?:st|nd|rd|th)\b", "", plain)
    if not _DATE.fullmatch(plain):
        return ()
    numeric = not re.search("[a-z]", plain)
    year_first = re.match(r"\d{4}", plain) is not None
    orders = (False, True) if numeric and not year_first else (False,)
    text = plain.replace(".", "/") if numeric else plain
    dates = (_parse_date(text, day_first) for day_first in orders)
    return tuple(dict.fromkeys(date for date in dates if date is not None))


def normalize_unit(word: str) -> str:
    """A unit in the one form in which units are compared: its name in the singular."""
    singular = word.removesuffix("s")
    return _UNITS.get(word) or _UNITS.get(singular) or singular


def _parse_date(text: str, day_first: bool) -> Date | None:
    try:
        first, second = (
            date_parser.parse(text, default=default, dayfirst=day_first) for default in _DEFAULTS
        )
    except (ValueError, OverflowError):
        return None
    year, month, day = (
        getattr(first, part) if getattr(first, part) == getattr(second, part) else None
        for part in ("year", "month", "day")
    )
    return Date(year, month, day)


def _match_end(pattern: re.Pattern[str], text: str) -> int:
    match = pattern.match(text)
    return match.end() if match else 0


def _value(number: str) -> Fraction:
    grouped = number.replace(",", "").replace(" ", "")
    return Fraction(grouped.replace(".", "") if grouped.count(".") > 1 else grouped)


def _measured(value: Fraction, words: tuple[str, ...]) -> Quantity | None:
    if any(re.search(r"\d", word) or word in {"and", "or", "to"} for word in words):
        return None
    units = tuple(
        normalize_unit(word) for word in words if word not in {"of", "the", "a", "an", "per"}
    )
    return Quantity(value, units) if len(units) <= 4 else None


def _spelled(plain: str) -> Quantity | None:
    if not _SPELLED.match(plain):
        return None
    total = group = 0
    seen = False
    words = re.findall(r"[^\s,.()-]+", plain)
    while words:
        word = words[0]
        if word in _SMALL:
            group += _SMALL[word]
        elif word in _TENS:
            group += _TENS[word]
        elif word == "hundred" and seen:
            group = max(group, 1) * 100
        elif word in _SCALES and seen:
            total, group = total + max(group, 1) * _SCALES[word], 0
        elif not (word == "and" and seen and len(words) > 1 and words[1] in _SMALL | _TENS):
            break
        words.pop(0)
        seen = True
    return _measured(Fraction(total + group), tuple(words)) if seen else None
