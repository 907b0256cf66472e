"""Importers of files of predictions: those that come with saeval, and those that users add.

An importer is one object and one call of `register_importer`, or an entry point of a package::

    [project.entry-points."saeval.importers"]
    mine = "my_package.importer:IMPORTER"

Which importer takes a file is decided by what the file holds, not by its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from saeval.errors import InputError, MissingExtraError
from saeval.evalsuite.importers import (
    every_eval_ever,
    helm,
    inspect_logs,
    lighteval,
    lm_eval_samples,
    nemo_evaluator,
    study,
    tables,
)
from saeval.evalsuite.importers.columns import Columns
from saeval.evalsuite.importers.imported import (
    ImportedPredictions,
    Importer,
    NotReadError,
)
from saeval.evalsuite.importers.kinds import (
    PARQUET,
    describe_file,
    first_line,
    head_text,
    read_head,
)
from saeval.evalsuite.store import parquet_predictions
from saeval.evalsuite.store.json_lines import read_table
from saeval.evalsuite.store.parquet_predictions import is_predictions
from saeval.json_source import parse_json, read_bytes
from saeval.terminal_text import quoted

GROUP = "saeval.importers"
"""Of entry points."""
TABLE = "a table"
_READABLE = (
    "saeval reads its own predictions, logs of lm-eval, Inspect, lighteval, HELM, NeMo Evaluator "
    "and Every Eval Ever, a study's JSON with `results`, and tables (see --columns)"
)


def _read_table(path: Path, columns: Columns | None = None) -> list[ImportedPredictions]:
    models = tables.read_table(path, columns or Columns())
    is_named = set(models) != {path.stem}
    return [ImportedPredictions(name, own, TABLE, is_named) for name, own in models.items()]


_TABLE = Importer(TABLE, tables.is_table, _read_table)


def _read_ours(path: Path) -> ImportedPredictions:
    return ImportedPredictions(path.stem, read_table(path))


def _is_parquet_of_ours(path: Path, _: str) -> bool:
    return read_head(path).startswith(PARQUET) and is_predictions(path)


_importers = [
    Importer(
        "lm-eval samples",
        lm_eval_samples.recognises,
        lm_eval_samples.import_samples,
    ),
    Importer("an Inspect log", inspect_logs.recognises, inspect_logs.read_log),
    Importer("details of lighteval", lighteval.recognises, lighteval.read_details),
    Importer("a HELM run", helm.recognises, helm.read_run),
    Importer("a NeMo Evaluator bundle", nemo_evaluator.recognises, nemo_evaluator.read_bundle),
    Importer("Every Eval Ever records", every_eval_ever.recognises, every_eval_ever.read_records),
    Importer(
        "a study's JSON",
        study.recognises,
        lambda path: ImportedPredictions(*study.read_study(path), is_named=True),
    ),
    Importer(
        "saeval predictions in Parquet",
        _is_parquet_of_ours,
        lambda path: ImportedPredictions(path.stem, parquet_predictions.read_table(path)),
    ),
    _TABLE,
    Importer("saeval predictions", lambda _, line: tables.is_ours(line), _read_ours),
]


def register_importer(importer: Importer) -> None:
    """Let files of a further kind be given as predictions; it is asked before those known so far.

    Raises
    ------
    ValueError
        If another importer has that name.
    """
    if any(known.name == importer.name for known in _importers):
        raise ValueError(f"there is an importer {importer.name!r} already")
    _importers.insert(0, importer)


def find_importer(path: Path) -> Importer | None:
    """Who reads a file; None if nobody does.

    Raises
    ------
    InputError
        If the file is missing, empty, or cannot be opened.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    head = read_head(path)
    line = first_line(path, head)
    if not head or (not line and not head.strip()):
        raise InputError(f"{path}: the file is empty; expected predictions")
    importers = (*_entry_points(), *_importers)
    return next((known for known in importers if known.recognises(path, line)), None)


def import_models(path: Path, columns: Columns | None = None) -> list[ImportedPredictions]:
    """Read a file of predictions of any kind, or a saved data set; one record for each model.

    Parameters
    ----------
    path
        Of the file.
    columns
        What its columns hold if it is a table, or JSON lines of nobody's.

    Raises
    ------
    InputError
        If the file is missing, empty, or bad in any line; a `NotReadError` if it is of no kind that
        anybody reads.
    """
    if path.is_dir():
        return _read_table(path, columns)
    importer = find_importer(path)
    if columns is not None and importer in (None, _TABLE):
        return _read_table(path, columns)
    if importer is None:
        head = read_head(path)
        if path.suffix == ".jsonl" and head_text(head) is not None:
            return [_read_ours(path)]  # which says what it lacks
        if path.suffix == ".json":
            parse_json(read_bytes(path), str(path), nan=True)
        raise NotReadError(
            f"{path}: not predictions this reads: {describe_file(head)}; {_READABLE}"
        )
    try:
        read = importer.read(path)
    except MissingExtraError as error:
        remedy = str(error).rpartition("; ")[2]
        raise MissingExtraError(f"{path}: {importer.name}; {remedy}") from error
    imported = [read] if isinstance(read, ImportedPredictions) else list(read)
    return [replace(own, kind=own.kind or importer.name) for own in imported]


def import_predictions(
    path: Path, columns: Columns | None = None, model: str | None = None
) -> ImportedPredictions:
    """Of `import_models`, the one model that the file has, or that is named.

    Raises
    ------
    InputError
        Also if there are several models and none is named, or no such model.
    """
    imported = {own.model: own for own in import_models(path, columns)}
    return imported[choose_model(list(imported), model, str(path))]


def choose_model(names: Sequence[str], wanted: str | None, where: str) -> str:
    """The model that is wanted among those of a file or folder.

    Raises
    ------
    InputError
        If there are several and none is named, or no such model.
    """
    listed = ", ".join(quoted(name) for name in names)
    if wanted is None and len(names) > 1:
        raise InputError(
            f"{where}: holds predictions of {len(names)} models ({listed}); say which: "
            f"{where}#{names[0]}"
        )
    if wanted is not None and wanted not in names:
        raise InputError(f"{where}: holds no predictions of {quoted(wanted)}; it has {listed}")
    return names[0] if wanted is None else wanted


@cache
def _entry_points() -> tuple[Importer, ...]:
    return tuple(point.load() for point in entry_points(group=GROUP))
