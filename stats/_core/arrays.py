"""The one place where arrays given to `stats` are checked."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def vector(name: str, values: npt.ArrayLike) -> npt.NDArray[Any]:
    """`values` as a one-dimensional array with at least one element."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"`{name}` must be one-dimensional, found {array.ndim} dimensions")
    if array.size == 0:
        raise ValueError(f"`{name}` must not be empty")
    return array


def same_length(**arrays: npt.NDArray[Any]) -> None:
    """All arrays, named by keyword, have one length."""
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        described = ", ".join(f"`{name}` has {length}" for name, length in lengths.items())
        raise ValueError(f"arrays must have the same length: {described}")


def outcomes(name: str, values: npt.ArrayLike) -> BoolArray:
    """Right or wrong per item, as booleans (0 and 1 are taken, too)."""
    array = vector(name, values)
    if array.dtype != np.bool_ and not np.isin(array, (0, 1)).all():
        raise ValueError(f"`{name}` must hold only True and False (or 1 and 0)")
    return array.astype(np.bool_)


def confidences(name: str, values: npt.ArrayLike, *, missing: bool = False) -> FloatArray:
    """Probabilities in [0, 1]; NaN marks a missing one where `missing` is allowed."""
    array = vector(name, values).astype(np.float64)
    absent = np.isnan(array)
    if absent.any() and not missing:
        raise ValueError(f"`{name}` must not hold NaN, found it at index {int(absent.argmax())}")
    outside = ~absent & ((array < 0) | (array > 1))
    if outside.any():
        index = int(outside.argmax())
        raise ValueError(f"`{name}` must lie in [0, 1], found {array[index]!r} at index {index}")
    return array


def answers(
    prefix: str, correct: npt.ArrayLike, confidence: npt.ArrayLike
) -> tuple[BoolArray, FloatArray]:
    """Outcomes and confidences of the same items; errors name them with the prefix."""
    stated = confidences(f"{prefix}confidence", confidence)
    right = outcomes(f"{prefix}correct", correct)
    same_length(**{f"{prefix}confidence": stated, f"{prefix}correct": right})
    return right, stated


def classes(name: str, values: npt.ArrayLike, count: int) -> IntArray:
    """Class indices in 0 … count−1."""
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
    return array.astype(np.int64)


def confidence_level_in_range(confidence_level: float) -> None:
    """A confidence level lies strictly between 0 and 1."""
    if not 0 < confidence_level < 1:
        raise ValueError(f"`confidence_level` must lie between 0 and 1, found {confidence_level!r}")


def numbers(name: str, values: npt.ArrayLike) -> FloatArray:
    """Finite numbers."""
    array = vector(name, values).astype(np.float64)
    bad = ~np.isfinite(array)
    if bad.any():
        index = int(bad.argmax())
        raise ValueError(f"`{name}` must be finite, found {array[index]!r} at index {index}")
    return array


def groups(name: str, values: npt.ArrayLike) -> IntArray:
    """Group names of any kind as codes 0 … C−1, every code in use."""
    _, code = np.unique(vector(name, values), return_inverse=True)
    return np.asarray(code, dtype=np.int64).reshape(-1)


def square_counts(name: str, values: npt.ArrayLike) -> FloatArray:
    """A square table of non-negative whole counts."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or array.size == 0:
        raise ValueError(f"`{name}` must be a square table, found shape {array.shape}")
    if not (np.isfinite(array).all() and (array >= 0).all() and (array % 1 == 0).all()):
        raise ValueError(f"`{name}` must hold non-negative whole counts")
    return array
