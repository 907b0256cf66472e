"""In what the two models' predictions of the same items differ, that they must have in common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from saeval.evalsuite.store.digests import NO_TEXT, text_numbers
from saeval.evalsuite.store.table import PredictionTable
from saeval.stats._core.arrays import BoolArray, IntArray

Aspect = Literal["documents", "prompts", "targets", "truncated"]

EXAMPLES = 5
"""Ids that a sentence names."""
AT_A_TIME = 2**16
"""Texts that are compared at a time."""
_HASHES: dict[Aspect, str] = {
    "documents": "document_hash",
    "prompts": "prompt_hash",
    "targets": "target_hash",
}


@dataclass(frozen=True)
class DifferentPairs:
    """Pairs that differ in one aspect.

    Attributes
    ----------
    aspect
        ``"truncated"``: the prompt was cut to fit one model and not the other.
    rows
        Of the pairs, in ascending order.
    may_be_allowed
        Whether they are compared all the same where that is asked for.
    reason
        Why they are not compared, and what to do.
    """

    aspect: Aspect
    rows: IntArray
    may_be_allowed: bool
    reason: str


def find_different_pairs(
    task: str, base: PredictionTable, checkpoint: PredictionTable, *, allow_mismatch: bool = False
) -> Iterator[DifferentPairs]:
    """The aspects in which pairs differ, one after the other.

    Parameters
    ----------
    task
        Its name.
    base, checkpoint
        Predictions of the same items in the same order.
    allow_mismatch
        Whether to leave out what may be allowed.
    """
    for aspect, hashed in _HASHES.items():
        may_be_allowed = aspect != "targets"
        if allow_mismatch and may_be_allowed:
            continue
        rows = np.flatnonzero(_differ(hashed, base, checkpoint))
        if len(rows):
            remedy = (
                "run both with the same task version, data and prompt, or compare all the "
                "same with --allow-mismatch (in Python allow_mismatch=True)"
                if may_be_allowed
                else "run both models with the same task version, data and prompt"
            )
            reason = (
                f"task {task}: {aspect} differ on {len(rows)} of {len(base)} "
                f"items ({', '.join(first_ids(base, rows))}"
                f"{', …' if len(rows) > EXAMPLES else ''}); {remedy}"
            )
            yield DifferentPairs(aspect, rows, may_be_allowed, reason)
    if allow_mismatch:
        return
    rows = np.flatnonzero(_truncated_for_one(base, checkpoint))
    if len(rows):
        reason = (
            f"task {task}: {len(rows)} prompts were cut to fit one model and not "
            f"the other ({', '.join(first_ids(base, rows))}); give both the same "
            "length with --model-args max_length, or compare all the same with --allow-mismatch "
            "(in Python allow_mismatch=True)"
        )
        yield DifferentPairs("truncated", rows, True, reason)


def first_ids(table: PredictionTable, rows: IntArray) -> tuple[str, ...]:
    """Ids of the first rows, for a sentence."""
    return tuple(table.take(rows[:EXAMPLES]).ids())


def _truncated_for_one(base: PredictionTable, checkpoint: PredictionTable) -> BoolArray:
    cut = [table.numbers("usage", "truncated") for table in (base, checkpoint)]
    different: BoolArray = ~np.isnan(cut[0]) & ~np.isnan(cut[1]) & (cut[0] != cut[1])
    return different


def _differ(hashed: str, base: PredictionTable, checkpoint: PredictionTable) -> BoolArray:
    """Which pairs differ by hash; without one, as rows of a table are, by the texts both have."""
    missing = base.is_null(hashed) | checkpoint.is_null(hashed)
    hashes = [base.digests(hashed), checkpoint.digests(hashed)]
    both = hashes[0] != hashes[1]
    is_hashed = ~base.is_null("document_hash") & ~checkpoint.is_null("document_hash")
    only_one = base.is_null(hashed) != checkpoint.is_null(hashed)
    different = np.where(missing, is_hashed & only_one, both)
    if hashed == "document_hash" and missing.any():
        rows = np.flatnonzero(missing)
        for place in range(0, len(rows), AT_A_TIME):
            part = rows[place : place + AT_A_TIME]
            different[part] = _texts_differ(base.read_texts(part), checkpoint.read_texts(part))
    return np.asarray(different, dtype=np.bool_)


def _texts_differ(base: pa.Table, checkpoint: pa.Table) -> BoolArray:
    """Which claims, or lists of evidence, are there on both sides and are not the same."""
    different = np.zeros(base.num_rows, dtype=np.bool_)
    for column in ("claim", "evidence"):
        one, two = (text_numbers(side[column]) for side in (base, checkpoint))
        different |= (one != two) & (one != NO_TEXT) & (two != NO_TEXT)
    return different
