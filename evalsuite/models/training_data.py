"""What a checkpoint was trained on, and which evaluated items are among it.

`satrain run` writes ``data.json`` into a checkpoint's folder; of it are read::

    {"schema": "satrain.data/1", "training": {"ids": ["01ab…"], "texts": […], "clusters": […]}, …}

hashes of `saeval.tasks.data.fingerprint`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from saeval.errors import InputError
from saeval.evalsuite.models.types import AnyModel, LocalModel, SavedPredictions
from saeval.evalsuite.store.paths import TRAINING_DATA
from saeval.evalsuite.store.prediction import Prediction
from saeval.json_source import parse_json, read_bytes, validate
from saeval.tasks.data.fingerprint import fingerprint_item
from saeval.tasks.task import Task
from saeval.terminal_text import quoted

SCHEMA = "satrain.data/1"


class _Hashes(BaseModel):
    model_config = ConfigDict(strict=True)

    ids: list[str]
    texts: list[str]
    clusters: list[str]


class _Manifest(BaseModel):
    model_config = ConfigDict(strict=True)

    training: _Hashes


@dataclass(frozen=True)
class TrainingData:
    """Hashes of the items that a checkpoint was trained on."""

    ids: frozenset[str]
    texts: frozenset[str]
    clusters: frozenset[str]

    def shared(self, task: Task, prediction: Prediction) -> str | None:
        """What an answered item shares with it: ``id``, ``text``, ``cluster`` or nothing."""
        return self.shared_row(
            task,
            {
                "id": prediction.item_id,
                "cluster": prediction.cluster_id,
                "claim": prediction.document.claim,
                "evidence": prediction.document.evidence,
            },
        )

    def shared_row(self, task: Task, row: Mapping[str, Any]) -> str | None:
        """The same of an item's row, as `fingerprint_item` takes it."""
        fingerprint = fingerprint_item(task, row)
        if fingerprint.id in self.ids:
            return "id"
        if fingerprint.text in self.texts:
            return "text"
        return None if self.clusters.isdisjoint(fingerprint.clusters) else "cluster"


def load_training_data(checkpoint: AnyModel) -> TrainingData | None:
    """What a checkpoint was trained on, or None where that is not known.

    It is looked for in the model's or adapter's folder, also if a finished run names it, in the
    run folder, and beside a file of predictions. A ``data.json`` that is something else is left
    alone.

    Raises
    ------
    InputError
        If one of ours cannot be read.
    """
    found = _find(checkpoint)
    return None if found is None else found[1]


def find_training_data(checkpoint: AnyModel) -> Path | None:
    """The file that says what a checkpoint was trained on; errors as `load_training_data`."""
    found = _find(checkpoint)
    return None if found is None else found[0]


def _find(checkpoint: AnyModel) -> tuple[Path, TrainingData] | None:
    for folder in list_model_folders(checkpoint):
        path = folder / TRAINING_DATA
        if not path.is_file():
            continue
        try:
            content = parse_json(read_bytes(path), str(path), nan=True)
        except InputError as error:
            raise InputError(
                f"{error}; satrain writes it to say what the checkpoint was trained on: restore "
                "it, or remove it to compare without that check"
            ) from error
        if (training := parse_training_data(content, str(path))) is not None:
            return path, training
    return None


def parse_training_data(content: object, where: str) -> TrainingData | None:
    """What the content of a ``data.json`` says; None of one that is something else.

    Raises
    ------
    InputError
        If it is one of ours that cannot be read; the message begins with `where`.
    """
    schema = content.get("schema") if isinstance(content, dict) else None
    if not str(schema).startswith("satrain.data/"):
        return None
    if schema != SCHEMA:
        raise InputError(f"{where}: schema {quoted(schema)} is not {SCHEMA!r}; update saeval")
    hashes = validate(_Manifest, content, where).training
    return TrainingData(frozenset(hashes.ids), frozenset(hashes.texts), frozenset(hashes.clusters))


def list_model_folders(model: AnyModel) -> list[Path]:
    """Where a model's training may be described, the likeliest first."""
    if isinstance(model, LocalModel):
        return [model.adapter or model.folder]
    if not isinstance(model, SavedPredictions):
        return []
    source = model.manifest.model if model.manifest else None
    named = source and (source.adapter or source.folder)
    runs = [path.parent.parent for path in model.files] if model.manifest else []
    beside = dict.fromkeys([*runs, *(path.parent for path in model.files)])
    return [*([Path(named)] if named else []), *beside]
