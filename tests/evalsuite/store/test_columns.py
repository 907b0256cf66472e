from __future__ import annotations

import hashlib

import pyarrow as pa
import pytest
from builders import prediction
from hypothesis import given
from hypothesis import strategies as st

from saeval.evalsuite.store.arrow import codes
from saeval.evalsuite.store.digests import digests, stable_hashes
from saeval.evalsuite.store.table import PredictionTable, by_task, join


def fnv1a(text: bytes) -> int:
    found = 0xCBF29CE484222325
    for byte in text:
        found = ((found ^ byte) * 0x100000001B3) % 2**64
    return found


def unmixed(number: int) -> int:
    """MurmurHash3's last step undone."""
    for factor in (0xC4CEB9FE1A85EC53, 0xFF51AFD7ED558CCD):
        number ^= number >> 33
        number = number * pow(factor, -1, 2**64) % 2**64
    return number ^ (number >> 33)


@given(st.lists(st.text(max_size=20), min_size=1))
def test_hashes_are_those_of_fnv_1a_whatever_stands_beside(texts):
    found = [unmixed(number) for number in stable_hashes(pa.array(texts, pa.string())).tolist()]
    assert found == [fnv1a(text.encode()) for text in texts]


def test_published_hashes():
    published = {"": 0xCBF29CE484222325, "a": 0xAF63DC4C8601EC8C, "foobar": 0x85944171F73967E8}
    found = stable_hashes(pa.array(list(published)))
    assert [unmixed(number) for number in found.tolist()] == list(published.values())


def test_a_long_text_is_hashed_first():
    long = "x" * 257
    digest = hashlib.blake2b(long.encode()).hexdigest()
    assert stable_hashes(pa.array([long]))[0] == stable_hashes(pa.array([digest]))[0]


@given(
    st.lists(
        st.one_of(
            st.none(), st.text(max_size=4), st.text("0123456789abcdef", min_size=64, max_size=64)
        )
    )
)
def test_digests_are_equal_where_texts_are(texts):
    found, missing = digests(pa.array(texts, pa.string()))
    assert missing.tolist() == [text is None for text in texts]
    for one, number in zip(texts, found.tolist(), strict=True):
        for two, other in zip(texts, found.tolist(), strict=True):
            if one is not None and two is not None:
                assert (one == two) == (number == other)


@pytest.mark.parametrize("encode", [False, True])
def test_codes_are_places(encode):
    column = pa.array(["b", None, "a", "z"])
    column = column.dictionary_encode() if encode else column
    assert codes(column, ["a", "b"]).tolist() == [1, -1, 0, -1]
    assert codes(pa.nulls(2), ["a"]).tolist() == [-1, -1]


def test_tables_are_joined_and_split():
    fever = [prediction(n, cluster_id="c" if n % 2 else None) for n in range(5)]
    other = [prediction(n, task="vitaminc") for n in range(4)]
    mixed = PredictionTable.of([p for both in zip(fever, other, strict=False) for p in both])
    tasks = by_task([mixed, PredictionTable.of(fever[4:])], "here")
    assert list(tasks["fever"].values()) == fever
    assert list(tasks["vitaminc"].values()) == other
    both = join([tasks["fever"], tasks["vitaminc"]])
    assert both.read(pa.array([8, 0, 5]).to_numpy()) == [other[3], fever[0], other[0]]
    assert ("item-004", 0) in tasks["fever"]
    assert ("item-004", 1) not in tasks["fever"]
