"""Several copies of an engine that answer as one (``--replicas``, ``--ray``).

Batches are those that the engine itself would make, so no answer depends on how many replicas
there are. Each replica proves its models before it answers, again wherever it is begun anew, and
at the end of every run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from operator import length_hint
from pathlib import Path
from typing import Any

from saeval.evalsuite.config import EngineConfig
from saeval.evalsuite.engines.base import Request, cut_batches
from saeval.evalsuite.engines.replicas.actor import ProofSettings, Setup
from saeval.evalsuite.engines.replicas.chat import chat_template_of
from saeval.evalsuite.engines.replicas.pool import PATIENCE, ReplicaPool
from saeval.evalsuite.engines.replicas.proof import ReplicasProof
from saeval.evalsuite.engines.replicas.ray_transport import start_on_ray
from saeval.evalsuite.engines.replicas.transport import Transport
from saeval.evalsuite.engines.replicas.wire import fill_request, to_probes, to_question
from saeval.evalsuite.models.types import LocalModel

_MOST_PER_CALL = 512
"""Requests that an engine which makes its own batches is handed at once, at most."""
_CALLS_LEFT = 4
"""What is left is cut into so many calls per replica, so that all end at about the same time."""


class ReplicatedEngine:
    """Replicas of one engine, as actors of Ray unless `connect` reaches others.

    Attributes
    ----------
    notes
        Sentences on replicas that were lost and came back.
    streams
        Requests are taken one by one as replicas become free.
    """

    streams = True

    def __init__(
        self,
        make: Any,
        model: LocalModel,
        adapters: Sequence[Path],
        config: EngineConfig,
        connect: Callable[[Setup, EngineConfig], Transport] = start_on_ray,
    ) -> None:
        self.notes: list[str] = []
        self._make, self._model, self._config = make, model, config
        self._adapters = tuple(adapters)
        setup = Setup(make, model, self._adapters, replace(config, replicas=1, ray=None))
        self._proof = ReplicasProof(config.dtype)
        self._pool = ReplicaPool(
            connect(setup, config),
            config.replicas,
            on_proven=self._proof.add,
            note=self.notes.append,
            patience=PATIENCE,
        )
        self._proof.pool = self._pool
        try:
            self._loaded = self._pool.wait_loaded()
        except BaseException:
            self.close()
            raise
        self.batch_size = self._loaded.batch_size
        self.batch_tokens = config.batch_tokens

    @property
    def status(self) -> str:
        """How many replicas answer, for the line of progress."""
        return f"{self._pool.n_ready} of {self._config.replicas} replicas"

    @cached_property
    def chat_template(self) -> Callable[..., Any]:
        """Filled here, and the same as a replica's."""
        return chat_template_of(self._make, self._model.folder, self._config, self._loaded)

    def prove(
        self, probe: Callable[[Path | None], list[Request]], dtype: str, *, own_base: bool
    ) -> ReplicasProof:
        """Let every replica prove base and adapters; returns once the first one has."""
        probes = to_probes(self._adapters, probe)
        self._pool.prove(ProofSettings(probes, dtype, own_base))
        return self._proof

    def answer(self, requests: Iterable[Request]) -> Iterator[Request]:
        """Fill the responses as batches come back; each is of one adapter."""
        size = self.batch_size
        batches = cut_batches(requests, size) if size > 1 else self._hand_out(requests)
        for batch, responses in self._pool.answer(batches, _pack):
            for request, response in zip(batch, responses, strict=True):
                fill_request(request, response)
            yield from batch

    def _hand_out(self, requests: Iterable[Request]) -> Iterator[list[Request]]:
        """For an engine that makes its own batches: many at a time, fewer towards the end."""
        left, batch = length_hint(requests), list[Request]()
        calls = _CALLS_LEFT * len(self._pool.members)
        for request in requests:
            batch.append(request)
            if len(batch) >= min(_MOST_PER_CALL, -(-left // calls)):
                left -= len(batch)
                yield batch
                batch = []
        if batch:
            yield batch

    def close(self) -> None:
        """End all replicas, and Ray if it was begun here."""
        self._pool.close()


def _pack(batch: Sequence[Request]) -> list[Any]:
    return [to_question(request) for request in batch]
