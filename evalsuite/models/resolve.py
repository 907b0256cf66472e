"""What a person may name as a model, and what it turns out to be."""

from __future__ import annotations

import glob
import json
import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from textwrap import shorten
from typing import Any
from urllib.parse import urlsplit

from saeval.errors import InputError, ModelError
from saeval.evalsuite.importers import import_predictions, lm_eval_samples
from saeval.evalsuite.store.baseline_stores import baseline_folder, open_store
from saeval.evalsuite.store.baselines import PREFIX, RECORD, check_intact, store_address
from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.prediction import Key, Prediction, by_task
from saeval.evalsuite.store.run_folder import MANIFEST, read_manifest
from saeval.hub import MODEL_FILES, hash_files, matching, model_content
from saeval.tasks.registry import TASKS

_HUB_ID = re.compile(r"\w[\w.-]*(/[\w.-]+)?")
TRAINING_DATA = "data.json"
"""In a checkpoint's folder: what it was trained on, as `satrain run` writes it."""
_ADAPTER_FILES = ("adapter_model.safetensors", "adapter_config.json")


@dataclass(frozen=True)
class LocalModel:
    """A model that an engine can load: a folder, and a PEFT adapter folder on top of it or None.

    `caution` is a sentence that every report on it must show.
    """

    argument: str
    folder: Path
    adapter: Path | None
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
        config = _read_json(self.adapter / "adapter_config.json")
        config.pop("base_model_name_or_path", None)
        weights = hash_files(self.adapter, ["adapter_model.safetensors"])
        return hash_text(json.dumps(config, sort_keys=True) + weights)


@dataclass(frozen=True)
class SavedPredictions:
    """Answers given earlier: a run folder of ours, or files of any kind that can be imported."""

    argument: str
    name: str
    files: tuple[Path, ...]
    predictions: dict[str, dict[Key, Prediction]]
    manifest: dict[str, Any] | None = None
    """Of a run folder."""
    baseline: str | None = None
    """Name of a pinned baseline."""

    @property
    def base_content(self) -> str | None:
        """The content of the (base) model that answered, where it is known."""
        if self.manifest is None:
            return None
        content: str | None = self.manifest["identity"]["model"]["content"]
        return content

    @cached_property
    def content(self) -> str:
        """SHA-256 of the files."""
        return hash_text("".join(hash_files(path.parent, [path.name]) for path in self.files))


@dataclass(frozen=True)
class ServedModel:
    """A model behind an OpenAI-compatible server: ``http(s)://host:port/v1#model``."""

    argument: str
    url: str
    name: str
    caution: str | None = None
    adapter: None = None
    adapter_content: None = None

    @property
    def content(self) -> str:
        """What can be known of it without asking: where it is and what it is called there."""
        return hash_text(f"{self.url}#{self.name}")


AskableModel = LocalModel | ServedModel
AnyModel = LocalModel | ServedModel | SavedPredictions


def resolve(argument: str, *, base: AnyModel | None = None) -> AnyModel:
    """Find out what a model argument names.

    Taken are a model folder, a PEFT adapter folder (its base is found from its config), a server
    (``http://host:port/v1#model``), a run folder, a pinned baseline (``baseline:NAME``, in the
    store that ``SAEVAL_BASELINES`` names), a predictions file, several files as a glob or
    joined with commas, a folder with lm-eval's ``samples_*.jsonl``, and a hub id. An adapter whose
    base is not where its config says (it was moved, say) is put on `base` if that is a plain model.

    Raises
    ------
    ModelError
        If it names none of these, or an adapter's base is missing.
    InputError
        If a predictions file is bad.
    """
    if re.match(r"https?://", argument):
        return served_model(argument)
    if argument.startswith(PREFIX):
        name = argument.removeprefix(PREFIX)
        folder = baseline_folder(open_store(store_address()), name)
        return replace(_run_folder(argument, folder), baseline=name)
    path = Path(argument)
    if path.is_dir():
        return _folder(argument, path, base)
    if path.is_file():
        return _saved(argument, [path])
    if files := _several_files(argument):
        return _saved(argument, files)
    if _HUB_ID.fullmatch(argument) and path.suffix not in (".json", ".jsonl"):
        return _folder(argument, _from_hub(argument))
    raise ModelError(
        f"{argument}: no such file or folder; give a model or adapter folder, a hub id, "
        "a server (http://host:port/v1#model), a run folder, baseline:NAME or predictions (.json, "
        ".jsonl)"
    )


def served_model(argument: str) -> ServedModel:
    """Read ``http(s)://host:port/v1#model``."""
    url, _, name = argument.partition("#")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise ModelError(f"a server's address cannot be read ({error})") from error
    if parts.username or parts.password:
        raise ModelError(
            "a server's address must hold no password: it would be stored in every report; set "
            "OPENAI_API_KEY instead"
        )
    if not parts.hostname or not name:
        raise ModelError(f"{argument}: name the server and its model as http://host:port/v1#model")
    return ServedModel(argument, url.rstrip("/"), name)


def _folder(argument: str, folder: Path, base: AnyModel | None = None) -> AnyModel:
    if (folder / "adapter_config.json").is_file():
        return _adapter(argument, folder, base)
    if (folder / "config.json").is_file():
        return _model(argument, folder)
    if (folder / MANIFEST).is_file():
        return _run_folder(argument, folder)
    if samples := _latest_samples(folder):
        return _saved(argument, samples)
    raise ModelError(
        f"{argument}: the folder holds no model (config.json), adapter (adapter_config.json), "
        f"run ({MANIFEST}) or lm-eval samples of a known task (samples_fever_*.jsonl)"
    )


def _model(argument: str, folder: Path) -> LocalModel:
    if not matching(folder, ("*.safetensors",)):
        raise ModelError(
            f"{argument}: no weights in safetensors format in {folder}; "
            "pickled weights are not loaded, convert them with `save_pretrained` first"
        )
    if not matching(folder, ("tokenizer.json", "tokenizer.model", "vocab.*", "*.model")):
        raise ModelError(f"{argument}: no tokenizer in {folder} (tokenizer.json)")
    return LocalModel(argument, folder, None)


def _adapter(argument: str, folder: Path, base: AnyModel | None) -> LocalModel:
    if not (folder / "adapter_model.safetensors").is_file():
        raise ModelError(f"{argument}: adapter_model.safetensors is missing in {folder}")
    named = _read_json(folder / "adapter_config.json").get("base_model_name_or_path")
    if not named or not isinstance(named, str):
        raise ModelError(f"{argument}: adapter_config.json names no base_model_name_or_path")
    for candidate in (Path(named), folder / named):
        if (candidate / "config.json").is_file():
            return LocalModel(argument, _model(named, candidate).folder, folder)
    if isinstance(base, LocalModel) and base.adapter is None and not _HUB_ID.fullmatch(named):
        caution = f"The adapter {folder.name} names a base that is missing; it was put on BASE."
        return LocalModel(argument, base.folder, folder, caution)
    if Path(named).is_absolute() or not _HUB_ID.fullmatch(named):
        raise ModelError(
            f"{argument}: its base model {named} is missing; put it there, or set "
            f"base_model_name_or_path in {folder / 'adapter_config.json'} to where it is"
        )
    try:
        return LocalModel(argument, _model(named, _from_hub(named)).folder, folder)
    except ModelError as error:
        raise ModelError(f"{argument}: its base model cannot be had: {error}") from error


def _from_hub(identifier: str) -> Path:
    """Download (or find in the cache) a model without anything pickled or executable."""
    from huggingface_hub import snapshot_download

    patterns = [*MODEL_FILES, *_ADAPTER_FILES, TRAINING_DATA]
    try:
        return Path(snapshot_download(identifier, allow_patterns=patterns))
    except Exception as error:  # many kinds: no network, not found, gated, bad name
        reason = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise ModelError(
            f"{identifier}: no such local file or folder, and the hub does not give a model of "
            f"that name ({type(error).__name__}: {shorten(reason, 160, placeholder=' …')})"
        ) from error


def _run_folder(argument: str, folder: Path) -> SavedPredictions:
    if (folder / RECORD).is_file():
        check_intact(folder, str(folder))
    manifest = read_manifest(folder)
    if manifest["kind"] != "run":
        raise ModelError(
            f"{argument}: this is a comparison, not a run; give its base/ or checkpoint/ folder"
        )
    files = [folder / "predictions" / f"{task}.jsonl" for task in manifest["tasks"]]
    for path, (task, facts) in zip(files, manifest["tasks"].items(), strict=True):
        answered = path.read_bytes().count(b"\n") if path.is_file() else 0
        asked = facts["items"] * manifest["identity"].get("samples", 1)
        if answered < asked:
            raise InputError(
                f"{argument}: the run is not finished: {answered} of {asked} answers of "
                f"task {task}; run the same command again to resume it"
            )
    saved = _saved(argument, files)
    model = manifest["identity"]["model"]
    return replace(saved, name=model["name"], manifest=manifest)


def _saved(argument: str, files: list[Path]) -> SavedPredictions:
    imported = [import_predictions(path) for path in files]
    names = list(dict.fromkeys(one.model for one in imported))
    predictions = by_task((p for one in imported for p in one.predictions), argument)
    if unknown := [task for task in predictions if task not in TASKS]:
        raise InputError(
            f"{argument}: holds predictions of {unknown[0]!r}, which is no task saeval knows; "
            f"known: {', '.join(TASKS)}"
        )
    return SavedPredictions(argument, ", ".join(names), tuple(files), predictions)


def _several_files(argument: str) -> list[Path]:
    if glob.has_magic(argument):
        found = sorted(Path(name) for name in glob.glob(argument, recursive=True))
        if not found:
            raise InputError(f"{argument}: no file matches")
        return found
    parts = argument.split(",")
    return [Path(part) for part in parts] if len(parts) > 1 else []


def _latest_samples(folder: Path) -> list[Path]:
    """Per known task the samples file with the latest date in its name (lm-eval keeps them all)."""
    latest = {}
    for path in sorted(folder.glob("samples_*.jsonl")) or sorted(folder.glob("*/samples_*.jsonl")):
        if (task := lm_eval_samples.task_of(path)) in TASKS:
            latest[task] = path
    return list(latest.values())


def _read_json(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: not JSON ({error})") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path}: expected an object")
    return content
