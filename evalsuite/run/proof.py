"""The engine of runs that share a base, proven before it answers and after."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from saeval.errors import ModelError
from saeval.evalsuite.config import EngineConfig
from saeval.evalsuite.engines import adapter_kinds
from saeval.evalsuite.engines.adapter_check import (
    EngineProof,
    Scores,
    check_model_unchanged,
    check_models_differ,
    check_one_model,
    label_scores,
)
from saeval.evalsuite.engines.base import Engine, Request
from saeval.evalsuite.engines.openai_api import ServerEngine
from saeval.evalsuite.engines.registry import load_engine, loads_adapters_when_asked
from saeval.evalsuite.engines.replicas.engine import ReplicatedEngine
from saeval.evalsuite.engines.replicas.proof import ReplicasProof
from saeval.evalsuite.engines.server_labels import LabelScorer
from saeval.evalsuite.models.types import ServedModel
from saeval.evalsuite.run.tasks import build_probe_request
from saeval.evalsuite.store.run_folder import (
    PredictionFile,
    get_or_set_manifest_field,
    lock_run_folder,
)

if TYPE_CHECKING:
    from saeval.evalsuite.run.runner import Run

_PROBES = 4


@dataclass(frozen=True)
class ServedScores:
    """What served models gave before their runs, by argument and address.

    `labels` is how each gives log-probabilities of labels, `apart` how far the servers of one model
    are apart, `again` names those that are asked once more at the end of their runs: they share a
    server, or have several.
    """

    scores: Mapping[str, Mapping[str, Scores]] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, LabelScorer]] = field(default_factory=dict)
    apart: Mapping[str, float] = field(default_factory=dict)
    again: Set[str] = frozenset()

    def first_of(self, argument: str) -> Scores | None:
        """What the first server of a model gave; None of one that is not served."""
        return next(iter(self.scores.get(argument, {}).values()), None)

    def moved(self, argument: str) -> dict[str, float]:
        """How far its servers are apart, for its proof."""
        several = len(self.scores.get(argument, {})) > 1
        return {"between_servers": self.apart[argument]} if several else {}


@contextmanager
def proven_engine(
    group: Sequence[Run],
    engine_config: EngineConfig,
    served: ServedScores,
    on_phase: Callable[[str], None],
    on_engine: Callable[[Engine], None],
) -> Iterator[tuple[Engine, EngineProof | ReplicasProof]]:
    """The engine of runs that share a base, and what it was proven to be."""
    model = group[0].model
    adapters = list(dict.fromkeys(run.model.adapter for run in group if run.model.adapter))
    alone = served.first_of(model.argument)
    if adapters and not loads_adapters_when_asked(model, engine_config):
        base = load_engine(model, [], engine_config)
        try:
            alone = label_scores(base, _probes(group[0], base)(None))
        finally:
            base.close()
    engine = load_engine(model, adapters, engine_config)
    on_phase("load")
    try:
        on_engine(engine)
        probes, own_base = _probes(group[0], engine), needs_own_base(group[0])
        if isinstance(engine, ServerEngine):
            engine.admit(served.scores[model.argument], probes, served.labels[model.argument])
        proof: EngineProof | ReplicasProof
        if isinstance(engine, ReplicatedEngine):
            proof = engine.prove(probes, engine_config.dtype, own_base=own_base)
        else:
            proof = EngineProof(
                engine,
                adapters,
                probes,
                engine_config.dtype,
                alone=alone,
                own_base=own_base,
                ends=not isinstance(model, ServedModel) or model.argument in served.again,
                moved=served.moved(model.argument),
            )
        on_phase("prove")
        yield engine, proof
    finally:
        engine.close()


def needs_own_base(run: Run) -> bool:
    """Whether its adapter cannot share a base."""
    adapter = run.model.adapter
    return adapter is not None and adapter_kinds.needs_own_base(adapter) is not None


def check_end(
    proof: EngineProof | ReplicasProof,
    adapter: Path | None,
    files: Mapping[str, PredictionFile],
    sizes: Mapping[str, int],
) -> None:
    """Set aside what this process has added to files of these sizes if it proves nothing worth."""
    try:
        proof.check_end(adapter)
    except ModelError as error:
        aside = [path for name, file in files.items() if (path := file.set_aside(sizes[name]))]
        if not aside:
            raise
        where = ", ".join(map(str, aside))
        raise ModelError(f"{error}. The answers of this run were set aside in {where}") from error


def check_served_models(runs: Sequence[Run], engine_config: EngineConfig) -> ServedScores:
    """Of served models: that two names are two models, and that each is still who it was.

    Each is asked before those that come after it, and where there are several, once more after
    all. Servers of one model must give the same.
    """
    served = {run.model.argument: run.model for run in runs if isinstance(run.model, ServedModel)}
    labels: dict[str, dict[str, LabelScorer]] = {argument: {} for argument in served}

    def ask(model: ServedModel) -> dict[str, Scores]:
        engine = ServerEngine(model, [], engine_config)
        engine.labels = labels[model.argument]
        try:
            return engine.scores_by_server(_probes(runs[0], engine))
        finally:
            engine.close()

    scores = {argument: ask(model) for argument, model in served.items()}
    apart = {argument: check_one_model(argument, own) for argument, own in scores.items()}
    again = {argument for argument, model in served.items() if model.other_urls}
    for url in dict.fromkeys(url for model in served.values() for url in model.urls):
        named = {
            model.name: (argument, scores[argument][f"{url}#{model.name}"])
            for argument, model in served.items()
            if f"{url}#{model.name}" in scores[argument]
        }
        check_models_differ(url, {name: own for name, (_, own) in named.items()})
        if len(named) > 1:
            again |= {argument for argument, _ in named.values()}
    if len(served) > 1:
        for argument in again:
            for address, now in ask(served[argument]).items():
                if (before := scores[argument].get(address)) is not None:
                    check_model_unchanged(address, before, now)
    for run in runs:
        if (own := scores.get(run.model.argument)) is not None:
            with lock_run_folder(run.folder, run.manifest(engine_config)):
                first = next(iter(own.values()))
                before = get_or_set_manifest_field(run.folder, "probe", first)
                check_model_unchanged(run.model.argument, before, first)
    return ServedScores(scores, labels, apart, again)


def _probes(run: Run, engine: Engine) -> Callable[[Path | None], list[Request]]:
    """The label log-probabilities of the first documents, without an answer in words."""
    task = run.tasks[0].whole or run.tasks[0]  # the same prompts in every shard

    def probes(adapter: Path | None) -> list[Request]:
        return [
            build_probe_request(task, index, engine, run.shared_config, adapter)
            for index in range(min(_PROBES, len(task.documents)))
        ]

    return probes
