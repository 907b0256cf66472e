"""Which documents a model reads together: of like length, so that little of a batch is padding.

Batches are cut at places that depend on the documents alone, so an interrupted run goes on with the
batches that it began with. They come in no order of length: whatever a run has answered when it is
stopped is no sample of the short documents or of the long ones.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

BYTES_PER_TOKEN = 4
"""Of a prompt in UTF-8: what a token is taken for where lengths are planned."""
FIRST_BATCH = 4
"""Requests of a task's first batch: what a model writes can be seen soon."""


def plan_batches(
    lengths: Sequence[int], size: int, tokens: int = 0, *, by_length: bool, again: bool = False
) -> list[list[int]]:
    """Places of documents, batch by batch in the order in which they are asked.

    Parameters
    ----------
    lengths
        Of the prompts, in bytes.
    size
        Most documents of a batch.
    tokens
        Most tokens that a batch is padded to, as far as lengths tell; 0 for any number.
    by_length
        Whether documents may be put in order of length, and batches in a drawn order. If not, both
        stay in the order given, so that one may stop at any time.
    again
        Whether to cut half a batch further on, so that every batch is another one.

    Examples
    --------
    >>> plan_batches([8, 80, 8, 80, 8], 2, by_length=True)
    [[4], [0, 2], [1, 3]]
    >>> plan_batches([8, 80, 8, 80, 8], 2, by_length=False)
    [[0, 1], [2, 3], [4]]
    >>> plan_batches([8, 80, 8, 80, 8], 4, tokens=40, by_length=False)
    [[0, 1], [2, 3], [4]]
    """
    order = list(range(len(lengths)))
    if by_length:
        order.sort(key=lambda place: -lengths[place])
    batches: list[list[int]] = []
    longest, share = 0, 2 if again else 1
    for place in order:
        wider = max(longest, lengths[place])
        batch = batches[-1] if batches else []
        padded = (len(batch) + 1) * wider / BYTES_PER_TOKEN
        if batch and len(batch) < size / share and (not tokens or padded <= tokens / share):
            batch.append(place)
            longest = wider
        else:
            share = 1 if batches else share
            batches.append([place])
            longest = lengths[place]
    if by_length:
        random.Random(f"{len(batches)} {again}").shuffle(batches)
    return batches


def split_first(batches: Sequence[list[int]]) -> list[list[int]]:
    """The same with a small one first."""
    if not batches or len(batches[0]) <= FIRST_BATCH:
        return list(batches)
    return [batches[0][:FIRST_BATCH], batches[0][FIRST_BATCH:], *batches[1:]]
