"""Differences of two texts: nothing is lost, and no text takes long."""

from __future__ import annotations

import random
import time
from itertools import pairwise

import pytest
from hostile import TEXTS
from hypothesis import given
from hypothesis import strategies as st

from saeval.evalsuite.service.items.differences import diff_texts

WORDS = st.lists(
    st.sampled_from(["a", "b ", "the", " ", "\n", "<b>", "é", "\u202e", "1"]) | st.text(max_size=3)
).map("".join)


def check(base: str, checkpoint: str) -> None:
    pieces = diff_texts(base, checkpoint)
    assert "".join(piece.text for piece in pieces if piece.kind != "added") == base
    assert "".join(piece.text for piece in pieces if piece.kind != "removed") == checkpoint
    assert all(piece.text for piece in pieces)
    assert all(one.kind != two.kind for one, two in pairwise(pieces))


@given(WORDS, WORDS)
def test_the_pieces_make_up_both_texts(base: str, checkpoint: str) -> None:
    check(base, checkpoint)


@given(WORDS)
def test_equal_texts_have_no_differences(text: str) -> None:
    assert [piece.kind for piece in diff_texts(text, text)] == (["same"] if text else [])


def test_a_changed_word_is_the_only_difference() -> None:
    words = [f"word{number % 50}" for number in range(400)]
    changed = [*words[:200], "other", *words[201:]]
    pieces = diff_texts(" ".join(words), " ".join(changed))
    assert [piece for piece in pieces if piece.kind != "same"] == [
        ("removed", "word0 "),
        ("added", "other "),
    ]


def _noise(seed: int, n: int, of: str) -> str:
    return "".join(random.Random(seed).choices(of, k=n))


@pytest.mark.parametrize(
    ("base", "checkpoint"),
    [
        (_noise(1, 900, "()"), _noise(2, 900, "()")),
        (_noise(1, 3000, "()"), _noise(2, 3000, "()")),
        (_noise(1, 1500, "a\n"), _noise(2, 1500, "a\n")),
        (_noise(1, 2000, "abcdefghi \n"), _noise(2, 2000, "abcdefghi \n")),
        ("x " * 400_000, "y " * 400_000),
        ("\n".join(map(str, range(10_000))), "\n".join(map(str, range(10_000, 0, -1)))),
        ("x" * 3_000_000, "x" * 3_000_001),
        *((text, TEXTS[place - 1] + text[::-1]) for place, text in enumerate(TEXTS)),
    ],
)
def test_no_text_takes_long(base: str, checkpoint: str) -> None:
    start = time.process_time()
    check(base, checkpoint)
    assert time.process_time() - start < 3
