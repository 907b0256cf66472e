"""What makes two items the same to training and evaluation: their id, wording or cluster.

A model that was trained on a question knows it by whatever id it is asked, and the other claims of
a VitaminC case by the evidence they share. All are hashed, so that a manifest of what was trained
on can be published with a checkpoint.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from saeval.tasks.grading.normalize import normalize_words
from saeval.tasks.registry import get_task
from saeval.tasks.task import MixedSource, Task

_CLUSTERED_BY_PAGE = {"vitaminc"}
"""Data sets whose items on one page of Wikipedia are not independent."""

_TITLE = re.compile(r"\[(.+?)\] ")


@dataclass(frozen=True)
class Fingerprint:
    """Hashes of what an item can be recognised by.

    Attributes
    ----------
    id
        Of its id in its data set, whichever task asks it.
    text
        Of the normal form of its claim or question.
    clusters
        Of its cluster, and of its page where the data set is clustered by page.
    """

    id: str
    text: str
    clusters: tuple[str, ...]

    @property
    def unit(self) -> str:
        """What is held out as a whole: the widest cluster, or the wording."""
        return self.clusters[-1] if self.clusters else self.text


def list_datasets(task: Task) -> tuple[str, ...]:
    """The data sets that a task's items come from."""
    if isinstance(task.source, MixedSource):
        return tuple(get_task(name).dataset for name in task.source.tasks)
    return (task.dataset,)


def make_item_key(task: Task, item_id: str) -> str:
    """An item's id with its data set's name: the same whichever task asks it."""
    return item_id if isinstance(task.source, MixedSource) else f"{task.dataset}/{item_id}"


def fingerprint_item(task: Task, row: Mapping[str, Any]) -> Fingerprint:
    """What an item's row can be recognised by.

    Parameters
    ----------
    task
        The task that asks it.
    row
        Its ``id``, ``cluster`` and ``claim`` (with ``evidence``) or ``question``.

    Examples
    --------
    >>> task = get_task("fever")
    >>> one = fingerprint_item(task, {"id": "1", "cluster": None, "claim": "The sky is blue."})
    >>> two = fingerprint_item(task, {"id": "2", "cluster": None, "claim": "Sky is blue"})
    >>> one.id == two.id, one.text == two.text
    (False, True)
    """
    within = "" if isinstance(task.source, MixedSource) else f"{task.dataset}/"
    clusters = [] if row["cluster"] is None else [f"{within}{row['cluster']}"]
    if task.dataset in _CLUSTERED_BY_PAGE:
        titles = filter(None, map(_TITLE.match, row.get("evidence", ())))
        clusters += [f"{within}page/{normalize_words(title[1])}" for title in titles]
    return Fingerprint(
        _hashed(make_item_key(task, row["id"])),
        _hashed(normalize_words(row["claim"] if "claim" in row else row["question"])),
        tuple(map(_hashed, dict.fromkeys(clusters))),
    )


def _hashed(text: str) -> str:
    """Sixteen hexadecimal digits of SHA-256: among a million items no two meet by chance."""
    return hashlib.sha256(text.encode("utf-8", errors="backslashreplace")).hexdigest()[:16]
