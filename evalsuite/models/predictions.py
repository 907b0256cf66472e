"""Predictions that exist: from files, run folders, and data frames."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from saeval.errors import InputError
from saeval.evalsuite.importers.columns import Columns, parse_columns
from saeval.evalsuite.importers.tables import is_frame
from saeval.evalsuite.models.resolve import frame_predictions, resolve_model
from saeval.evalsuite.models.types import SavedPredictions
from saeval.evalsuite.store.baselines import RECORD
from saeval.evalsuite.store.manifest import MANIFEST
from saeval.evalsuite.store.shards import find_shards

_NO_TABLES = ("config.json", "adapter_config.json", RECORD, MANIFEST)


def read_predictions(
    source: str | Path | Any,
    *,
    task: str | None = None,
    columns: str | Mapping[str, str] | Columns | None = None,
    name: str | None = None,
) -> SavedPredictions:
    """One model's predictions, from a file, a folder or a data frame.

    Parameters
    ----------
    source
        A run folder, a folder that holds the shards of a run, ``baseline:NAME``, ``URL/runs/ID`` or
        ``URL/baselines/NAME``, files or a folder of predictions (ours, logs of lm-eval, Inspect,
        lighteval, HELM, NeMo Evaluator and Every Eval Ever, a published study's JSON), several
        files as a glob or joined with commas,
        ``FOLDER#model`` where there are several models; or a table with one row per answer: CSV,
        JSON, Parquet, a saved data set, or a data frame of pandas or Polars. A table needs the
        columns ``id``, ``target``, ``prediction`` and ``task``. Of a task that saeval knows,
        ``target`` and ``prediction`` (missing where the answer is invalid) are its labels, and
        ``response`` may stand for ``prediction``: a text that the task's parser reads. Of any
        other, an answer is right where the two are equal, or there are scores (``score.f1``).
        Columns ``confidence``, ``label_probabilities``, ``cluster``, ``sample``, ``status``,
        ``claim`` or ``question``, ``evidence``, ``answers``, ``topic``, ``popularity``,
        ``document_hash``, ``prompt_hash`` and ``model`` are read if they are there. Without the
        hashes, `compare` pairs documents by claim and evidence as far as both sides have them, and
        by item id and target where they do not.
    task
        Of a table without a column ``task``.
    columns
        Where a table's columns have other names: ``{"id": "qid", "score.f1": "f1"}``, or the same
        as ``"id=qid,score.f1=f1"``; ``task=:NAME`` is the task of all rows.
    name
        Of the model, for reports.

    Returns
    -------
    SavedPredictions
        As `compare` and `gate` take them; ``predictions`` holds them by task and item.

    Raises
    ------
    InputError
        If anything is missing or wrong; the message says which file and line, or which row.

    Examples
    --------
    >>> import pandas as pd
    >>> import saeval
    >>> frame = pd.DataFrame(
    ...     {
    ...         "item_id": ["q1", "q2"],
    ...         "target": ["PASS", "NA"],
    ...         "prediction": ["PASS", "FAIL"],
    ...         "confidence": [0.9, 0.6],
    ...     }
    ... )
    >>> base = saeval.read_predictions(frame, task="fever", name="base")
    >>> base.predictions["fever"]["q2", 0].correct
    False
    """
    said = parse_columns(columns) if columns is not None else None
    if task is not None:
        said = (said or Columns()).with_task(task)
    if is_frame(source):
        return frame_predictions(source, said or Columns(), name or "data frame")
    if not isinstance(source, (str, Path)):
        raise InputError(
            f"predictions are read from a path or a data frame, found {type(source).__name__}"
        )
    saved = resolve_model(source, columns=said)
    if not isinstance(saved, SavedPredictions):
        raise InputError(f"{source}: this is a model; `run` makes predictions with it")
    return saved if name is None else replace(saved, name=name)


def with_columns(arguments: Sequence[str], columns: str | None) -> list[Any]:
    """What was typed as models, with the tables among it read by `columns`.

    Raises
    ------
    InputError
        If no argument is a file or folder of predictions, or one is bad.
    """
    if columns is None:
        return list(arguments)
    said = parse_columns(columns)
    read = [
        read_predictions(argument, columns=said) if _may_be_table(argument) else argument
        for argument in arguments
    ]
    if not any(isinstance(model, SavedPredictions) and model.columns for model in read):
        raise InputError("--columns: is of tables of predictions, and none is given")
    return read


def _may_be_table(argument: str) -> bool:
    """Whether it names files or a folder that are no model, run or baseline."""
    path = Path(argument)
    if not path.exists() and "#" in argument and "://" not in argument:
        path = Path(argument.rpartition("#")[0])
    if path.is_dir():
        return not any((path / name).is_file() for name in _NO_TABLES) and not find_shards(path)
    return (
        path.is_file()
        or bool(glob.has_magic(argument))
        or all(Path(part).is_file() for part in argument.split(","))
    )
