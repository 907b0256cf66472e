"""Text as it is compared: the normal form of TriviaQA and Natural Questions, with fewer collisions.

Lower case, without accents, punctuation and articles. Three things are kept that the two data sets
drop, because they tell answers apart: signs between digits (``2.5`` is not ``25``), an article at
the end (``Vitamin A`` is not ``Vitamin``) and ``+`` or ``#`` after a letter (``C++`` is not ``C``).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Letters that Unicode does not take apart into a base and an accent.
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"}
)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[.:/](?=\d)")
_KEPT = "\ue000"  # of the private use area; stands for a sign between digits
_PUNCTUATION = re.compile(r"(?:(?<=[^\W\d_])(?:\+{1,2}|#)(?!\w))|([^\w\s\ue000])")
_ARTICLE = re.compile(r"\b(?:a|an|the)\s+(?=\S)")
_LETTER_RUN = re.compile(r"\b(?:[^\W\d_] )+[^\W\d_]\b")


def fold_text(text: str) -> str:
    """Lower case, without accents, with plain quotes, dashes and spaces."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    folded = "".join(sign for sign in decomposed if not unicodedata.combining(sign))
    return re.sub(r"[‐‑‒–—−]", "-", re.sub(r"[‘’´`ʻʼ]", "'", folded)).translate(_LETTERS)


def normal_forms(text: str) -> frozenset[str]:
    """The normal forms of a text; two texts are the same if they share one.

    There are two, since ``people's`` is ``peoples`` to one data set and ``people s`` to the other.

    Examples
    --------
    >>> sorted(normal_forms("The People's Café"))
    ['people s cafe', 'peoples cafe']
    >>> normal_forms("T. S. Eliot") == normal_forms("TS Eliot")
    True
    """
    return frozenset({_normal(text, " "), _normal(text, "")})


def normalize_words(text: str) -> str:
    """The normal form with a space for every sign: words to be looked for in other words."""
    return _normal(text, " ")


def _normal(text: str, instead: str) -> str:
    plain = _THOUSANDS.sub("", fold_text(text)).replace("&", " and ").replace("_", " ")
    plain = _BETWEEN_DIGITS.sub(_KEPT, plain)
    spoken = _PUNCTUATION.sub(
        lambda sign: sign[0] if sign[1] is None else _in_place_of(sign[1], instead), plain
    )
    spaced = " ".join(spoken.split())
    short = _ARTICLE.sub("", spaced)
    merged = _LETTER_RUN.sub(lambda run: run[0].replace(" ", ""), short)
    return merged or fold_text(text).strip()


@lru_cache(maxsize=10_000)
def _in_place_of(sign: str, instead: str) -> str:
    if unicodedata.category(sign) == "So":  # a sign with a meaning of its own, such as an emoji
        return sign
    return " " if sign in "-/" else instead
