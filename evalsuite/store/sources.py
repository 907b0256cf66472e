"""Where whole predictions are that a table has the columns of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from saeval.evalsuite.store.prediction import Prediction
from saeval.evalsuite.store.texts import TEXTS, texts_of
from saeval.stats._core.arrays import IntArray


class Source(ABC):
    """Where whole predictions are: in memory, or in a file that is read where they are wanted."""

    @abstractmethod
    def read(self, rows: IntArray) -> list[Prediction]:
        """The predictions at these rows, in their order."""

    def read_texts(self, rows: IntArray) -> pa.Table:
        """Their texts alone, as `saeval.evalsuite.store.texts.TEXTS`."""
        return texts_of(self.read(rows))

    def file_hashes(self) -> Mapping[Path, str]:
        """`saeval.hub.hash_files` of the files that were read whole, as they were then."""
        return {}


@dataclass(frozen=True)
class InMemory(Source):
    """Predictions that are objects already."""

    predictions: Sequence[Prediction]

    def read(self, rows: IntArray) -> list[Prediction]:
        """See `Source`."""
        return [self.predictions[row] for row in rows]


@dataclass(frozen=True)
class Joined(Source):
    """Several sources one after the other; `starts` has the first row of each, and the end."""

    sources: Sequence[Source]
    starts: IntArray

    def file_hashes(self) -> Mapping[Path, str]:
        return {path: sha for one in self.sources for path, sha in one.file_hashes().items()}

    def read(self, rows: IntArray) -> list[Prediction]:
        which = np.searchsorted(self.starts, rows, side="right") - 1
        found: dict[int, Prediction] = {}
        for number in np.unique(which):
            places = np.flatnonzero(which == number)
            read = self.sources[number].read(rows[places] - self.starts[number])
            found.update(zip(places.tolist(), read, strict=True))
        return [found[place] for place in range(len(rows))]

    def read_texts(self, rows: IntArray) -> pa.Table:
        which = np.searchsorted(self.starts, rows, side="right") - 1
        places = [np.flatnonzero(which == number) for number in range(len(self.sources))]
        read = [
            source.read_texts(rows[own] - start)
            for source, own, start in zip(self.sources, places, self.starts[:-1], strict=True)
            if len(own)
        ]
        order = np.argsort(np.concatenate(places), kind="stable")
        return pa.concat_tables([TEXTS.empty_table(), *read]).take(pa.array(order))


@dataclass(frozen=True)
class InGroup(Source):
    """Predictions of a task as items of its group."""

    source: Source
    task: str
    scores: tuple[str, ...]

    def file_hashes(self) -> Mapping[Path, str]:
        return self.source.file_hashes()

    def read(self, rows: IntArray) -> list[Prediction]:
        return [self._rename(prediction) for prediction in self.source.read(rows)]

    def read_texts(self, rows: IntArray) -> pa.Table:
        return self.source.read_texts(rows)

    def _rename(self, prediction: Prediction) -> Prediction:
        cluster = prediction.cluster_id
        return prediction.model_copy(
            update={
                "item_id": f"{self.task}/{prediction.item_id}",
                "cluster_id": None if cluster is None else f"{self.task}/{cluster}",
                "scores": {
                    name: prediction.scores[name]
                    for name in self.scores
                    if name in prediction.scores
                },
            }
        )
