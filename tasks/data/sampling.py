"""Which documents of a task are asked, and in which order: deterministic by seed and id."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from saeval.tasks.types import AnyItem, DataError

DEFAULT_SEED = 43

PER_LABEL_ORDER = ("NA", "PASS", "FAIL")
"""Order of counts given without names, as the published studies list them."""


def parse_per_label(text: str) -> dict[str, int]:
    """``500,250,250`` (NA, PASS, FAIL) or ``RIGHT=500,UNKNOWN=250`` as counts per label.

    Raises
    ------
    ValueError
        If it is neither. Whether a task has such labels is found by `sample`.
    """
    parts = [part.strip() for part in text.split(",")]
    if all(re.fullmatch(r"\d+", part) for part in parts) and len(parts) == len(PER_LABEL_ORDER):
        return dict(zip(PER_LABEL_ORDER, map(int, parts), strict=True))
    pairs = [re.fullmatch(r"(\w+)=(\d+)", part) for part in parts]
    found = {pair[1]: int(pair[2]) for pair in pairs if pair}
    if len(found) != len(parts):
        raise ValueError(
            f"found {text!r}; give three counts in the order NA,PASS,FAIL (500,250,250) "
            "or name each label once (NA=500,PASS=250,FAIL=250; RIGHT=500,UNKNOWN=250)"
        )
    return found


def sample(
    documents: Sequence[AnyItem],
    *,
    seed: int = DEFAULT_SEED,
    per_label: Mapping[str, int] | None = None,
    limit: int | None = None,
    part: Callable[[AnyItem], str] | None = None,
    keep: Callable[[AnyItem], bool] | None = None,
) -> list[AnyItem]:
    """Shuffle by seed, keep so many per label, then so many at all.

    The order is that of a hash of seed and id, so it does not depend on the order of the file,
    and a smaller sample is the beginning of a larger one. With `part`, the parts of a mixture take
    turns in that order, so that any beginning of it holds them evenly. With `keep`, documents are
    put to it in that order and passed over where it refuses them, until there are enough.

    Raises
    ------
    DataError
        If no document has such a label, or fewer than asked for.
    """
    order = sorted(
        documents, key=lambda d: (hashlib.sha256(f"{seed}:{d.id}".encode()).digest(), d.id)
    )
    if part is not None:
        place = Counter[str]()
        turn = {}
        for document in order:
            turn[document.id] = place[part(document)]
            place[part(document)] += 1
        order.sort(key=lambda document: turn[document.id])
    wanted = limit if per_label is None else sum(per_label.values())
    if per_label is not None:
        exist = {document.target for document in documents}
        if unknown := set(per_label) - exist:
            raise DataError(
                f"documents of label {min(unknown)} asked for; the labels are "
                f"{', '.join(sorted(exist))}"
            )
    kept: list[AnyItem] = []
    taken = Counter[str]()
    for document in order:
        if len(kept) == wanted:
            break
        if per_label is not None and taken[document.target] == per_label.get(document.target, 0):
            continue
        if keep is None or keep(document):
            taken[document.target] += 1
            kept.append(document)
    for label, count in (per_label or {}).items():
        if taken[label] < count:
            raise DataError(
                f"{count} documents of label {label} asked for, only {taken[label]} exist"
            )
    return kept if limit is None else kept[:limit]
