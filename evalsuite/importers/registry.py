"""Importers of files of predictions: those that come with saeval, and those that users add.

An importer is one object and one call of `register_importer`, or an entry point of a package::

    [project.entry-points."saeval.importers"]
    mine = "my_package.importer:IMPORTER"

Which importer takes a file is decided by what the file holds, not by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from saeval.errors import InputError
from saeval.evalsuite.importers import lm_eval_samples, study
from saeval.evalsuite.store.prediction import Prediction, read_predictions
from saeval.json_source import read_lines

GROUP = "saeval.importers"
"""Of entry points."""


@dataclass(frozen=True)
class ImportedPredictions:
    """Predictions of one file and the model they are of, as far as the file tells."""

    model: str
    predictions: Sequence[Prediction]


@dataclass(frozen=True)
class Importer:
    """How files of one kind are read.

    Attributes
    ----------
    name
        For messages.
    recognises
        Whether a file is of this kind, by its path and its first line that is not blank.
    read
        The predictions of a file that was recognised; what is wrong with it is an `InputError`
        that begins with the file and, where there is one, the line.
    """

    name: str
    recognises: Callable[[Path, str], bool]
    read: Callable[[Path], ImportedPredictions]


_importers = [
    Importer(
        "lm-eval samples",
        lm_eval_samples.recognises,
        lambda path: ImportedPredictions(path.parent.name, lm_eval_samples.read_samples(path)),
    ),
    Importer(
        "saeval predictions",
        lambda path, line: path.suffix == ".jsonl",
        lambda path: ImportedPredictions(path.stem, list(read_predictions(path))),
    ),
    Importer(
        "a study's JSON",
        lambda path, line: True,
        lambda path: ImportedPredictions(*study.read_study(path)),
    ),
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


def import_predictions(path: Path) -> ImportedPredictions:
    """Read our JSON lines, lm-eval's ``samples_*.jsonl``, a study's JSON, or what users added.

    Raises
    ------
    InputError
        If the file is missing, empty, of none of these kinds, or bad in any line.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    line = _first_line(path)
    importers = (*_entry_points(), *_importers)
    importer = next(importer for importer in importers if importer.recognises(path, line))
    return importer.read(path)


def _first_line(path: Path) -> str:
    for _, line in read_lines(path):
        return line
    raise InputError(f"{path}: the file is empty; expected predictions")


@cache
def _entry_points() -> tuple[Importer, ...]:
    return tuple(point.load() for point in entry_points(group=GROUP))
