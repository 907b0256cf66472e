"""One copy of an engine in a process of its own, which answers nothing before it is proven."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saeval.errors import SaevalError
from saeval.evalsuite.config import EngineConfig
from saeval.evalsuite.engines.adapter_check import EngineProof, Scores, label_scores
from saeval.evalsuite.engines.base import Engine, Request
from saeval.evalsuite.engines.replicas.wire import (
    Question,
    Response,
    to_request,
    to_response,
)
from saeval.evalsuite.models.types import LocalModel
from saeval.evalsuite.store.manifest import Proof

UNPROVEN = "unproven"
"""What a replica that was begun anew gives instead of answers."""
TEMPLATE_SAMPLES: tuple[list[dict[str, str]], ...] = (
    [{"role": "user", "content": "A question?"}],
    [{"role": "system", "content": "A rule."}, {"role": "user", "content": "A question?"}],
)
"""Conversations on which the driver's chat template must agree with the replica's."""


@dataclass(frozen=True)
class Setup:
    """What a replica loads; `make` is the engine's class."""

    make: Any
    model: LocalModel
    adapters: tuple[Path, ...]
    config: EngineConfig


@dataclass(frozen=True)
class Place:
    """Where a replica is."""

    node: str
    process: int


@dataclass(frozen=True)
class Loaded:
    """What a replica says of its engine: its batches, and `TEMPLATE_SAMPLES` as prompts."""

    batch_size: int
    prompts: tuple[str | None, ...]


@dataclass(frozen=True)
class ProofSettings:
    """The probe questions by adapter, and the settings of an `EngineProof`."""

    probes: dict[str | None, list[Question]]
    dtype: str
    own_base: bool


@dataclass(frozen=True)
class Refusal:
    """An error that a person can mend, by the name of its class."""

    kind: str
    message: str


Records = dict[str | None, Proof]
"""What was proven of the base and of every adapter."""


class Replica:
    """An engine and its proof; Ray makes it anew where its process or node is lost.

    Every method returns plain data, or a `Refusal`; what it raises is the replica's own failure.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._engine: Engine | None = None
        self._proof: EngineProof | None = None
        self._loads_twice = bool(setup.adapters) and not getattr(
            setup.make, "loads_adapters_when_asked", False
        )

    def place(self, node: str) -> Place:
        """Where it is; `node` is what its transport calls the machine."""
        return Place(node, os.getpid())

    def load(self) -> Loaded | Refusal:
        """Load the engine; without its adapters, where it would load these at once."""
        if self._engine is None:
            try:
                self._engine = self._make(() if self._loads_twice else self._setup.adapters)
            except SaevalError as error:
                return _refusal(error)
        engine = self._engine
        return Loaded(engine.batch_size, tuple(_prompt(engine, s) for s in TEMPLATE_SAMPLES))

    def prove(self, settings: ProofSettings) -> Records | Refusal:
        """Prove that base and adapters are themselves; see `EngineProof`."""
        if self._engine is None:
            return Refusal("EngineError", "was asked for a proof before it had loaded its model")

        def probe(adapter: Path | None) -> list[Request]:
            key = None if adapter is None else str(adapter)
            return [to_request(question) for question in settings.probes[key]]

        adapters = self._setup.adapters
        try:
            alone: Scores | None = None
            if self._loads_twice:
                alone = label_scores(self._engine, probe(None))
                self._engine.close()
                self._engine = self._make(adapters)
            proof = EngineProof(
                self._engine,
                adapters,
                probe,
                settings.dtype,
                alone=alone,
                own_base=settings.own_base,
            )
        except SaevalError as error:
            return _refusal(error)
        self._proof = proof
        return self._records(ended=False)

    def check_end(self, adapter: str | None) -> Records | Refusal | str:
        """Prove once more that base and adapter are who they were."""
        if self._proof is None:
            return UNPROVEN
        try:
            self._proof.check_end(None if adapter is None else Path(adapter))
        except SaevalError as error:
            return _refusal(error)
        return self._records(ended=True)

    def answer(self, questions: Sequence[Question]) -> list[Response] | Refusal | str:
        """Answer one batch."""
        if self._engine is None or self._proof is None:
            return UNPROVEN
        requests = [to_request(question) for question in questions]
        try:
            for _ in self._engine.answer(requests):
                pass
        except SaevalError as error:
            return _refusal(error)
        return [to_response(request) for request in requests]

    def _make(self, adapters: Sequence[Path]) -> Engine:
        warnings.simplefilter("ignore")  # nobody reads what a replica prints
        engine: Engine = self._setup.make(self._setup.model, adapters, self._setup.config)
        return engine

    def _records(self, *, ended: bool) -> Records:
        assert self._proof is not None
        records: Records = {None: self._proof.record(None, ended=ended)}
        for adapter in self._setup.adapters:
            records[str(adapter)] = self._proof.record(adapter, ended=ended)
        return records


def _prompt(engine: Engine, messages: list[dict[str, str]]) -> str | None:
    """None where the engine has no chat template, or its template takes no such messages."""
    try:
        return str(engine.chat_template(messages, add_generation_prompt=True))
    except Exception:
        return None


def _refusal(error: SaevalError) -> Refusal:
    return Refusal(type(error).__name__, str(error))
