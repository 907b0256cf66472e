"""A file of JSON lines as a source of predictions."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from saeval.errors import InputError
from saeval.evalsuite.store.certain import fields_of
from saeval.evalsuite.store.json_schema import NOT_FOR_ARROW, TEXT_FIELDS, read_json
from saeval.evalsuite.store.prediction import Prediction, parse_kept_line
from saeval.evalsuite.store.sources import Source
from saeval.evalsuite.store.texts import to_texts
from saeval.json_source import decode, open_file
from saeval.stats._core.arrays import IntArray

_NEAR = 256
"""Lines that are read at once where they stand near each other."""


@dataclass(frozen=True)
class JsonLines(Source):
    """A file of JSON lines as a source of predictions; `starts` are the places of its lines."""

    path: Path
    starts: IntArray
    key: str | None
    sha256: str

    def file_hashes(self) -> Mapping[Path, str]:
        """See `saeval.evalsuite.store.sources.Source`."""
        return {self.path: self.sha256}

    def _open(self) -> AbstractContextManager[BinaryIO]:
        return open_file(self.path)

    def read(self, rows: IntArray) -> list[Prediction]:
        """See `saeval.evalsuite.store.sources.Source`."""
        found: dict[int, Prediction] = {}
        try:
            with self._open() as file:
                for place in np.argsort(rows, kind="stable"):
                    row = int(rows[place])
                    file.seek(int(self.starts[row]))
                    where = f"{self.path}: prediction {row + 1}"
                    line = decode(file.readline(), where).strip()
                    found[int(place)] = parse_kept_line(line, where, self.key)
        except (FileNotFoundError, InputError) as error:
            raise InputError(
                f"{self.path}: was changed while it was read ({error}); give the same command again"
            ) from error
        return [found[place] for place in range(len(rows))]

    def read_texts(self, rows: IntArray) -> pa.Table:
        """See `saeval.evalsuite.store.sources.Source`."""
        order = np.argsort(rows, kind="stable")
        try:
            read = read_json(b"".join(self._lines(rows[order])), TEXT_FIELDS, "ignore")
        except (*NOT_FOR_ARROW, FileNotFoundError):
            return super().read_texts(rows)
        if read.num_rows != len(rows):
            return super().read_texts(rows)
        document = fields_of(read["document"])
        columns = (document("claim"), document("evidence"), document("answers"))
        texts = to_texts(*columns, read["response"].combine_chunks())
        return texts.take(pa.array(np.argsort(order, kind="stable")))

    def _lines(self, rows: IntArray) -> Iterator[bytes | memoryview]:
        """Lines in the order of the file; those that stand near each other are read at once."""
        with self._open() as file:
            if not len(rows):
                return
            starts = self.starts[rows]
            last = len(self.starts) - 1
            ends = self.starts[np.minimum(rows + 1, last)]
            ends[rows == last] = file.seek(0, os.SEEK_END)
            ends = np.maximum(starts, ends)  # of a file that was cut meanwhile
            breaks = np.flatnonzero(starts[1:] != ends[:-1]) + 1
            starts, ends = starts[[0, *breaks]], ends[[*(breaks - 1), -1]]  # of neighbours together
            for piece in range(0, len(starts), _NEAR):
                at = slice(piece, piece + _NEAR)
                first, size = int(starts[at][0]), int(ends[at][-1] - starts[at][0])
                is_near = size <= 16 * int((ends[at] - starts[at]).sum())
                file.seek(first)
                content = memoryview(file.read(size)) if is_near else b""
                for start, end in zip(starts[at].tolist(), ends[at].tolist(), strict=True):
                    if is_near:
                        yield content[start - first : end - first]
                    else:
                        file.seek(start)
                        yield file.read(end - start)
