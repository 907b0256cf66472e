"""What one text has and the other has not, word by word."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

Kind = Literal["same", "removed", "added"]
_WORDS = re.compile(r"\w+\s*|\s+|[^\w\s]\s*")
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_MOST_MATCHES = 1_000_000
"""Pairs of equal parts that are looked at; difflib's time grows with their number."""
_LONGEST = 2_000_000


class Piece(NamedTuple):
    """A part of a text: of both, of the base alone or of the checkpoint alone."""

    kind: Kind
    text: str


def diff_texts(base: str, checkpoint: str) -> list[Piece]:
    """What the checkpoint's text has kept, left out and added.

    Pieces of kinds other than "added" make up the base's text, those other than "removed" the
    checkpoint's. Texts are compared by words, very long ones by lines, and those that are not alike
    in any of them are left whole, so that it takes a moment for whatever a model wrote.

    Examples
    --------
    >>> [tuple(piece) for piece in diff_texts("It is 42.", "It was 42.")]
    [('same', 'It '), ('removed', 'is '), ('added', 'was '), ('same', '42.')]
    """
    if len(base) + len(checkpoint) > _LONGEST:
        return list(_joined(_changed(base, checkpoint)))
    head, ends, tail = _without_common_ends(_WORDS.findall(base), _WORDS.findall(checkpoint))
    for split in (_WORDS, _LINES):
        sides = [split.findall("".join(end)) for end in ends]
        if _n_matches(*sides) <= _MOST_MATCHES:
            middle = _compare(*sides)
            break
    else:
        middle = _changed("".join(ends[0]), "".join(ends[1]))
    return list(_joined([Piece("same", head), *middle, Piece("same", tail)]))


def _without_common_ends(
    base: Sequence[str], checkpoint: Sequence[str]
) -> tuple[str, tuple[Sequence[str], Sequence[str]], str]:
    """What both begin with, what is between, and what both end with."""
    shorter = min(len(base), len(checkpoint))
    first = next((n for n in range(shorter) if base[n] != checkpoint[n]), shorter)
    rest = shorter - first
    last = next((n for n in range(rest) if base[-n - 1] != checkpoint[-n - 1]), rest)
    end = len(base) - last
    between = base[first:end], checkpoint[first : len(checkpoint) - last]
    return "".join(base[:first]), between, "".join(base[end:])


def _n_matches(base: Sequence[str], checkpoint: Sequence[str]) -> int:
    counts = Counter(base), Counter(checkpoint)
    return sum(count * counts[1][part] for part, count in counts[0].items())


def _compare(base: Sequence[str], checkpoint: Sequence[str]) -> list[Piece]:
    pieces: list[Piece] = []
    matcher = SequenceMatcher(None, base, checkpoint, autojunk=False)
    for kind, low, high, other_low, other_high in matcher.get_opcodes():
        if kind == "equal":
            pieces.append(Piece("same", "".join(base[low:high])))
        else:
            removed, added = base[low:high], checkpoint[other_low:other_high]
            pieces += _changed("".join(removed), "".join(added))
    return pieces


def _changed(base: str, checkpoint: str) -> list[Piece]:
    return [Piece("removed", base), Piece("added", checkpoint)]


def _joined(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Without empty pieces, and with neighbours of one kind as one."""
    last: Piece | None = None
    for piece in pieces:
        if not piece.text:
            continue
        if last is not None and last.kind == piece.kind:
            last = Piece(piece.kind, last.text + piece.text)
            continue
        if last is not None:
            yield last
        last = piece
    if last is not None:
        yield last
