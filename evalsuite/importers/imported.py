"""What an importer gives back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from saeval.errors import InputError
from saeval.evalsuite.store.prediction import Prediction
from saeval.evalsuite.store.spool import spool
from saeval.evalsuite.store.table import PredictionTable


class NotReadError(InputError):
    """A file is of a known kind and has nothing to be compared; beside others it is passed over."""


@dataclass(frozen=True)
class ImportedPredictions:
    """Predictions of one file and the model they are of, as far as the file tells.

    Attributes
    ----------
    model
        Its name.
    is_named
        Whether the file says so; else it is the file's or folder's name.
    predictions
        Of any tasks.
    kind
        Of the file, for people.
    left_out
        What the file holds besides and why it was not read, a phrase each.
    also_read
        Files beside it that belong to it and were read with it.
    logged
        When it was written, as text that sorts: of several logs of one model and task in a folder
        the last is taken. Empty for files that may be parts of one.
    """

    model: str
    predictions: Sequence[Prediction] | PredictionTable
    kind: str = ""
    is_named: bool = False
    left_out: tuple[str, ...] = ()
    also_read: tuple[Path, ...] = ()
    logged: str = ""

    @cached_property
    def table(self) -> PredictionTable:
        """The predictions as columns."""
        own = self.predictions
        return own if isinstance(own, PredictionTable) else spool(own)


@dataclass(frozen=True)
class Importer:
    """How files of one kind are read.

    Attributes
    ----------
    name
        For messages: ``an Inspect log``.
    recognises
        Whether a file is of this kind, by its path and its first line that is not blank (empty
        where the file is no text).
    read
        The predictions of a file that was recognised, several if they are of several models; what
        is wrong with it is an `InputError` that begins with the file and, where there is one, the
        line.
    """

    name: str
    recognises: Callable[[Path, str], bool]
    read: Callable[[Path], ImportedPredictions | Sequence[ImportedPredictions]]
