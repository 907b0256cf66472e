"""The relation that a question of PopQA asks for, by its wording: its files need not say it."""

from __future__ import annotations

import re

_OTHER = "other"
RELATIONS = {
    "sport": r"What sport does .+ play\?",
    "country": r"In what country is .+\?",
    "place of birth": r"In what city was .+ born\?",
    "genre": r"What genre is .+\?",
    "colour": r"What color is .+\?",
    "religion": r"What is the religion of .+\?",
    "capital": r"What is the capital of .+\?",
    "capital of": r"What is .+ the capital of\?",
    "occupation": r"What is .+'s occupation\?",
    "director": r"Who was the director of .+\?",
    "producer": r"Who was the producer of .+\?",
    "screenwriter": r"Who was the screenwriter for .+\?",
    "composer": r"Who was the composer of .+\?",
    "author": r"Who is the author of .+\?",
    "father": r"Who is the father of .+\?",
    "mother": r"Who is the mother of .+\?",
}


def find_relation(question: str) -> str:
    """The relation, or ``other``.

    Examples
    --------
    >>> find_relation("What sport does Ada play?"), find_relation("Why?")
    ('sport', 'other')
    """
    return next(
        (name for name, pattern in RELATIONS.items() if re.fullmatch(pattern, question)), _OTHER
    )
