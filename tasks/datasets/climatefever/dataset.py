"""ClimateFEVER (tdiggelm/climate_fever): claims about the climate, five evidence sentences each.

A row, shortened; on the hub the label is a number::

    {"claim_id": "0", "claim": "Global warming is driving polar bears toward extinction",
     "claim_label": "SUPPORTS",
     "evidences": [{"article": "Extinction risk from global warming", "evidence": "…",
                    "evidence_label": "NOT_ENOUGH_INFO"}, …]}
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from saeval.tasks.kinds import VERIFICATION
from saeval.tasks.task import HubSource, Task
from saeval.tasks.types import Claim

SOURCE_LABELS = ("SUPPORTS", "REFUTES", "NOT_ENOUGH_INFO", "DISPUTED")
"""In the order of the hub's integer labels."""

TARGETS = {"SUPPORTS": "PASS", "REFUTES": "FAIL", "NOT_ENOUGH_INFO": "NA", "DISPUTED": "NA"}
"""DISPUTED claims have evidence for and against: it does not settle them, which is what NA says.
The published studies map it so, too; `source_label` keeps the two kinds of NA apart."""


def to_claim(row: Mapping[str, Any]) -> Claim:
    """Convert one row; its cluster is the article that most of the evidence comes from.

    All five sentences are shown, without their labels.
    """
    label = row["claim_label"]
    if isinstance(label, int):
        label = SOURCE_LABELS[label]
    articles = Counter(evidence["article"] for evidence in row["evidences"])
    return Claim(
        id=str(row["claim_id"]),
        cluster=articles.most_common(1)[0][0],
        claim=row["claim"],
        evidence=tuple(f"[{e['article']}] {e['evidence']}" for e in row["evidences"]),
        target=TARGETS[label],
        source_label=label,
    )


TASKS = (
    Task(
        name="climatefever",
        summary="ClimateFEVER claims with five evidence sentences; DISPUTED counts as NA",
        kind=VERIFICATION,
        source=HubSource(
            path="tdiggelm/climate_fever",
            split="test",
            files="climatefever/climate-fever*.jsonl",
            to_item=to_claim,
        ),
    ),
)
