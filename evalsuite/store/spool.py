"""Predictions that are made one after the other: their columns in memory, their texts on disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from saeval.evalsuite.store import columns as store_columns
from saeval.evalsuite.store.line_source import JsonLines
from saeval.evalsuite.store.prediction import Prediction
from saeval.evalsuite.store.table import PredictionTable
from saeval.evalsuite.store.texts import encodable

_BATCH = 4096


class _TemporaryFile:
    """A file without a name, which goes with the last who has it; threads take turns."""

    def __init__(self) -> None:
        self.file = tempfile.TemporaryFile()  # noqa: SIM115
        self.lock = Lock()

    def __del__(self) -> None:
        with suppress(OSError):  # of a full disk, which writing has said already
            self.file.close()


@dataclass(frozen=True)
class _SpooledLines(JsonLines):
    """Lines in a temporary file without a name, which no killed command leaves behind."""

    temporary: _TemporaryFile

    def file_hashes(self) -> Mapping[Path, str]:
        return {}

    @contextmanager
    def _open(self) -> Iterator[BinaryIO]:
        with self.temporary.lock:
            yield self.temporary.file


class Spool:
    """Takes predictions and makes a table of them."""

    def __init__(self) -> None:
        self._made: list[Prediction] = []
        self._columns: list[pa.Table] = []
        self._starts: list[int] = []
        self._temporary: _TemporaryFile | None = None

    def add(self, prediction: Prediction) -> None:
        """Take one more."""
        self._made.append(prediction)
        if len(self._made) == _BATCH:
            self._write()

    def table(self) -> PredictionTable:
        """All that were taken, in their order."""
        if self._temporary is None:  # so few that they may stay as they are
            return PredictionTable.of(self._made)
        self._write()
        starts = np.array(self._starts)
        source = _SpooledLines(Path("what was read"), starts, None, "", self._temporary)
        return PredictionTable(store_columns.concat(self._columns), source)

    def _write(self) -> None:
        if self._temporary is None:
            self._temporary = _TemporaryFile()
        file = self._temporary.file
        try:
            for prediction in self._made:
                self._starts.append(file.tell())
                file.write(encodable(prediction.to_line()).encode())
            file.flush()
        except OSError as error:  # a full disk: say where, since the file has no name
            raise OSError(error.errno, error.strerror, tempfile.gettempdir()) from error
        self._columns.append(store_columns.from_predictions(self._made))
        self._made = []


def spool(predictions: Iterable[Prediction]) -> PredictionTable:
    """A table of predictions that are made while they are taken."""
    taken = Spool()
    for prediction in predictions:
        taken.add(prediction)
    return taken.table()
