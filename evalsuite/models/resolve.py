"""From what a person types as a model to what it is."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from saeval.errors import InputError, ModelError
from saeval.evalsuite.client.addresses import parse_record_address
from saeval.evalsuite.importers.columns import Columns
from saeval.evalsuite.importers.folders import read_folder
from saeval.evalsuite.importers.imported import ImportedPredictions, NotReadError
from saeval.evalsuite.importers.registry import (
    TABLE,
    choose_model,
    import_models,
    import_predictions,
)
from saeval.evalsuite.importers.rows import FRAME
from saeval.evalsuite.importers.tables import is_frame, is_saved_dataset, read_frame
from saeval.evalsuite.models.adapter_config import read_adapter_config
from saeval.evalsuite.models.served import parse_served_model
from saeval.evalsuite.models.types import (
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
from saeval.evalsuite.store.manifest import MANIFEST, read_manifest
from saeval.evalsuite.store.parquet_predictions import read_table
from saeval.evalsuite.store.paths import TRAINING_DATA
from saeval.evalsuite.store.run_folder import RunPredictions, read_run
from saeval.evalsuite.store.sharded_run import read_shards
from saeval.evalsuite.store.shards import check_is_whole, find_shards
from saeval.evalsuite.store.table import PredictionTable, by_task
from saeval.hub import ADAPTER_FILES, check_model_folder, download_model, is_hub_id
from saeval.tasks.registry import list_tasks
from saeval.terminal_text import quoted


def resolve_model(
    argument: Model, *, base: AnyModel | None = None, columns: Columns | None = None
) -> AnyModel:
    """Find out what a model argument names; what is no text or path is given back.

    Taken are a model folder, a PEFT adapter folder (its base is found from its config), a server
    (``http://host:port/v1#model``) or several of one model joined with commas, a run folder, a
    folder that holds the shards of a run (or a glob of them), a pinned baseline (``baseline:NAME``,
    in the store that ``SAEVAL_BASELINES`` names), a run or baseline of a server of the record
    (``URL/runs/ID``, ``URL/baselines/NAME``), a predictions file, several files as a glob or joined
    with commas, a saved data set or folder of such files or of logs (with ``#model`` behind it
    where it has several), and a hub id. An adapter whose base is not where its config says (it was
    moved, say) is put on `base` if that is a plain model. `columns` are those of tables; what is no
    file or folder of predictions is not taken with them.

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
        if not argument.shards:
            check_is_whole(argument.manifest, str(argument.folder))
        return _from_run(str(argument.folder), argument)
    if is_frame(argument):
        return frame_predictions(argument, columns or Columns())
    if isinstance(argument, (LocalModel, ServedModel, SavedPredictions)):
        return argument
    if not isinstance(argument, str):
        raise InputError(
            "expected a model or predictions: a path or hub id, or what saeval.run and "
            f"saeval.read_predictions return; found {type(argument).__name__}"
        )
    if re.match(r"https?://", argument, re.IGNORECASE):
        if (address := parse_record_address(argument)) is not None:
            from saeval.evalsuite.models.fetched import read_fetched_run

            return read_fetched_run(argument, address)
        return parse_served_model(argument)
    if argument.startswith(PREFIX):
        name = argument.removeprefix(PREFIX)
        store = open_store(store_address())
        return _resolve_baseline(argument, lambda: fetch_baseline(store, name), name)
    path = baseline_place(Path(argument))
    if not path.exists():  # the next baseline may have moved there just now
        path = baseline_place(Path(argument))
    model = None
    if not path.exists() and "#" in argument:
        place, _, name = argument.rpartition("#")
        if Path(place).exists():
            path, model = Path(place), name
    if path.is_dir():
        return _resolve_folder(argument, path, base, columns, model)
    if path.is_file():
        return _from_file(argument, import_predictions(path, columns, model), path, columns)
    if files := _list_files(argument):
        if shards := _list_shards(files):
            return _from_run(argument, read_shards(shards, argument))
        return _import_files(argument, files, columns)
    if is_hub_id(argument) and path.suffix not in (".json", ".jsonl", ".csv", ".tsv", ".parquet"):
        return _resolve_folder(argument, _download(argument))
    raise ModelError(
        f"{argument}: no such file or folder; give a model or adapter folder, a hub id, "
        "a server (http://host:port/v1#model), a run folder, baseline:NAME, URL/runs/ID or "
        "predictions (.json, .jsonl, .csv, .parquet)"
    )


def frame_predictions(frame: Any, columns: Columns, name: str = "data frame") -> SavedPredictions:
    """A data frame's predictions."""
    models = read_frame(frame, columns, name)
    chosen = choose_model(list(models), None, FRAME)
    return SavedPredictions(chosen, chosen, (), by_task([models[chosen]], chosen))


def read_parquet_answers(argument: str, name: str, files: Sequence[Path]) -> SavedPredictions:
    """A model's answers in files of Parquet that can be nothing else.

    Parameters
    ----------
    argument
        What to call them in messages.
    name
        Of the model.
    files
        Each of any tasks.

    Raises
    ------
    InputError
        If any of it is bad, or an item stands twice.
    """
    tables = by_task([read_table(file) for file in files], argument)
    return _saved(SavedPredictions(argument, name, tuple(files), tables))


def _resolve_folder(
    argument: str,
    folder: Path,
    base: AnyModel | None = None,
    columns: Columns | None = None,
    model: str | None = None,
) -> AnyModel:
    if is_saved_dataset(folder):
        imported = import_predictions(folder, columns, model)
        return _from_file(argument, imported, folder, columns)
    if columns is None and model is None:
        if (folder / "adapter_config.json").is_file():
            return _resolve_adapter(argument, folder, base)
        if (folder / "config.json").is_file():
            return _resolve_model_folder(argument, folder)
        if (folder / RECORD).is_file():
            return _resolve_baseline(argument, lambda: baseline_place(Path(argument)))
        if (folder / MANIFEST).is_file():
            check_is_whole(read_manifest(folder), argument)
            return _from_run(argument, read_run(folder, name=argument))
        if shards := find_shards(folder):
            return _from_run(argument, read_shards(shards, argument))
    try:
        read = read_folder(folder, columns, model)
    except NotReadError as error:
        raise ModelError(
            f"{argument}: the folder holds no model (config.json), adapter (adapter_config.json), "
            f"run ({MANIFEST}) or predictions: {str(error).partition(' reads: ')[2]}"
        ) from error
    return _saved(
        SavedPredictions(
            argument,
            read.model,
            read.files,
            by_task(read.predictions, argument),
            notes=tuple(f"{argument}: read {line}" for line in read.read),
            cautions=tuple(f"{argument}: not read: {line}" for line in read.not_read),
            columns=str(columns or "") if read.has_tables else "",
        )
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
    return SavedPredictions(
        argument,
        name,
        run.files,
        run.predictions,
        run.manifest,
        baseline,
        shards=run.shards,
    )


def _from_file(
    argument: str, imported: ImportedPredictions, path: Path, columns: Columns | None
) -> SavedPredictions:
    files = tuple(sorted(path.iterdir())) if path.is_dir() else (path, *imported.also_read)
    return _saved(
        SavedPredictions(
            argument,
            imported.model,
            tuple(file for file in files if file.is_file()),
            by_task([imported.table], argument),
            cautions=_left_out(argument, imported),
            columns=str(columns or "") if imported.kind == TABLE else "",
        )
    )


def _import_files(argument: str, files: list[Path], columns: Columns | None) -> SavedPredictions:
    for path in files:
        if path.is_dir() and not is_saved_dataset(path):
            raise InputError(
                f"{argument}: {path} is a folder; join files by commas, and give a folder alone"
            )
    imported = [own for path in files for own in import_models(path, columns)]
    names = list(dict.fromkeys(file.model for file in imported))
    beside = [file for own in imported for file in own.also_read]
    return _saved(
        SavedPredictions(
            argument,
            ", ".join(names),
            tuple(dict.fromkeys([*files, *beside])),
            by_task([file.table for file in imported], argument),
            cautions=tuple(line for own in imported for line in _left_out(argument, own)),
            columns=str(columns or "") if any(own.kind == TABLE for own in imported) else "",
        )
    )


def _left_out(argument: str, imported: ImportedPredictions) -> tuple[str, ...]:
    return tuple(f"{argument}: left out {what}" for what in imported.left_out)


def _saved(predictions: SavedPredictions) -> SavedPredictions:
    _check_labels(predictions.argument, predictions.predictions)
    return predictions


def _check_labels(argument: str, tasks: Mapping[str, PredictionTable]) -> None:
    """Stop at answers to a task that is not known, or with labels that it does not have."""
    for name, predictions in tasks.items():
        if predictions.scores:
            _check_general(argument, name, predictions)
            continue
        if not is_known(name, predictions):
            raise InputError(
                f"{argument}: holds predictions of {quoted(name)}, which is no task saeval knows; "
                f"known: {', '.join(list_tasks())}"
            )
        labels = general_task_of(name, [predictions]).labels.names
        _check_probabilities(argument, labels, predictions)
        for column in ("target", "prediction"):
            found = [label for label in predictions.distinct(column) if label is not None]
            if strange := sorted(set(found) - set(labels)):
                row = np.flatnonzero(predictions.codes(column, strange) == 0)[0]
                raise _strange_label(argument, name, labels, predictions.ids()[row], strange[0])


def _check_probabilities(
    argument: str, labels: Sequence[str], predictions: PredictionTable
) -> None:
    """Stop where a probed item has no probability of a label, or one of another label."""
    probed = ~predictions.is_null("label_probabilities")
    if not probed.any():
        return
    given = predictions.labels
    values = predictions.probabilities([*labels, *given])
    assert values is not None
    lacks = np.isnan(values[:, : len(labels)]).any(axis=1) & probed
    for place, label in enumerate(given, start=len(labels)):
        if label not in labels:
            lacks |= ~np.isnan(values[:, place])
    if not lacks.any():
        return
    line = predictions.read(np.flatnonzero(lacks)[:1])[0]
    own = line.label_probabilities or {}
    if strange := sorted(own.keys() - set(labels)):
        raise _strange_label(argument, line.task, labels, line.item_id, strange[0])
    missing = " and ".join(label for label in labels if label not in own)
    raise InputError(f"{argument}: item {quoted(line.item_id)} has no probability of {missing}")


def _strange_label(
    argument: str, task: str, labels: Sequence[str], item: str, label: str
) -> InputError:
    return InputError(
        f"{argument}: item {quoted(item)} has the label {quoted(label, 40)}, which task {task} "
        f"does not have; its labels are {', '.join(labels)}"
    )


def _check_general(argument: str, name: str, predictions: PredictionTable) -> None:
    try:
        task = general_task_of(name, [predictions])
    except InputError as error:
        raise InputError(f"{argument}: {error}") from error
    labels = [*task.labels.names]
    odd = predictions.codes("target", [RIGHT]) < 0
    odd |= (predictions.codes("prediction", labels) < 0) & ~predictions.is_null("prediction")
    odd |= ~predictions.is_null("label_probabilities")
    if odd.any():
        line = predictions.read(np.flatnonzero(odd)[:1])[0]
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


def _list_shards(paths: Sequence[Path]) -> list[Path]:
    """The run folders of shards that folders are or hold; none where any is something else."""
    shards: list[Path] = []
    for path in paths:
        inside = [path] if (path / MANIFEST).is_file() else find_shards(path)
        if not inside:
            return []
        shards += inside
    return shards
