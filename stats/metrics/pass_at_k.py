"""Several samples per item: how an item fares over its k samples, and pass@k.

Samples of one item are not independent items. Here they become one value per item; whatever is
compared afterwards is compared over items.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from saeval.stats._core import arrays as check
from saeval.stats._core.arrays import FloatArray, IntArray

OUTCOMES = (
    "all_correct",
    "partial_correct",
    "partial_not_attempted",
    "all_not_attempted",
    "all_incorrect",
)
"""How the samples of an item came out; every item is in exactly one class.

- all correct;
- some correct, but not all: the model can answer and does not always do so;
- none correct; some, but not all, not attempted: the model guesses or abstains;
- none attempted;
- all attempted and incorrect: the model is confidently wrong.
"""


def repeat_outcomes(
    correct: npt.ArrayLike, not_attempted: npt.ArrayLike, samples: npt.ArrayLike
) -> IntArray:
    """The class of each item with several samples: the five-way table, item by item.

    Parameters
    ----------
    correct, not_attempted
        Shape (n,): how many of an item's samples are correct, and how many abstain. The others
        are incorrect; a sample that could not be parsed is one of them.
    samples
        Shape (n,), or one number for all items: samples per item, at least 1.

    Returns
    -------
    array
        Shape (n,): index into `OUTCOMES`.

    Raises
    ------
    ValueError
        If the counts do not fit together.

    Examples
    --------
    Four samples of each of five items.

    >>> [OUTCOMES[i] for i in repeat_outcomes([4, 1, 0, 0, 0], [0, 3, 1, 4, 0], 4)][1:4]
    ['partial_correct', 'partial_not_attempted', 'all_not_attempted']
    """
    right = _counts("correct", correct)
    abstained = _counts("not_attempted", not_attempted)
    total = _samples(samples, len(right))
    check.same_length(correct=right, not_attempted=abstained, samples=total)
    too_many = right + abstained > total
    if too_many.any():
        index = int(too_many.argmax())
        raise ValueError(
            "`correct` and `not_attempted` must not exceed `samples`: "
            f"found {right[index]} and {abstained[index]} of {total[index]} at index {index}"
        )
    return np.select(
        [right == total, right > 0, abstained == total, abstained > 0],
        [0, 1, 3, 2],
        default=4,
    )


def pass_at_k(correct: npt.ArrayLike, samples: npt.ArrayLike, *, k: int) -> FloatArray:
    """Unbiased estimate, per item, of the chance that one of k samples is correct.

    Parameters
    ----------
    correct
        Shape (n,): how many of an item's samples are correct.
    samples
        Shape (n,), or one number for all items: samples per item, at least `k`.
    k
        Samples that are drawn.

    Returns
    -------
    array
        Shape (n,). Its mean is pass@k; `mean_difference` compares two models' arrays.

    Raises
    ------
    ValueError
        If the counts do not fit together or an item has fewer than `k` samples.

    Notes
    -----
    1 − C(s − c, k)/C(s, k), c of s samples being correct, as the product
    1 − Π_{i=s−c+1}^{s} (1 − k/i), which cannot overflow. The obvious 1 − (1 − c/s)^k is too low.

    References
    ----------
    .. [1] Chen et al. (2021), Evaluating large language models trained on code,
       arXiv:2107.03374, eq. 1.

    Examples
    --------
    >>> pass_at_k([0, 1, 3], 4, k=2).tolist()
    [0.0, 0.5, 1.0]
    """
    right = _counts("correct", correct)
    total = _samples(samples, len(right))
    check.same_length(correct=right, samples=total)
    check.whole("k", k)
    if k < 1 or (total < k).any():
        raise ValueError(
            f"`k` must lie between 1 and the fewest `samples`, {total.min()}: found {k}"
        )
    if (right > total).any():
        index = int((right > total).argmax())
        raise ValueError(
            f"`correct` must not exceed `samples`: found {right[index]} of {total[index]} "
            f"at index {index}"
        )
    values = {
        (c, s): 1 - float(np.prod(1 - k / np.arange(s - c + 1, s + 1))) if s - c >= k else 1.0
        for c, s in set(zip(right.tolist(), total.tolist(), strict=True))
    }
    return np.array([values[pair] for pair in zip(right.tolist(), total.tolist(), strict=True)])


def _counts(name: str, values: npt.ArrayLike) -> IntArray:
    array = check.vector(name, values)
    if not np.issubdtype(array.dtype, np.integer) or (array < 0).any():
        raise ValueError(f"`{name}` must hold non-negative integers")
    return array.astype(np.int64)


def _samples(values: npt.ArrayLike, items: int) -> IntArray:
    array = check.plain_array("samples", values)
    total = _counts("samples", np.full(items, array) if array.ndim == 0 else array)
    if (total < 1).any():
        raise ValueError(f"`samples` must be at least 1, found {total.min()}")
    return total
