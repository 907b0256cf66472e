"""Predictions that exist: from files, run folders, and data frames."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from saeval.errors import InputError
from saeval.evalsuite.importers.frames import is_frame, predictions_from_frame
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.types import SavedPredictions
from saeval.evalsuite.store.prediction import by_task


def read_predictions(
    source: str | Path | Any, *, task: str | None = None, name: str | None = None
) -> SavedPredictions:
    """One model's predictions, from a file, a run folder or a data frame.

    Parameters
    ----------
    source
        A run folder, ``baseline:NAME``, or files of predictions (ours, lm-eval's
        ``samples_*.jsonl``, a published study's JSON), several as a glob or joined with commas; or
        a data frame of pandas or Polars with one row per answer. A frame needs the columns
        ``item_id``, ``target`` and either ``prediction`` (a label of the task, missing where the
        answer is invalid) or ``response`` (a text, which the task's parser reads); ``confidence``,
        ``label_probabilities``, ``cluster_id``, ``sample_index``, ``claim`` or ``question``,
        ``evidence``, ``answers``, ``topic``, ``popularity``, ``document_hash`` and ``prompt_hash``
        are read if they are there. Without the hashes, `compare` pairs documents by claim and
        evidence as far as both sides have them, and by item id and target where they do not.
    task
        Of a frame without a column ``task``.
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
    if is_frame(source):
        argument = name or "data frame"
        predictions = by_task(predictions_from_frame(source, task), argument)
        return SavedPredictions(argument, argument, (), predictions)
    if not isinstance(source, (str, Path)):
        raise InputError(
            f"predictions are read from a path or a data frame, found {type(source).__name__}"
        )
    saved = resolve_model(source)
    if not isinstance(saved, SavedPredictions):
        raise InputError(f"{source}: this is a model; `run` makes predictions with it")
    return saved if name is None else replace(saved, name=name)
