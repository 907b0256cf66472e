"""Numbers that stand for texts, so that millions are compared at once."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from saeval.evalsuite.store.arrow import characters, one_array

if TYPE_CHECKING:
    from saeval.stats._core.arrays import BoolArray

Digests = npt.NDArray[np.uint64]

_WORDS = 8
_SHA256_DIGITS = 8 * _WORDS
_LONGEST = 256
_FNV_START, _FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_MURMUR = (np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53))
NO_TEXT = np.uint64(0)
_SIPHASH_KEY = "0123456789123456"
_ODD = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)


def digests(strings: Any) -> tuple[Digests, BoolArray]:
    """A number for each string, the same for the same string, and which strings are null.

    Strings of 64 characters, as SHA-256 is written, are mixed as eight words; for others it is the
    start of their BLAKE2b.

    Parameters
    ----------
    strings
        Array or chunked array of strings, shape (n,).
    """
    array = one_array(strings)
    missing = np.asarray(pc.is_null(array))
    found = np.zeros(len(array), dtype=np.uint64)
    if array.type == pa.null() or len(array) == 0:
        return found, missing
    filled = pc.fill_null(array, "")
    usual = np.asarray(pc.equal(pc.binary_length(filled), _SHA256_DIGITS))
    if usual.any():
        chosen = filled if usual.all() else filled.filter(pa.array(usual))
        found[usual] = _mix(characters(chosen).reshape(-1, _SHA256_DIGITS).view(np.uint64))
    for row in np.flatnonzero(~usual & ~missing):
        text = filled[int(row)].as_py().encode()
        found[row] = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
    return found, missing


def stable_hashes(strings: Any) -> Digests:
    """FNV-1a of 64 bits of each string, with its bits mixed: the same on every machine.

    Of strings longer than 256 bytes it is that of their BLAKE2b in hexadecimal digits.

    Parameters
    ----------
    strings
        Array of strings without nulls, shape (n,).

    References
    ----------
    .. [1] Fowler, Noll, Vo, FNV-1a; the mixing is the last step of MurmurHash3 (Appleby).
    """
    array = one_array(strings)
    lengths = np.asarray(pc.binary_length(array), dtype=np.int64)
    if (lengths > _LONGEST).any():
        texts = [text.encode() for text in array.to_pylist()]
        for row in np.flatnonzero(lengths > _LONGEST):
            texts[row] = hashlib.blake2b(texts[row]).hexdigest().encode()
        array = pa.array(texts, pa.binary())
        lengths = np.asarray(pc.binary_length(array), dtype=np.int64)
    every = characters(array)
    order = np.argsort(-lengths, kind="stable")
    starts = (np.cumsum(lengths) - lengths)[order]
    places = np.arange(lengths.max(initial=0))
    longer = len(lengths) - np.searchsorted(lengths[order][::-1], places, side="right")
    found = np.full(len(lengths), _FNV_START, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for place, rows in enumerate(longer):
            found[:rows] = (found[:rows] ^ every[starts[:rows] + place]) * _FNV_PRIME
        for factor in _MURMUR:
            found = (found ^ (found >> np.uint64(33))) * factor
    hashes = np.empty_like(found)
    hashes[order] = found ^ (found >> np.uint64(33))
    return hashes


def text_digests(claims: Any, evidence: Any) -> tuple[Digests, BoolArray]:
    """A number for each claim and its evidence, and which have neither.

    Parameters
    ----------
    claims
        Array of strings, shape (n,).
    evidence
        Array of lists of strings, shape (n,).
    """
    one, two = text_numbers(claims), text_numbers(evidence)
    with np.errstate(over="ignore"):
        return (one * _ODD) ^ two, (one == NO_TEXT) & (two == NO_TEXT)


def text_numbers(texts: Any) -> Digests:
    """A number for each text or list of texts, `NO_TEXT` where it is empty; the same everywhere.

    It is SipHash as pandas has it, since files of Parquet keep it.

    Parameters
    ----------
    texts
        Array of strings or of lists of strings, shape (n,).
    """
    from pandas.util import hash_array

    array = one_array(texts)
    if not (pa.types.is_list(array.type) or pa.types.is_large_list(array.type)):
        objects = array.to_numpy(zero_copy_only=False).astype(object)
        found = hash_array(objects, hash_key=_SIPHASH_KEY, categorize=False)
        return np.where(np.asarray(pc.equal(pc.binary_length(array), 0)), NO_TEXT, found)
    lengths = np.asarray(pc.list_value_length(array), dtype=np.int64)
    parts = text_numbers(array.flatten())
    starts = np.cumsum(lengths) - lengths
    found = np.full(len(array), NO_TEXT, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for place in range(int(lengths.max(initial=0))):
            rows = np.flatnonzero(lengths > place)
            found[rows] = (found[rows] * _ODD) ^ parts[starts[rows] + place] ^ _ODD
    return found


def _mix(words: Digests) -> Digests:
    """Rows of eight words as one number each."""
    found = np.zeros(len(words), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for place in range(_WORDS):
            found = (found ^ words[:, place]) * _ODD
            found ^= found >> _HALF
    return found
