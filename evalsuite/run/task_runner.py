"""Asking a model the documents of a task, every answer kept as soon as it is finished.

The harness's own loop keeps every answer in memory until the end. Here its task objects build the
requests, an engine answers them and yields each document once it is done, and that is on disk
before the next is looked at. Batches are cut at places that depend on the documents alone (see
`saeval.evalsuite.run.batches`), so an interrupted run continues with the same batches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from saeval.evalsuite.config import RunConfig
from saeval.evalsuite.engines.base import Engine, Request, is_streaming
from saeval.evalsuite.run.open_requests import OpenRequests, is_answered
from saeval.evalsuite.run.tasks import LoadedTask
from saeval.evalsuite.store.cache import AnswerCache
from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.prediction import Prediction
from saeval.evalsuite.store.run_folder import PredictionFile


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
    left = OpenRequests(task, engine, config, kept, adapter)
    n_from_cache = 0
    if kept and not left:
        return n_from_cache
    with file.open() as append:

        def keep(predictions: Sequence[Prediction]) -> None:
            if new := [prediction for prediction in predictions if prediction.key not in kept]:
                append(new)
                on_item(new)

        while left and (n_next := n_next_items(task)) != 0:
            if n_next is None and cache is None and is_streaming(engine):
                for request in engine.answer(left):
                    keep(task.read_predictions(request, config.samples))
                continue
            requests: list[Request] = []
            for batch in left.take(n_next):
                known = None if cache is None else _find_in_cache(task, cache, batch, config)
                if known is None:
                    requests += batch
                    continue
                n_from_cache += len(known)
                for predictions in known:
                    keep(predictions)
            for request in engine.answer(requests):
                keep(task.read_predictions(request, config.samples))
    return n_from_cache


def count_unanswered(task: LoadedTask, folder: Path, samples: int) -> int:
    """How many items of a task a run folder does not have yet."""
    kept = PredictionFile(folder, task.name).finished(task.keys(samples))
    return sum(not is_answered(item, kept, samples) for item in task.ids)


def _find_in_cache(
    task: LoadedTask, cache: AnswerCache, batch: Sequence[Request], config: RunConfig
) -> list[list[Prediction]] | None:
    """The answers to all requests of a batch; None if one is missing."""
    cached = [_cached(task, cache, request, config.samples) for request in batch]
    known = [predictions for predictions in cached if predictions is not None]
    return known if len(known) == len(batch) else None


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
