"""Columns of Arrow as arrays of NumPy, and fields of structs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from saeval.stats._core.arrays import BoolArray, FloatArray, IntArray


def one_array(column: Any) -> Any:
    """A column as one array."""
    if isinstance(column, pa.ChunkedArray):
        return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    return column


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


def characters(strings: Any) -> npt.NDArray[np.uint8]:
    """The bytes of all strings, one after the other."""
    offsets = np.frombuffer(strings.buffers()[1], dtype=np.int32)[
        strings.offset : strings.offset + len(strings) + 1
    ]
    return np.frombuffer(strings.buffers()[2], dtype=np.uint8)[offsets[0] : offsets[-1]]
