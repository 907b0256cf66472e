"""The one place where arrays given to `stats` are checked."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def vector(name: str, values: npt.ArrayLike) -> npt.NDArray[Any]:
    """`values` as a one-dimensional array with at least one element."""
    array = plain_array(name, values)
    if array.ndim != 1:
        raise ValueError(f"`{name}` must be one-dimensional, found {array.ndim} dimensions")
    if array.size == 0:
        raise ValueError(f"`{name}` must not be empty")
    return array


def plain_array(name: str, values: npt.ArrayLike) -> npt.NDArray[Any]:
    """`values` as an array of any shape, none of it masked."""
    if isinstance(values, np.ma.MaskedArray):
        raise ValueError(
            f"`{name}` must not be a masked array, whose mask would be lost; leave out what is "
            "masked"
        )
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"`{name}` must be an array, found rows of different lengths") from error


def real(name: str, array: npt.NDArray[Any]) -> FloatArray:
    """The same as floats; None becomes NaN, and what is no real number is refused."""
    if array.dtype.kind == "O":
        strange = [v for v in array.ravel() if not (v is None or isinstance(v, Real))]
        if strange:
            raise ValueError(f"`{name}` must hold numbers, found {strange[0]!r}")
    elif array.dtype.kind not in "biuf":
        raise ValueError(f"`{name}` must hold real numbers, found {array.dtype}")
    return array.astype(np.float64, copy=False)


def whole(name: str, value: float, least: int = 0) -> int:
    """A whole number that is not below `least`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise ValueError(f"`{name}` must be a whole number, found {value!r}")
    if not math.isfinite(value) or value != int(value):
        raise ValueError(f"`{name}` must be a whole number, found {value!r}")
    if value < least:
        rule = {0: "not be negative", 1: "be positive"}.get(least, f"be at least {least}")
        raise ValueError(f"`{name}` must {rule}, found {value!r}")
    return int(value)


def finite(name: str, value: float) -> float:
    """A number that is neither infinite nor NaN."""
    if not isinstance(value, Real) or not math.isfinite(value):
        raise ValueError(f"`{name}` must be finite, found {value!r}")
    return float(value)


def one_of(name: str, value: object, choices: tuple[str, ...]) -> None:
    """One of the names of a thing."""
    if value not in choices:
        known = " or ".join(map(repr, choices))
        raise ValueError(f"`{name}` must be {known}, found {value!r}")


def same_length(**arrays: npt.NDArray[Any]) -> None:
    """All arrays, named by keyword, have one length."""
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        described = ", ".join(f"`{name}` has {length}" for name, length in lengths.items())
        raise ValueError(f"arrays must have the same length: {described}")


def outcomes(name: str, values: npt.ArrayLike) -> BoolArray:
    """Right or wrong per item, as booleans (0 and 1 are taken, too)."""
    array = vector(name, values)
    if array.dtype != np.bool_ and not np.isin(real(name, array), (0, 1)).all():
        raise ValueError(f"`{name}` must hold only True and False (or 1 and 0)")
    return array.astype(np.bool_, copy=False)


def confidences(name: str, values: npt.ArrayLike, *, missing: bool = False) -> FloatArray:
    """Probabilities in [0, 1]; NaN marks a missing one where `missing` is allowed."""
    array = real(name, vector(name, values))
    absent = np.isnan(array)
    if absent.any() and not missing:
        raise ValueError(f"`{name}` must not hold NaN, found it at index {int(absent.argmax())}")
    outside = ~absent & ((array < 0) | (array > 1))
    if outside.any():
        index = int(outside.argmax())
        raise ValueError(f"`{name}` must lie in [0, 1], found {array[index]!r} at index {index}")
    return array


def answers_and_counts(
    correct: npt.ArrayLike, confidence: npt.ArrayLike, count: npt.ArrayLike | None
) -> tuple[BoolArray, FloatArray, IntArray | None]:
    """Outcomes and confidences of the same rows, and how many items each row stands for."""
    right, stated = answers("", correct, confidence)
    return right, stated, clusters_or_counts(None, count, confidence=stated)[1]


def answers(
    prefix: str, correct: npt.ArrayLike, confidence: npt.ArrayLike
) -> tuple[BoolArray, FloatArray]:
    """Outcomes and confidences of the same items; errors name them with the prefix."""
    stated = confidences(f"{prefix}confidence", confidence)
    right = outcomes(f"{prefix}correct", correct)
    same_length(**{f"{prefix}confidence": stated, f"{prefix}correct": right})
    return right, stated


def classes(name: str, values: npt.ArrayLike, count: int) -> IntArray:
    """Class indices in 0 … count−1, as narrow as they are given."""
    array = vector(name, values)
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"`{name}` must hold integer class indices, found {array.dtype}")
    outside = (array < 0) | (array >= count)
    if outside.any():
        index = int(outside.argmax())
        raise ValueError(
            f"`{name}` must hold class indices 0 to {count - 1}, "
            f"found {array[index]} at index {index}"
        )
    return array if array.dtype.kind == "i" else array.astype(np.int64)


def confidence_level_in_range(confidence_level: float) -> None:
    """A confidence level lies strictly between 0 and 1."""
    if not 0 < confidence_level < 1:
        raise ValueError(f"`confidence_level` must lie between 0 and 1, found {confidence_level!r}")


def numbers(name: str, values: npt.ArrayLike) -> FloatArray:
    """Finite numbers."""
    array = real(name, vector(name, values))
    bad = ~np.isfinite(array)
    if bad.any():
        index = int(bad.argmax())
        raise ValueError(f"`{name}` must be finite, found {array[index]!r} at index {index}")
    return array


def groups(name: str, values: npt.ArrayLike) -> IntArray:
    """Group names, integers or strings, as codes 0 … C−1, every code in use."""
    array = vector(name, values)
    mixed = not isinstance(values, np.ndarray) or array.dtype.kind == "O"
    kinds = {_kind(v) for v in np.ravel(np.asarray(values, dtype=object))} if mixed else set()
    if len(kinds) > 1:
        found = " and ".join(sorted(kinds))
        raise ValueError(f"`{name}` must hold integers or strings, all of one type, found {found}")
    found = kinds.pop() if kinds else _kind(array[0])
    if found not in ("int", "str"):
        raise ValueError(f"`{name}` must hold integers or strings, found {found}")
    if found == "int":
        return dense_codes(array.astype(np.int64))
    if mixed:  # NumPy's own strings drop NULs at their end, so that two names could become one
        array = np.asarray(values, dtype=object)
    _, code = np.unique(array, return_inverse=True)
    return np.asarray(code, dtype=np.int64).reshape(-1)


def dense_codes(group: IntArray) -> IntArray:
    """Shape (n,): integer groups numbered anew as 0 … C−1, in their order."""
    if group.size and group.min() >= 0 and group.max() < 2 * group.size:
        used = np.bincount(group) > 0
        return group if used.all() else (np.cumsum(used) - 1)[group]
    return np.unique(group, return_inverse=True)[1].astype(np.int64).reshape(-1)


MOST_ITEMS = 10**11
"""Items that rows may stand for together: what a resample costs grows with their number."""


def clusters_or_counts(
    cluster: npt.ArrayLike | None, count: npt.ArrayLike | None, **rows: npt.NDArray[Any]
) -> tuple[IntArray | None, IntArray | None]:
    """The clusters of rows, or the number of items that each stands for; not both."""
    if count is not None and cluster is not None:
        raise ValueError("`count` must be None where `cluster` is given: its items need own rows")
    if cluster is not None:
        group = groups("cluster", cluster)
        same_length(**rows, cluster=group)
        return group, None
    if count is None:
        return None, None
    number = counts("count", count)
    same_length(**rows, count=number)
    if (total := sum(number.tolist())) > MOST_ITEMS:
        raise ValueError(f"`count` must sum to at most {MOST_ITEMS:,}, found {total:,}")
    return None, number


def count_groups(group: IntArray) -> int:
    """How many integer groups, numbered from 0, are in use."""
    return int(np.count_nonzero(np.bincount(group)))


def _kind(value: Any) -> str:
    """``int``, ``str``, or the name of a type that names no group."""
    if isinstance(value, Integral) and not isinstance(value, (bool, np.bool_)):
        return "int"
    return "str" if isinstance(value, str) else type(value).__name__


def counts(name: str, values: npt.ArrayLike) -> IntArray:
    """How many items each row stands for: whole numbers of 1 and more."""
    array = vector(name, values)
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"`{name}` must hold whole numbers, found {array.dtype}")
    if (array < 1).any():
        index = int((array < 1).argmax())
        raise ValueError(f"`{name}` must be positive, found {array[index]} at index {index}")
    return array.astype(np.int64)


def square_counts(name: str, values: npt.ArrayLike) -> FloatArray:
    """A square table of non-negative whole counts."""
    array = real(name, plain_array(name, values))
    if array.ndim != 2 or array.shape[0] != array.shape[1] or array.size == 0:
        raise ValueError(f"`{name}` must be a square table, found shape {array.shape}")
    if not (np.isfinite(array).all() and (array >= 0).all() and (array % 1 == 0).all()):
        raise ValueError(f"`{name}` must hold non-negative whole counts")
    return array
