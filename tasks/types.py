"""What one item of a task is, whichever data set it came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from saeval.tasks.metacognition.items import JudgedAnswer, QuestionPair
from saeval.tasks.questions import Question


@dataclass(frozen=True)
class Document:
    """One claim with its evidence.

    Attributes
    ----------
    id
        Unique within the task.
    cluster
        Items that share it are not independent (a VitaminC case, a ClimateFEVER article);
        None where the data set has no such grouping.
    claim
        The sentence to be judged.
    evidence
        Zero or more passages, each as ``[Title] text`` where a title is known.
    target
        The right answer, one of `saeval.tasks.format.labels.LABELS`.
    source_label
        The label as the data set names it.
    """

    id: str
    cluster: str | None
    claim: str
    evidence: tuple[str, ...]
    target: str
    source_label: str

    def as_row(self) -> dict[str, object]:
        """The fields as the plain types a `datasets.Dataset` keeps."""
        return {
            "id": self.id,
            "cluster": self.cluster,
            "claim": self.claim,
            "evidence": list(self.evidence),
            "target": self.target,
            "source_label": self.source_label,
        }


Item = Document | Question | JudgedAnswer | QuestionPair
"""What a task asks, one at a time."""

AnyItem = TypeVar("AnyItem", bound=Item)


class DataError(ValueError):
    """A data set cannot be found or read as its schema says; the message says what and where."""


def unique_ids(items: Sequence[AnyItem]) -> list[AnyItem]:
    """Number repeated ids (``x``, ``x#2``, ``x#3``) in the order of the file.

    Some published files repeat an id with another claim or other evidence; each row is an item.
    """
    seen: dict[str, int] = {}
    unique = []
    for item in items:
        count = seen[item.id] = seen.get(item.id, 0) + 1
        unique.append(item if count == 1 else replace(item, id=f"{item.id}#{count}"))
    return unique
