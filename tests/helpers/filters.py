"""Filters of items for Hypothesis, and what they select, in plain Python."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, get_args

from hypothesis import strategies as st
from paired_items import WORDS

from saeval.evalsuite.service.items.filter import SORTS, Band, ItemFilter, TrainedOn
from saeval.evalsuite.service.items.schema import OUTCOMES

Row = dict[str, Any]
_LABELS = ("PASS", "FAIL", "NA", "INVALID", "PASS' or 1=1 --", "")
_NAMES = st.text(
    st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8
) | st.sampled_from(["'; drop view items", "%", "_", "\x00", '"', "*"])


@st.composite
def bands(draw: st.DrawFn) -> Band:
    limit = st.none() | st.sampled_from([0.0, 0.1, 0.5, 0.8, 0.95, 1.0]) | st.floats(0, 1)
    low, high = draw(limit), draw(limit)
    if low is not None and high is not None and low > high:
        low, high = high, low
    return Band(*(None if end is None else abs(end) for end in (low, high)))


def filters() -> st.SearchStrategy[ItemFilter]:
    """Any filter."""
    tasks = st.none() | st.sampled_from(["fever", "vitaminc"]) | _NAMES
    clusters = st.none() | st.sampled_from(["page 0", "page 3", "page 4 '"]) | _NAMES
    labels = st.none() | st.sampled_from([label for label in _LABELS if label])
    outcomes = st.lists(st.sampled_from(OUTCOMES), max_size=3).map(
        lambda drawn: tuple(outcome for outcome in OUTCOMES if outcome in drawn)
    )
    return st.builds(
        ItemFilter,
        task=tasks,
        was=labels,
        now=labels,
        base=outcomes,
        checkpoint=outcomes,
        base_confidence=st.just(Band()) | bands(),
        checkpoint_confidence=st.just(Band()) | bands(),
        base_missing=st.booleans(),
        checkpoint_missing=st.booleans(),
        trained_on=st.sampled_from([None, None, "yes", "no", "id", "text", "cluster"]),
        cluster=clusters,
        text=st.none() | st.sampled_from(WORDS) | _NAMES,
        changed=st.booleans(),
        sort=st.sampled_from(SORTS),
        descending=st.booleans(),
    )


CONDITIONS: dict[str, tuple[Any, ...]] = {
    "task": ("fever", "vitaminc", "fev", "FEVER"),
    "was": ("NA", "INVALID", "PASS' or 1=1 --"),
    "now": ("PASS", "INVALID"),
    "base": (*((outcome,) for outcome in OUTCOMES), ("right", "invalid")),
    "checkpoint": (*((outcome,) for outcome in OUTCOMES), ("wrong", "abstained")),
    "base_confidence": (Band(0.5), Band(None, 0.8), Band(0.5, 0.8), Band(0.95, 0.95), Band(0.0)),
    "checkpoint_confidence": (Band(0.8), Band(None, 0.1), Band(0.81, 0.94)),
    "base_missing": (True,),
    "checkpoint_missing": (True,),
    "trained_on": get_args(TrainedOn),
    "cluster": ("page 0", "page 3", "page 4 '", "page"),
    "text": ("river", "RIVER", "ärger", "0%", "_", "a_b river", "<script>", "'", "\\", "\n",
             "CLAIM 7", "item-01", "LABEL=NA", "=1+1", "nobody wrote this", ".*", "[a]"),
    "changed": (True,),
}  # fmt: skip
"""Of every condition, values of which most select some items and not all."""


def narrow_filters() -> st.SearchStrategy[ItemFilter]:
    """Filters of up to three conditions, sorted in any way."""
    some = st.lists(st.sampled_from(sorted(CONDITIONS)), max_size=3, unique=True)
    conditions = some.flatmap(
        lambda names: st.fixed_dictionaries(
            {name: st.sampled_from(CONDITIONS[name]) for name in names}
        )
    )
    return st.builds(
        lambda own, sort, descending: ItemFilter(**own, sort=sort, descending=descending),
        conditions,
        st.sampled_from(SORTS),
        st.booleans(),
    )


def selected(rows: Sequence[Row], wanted: ItemFilter) -> list[Row]:
    """What a filter selects of some rows, in its order."""
    return sorted(
        (row for row in rows if _is_wanted(row, wanted)), key=lambda row: _key(row, wanted)
    )


def _is_wanted(row: Row, wanted: ItemFilter) -> bool:
    names = {
        "task": "task",
        "was": "base_label",
        "now": "checkpoint_label",
        "cluster": "cluster_id",
    }
    checks = [getattr(wanted, name) in (None, row[column]) for name, column in names.items()]
    for side in ("base", "checkpoint"):
        outcomes, band = getattr(wanted, side), getattr(wanted, f"{side}_confidence")
        confidence = row[f"{side}_confidence"]
        checks += [
            not outcomes or row[f"{side}_outcome"] in outcomes,
            band.low is None or (confidence is not None and confidence >= band.low),
            band.high is None or (confidence is not None and confidence <= band.high),
            not getattr(wanted, f"{side}_missing") or row[f"{side}_lacks_confidence"],
        ]
    trained = row["trained_on"]
    is_trained = {None: True, "yes": trained is not None, "no": trained is None}
    checks += [
        is_trained.get(wanted.trained_on, trained == wanted.trained_on),
        not wanted.changed or row["base_label"] != row["checkpoint_label"],
        wanted.text is None or _holds(row, wanted.text),
    ]
    return all(checks)


def _holds(row: Row, text: str) -> bool:
    pattern = re.compile(re.escape(text), re.IGNORECASE)
    texts = [row[name] for name in ("item_id", "claim", "base_response", "checkpoint_response")]
    texts += ["\n".join(row["evidence"]), "\n".join(row["answers"])]
    return any(pattern.search(own) for own in texts)


def _key(row: Row, wanted: ItemFilter) -> tuple[Any, ...]:
    def change(name: str) -> float | None:
        ends = row[f"checkpoint_{name}"], row[f"base_{name}"]
        return None if None in ends else ends[0] - ends[1]

    if wanted.sort == "item":
        points = [ord(character) for character in row["item_id"]]
        if wanted.descending:
            return [-point for point in points] + [1], row["number"]
        return points, row["number"]
    values = {
        "number": row["number"],
        "confidence_change": change("confidence"),
        "score_change": change("score"),
    }
    value = values[wanted.sort] if wanted.sort in values else row[wanted.sort]
    if value is None:
        return (1, 0, row["number"])
    return (0, -value if wanted.descending else value, row["number"])
