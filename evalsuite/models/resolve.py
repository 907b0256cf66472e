"""From what a person types as a model to what it is."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from saeval.errors import InputError, ModelError
from saeval.evalsuite.importers.frames import is_frame, predictions_from_frame
from saeval.evalsuite.importers.lm_eval_samples import task_of
from saeval.evalsuite.importers.registry import import_predictions
from saeval.evalsuite.models.adapter_config import read_adapter_config
from saeval.evalsuite.models.types import (
    TRAINING_DATA,
    AnyModel,
    LocalModel,
    Model,
    SavedPredictions,
    ServedModel,
)
from saeval.evalsuite.store.baseline_stores import baseline_place, fetch_baseline, open_store
from saeval.evalsuite.store.baselines import (
    PREFIX,
    RECORD,
    check_intact,
    read_whole,
    store_address,
)
from saeval.evalsuite.store.general import RIGHT, is_known
from saeval.evalsuite.store.general import task_of as general_task_of
from saeval.evalsuite.store.manifest import MANIFEST
from saeval.evalsuite.store.prediction import Key, Prediction, by_task
from saeval.evalsuite.store.run_folder import RunPredictions, read_run
from saeval.hub import ADAPTER_FILES, check_model_folder, download_model, is_hub_id
from saeval.tasks.registry import list_tasks
from saeval.terminal_text import quoted


def resolve_model(argument: Model, *, base: AnyModel | None = None) -> AnyModel:
    """Find out what a model argument names; what is no text or path is given back.

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
    if isinstance(argument, Path):
        argument = str(argument)
    if isinstance(argument, RunPredictions):
        return _from_run(str(argument.folder), argument)
    if is_frame(argument):
        return _from_frame(argument)
    if isinstance(argument, (LocalModel, ServedModel, SavedPredictions)):
        return argument
    if not isinstance(argument, str):
        raise InputError(
            "expected a model or predictions: a path or hub id, or what saeval.run and "
            f"saeval.read_predictions return; found {type(argument).__name__}"
        )
    if re.match(r"https?://", argument, re.IGNORECASE):
        return parse_served_model(argument)
    if argument.startswith(PREFIX):
        name = argument.removeprefix(PREFIX)
        store = open_store(store_address())
        return _resolve_baseline(argument, lambda: fetch_baseline(store, name), name)
    path = baseline_place(Path(argument))
    if not path.exists():  # the next baseline may have moved there just now
        path = baseline_place(Path(argument))
    if path.is_dir():
        return _resolve_folder(argument, path, base)
    if path.is_file():
        return _import_files(argument, [path])
    if files := _list_files(argument):
        return _import_files(argument, files)
    if is_hub_id(argument) and path.suffix not in (".json", ".jsonl"):
        return _resolve_folder(argument, _download(argument))
    raise ModelError(
        f"{argument}: no such file or folder; give a model or adapter folder, a hub id, "
        "a server (http://host:port/v1#model), a run folder, baseline:NAME or predictions (.json, "
        ".jsonl)"
    )


def parse_served_model(argument: str) -> ServedModel:
    """The model that ``http(s)://host:port/v1#model`` names."""
    url, _, name = argument.partition("#")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise ModelError("a server's address cannot be read") from error
    if "@" in parts.netloc or "?" in url:
        raise ModelError(
            "a server's address must hold no password and no query: it would be stored in every "
            "report; set OPENAI_API_KEY instead"
        )
    if not parts.hostname or not name:
        raise ModelError(f"{argument}: name the server and its model as http://host:port/v1#model")
    return ServedModel(argument, url.rstrip("/"), name)


def _from_frame(frame: Any) -> SavedPredictions:
    if "task" not in list(frame.columns):
        raise InputError(
            "a data frame is given that does not say its task: give it a column `task`, or give "
            'saeval.read_predictions(frame, task="fever")'
        )
    name = "data frame"
    return SavedPredictions(name, name, (), by_task(predictions_from_frame(frame), name))


def _resolve_folder(argument: str, folder: Path, base: AnyModel | None = None) -> AnyModel:
    if (folder / "adapter_config.json").is_file():
        return _resolve_adapter(argument, folder, base)
    if (folder / "config.json").is_file():
        return _resolve_model_folder(argument, folder)
    if (folder / RECORD).is_file():
        return _resolve_baseline(argument, lambda: baseline_place(Path(argument)))
    if (folder / MANIFEST).is_file():
        return _from_run(argument, read_run(folder, name=argument))
    if samples := _latest_samples(folder):
        return _import_files(argument, samples)
    raise ModelError(
        f"{argument}: the folder holds no model (config.json), adapter (adapter_config.json), "
        f"run ({MANIFEST}) or lm-eval samples of a known task (samples_fever_*.jsonl)"
    )


def _resolve_model_folder(argument: str, folder: Path) -> LocalModel:
    check_model_folder(folder, argument)
    return LocalModel(argument, folder)


def _resolve_adapter(argument: str, folder: Path, base: AnyModel | None) -> LocalModel:
    if not (folder / "adapter_model.safetensors").is_file():
        raise ModelError(f"{argument}: adapter_model.safetensors is missing in {folder}")
    named = read_adapter_config(folder).base_model_name_or_path
    if not named:
        raise ModelError(f"{argument}: adapter_config.json names no base_model_name_or_path")
    for candidate in (Path(named), folder / named):
        if (candidate / "config.json").is_file():
            return LocalModel(argument, _resolve_model_folder(named, candidate).folder, folder)
    if isinstance(base, LocalModel) and base.adapter is None and not is_hub_id(named):
        caution = f"The adapter {folder.name} names a base that is missing; it was put on BASE."
        return LocalModel(argument, base.folder, folder, caution)
    if Path(named).is_absolute() or not is_hub_id(named):
        raise ModelError(
            f"{argument}: its base model {named} is missing; put it there, or set "
            f"base_model_name_or_path in {folder / 'adapter_config.json'} to where it is"
        )
    try:
        return LocalModel(argument, _resolve_model_folder(named, _download(named)).folder, folder)
    except ModelError as error:
        raise ModelError(f"{argument}: its base model cannot be had: {error}") from error


def _download(identifier: str) -> Path:
    return download_model(identifier, also=[*ADAPTER_FILES, TRAINING_DATA])


def _resolve_baseline(
    argument: str, find: Callable[[], Path], name: str | None = None
) -> SavedPredictions:
    def read(folder: Path) -> RunPredictions:
        check_intact(folder, str(folder))
        return read_run(folder, name=argument)

    return _from_run(argument, read_whole(find, read), name)


def _from_run(argument: str, run: RunPredictions, baseline: str | None = None) -> SavedPredictions:
    _check_labels(argument, run.predictions)
    name = run.manifest.model_identity["name"]
    return SavedPredictions(argument, name, run.files, run.predictions, run.manifest, baseline)


def _import_files(argument: str, files: list[Path]) -> SavedPredictions:
    imported = [import_predictions(path) for path in files]
    names = list(dict.fromkeys(file.model for file in imported))
    predictions = by_task((p for file in imported for p in file.predictions), argument)
    _check_labels(argument, predictions)
    return SavedPredictions(argument, ", ".join(names), tuple(files), predictions)


def _check_labels(argument: str, tasks: Mapping[str, Mapping[Key, Prediction]]) -> None:
    """Stop at answers to a task that is not known, or with labels that it does not have."""
    for name, predictions in tasks.items():
        if any(prediction.scores for prediction in predictions.values()):
            _check_general(argument, name, predictions.values())
            continue
        if not is_known(name, predictions):
            raise InputError(
                f"{argument}: holds predictions of {quoted(name)}, which is no task saeval knows; "
                f"known: {', '.join(list_tasks())}"
            )
        labels = general_task_of(name, predictions.values()).labels.names
        known = {None, *labels}
        for prediction in predictions.values():
            probabilities = prediction.label_probabilities
            named = {prediction.target, prediction.prediction, *(probabilities or ())}
            if probabilities is not None and probabilities.keys() < set(labels):
                missing = " and ".join(label for label in labels if label not in probabilities)
                raise InputError(
                    f"{argument}: item {quoted(prediction.item_id)} has no probability of {missing}"
                )
            if not named <= known:
                strange = min(str(label) for label in named - known)
                raise InputError(
                    f"{argument}: item {quoted(prediction.item_id)} has the label "
                    f"{quoted(strange, 40)}, which task {name} does not have; its labels are "
                    f"{', '.join(labels)}"
                )


def _check_general(argument: str, name: str, predictions: Iterable[Prediction]) -> None:
    lines = list(predictions)
    try:
        task = general_task_of(name, lines)
    except InputError as error:
        raise InputError(f"{argument}: {error}") from error
    for line in lines:
        if (
            line.target != RIGHT
            or line.prediction not in (None, *task.labels.names)
            or line.label_probabilities is not None
        ):
            raise InputError(
                f"{argument}: item {quoted(line.item_id)} of {quoted(name)} has scores, so its "
                "`target` must be RIGHT, its `prediction` RIGHT, WRONG, UNKNOWN or null, and it "
                "has no `label_probabilities`"
            )


def _list_files(argument: str) -> list[Path]:
    """The files of a glob, or of names joined with commas."""
    if glob.has_magic(argument):
        paths = sorted(Path(name) for name in glob.glob(argument, recursive=True))
        if not paths:
            raise InputError(f"{argument}: no file matches")
        return paths
    parts = argument.split(",")
    return [Path(part) for part in parts] if len(parts) > 1 else []


def _latest_samples(folder: Path) -> list[Path]:
    """Per known task the samples file with the latest date in its name (lm-eval keeps them all)."""
    latest = {}
    for path in sorted(folder.glob("samples_*.jsonl")) or sorted(folder.glob("*/samples_*.jsonl")):
        if (task := task_of(path)) in list_tasks():
            latest[task] = path
    return list(latest.values())
