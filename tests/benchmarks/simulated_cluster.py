"""Replicas that answer after a drawn latency, on a clock that leaps to the next answer.

The driver's own time counts as it passes; where it would wait, the clock leaps. So a run on 256
replicas takes as long as the driver has work, and the time that it would have taken is known.
"""

from __future__ import annotations

import heapq
import pickle
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from saeval.evalsuite.engines.replicas.actor import Loaded, Place, ProofSettings
from saeval.evalsuite.engines.replicas.transport import Reply
from saeval.evalsuite.engines.replicas.wire import Question, Response
from saeval.evalsuite.store.manifest import Proof


class SimulatedCluster:
    """A `Transport` of replicas that only take time.

    Parameters
    ----------
    count
        Of replicas.
    batch_size, latency
        Of their engine: requests of a batch, and mean seconds per batch; drawn from a gamma
        distribution with a standard deviation of a third of it.
    respond
        What they answer to a question.
    losses
        Replica and number of its call at which it is lost.
    """

    def __init__(
        self,
        count: int,
        batch_size: int,
        latency: float,
        respond: Callable[[Question], Response],
        losses: Sequence[tuple[int, int]] = (),
    ) -> None:
        self._batch_size = batch_size
        self._latency = latency
        self._respond = respond
        self._losses = set(losses)
        self._draw = np.random.default_rng(0)
        self._due: list[tuple[float, int, bytes]] = []
        self._free_at = [0.0] * count
        self._n_calls = [0] * count
        self._leapt = 0.0
        self.busy = 0.0

    @property
    def now(self) -> float:
        """Seconds, those leapt over among them."""
        return time.perf_counter() + self._leapt

    def call(self, number: int, replica: int, method: str, *arguments: Any) -> None:
        """Done when the calls before it are; what is sent is pickled, as Ray does."""
        sent = pickle.dumps(arguments, protocol=5)
        self._n_calls[replica] += 1
        takes = 0.0
        if (replica, self._n_calls[replica]) in self._losses:
            reply = Reply(number, loss="was lost in the simulation")
        else:
            reply = Reply(number, getattr(self, f"_{method}")(*pickle.loads(sent)))
        if method == "answer":
            takes = float(self._draw.gamma(9, self._latency / 9))
            self.busy += takes
        self._free_at[replica] = max(self.now, self._free_at[replica]) + takes
        heapq.heappush(self._due, (self._free_at[replica], number, pickle.dumps(reply, protocol=5)))

    def fail(self, number: int) -> None:
        """A call over which its replica is lost at once."""
        reply = Reply(number, loss="was lost in the simulation")
        heapq.heappush(self._due, (self.now, number, pickle.dumps(reply, protocol=5)))

    def poll(self, timeout: float) -> list[Reply]:
        """All that is due; leaps to the first if nothing is."""
        if self._due and self._due[0][0] > self.now:
            self._leapt += self._due[0][0] - self.now
        replies = []
        now = self.now
        while self._due and self._due[0][0] <= now:
            replies.append(pickle.loads(heapq.heappop(self._due)[2]))
        return replies

    def explain_waiting(self) -> str:
        """Never asked."""
        return ""

    def close(self) -> None:
        """Nothing to end."""

    def _place(self) -> Place:
        return Place("simulated", 0)

    def _load(self) -> Loaded:
        return Loaded(self._batch_size, (None, None))

    def _prove(self, settings: ProofSettings) -> dict[str | None, Proof]:
        scores = [[-1.0] for _ in settings.probes[None]]
        return {
            key: Proof(prompts="", scores=scores, base_moved={}, floor=1e-5, ended=False)
            for key in settings.probes
        }

    def _check_end(self, adapter: str | None) -> dict[str | None, Proof]:
        return self._prove(ProofSettings({adapter: [], None: []}, "float32", False))

    def _answer(self, questions: Sequence[Question]) -> list[Response]:
        return [self._respond(question) for question in questions]
