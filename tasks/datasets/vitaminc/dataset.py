"""VitaminC (tals/vitaminc): contrastive claims about revisions of Wikipedia.

A row, shortened::

    {"unique_id": "5ed4…_1", "case_id": "5ed4…", "page": "Henry Schein",
     "claim": "Henry Schein has less than 14,000 employees .", "label": "NOT ENOUGH INFO",
     "evidence": "Headquartered in Melville , New York , Henry Schein employs more than 13,500 …"}

A case is one revision with contrastive claims, so it is the cluster.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saeval.tasks.kinds import VERIFICATION
from saeval.tasks.task import HubSource, Task
from saeval.tasks.types import Claim

TARGETS = {"SUPPORTS": "PASS", "REFUTES": "FAIL", "NOT ENOUGH INFO": "NA"}


def to_claim(row: Mapping[str, Any]) -> Claim:
    """Convert one row."""
    page = str(row["page"] or "").replace("-COLON-", ":")
    return Claim(
        id=str(row["unique_id"]),
        cluster=str(row["case_id"]),
        claim=row["claim"],
        evidence=(f"[{page}] {row['evidence']}",),
        target=TARGETS[row["label"]],
        source_label=row["label"],
    )


_TEST = HubSource(
    path="tals/vitaminc", split="test", files="vitaminc/test*.jsonl", to_item=to_claim
)
_OTHERS = _TEST.other_splits(train="vitaminc/*train*.jsonl", validation="vitaminc/dev*.jsonl")

TASKS = (
    Task(
        name="vitaminc",
        summary="VitaminC test set: contrastive claims over Wikipedia revisions",
        kind=VERIFICATION,
        source=_TEST,
        splits=_OTHERS,
    ),
    Task(
        name="vitaminc_dev",
        summary="VitaminC validation set, which the published studies evaluate on",
        kind=VERIFICATION,
        source=_OTHERS["validation"],
        dataset="vitaminc",
    ),
)
