"""Which items of a task are asked, and in which order: deterministic by seed and id."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from saeval.errors import DataError
from saeval.tasks.types import AnyItem

DEFAULT_SEED = 43

PER_LABEL_ORDER = ("NA", "PASS", "FAIL")
"""Order of counts given without names, as the published studies list them."""


def parse_per_label(text: str) -> dict[str, int]:
    """``500,250,250`` (NA, PASS, FAIL) or ``RIGHT=500,UNKNOWN=250`` as counts per label.

    Raises
    ------
    ValueError
        If it is neither. Whether a task has such labels is checked by `sample_items`.
    """
    parts = [part.strip() for part in text.split(",")]
    if all(re.fullmatch(r"\d+", part) for part in parts) and len(parts) == len(PER_LABEL_ORDER):
        return dict(zip(PER_LABEL_ORDER, map(int, parts), strict=True))
    pairs = [re.fullmatch(r"(\w+)=(\d+)", part) for part in parts]
    counts = {pair[1]: int(pair[2]) for pair in pairs if pair}
    if len(counts) != len(parts):
        raise ValueError(
            f"found {text!r}; give three counts in the order NA,PASS,FAIL (500,250,250) "
            "or name each label once (NA=500,PASS=250,FAIL=250; RIGHT=500,UNKNOWN=250)"
        )
    return counts


def sample_items(
    items: Sequence[AnyItem],
    *,
    seed: int = DEFAULT_SEED,
    per_label: Mapping[str, int] | None = None,
    limit: int | None = None,
    group_of: Callable[[AnyItem], str] | None = None,
    accept: Callable[[AnyItem], bool] | None = None,
) -> list[AnyItem]:
    """Shuffle by seed, keep so many items per label, then so many in all.

    The order is that of a hash of seed and id, so it does not depend on the order of the file,
    and a smaller sample is the beginning of a larger one.

    Parameters
    ----------
    items
        Of one task.
    seed
        Decides the order.
    per_label, limit
        Number of items per label, and in all; None keeps all.
    group_of
        Groups take turns in that order, so that any beginning of it holds them evenly.
    accept
        Called with items in that order until there are enough; an item is passed over where it
        returns False.

    Raises
    ------
    DataError
        If no item has such a label, or fewer than asked for.
    """
    order = sorted(items, key=lambda i: (hashlib.sha256(f"{seed}:{i.id}".encode()).digest(), i.id))
    if group_of is not None:
        size = Counter[str]()
        turn = {}
        for item in order:
            group = group_of(item)
            turn[item.id] = size[group]
            size[group] += 1
        order.sort(key=lambda item: turn[item.id])
    if per_label is not None:
        labels = {item.target for item in items}
        if unknown := set(per_label) - labels:
            raise DataError(
                f"documents of label {min(unknown)} asked for; the labels are "
                f"{', '.join(sorted(labels))}"
            )
    enough = limit if per_label is None else sum(per_label.values())
    kept: list[AnyItem] = []
    taken = Counter[str]()
    for item in order:
        if len(kept) == enough:
            break
        if per_label is not None and taken[item.target] == per_label.get(item.target, 0):
            continue
        if accept is None or accept(item):
            taken[item.target] += 1
            kept.append(item)
    for label, count in (per_label or {}).items():
        if taken[label] < count:
            raise DataError(
                f"{count} documents of label {label} asked for, only {taken[label]} exist"
            )
    return kept if limit is None else kept[:limit]
