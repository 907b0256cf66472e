"""Items of the group ``retention``: made from a seed and a number, each with its own exact check.

>>> item = make_items("retention_arithmetic", seed=43, count=1)[0]
>>> is_right("retention_arithmetic", item.answer, f"It is <answer>{item.answer}</answer>")
True
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

VERSION = 1
COUNT = 200
"""Items of each task."""
FORM = "End with the answer alone, between <answer> and </answer>."

_NAMES = ("Ada", "Bo", "Carl", "Dana", "Emil", "Fay", "Gus", "Hana", "Ivo", "June", "Kofi", "Lea")
_TOWNS = ("Lund", "Porto", "Quito", "Riga", "Sofia", "Turin", "Utrecht", "Vaduz", "York", "Zadar")
_THINGS = ("kite", "lamp", "clock", "drum", "chair", "coat", "map", "bell", "ladder", "basket")
_COLOURS = ("red", "blue", "green", "white", "black", "yellow", "brown", "grey")
_WORDS = (
    "apple", "river", "stone", "cloud", "bread", "tiger", "violin", "winter", "garden", "candle",
    "rocket", "silver", "button", "forest", "mirror", "pepper",
)  # fmt: skip
_TAGGED = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
_NUMBER = re.compile(r"-?\d+")

Choice = TypeVar("Choice")


@dataclass(frozen=True)
class RetentionItem:
    """A question and its one right answer."""

    question: str
    answer: str


class _Draws:
    """Numbers that follow from a text, the same with every version of Python."""

    def __init__(self, text: str) -> None:
        self._text, self._n = text, 0

    def number(self, low: int, high: int) -> int:
        """From `low` to `high`, both included."""
        self._n += 1
        digest = hashlib.sha256(f"{self._text} {self._n}".encode()).digest()
        return low + int.from_bytes(digest[:8], "big") % (high - low + 1)

    def pick(self, choices: Sequence[Choice], count: int) -> list[Choice]:
        """So many different ones."""
        left = list(choices)
        return [left.pop(self.number(0, len(left) - 1)) for _ in range(count)]


def _arithmetic(draws: _Draws) -> RetentionItem:
    a, b, c = draws.number(11, 99), draws.number(11, 99), draws.number(2, 9)
    text, value = (
        (f"{a} + {b}", a + b),
        (f"{a} - {b}", a - b),
        (f"{a} * {c}", a * c),
        (f"{a} + {b} * {c}", a + b * c),
        (f"({a} - {b}) * {c}", (a - b) * c),
    )[draws.number(0, 4)]
    return RetentionItem(f"What is {text}?", str(value))


def _reading(draws: _Draws) -> RetentionItem:
    people, towns = draws.pick(_NAMES, 3), draws.pick(_TOWNS, 3)
    things, colours = draws.pick(_THINGS, 3), draws.pick(_COLOURS, 3)
    passage = " ".join(
        f"{person} lives in {town} and has a {colour} {thing}."
        for person, town, colour, thing in zip(people, towns, colours, things, strict=True)
    )
    who = draws.number(0, 2)
    question, answer = (
        (f"In which town does {people[who]} live?", towns[who]),
        (f"What colour is {people[who]}'s {things[who]}?", colours[who]),
        (f"Who has the {things[who]}?", people[who]),
        (f"In which town is the {colours[who]} {things[who]}?", towns[who]),
    )[draws.number(0, 3)]
    return RetentionItem(f"{passage}\n{question} Answer in one word.", answer)


def _instructions(draws: _Draws) -> RetentionItem:
    words = draws.pick(_WORDS, draws.number(3, 4))
    shown = ", ".join(words)
    what, answer = (
        ("in the opposite order, with a comma and a space between them", words[::-1]),
        ("in the order of the alphabet, with a comma and a space between them", sorted(words)),
        (
            "in capital letters and in the same order, with a comma and a space between them",
            [word.upper() for word in words],
        ),
        (
            "in the same order without the first, with a comma and a space between them",
            words[1:],
        ),
    )[draws.number(0, 3)]
    return RetentionItem(f"Write these words {what}: {shown}", ", ".join(answer))


_MAKERS: dict[str, Callable[[_Draws], RetentionItem]] = {
    "retention_arithmetic": _arithmetic,
    "retention_reading": _reading,
    "retention_instructions": _instructions,
}
TASKS = tuple(_MAKERS)
"""The tasks of the group."""


def make_items(task: str, *, seed: int, count: int = COUNT) -> list[RetentionItem]:
    """The first items of a task; more of them begin with the same.

    Parameters
    ----------
    task
        One of `TASKS`.
    seed
        Another makes other items.
    count
        How many.
    """
    make = _MAKERS[task]
    return [make(_Draws(f"{task} {VERSION} {seed} {number}")) for number in range(count)]


def is_right(task: str, answer: str, response: str) -> bool:
    """Whether a response gives the answer of an item.

    Examples
    --------
    >>> is_right("retention_reading", "Riga", "She lives in\\nRiga.")
    True
    >>> is_right("retention_instructions", "b, a", "<answer>b,a</answer>")
    False
    """
    given = find_answer(response)
    if task == "retention_arithmetic":
        numbers = _NUMBER.findall(given.replace(",", "").replace("−", "-"))
        return bool(numbers) and numbers[-1] == answer
    if task == "retention_reading":
        return given.strip(" .*\"'").casefold() == answer.casefold()
    return given == answer


def find_answer(response: str) -> str:
    """What stands in the last pair of tags; without any, the last line that is not blank."""
    if tagged := _TAGGED.findall(response):
        return str(tagged[-1]).strip()
    return next((line.strip() for line in reversed(response.splitlines()) if line.strip()), "")
