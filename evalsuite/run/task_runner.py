"""Asking a model the documents of a task, every answer kept as soon as it is finished.

The harness's own loop keeps every answer in memory until the end. Here its task objects build the
requests, an engine answers them and yields each document once it is done, and that is on disk
before the next is looked at. Batches are cut at fixed places, so an interrupted run continues with
the same batches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

from saeval.evalsuite.config import RunConfig
from saeval.evalsuite.engines.base import Engine, Request
from saeval.evalsuite.run.tasks import LoadedTask, build_request
from saeval.evalsuite.store.cache import AnswerCache
from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.prediction import Key, Prediction
from saeval.evalsuite.store.run_folder import PredictionFile

REQUESTS_PER_CALL = 4096
"""Requests handed to an engine at a time: enough to keep it busy, few enough for any memory."""


def answer_task(
    task: LoadedTask,
    engine: Engine,
    file: PredictionFile,
    config: RunConfig,
    *,
    adapter: Path | None = None,
    cache: AnswerCache | None = None,
    on_item: Callable[[Sequence[Prediction]], None] = lambda answers: None,
    n_next_items: Callable[[LoadedTask], int | None] = lambda task: None,
) -> int:
    """Answer what is still open of a task.

    A batch that a crash cut short is asked whole again, so that every answer comes from the batch
    that it would have come from; what was kept of it stays. The same holds of a batch that the
    cache knows in part.

    Parameters
    ----------
    task, engine, file, config
        What is asked of whom and how, and where the answers go.
    adapter
        Who answers; None for the base.
    cache
        Answers of earlier runs; it gets those of this one when the run's end is proven.
    on_item
        Hears of every item that is finished: its new answers, which are on disk.
    n_next_items
        Asked again and again how many items to ask next, None being all and 0 the end.

    Returns
    -------
    int
        How many items the cache knew.
    """
    kept = file.finished(task.keys(config.samples))
    left = _open_batches(task, config, kept, engine.batch_size)
    n_from_cache = 0
    if kept and not left:
        return n_from_cache
    # Who takes requests as it goes needs no limit on how many are made at once.
    is_stream = getattr(engine, "streams", False) and cache is None
    most = len(left) if is_stream else REQUESTS_PER_CALL
    with file.open() as append:
        while left and (n_next := n_next_items(task)) != 0:
            n_items = min(n_next or most, most)
            size = math.ceil(n_items / engine.batch_size) * engine.batch_size
            indices, left = left[:size], left[size:]
            requests: Sequence[Request] = _Requests(task, indices, engine, config, adapter)
            if not is_stream:
                requests = list(requests)
            if cache is not None:
                known, requests = _split_by_cache(task, cache, requests, config, engine.batch_size)
                n_from_cache += len(known)
                for predictions in known:
                    new = [p for p in predictions if p.key not in kept]
                    append(new)
                    on_item(new)
            for request in engine.answer(requests):
                predictions = task.read_predictions(request, config.samples)
                new = [p for p in predictions if p.key not in kept]
                append(new)
                if new:
                    on_item(new)
    return n_from_cache


@dataclass(frozen=True)
class _Requests(Sequence[Request]):
    """The requests of some documents, each made when it is looked at."""

    task: LoadedTask
    indices: Sequence[int]
    engine: Engine
    config: RunConfig
    adapter: Path | None

    def __len__(self) -> int:
        return len(self.indices)

    @overload
    def __getitem__(self, at: int) -> Request: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Request]: ...

    def __getitem__(self, at: int | slice) -> Request | Sequence[Request]:
        if isinstance(at, slice):
            return replace(self, indices=self.indices[at])
        return build_request(self.task, self.indices[at], self.engine, self.config, self.adapter)


def count_unanswered(task: LoadedTask, folder: Path, samples: int) -> int:
    """How many items of a task a run folder does not have yet."""
    kept = PredictionFile(folder, task.name).finished(task.keys(samples))
    return sum(not _is_answered(item, kept, samples) for item in task.ids)


def _is_answered(item: str, kept: Set[Key], samples: int) -> bool:
    return all((item, sample) in kept for sample in range(samples))


def _open_batches(
    task: LoadedTask, config: RunConfig, kept: Set[Key], batch_size: int
) -> list[int]:
    """Indices of the items of all batches that are not answered whole."""
    order = list(range(len(task.ids)))
    if config.again:
        order.reverse()
    answered = [_is_answered(item, kept, config.samples) for item in task.ids]
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    return [i for batch in batches if not all(answered[i] for i in batch) for i in batch]


def _split_by_cache(
    task: LoadedTask,
    cache: AnswerCache,
    requests: Sequence[Request],
    config: RunConfig,
    batch_size: int,
) -> tuple[list[list[Prediction]], list[Request]]:
    """What the cache has of whole batches, and the requests left to ask."""
    known: list[list[Prediction]] = []
    left: list[Request] = []
    for start in range(0, len(requests), batch_size):
        batch = requests[start : start + batch_size]
        cached = [_cached(task, cache, request, config.samples) for request in batch]
        complete = [predictions for predictions in cached if predictions is not None]
        if len(complete) == len(batch):
            known += complete
        else:
            left += batch
    return known, left


def _cached(
    task: LoadedTask, cache: AnswerCache, request: Request, samples: int
) -> list[Prediction] | None:
    """The answers to all samples of a request; None if one is missing."""
    first = request.instances[0]
    document = task.documents[first.doc_id]
    document_hash, prompt_hash = task.hash_of(document), hash_text(first.args[0])
    predictions = []
    for sample in range(samples):
        prediction = cache.get((document["id"], sample), document_hash, prompt_hash)
        if prediction is None:
            return None
        predictions.append(prediction)
    return predictions
