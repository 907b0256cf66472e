"""Responses in an order other than that of their file, without reading it over and over."""

from __future__ import annotations

import mmap
import tempfile
from typing import Any

import numpy as np
import pyarrow as pa

from saeval.evalsuite.store.arrow import one_array
from saeval.evalsuite.store.table import PredictionTable
from saeval.stats._core.arrays import IntArray

_AT_A_TIME = 4096
_SPOOLED = pa.schema([pa.field("response", pa.string())])


class TextsInOrder:
    """One model's responses, read in the order of some rows.

    Where these do not ascend in the source, whose row groups can be read only whole, its responses
    are first copied to a file without a name, of which any few are read at once.

    Parameters
    ----------
    predictions
        Of one model.
    order
        Shape (n,): all rows, as they will be read.
    """

    def __init__(self, predictions: PredictionTable, order: IntArray) -> None:
        self._predictions = predictions
        places = predictions.source_rows[order]
        self._ascends = bool((np.diff(places) > 0).all())
        self._batches: list[pa.RecordBatch] = []
        self._place = np.empty(len(order), dtype=np.int64)
        if not self._ascends:
            self._spool()

    def read_responses(self, rows: IntArray) -> Any:
        """The responses of some rows, as one array."""
        if self._ascends:
            return one_array(self._predictions.read_texts(rows)["response"])
        which, within = np.divmod(self._place[rows], _AT_A_TIME)
        parts, places = [], []
        for number in np.unique(which).tolist():
            own = np.flatnonzero(which == number)
            parts.append(self._batches[number].column(0).take(pa.array(within[own])))
            places.append(own)
        order = np.argsort(np.concatenate(places), kind="stable")
        return pa.concat_arrays(parts).take(pa.array(order))

    def _spool(self) -> None:
        ascending = np.argsort(self._predictions.source_rows, kind="stable")
        self._place[ascending] = np.arange(len(ascending))
        with tempfile.TemporaryFile() as file:
            with pa.ipc.new_file(file, _SPOOLED) as writer:
                for start in range(0, len(ascending), _AT_A_TIME):
                    texts = self._predictions.read_texts(ascending[start : start + _AT_A_TIME])
                    writer.write_batch(
                        pa.record_batch([one_array(texts["response"])], schema=_SPOOLED)
                    )
            file.flush()
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        reader = pa.ipc.open_file(pa.py_buffer(mapped))  # which keeps it open as long as it is read
        self._batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
