"""The joint bootstrap of a task, drawn once for its table, its family of tests and its gate."""

from __future__ import annotations

import zlib
from collections import OrderedDict
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from saeval.stats._core.answers import PairedAnswers
from saeval.stats.bootstrap.paired import PairedBootstrap, paired_bootstrap

_KEPT = 8
_drawn: OrderedDict[bytes, PairedBootstrap] = OrderedDict()


def generator_of(task: str, seed: int) -> np.random.Generator:
    """The random numbers of a task, of which the joint bootstrap has the first."""
    return np.random.default_rng([seed, zlib.crc32(task.encode())])


def joint_bootstrap(
    task: str, pairs: PairedAnswers, *, n_resamples: int, seed: int
) -> PairedBootstrap:
    """The bootstrap of a task's pairs, which is kept for whoever asks for the same again.

    Parameters
    ----------
    task
        Its name; together with the seed it fixes the resamples, so a further task changes none.
    pairs
        Items or unique cells.
    n_resamples, seed
        Number of resamples, and the seed of the whole comparison.
    """
    key = _digest(task, pairs, n_resamples, seed)
    if key not in _drawn:
        rng = generator_of(task, seed)
        _drawn[key] = paired_bootstrap(pairs, n_resamples=n_resamples, rng=rng)
    _drawn.move_to_end(key)
    while len(_drawn) > _KEPT:
        _drawn.popitem(last=False)
    return _drawn[key]


def _digest(task: str, pairs: PairedAnswers, n_resamples: int, seed: int) -> bytes:
    settings = (task, pairs.labels, pairs.abstention, pairs.wrong, n_resamples, seed)
    digest = blake2b(repr(settings).encode(), digest_size=32)
    columns: list[npt.NDArray[Any] | None] = [
        pairs.target,
        pairs.cluster,
        pairs.stratum,
        pairs.count,
    ]
    for answers in pairs.models:
        columns += [answers.predicted, answers.confidence]
    for column in columns:
        digest.update(b"" if column is None else np.ascontiguousarray(column).data)
        digest.update(repr(None if column is None else (column.dtype, column.shape)).encode())
    return digest.digest()
