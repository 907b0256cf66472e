"""Predictions made elsewhere, read into our own form.

Which reader takes a file is decided by what the file holds, not by its name.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from saeval.errors import InputError
from saeval.evalsuite.importers import lm_eval_samples, study
from saeval.evalsuite.store.prediction import Prediction, read_predictions


@dataclass(frozen=True)
class ImportedFile:
    """Predictions of one file and the model they are of, as far as the file tells."""

    model: str
    predictions: list[Prediction]


def import_predictions(path: Path) -> ImportedFile:
    """Read our JSON lines, lm-eval's ``samples_*.jsonl`` or a study's JSON.

    Raises
    ------
    InputError
        If the file is missing, empty, of none of these kinds, or bad in any line.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    start = _first_line(path)
    if path.suffix == ".jsonl":
        try:
            first = json.loads(start)
        except json.JSONDecodeError as error:
            raise InputError(f"{path}:1: not JSON ({error})") from error
        if lm_eval_samples.recognises(first):
            return ImportedFile(path.parent.name, lm_eval_samples.read(path))
        return ImportedFile(path.stem, list(read_predictions(path)))
    return ImportedFile(*study.read(path))


def _first_line(path: Path) -> str:
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for line in lines:
                if line.strip():
                    return line
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error.reason})") from error
    raise InputError(f"{path}: the file is empty; expected predictions")
