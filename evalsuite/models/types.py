"""What a model argument may turn out to be: a local model, a served one, or saved predictions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from saeval.errors import ModelError
from saeval.evalsuite.models.adapter_config import read_adapter_config
from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.manifest import RunManifest
from saeval.evalsuite.store.run_folder import RunPredictions
from saeval.evalsuite.store.table import PredictionTable
from saeval.hub import hash_files, model_content
from saeval.weights import check_weights


@dataclass(frozen=True)
class LocalModel:
    """A model that an engine can load: a folder, and a PEFT adapter folder on top of it or None.

    `caution` is a sentence that every report on it must show.
    """

    argument: str
    folder: Path
    adapter: Path | None = None
    caution: str | None = None

    @property
    def name(self) -> str:
        """For people: the folder's name, or the hub id as it was given."""
        last = (self.adapter or self.folder).name
        return self.argument if not Path(self.argument).exists() else last

    @cached_property
    def content(self) -> str:
        """SHA-256 of the weights, configuration and tokenizer of the (base) model."""
        return model_content(self.folder)

    @cached_property
    def adapter_content(self) -> str | None:
        """SHA-256 of the adapter's weights and configuration, whatever path it gives its base."""
        if self.adapter is None:
            return None
        config = read_adapter_config(self.adapter).settings
        config.pop("base_model_name_or_path", None)
        weights = hash_files(self.adapter, ["adapter_model.safetensors"])
        return hash_text(json.dumps(config, sort_keys=True) + weights)

    def check_complete(self) -> None:
        """Stop if its files are still being written, or are more than one model.

        Raises
        ------
        ModelError
            Naming the file.
        """
        if (self.folder / "adapter_config.json").is_file():
            raise ModelError(
                f"{self.folder}: holds a model and an adapter (adapter_config.json), and libraries "
                "load both as one; move the adapter to a folder of its own"
            )
        for folder in filter(None, (self.folder, self.adapter)):
            check_weights(folder, str(folder))


@dataclass(frozen=True)
class ServedModel:
    """A model behind an OpenAI-compatible server: ``http(s)://host:port/v1#model``.

    `other_urls` are further servers of the same model.
    """

    argument: str
    url: str
    name: str
    other_urls: tuple[str, ...] = ()
    caution: str | None = None
    adapter: None = None
    adapter_content: None = None

    @property
    def urls(self) -> tuple[str, ...]:
        """Of all its servers."""
        return (self.url, *self.other_urls)

    @property
    def content(self) -> str:
        """What can be known of it without asking: where it is and what it is called there.

        Servers may be named in any order.
        """
        return hash_text("\n".join(sorted(f"{url}#{self.name}" for url in self.urls)))

    def on_each_server(self) -> tuple[ServedModel, ...]:
        """The model of each server alone."""
        return tuple(
            replace(self, argument=f"{u}#{self.name}", url=u, other_urls=()) for u in self.urls
        )


@dataclass(frozen=True)
class SavedPredictions:
    """Answers given earlier: a run folder of ours, or files of any kind that can be imported.

    `manifest` is that of a run folder, `baseline` the name of a pinned baseline. `notes` say of a
    folder or file of another program what was read; `cautions` what was not, and why. `columns` is
    what was said of a table's columns. `shards` are the folders of a run that is in several.
    """

    argument: str
    name: str
    files: tuple[Path, ...]
    predictions: Mapping[str, PredictionTable]
    manifest: RunManifest | None = None
    baseline: str | None = None
    notes: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()
    columns: str = ""
    shards: tuple[Path, ...] = ()

    def __repr__(self) -> str:
        items = ", ".join(f"{task}: {len(own)}" for task, own in self.predictions.items())
        return f"<predictions of {self.name}: {items}>"

    @property
    def identity(self) -> Mapping[str, Any]:
        """How the model was asked, as far as it is known."""
        return self.manifest.identity if self.manifest else {}

    @cached_property
    def content(self) -> str:
        """SHA-256 of the files; of the predictions themselves where they are in no file."""
        if not self.files:
            lines = (p.to_line() for items in self.predictions.values() for p in items.values())
            return hash_text("".join(lines))
        known: dict[Path, str] = {}
        for predictions in self.predictions.values():
            known.update(predictions.file_hashes())
        hashes = (known.get(path) or hash_files(path.parent, [path.name]) for path in self.files)
        return hash_text("".join(hashes) + self.columns)


AskableModel = LocalModel | ServedModel
AnyModel = LocalModel | ServedModel | SavedPredictions
Model = str | Path | AnyModel | RunPredictions
"""A model as the command line names it, or what it was found to be."""
