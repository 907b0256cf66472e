"""Rows of VitaminC (tals/vitaminc) as documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saeval.tasks.types import Document

TARGETS = {"SUPPORTS": "PASS", "REFUTES": "FAIL", "NOT ENOUGH INFO": "NA"}


def to_document(row: Mapping[str, Any]) -> Document:
    """A row such as ``{"unique_id": "5ed4…_1", "case_id": "5ed4…", "claim": …, "evidence": …,
    "label": "REFUTES", "page": "Henry Schein"}``.

    A case is one Wikipedia revision with contrastive claims, so it is the cluster.
    """
    page = str(row["page"] or "").replace("-COLON-", ":")
    return Document(
        id=str(row["unique_id"]),
        cluster=str(row["case_id"]),
        claim=row["claim"],
        evidence=(f"[{page}] {row['evidence']}",),
        target=TARGETS[row["label"]],
        source_label=row["label"],
    )
