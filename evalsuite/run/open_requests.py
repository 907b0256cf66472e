"""The requests of a task that are still to be asked, batch by batch.

Requests are made of one window of documents after another, so that the first can be asked soon.
Within a window documents are put in order of length. A batch that is answered in part is open, and
is asked whole again: every answer comes from the batch that it would have come from.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Set
from itertools import count
from pathlib import Path

from saeval.evalsuite.config import RunConfig
from saeval.evalsuite.engines.base import Engine, Request
from saeval.evalsuite.run.batches import plan_batches, split_first
from saeval.evalsuite.run.tasks import LoadedTask, build_request
from saeval.evalsuite.store.prediction import Key

DOCUMENTS_PER_WINDOW = 256
"""Put in order of length together. Of a larger sample only the last window has other batches, so
that a cache knows the others."""
REQUESTS_PER_CALL = 4096
"""A window of an engine without batches: enough to keep it busy, few enough for any memory."""


class OpenRequests:
    """What is left of a task, taken from the front.

    Parameters
    ----------
    task, engine, config, adapter
        What is asked of whom and how.
    kept
        The answers that are there.
    """

    def __init__(
        self,
        task: LoadedTask,
        engine: Engine,
        config: RunConfig,
        kept: Set[Key],
        adapter: Path | None = None,
    ) -> None:
        self._task, self._engine, self._config, self._adapter = task, engine, config, adapter
        self._has_batches = engine.batch_size > 1
        self._numbers = count()
        self._batches: deque[list[Request]] = deque()
        samples = config.samples
        self._answered = [is_answered(item, kept, samples) for item in task.ids]
        size = DOCUMENTS_PER_WINDOW if self._has_batches else REQUESTS_PER_CALL
        order = range(len(task.ids))[:: -1 if config.again else 1]
        windows = [order[start : start + size] for start in range(0, len(order), size)]
        self._first = windows[0] if windows else None
        self._windows = deque(w for w in windows if not all(self._answered[i] for i in w))

    def __bool__(self) -> bool:
        return bool(self._batches or self._windows)

    def __length_hint__(self) -> int:
        return sum(map(len, self._batches)) + sum(map(len, self._windows))

    def take(self, n_items: int | None = None) -> list[list[Request]]:
        """Batches of one window: so many items, rounded up to a whole batch; None for all of it."""
        if not self._batches:
            self._batches += self._open(self._windows.popleft())
        taken: list[list[Request]] = []
        while self._batches and (n_items is None or sum(map(len, taken)) < n_items):
            batch, number = self._batches.popleft(), next(self._numbers)
            for request in batch:
                request.batch = number
            taken.append(batch)
        return taken

    def __iter__(self) -> Iterator[Request]:
        """All of them, each window made when the one before it is taken."""
        while self:
            for batch in self.take():
                yield from batch

    def _open(self, window: range) -> list[list[Request]]:
        by_length = self._has_batches and not self._config.shuffled
        requests = [
            build_request(self._task, index, self._engine, self._config, self._adapter)
            for index in window
        ]
        batches = plan_batches(
            [_prompt_size(request) for request in requests],
            self._engine.batch_size,
            getattr(self._engine, "batch_tokens", 0),
            by_length=by_length,
            again=self._config.again,
        )
        if by_length and window is self._first:
            batches = split_first(batches)
        return [
            [requests[place] for place in batch]
            for batch in batches
            if not all(self._answered[window[place]] for place in batch)
        ]


def is_answered(item: str, kept: Set[Key], samples: int) -> bool:
    """Whether all samples of an item are there."""
    return all((item, sample) in kept for sample in range(samples))


def _prompt_size(request: Request) -> int:
    """Bytes of its longest prompt."""
    texts = (str(instance.args[0]) for instance in request.instances)
    return max((len(text.encode()) for text in texts), default=0)
