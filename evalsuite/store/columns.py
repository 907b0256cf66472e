"""Predictions as columns: which there are, their types, and how they are read as arrays.

A table of predictions (`saeval.evalsuite.store.table.PredictionTable`) keeps what statistics,
pairing and checks need, and no texts. A row is one prediction::

    task, target, prediction, status, group, topic        dictionary-encoded strings
    item_id, cluster_id                                   strings
    sample_index, popularity                              int64
    confidence, confidence_normalised                     float64 in [0, 1]
    label_probabilities    struct with a float64 per label
    scores                 struct with {value, low, high, higher_is_better} per score, in the order
                           of the first line: the primary score first; low and high are null where
                           there is no bound
    usage                  struct of Usage; published: struct of PublishedReading
    right_in_reasoning, has_evidence                      bool
    document_hash, prompt_hash, target_hash               uint64 digest of the hash (`digests`)
    text_hash              uint64 digest of claim and evidence; null where both are empty

A column that holds nothing has the type null.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from saeval.evalsuite.store.prediction import Prediction

if TYPE_CHECKING:
    from saeval.stats._core.arrays import BoolArray, FloatArray, IntArray

Digests = npt.NDArray[np.uint64]

ENCODED = ("task", "target", "prediction", "status", "group", "topic")
"""Columns of few different strings."""
HASHES = ("document_hash", "prompt_hash", "target_hash")
SCORE_FIELDS = (
    ("value", pa.float64()),
    ("low", pa.float64()),
    ("high", pa.float64()),
    ("higher_is_better", pa.bool_()),
)
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


def from_predictions(predictions: Sequence[Prediction]) -> pa.Table:
    """Columns of predictions, of shape (n,)."""
    rows = list(predictions)

    def column(values: Iterable[Any], kind: Any = None) -> Any:
        array = _array(list(values), kind)
        return pa.nulls(len(array)) if array.null_count == len(array) and len(array) else array

    labels = dict.fromkeys(label for p in rows for label in p.label_probabilities or ())
    scores = dict.fromkeys(name for p in rows for name in p.scores)
    texts = text_digests(
        _array([p.document.claim for p in rows], pa.string()),
        _array([list(p.document.evidence) for p in rows], pa.list_(pa.string())),
    )
    columns: dict[str, Any] = {
        "item_id": _array([p.item_id for p in rows], pa.string()),
        "cluster_id": column((p.cluster_id for p in rows), pa.string()),
        "sample_index": pa.array([p.sample_index for p in rows], pa.int64()),
        "confidence": column((p.confidence for p in rows), pa.float64()),
        "confidence_normalised": column((p.confidence_normalised for p in rows), pa.float64()),
        "label_probabilities": column((p.label_probabilities for p in rows), _labels_type(labels)),
        "scores": column((_scores(p) for p in rows), scores_type(scores)),
        "usage": column((p.usage and p.usage.model_dump() for p in rows), USAGE),
        "published": column((p.published and p.published.model_dump() for p in rows), PUBLISHED),
        "right_in_reasoning": pa.array([p.right_in_reasoning for p in rows], pa.bool_()),
        "has_evidence": pa.array([bool(p.document.evidence) for p in rows], pa.bool_()),
        "popularity": column((p.document.popularity for p in rows), pa.int64()),
        "text_hash": pa.array(texts[0], mask=texts[1]),
    }
    encoded: dict[str, list[Any]] = {
        "task": [p.task for p in rows],
        "target": [p.target for p in rows],
        "prediction": [p.prediction for p in rows],
        "status": [p.status for p in rows],
        "group": [p.group for p in rows],
        "topic": [p.document.topic for p in rows],
    }
    for name, values in encoded.items():
        columns[name] = _array(values, pa.string()).dictionary_encode()
    for name in HASHES:
        found, missing = digests(_array([getattr(p, name) for p in rows], pa.string()))
        columns[name] = pa.array(found, mask=missing)
    return pa.table(columns)


def concat(parts: list[pa.Table]) -> pa.Table:
    """Tables of columns one after the other, with one dictionary for each column.

    The list is emptied, so that no more than a column is in memory twice, and whole numbers get the
    narrowest type that holds them.
    """
    chunked = pa.concat_tables(parts, promote_options="permissive").unify_dictionaries()
    parts.clear()
    joined = {}
    for name in chunked.column_names:
        joined[name] = _narrow(one_array(chunked[name]))
        chunked = chunked.drop_columns([name])
    return pa.table(joined)


def _narrow(array: Any) -> Any:
    """With whole numbers in as few bytes as hold them all, also those of dictionaries and usage."""
    if pa.types.is_dictionary(array.type):
        return pa.DictionaryArray.from_arrays(_narrow(array.indices), array.dictionary)
    if pa.types.is_struct(array.type) and array.type.get_field_index("prompt_tokens") >= 0:
        fields = [
            _narrow(pc.struct_field(array, [place])) for place in range(array.type.num_fields)
        ]
        mask = pc.is_null(array) if array.null_count else None
        return pa.StructArray.from_arrays(fields, names=field_names(array), mask=mask)
    if pa.types.is_signed_integer(array.type):
        limits = pc.min_max(array)
        for kind in (pa.int8(), pa.int16(), pa.int32()):
            try:
                limits.cast(pa.struct([("min", kind), ("max", kind)]))
            except pa.ArrowInvalid:
                continue
            return array.cast(kind)
    return array


def drop_nulls_of_structs(table: pa.Table) -> pa.Table:
    """Without labels and scores that no row has: those of other tasks of the same file."""
    for name in ("label_probabilities", "scores"):
        struct = one_array(table[name])
        if struct.type == pa.null():
            continue
        fields = [f.name for f in struct.type]
        arrays = [pc.struct_field(struct, [place]) for place in range(len(fields))]
        kept = [place for place, array in enumerate(arrays) if array.null_count < len(array)]
        if struct.null_count == len(struct) or not kept:
            replaced: Any = pa.nulls(len(struct))
        elif len(kept) == len(fields):
            continue
        else:
            replaced = pa.StructArray.from_arrays(
                [arrays[place] for place in kept],
                fields=[struct.type.field(place) for place in kept],
                mask=pc.is_null(struct),
            )
        table = table.set_column(table.schema.get_field_index(name), name, replaced)
    return table


def floats(column: Any) -> FloatArray:
    """Numbers of shape (n,), NaN where there is none."""
    array = one_array(column)
    if array.type == pa.null():
        return np.full(len(array), np.nan)
    if array.type != pa.float64():
        array = array.cast(pa.float64())
    return np.asarray(pc.fill_null(array, np.nan), dtype=np.float64)


def codes(column: Any, values: Sequence[str]) -> IntArray:
    """Where each string stands in `values`, shape (n,); −1 where it is null or none of them.

    The numbers have the narrowest type that `values` needs.
    """
    array = one_array(column)
    kind = np.min_scalar_type(-len(values) - 1)
    if array.type == pa.null():
        return np.full(len(array), -1, dtype=kind)
    if not pa.types.is_dictionary(array.type):
        return np.asarray(
            pc.fill_null(pc.index_in(array, value_set=pa.array(values, pa.string())), -1),
            dtype=kind,
        )
    places = {value: place for place, value in enumerate(values)}
    found = [places.get(value, -1) for value in array.dictionary.to_pylist()]
    known = np.array([*found, -1], dtype=kind)
    return np.asarray(known[np.asarray(pc.fill_null(array.indices.cast(pa.int64()), len(found)))])


def distinct(column: Any) -> list[Any]:
    """The different values, in the order of their first row; None for null."""
    found: list[Any] = pc.unique(one_array(column)).to_pylist()
    return found


def number(column: Any) -> tuple[int, IntArray]:
    """How many different strings there are, and the place of each among them in ascending order.

    Parameters
    ----------
    column
        Shape (n,), without nulls.
    """
    encoded = one_array(column).dictionary_encode()
    order = np.asarray(pc.sort_indices(encoded.dictionary), dtype=np.int64)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return len(order), rank[np.asarray(encoded.indices)]


def flags(column: Any) -> BoolArray:
    """Truth values of shape (n,); false where null."""
    array = one_array(column)
    if array.type == pa.null():
        return np.zeros(len(array), dtype=np.bool_)
    return np.asarray(pc.fill_null(array, False), dtype=np.bool_)


def is_null(column: Any) -> BoolArray:
    """Shape (n,): where nothing stands."""
    return np.asarray(pc.is_null(one_array(column)))


def field(column: Any, name: str) -> Any:
    """A field of a struct, null where the struct is; a column of nulls where it has none."""
    array = one_array(column)
    if array.type == pa.null() or array.type.get_field_index(name) < 0:
        return pa.nulls(len(array))
    return pc.struct_field(array, [array.type.get_field_index(name)])


def field_names(column: Any) -> list[str]:
    """Of a struct, in order; none of a column that holds nothing."""
    kind = column.type
    return [] if kind == pa.null() else [own.name for own in kind]


def scores_type(names: Iterable[str]) -> Any:
    """Of the column of scores with these names."""
    return pa.struct([(name, pa.struct(SCORE_FIELDS)) for name in names])


USAGE = pa.struct(
    [
        ("prompt_tokens", pa.int64()),
        ("probe_tokens", pa.int64()),
        ("response_tokens", pa.int64()),
        ("truncated", pa.bool_()),
    ]
)
PUBLISHED = pa.struct([("label", pa.string()), ("confidence", pa.float64()), ("valid", pa.bool_())])


def _array(values: list[Any], kind: Any) -> Any:
    """An array; halves of surrogate pairs, which Arrow does not hold, are written as escapes."""
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        return pa.array([escaped(value) for value in values], kind)


def escaped(value: Any) -> Any:
    """Texts within without halves of surrogate pairs, which stand as escapes."""
    if isinstance(value, str):
        return value.encode("utf-8", errors="backslashreplace").decode()
    if isinstance(value, (list, tuple)):
        return [escaped(item) for item in value]
    if isinstance(value, dict):
        return {escaped(key): escaped(item) for key, item in value.items()}
    return value


def _labels_type(labels: Iterable[str]) -> Any:
    return pa.struct([(label, pa.float64()) for label in labels])


def _scores(prediction: Prediction) -> dict[str, dict[str, Any]] | None:
    return {
        name: {
            "value": score.value,
            "low": None if score.range is None else score.range[0],
            "high": None if score.range is None else score.range[1],
            "higher_is_better": score.higher_is_better,
        }
        for name, score in prediction.scores.items()
    } or None


def one_array(column: Any) -> Any:
    """A column as one array."""
    if isinstance(column, pa.ChunkedArray):
        return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    return column


def characters(strings: Any) -> npt.NDArray[np.uint8]:
    """The bytes of all strings, one after the other."""
    offsets = np.frombuffer(strings.buffers()[1], dtype=np.int32)[
        strings.offset : strings.offset + len(strings) + 1
    ]
    return np.frombuffer(strings.buffers()[2], dtype=np.uint8)[offsets[0] : offsets[-1]]


def _mix(words: Digests) -> Digests:
    """Rows of eight words as one number each."""
    found = np.zeros(len(words), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for place in range(_WORDS):
            found = (found ^ words[:, place]) * _ODD
            found ^= found >> _HALF
    return found
