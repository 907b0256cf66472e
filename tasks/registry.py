"""Every task by the name that users type in ``--tasks``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.answers import ABSTENTION, LABELS
from tasks.climatefever.dataset import to_document as climatefever_document
from tasks.documents import Document
from tasks.factworld.domains import BY_NAME
from tasks.fever.dataset import to_document as fever_document
from tasks.vitaminc.dataset import to_document as vitaminc_document

FOLDER = Path(__file__).parent
"""Give it to ``lm_eval --include_path``; the tasks' YAML files and cards lie under it."""


@dataclass(frozen=True)
class HubSource:
    """Where the rows come from: a hub data set, or files of the same schema under a data folder.

    Attributes
    ----------
    path, split
        As `datasets.load_dataset` takes them.
    files
        Pattern under the data folder; files that match are read in the order of their names.
    to_document
        One row as a document; KeyError for a field or label that it does not know.
    """

    path: str
    split: str
    files: str
    to_document: Callable[[Mapping[str, Any]], Document]


@dataclass(frozen=True)
class GeneratedSource:
    """Documents of factworld, which our own code generates, the same on every machine."""

    domains: tuple[str, ...]
    size: int = 1500


@dataclass(frozen=True)
class Task:
    """One task of fact verification.

    Attributes
    ----------
    name
        As users type it.
    summary
        One line for ``saeval tasks list``.
    source
        Where its documents come from.
    card
        Folder of its card (README.md) and YAML.
    labels, abstention
        The classes and the one that says "the evidence does not settle it".
    """

    name: str
    summary: str
    source: HubSource | GeneratedSource
    card: str
    labels: tuple[str, ...] = LABELS
    abstention: str = ABSTENTION


_ALL = (
    Task(
        "fever",
        "FEVER claims with gold evidence; NA items mostly have none",
        HubSource(
            "copenlu/fever_gold_evidence",
            "test",
            "fever/fever_gold_evidence*.jsonl",
            fever_document,
        ),
        "fever",
    ),
    Task(
        "vitaminc",
        "VitaminC test set: contrastive claims over Wikipedia revisions",
        HubSource("tals/vitaminc", "test", "vitaminc/test*.jsonl", vitaminc_document),
        "vitaminc",
    ),
    Task(
        "vitaminc_dev",
        "VitaminC validation set, which the published studies evaluate on",
        HubSource("tals/vitaminc", "validation", "vitaminc/dev*.jsonl", vitaminc_document),
        "vitaminc",
    ),
    Task(
        "climatefever",
        "ClimateFEVER claims with five evidence sentences; DISPUTED counts as NA",
        HubSource(
            "tdiggelm/climate_fever",
            "test",
            "climatefever/climate-fever*.jsonl",
            climatefever_document,
        ),
        "climatefever",
    ),
    Task(
        "factworld",
        "Made-up world for offline use: residents, collections and measures evenly",
        GeneratedSource(tuple(BY_NAME)),
        "factworld",
    ),
    *(
        Task(
            f"factworld_{domain}",
            f"Made-up world: {domain} only",
            GeneratedSource((domain,)),
            "factworld",
        )
        for domain in BY_NAME
    ),
)

TASKS: dict[str, Task] = {task.name: task for task in _ALL}


def get_task(name: str) -> Task:
    """The task of that name; KeyError with the known names otherwise."""
    try:
        return TASKS[name]
    except KeyError:
        raise KeyError(f"unknown task {name!r}; known: {', '.join(TASKS)}") from None
