"""Batches over replicas on a simulated cluster: none is lost or doubled, and all are proven."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from simulated_cluster import SimulatedCluster

from saeval.errors import EngineError, InputError, ModelError
from saeval.evalsuite.config import EngineConfig, RunConfig
from saeval.evalsuite.engines.huggingface import TransformersEngine
from saeval.evalsuite.engines.registry import configure_engine
from saeval.evalsuite.engines.replicas.actor import (
    UNPROVEN,
    ProofSettings,
    Refusal,
    Replica,
    Setup,
)
from saeval.evalsuite.engines.replicas.cluster import Cluster, Machine
from saeval.evalsuite.engines.replicas.engine import ReplicatedEngine
from saeval.evalsuite.engines.replicas.placement import share_cpus
from saeval.evalsuite.engines.replicas.pool import ReplicaPool
from saeval.evalsuite.engines.replicas.wire import Question, Response, to_probes, to_question
from saeval.evalsuite.models.types import LocalModel
from saeval.evalsuite.options import to_engine_config
from saeval.evalsuite.run.tasks import build_probe_request, build_request, load_tasks
from saeval.evalsuite.store.manifest import Proof

ASKED = RunConfig(("factworld_residents",), limit=50, generation={"max_gen_toks": 4})
ON_CPU = EngineConfig("transformers", "cpu", "float32", batch_size=8, threads=1)
SETTINGS = ProofSettings({None: []}, "float32", False)


@pytest.fixture(scope="module")
def task():
    return load_tasks(ASKED)[0]


def respond(question: Question) -> Response:
    """An answer that depends on the prompt alone."""
    generations, labels, _ = question.asked
    written = tuple((f"LABEL=PASS\nCONF=0.{len(prompt) % 10}",) for prompt, _ in generations)
    scores = tuple(((-float(len(label)), False),) for _, label in labels)
    return Response((written, scores, ()), 10, 0, 5, False)


def cluster_of(count: int, batch_size: int = 8, **settings) -> SimulatedCluster:
    return SimulatedCluster(count, batch_size, 0.5, respond, **settings)


def pool_of(cluster: SimulatedCluster, count: int, notes: list[str], **settings) -> ReplicaPool:
    pool = ReplicaPool(cluster, count, note=notes.append, **settings)
    pool.prove(SETTINGS)
    return pool


def question(text: str) -> Question:
    return Question(None, (0,), "task", (((text, {}),), (), ()))


@pytest.mark.parametrize("count", [1, 2, 7, 64])
def test_every_batch_comes_back_once_whatever_the_number_of_replicas(count):
    pool = pool_of(cluster_of(count), count, [])
    batches = [[question(f"{number}")] for number in range(100)]
    seen = Counter(batch[0].asked[0][0][0] for batch, _ in pool.answer(batches))
    assert seen == {str(number): 1 for number in range(100)}


def test_a_lost_replica_costs_what_it_had_and_answers_again_once_proven():
    notes: list[str] = []
    # Calls of a replica: place, load, prove, then batches; the second is lost at its third batch.
    pool = pool_of(cluster_of(2, losses=[(1, 6)]), 2, notes)
    batches = [[question(f"{number}")] for number in range(40)]
    seen = Counter(batch[0].asked[0][0][0] for batch, _ in pool.answer(batches))
    assert seen == {str(number): 1 for number in range(40)}
    assert "replica 2 (simulated, process 0) was lost and is begun anew" in notes[0]
    assert "what it had is asked again" in notes[0]
    assert notes[1] == "replica 2 (simulated, process 0) is back and has proven its models anew"
    assert pool.n_ready == 2


def test_a_batch_that_loses_every_replica_it_is_given_to_ends_the_run():
    class Poisoned(SimulatedCluster):
        def call(self, number, replica, method, *arguments):
            if method == "answer" and arguments[0][0].asked[0][0][0] == "7":
                self.fail(number)
            else:
                super().call(number, replica, method, *arguments)

    pool = pool_of(Poisoned(4, 8, 0.5, respond), 4, [])
    batches = [[question(f"{number}")] for number in range(40)]
    with pytest.raises(EngineError, match=r"a batch has now lost 3 replicas.*to resume"):
        list(pool.answer(batches))


def test_no_replica_left_is_an_error_that_can_be_resumed():
    losses = [(0, number) for number in range(4, 40, 4)]
    notes: list[str] = []
    pool = pool_of(cluster_of(1, losses=losses), 1, notes)
    with pytest.raises(EngineError, match="run the same command again to resume"):
        list(pool.answer([[question("a")], [question("b")]]))
    assert any("was lost" in note for note in notes)


def test_replicas_without_a_place_are_named_and_do_not_wait_for_ever():
    class Full(SimulatedCluster):
        def call(self, number, replica, method, *arguments):
            if method != "place" or replica < self.places:
                super().call(number, replica, method, *arguments)

        def explain_waiting(self):
            return "each needs 4 GPUs on one machine, and the cluster at a:1 has 2 GPUs"

    cluster = Full(3, 8, 0.01, respond)
    cluster.places = 0
    pool = ReplicaPool(cluster, 3, patience=0.5)
    with pytest.raises(EngineError, match=r"no replica has found a place for 0\.5 s: each needs 4"):
        pool.wait_loaded()

    cluster = Full(3, 8, 0.01, respond)
    cluster.places = 2
    notes: list[str] = []
    pool = pool_of(cluster, 3, notes, patience=0.2)

    def slowly():
        for number in range(20):
            time.sleep(0.02)
            yield [question(f"{number}")]

    assert len(list(pool.answer(slowly()))) == 20
    assert len(notes) == 1
    assert notes[0].startswith("1 of 3 replicas have no place yet: each needs 4 GPUs")


def replicated(count, **settings):
    config = replace(ON_CPU, replicas=count)
    cluster = cluster_of(count, **settings)
    engine = ReplicatedEngine(None, LocalModel("m", Path("m")), [], config, lambda *_: cluster)
    engine.prove(lambda adapter: [], "float32", own_base=False)
    return engine


@pytest.mark.parametrize("batch_size", [8, 1])
def test_batches_are_those_of_one_engine_and_no_request_waits_for_the_last(task, batch_size):
    engine = replicated(3, batch_size=batch_size)
    requests = [build_request(task, index, engine, ASKED) for index in range(50)]
    answered = [request.generations[0].doc_id for request in engine.answer(requests)]
    assert sorted(answered) == list(range(50))
    assert all(len(request.generations[0].resps) == 1 for request in requests)
    assert all(len(label.resps) == 1 for request in requests for label in request.loglikelihoods)
    if batch_size == 8:
        batches = [answered[start : start + 8] for start in range(0, 48, 8)]
        firsts = {batch[0] for batch in batches if len(batch) == 8}
        assert firsts <= {0, 8, 16, 24, 32, 40, 48, *answered[48:]}


def test_a_replica_of_another_model_is_named():
    records: dict[int, float] = {0: -1.0, 1: -2.0}

    class Differing(SimulatedCluster):
        def call(self, number, replica, method, *arguments):
            self.score = records[replica]
            super().call(number, replica, method, *arguments)

        def _prove(self, settings):
            return {
                None: Proof(
                    prompts="p", scores=[[self.score]], base_moved={}, floor=1e-5, ended=False
                )
            }

    cluster = Differing(2, 8, 0.5, respond)
    config = replace(ON_CPU, replicas=2)
    engine = ReplicatedEngine(None, LocalModel("m", Path("m")), [], config, lambda *_: cluster)
    with pytest.raises(ModelError, match=r"replica 2 .*the base is another model there than in"):
        engine.prove(lambda adapter: [], "float32", own_base=False)


def test_a_replica_begun_anew_answers_nothing_before_its_proof(tiny_base, tiny_adapter, task):
    model = LocalModel(str(tiny_adapter), tiny_base, tiny_adapter)
    setup = Setup(TransformersEngine, model, (tiny_adapter,), ON_CPU)
    replica = Replica(setup)
    engine = TransformersEngine(model, (tiny_adapter,), ON_CPU)

    def probe(adapter):
        return [build_probe_request(task, index, engine, ASKED, adapter) for index in range(2)]

    probes = to_probes([tiny_adapter], probe)
    asked = [to_question(build_request(task, 0, engine, ASKED, tiny_adapter))]
    assert replica.answer(asked) == UNPROVEN
    assert isinstance(replica.prove(ProofSettings(probes, "float32", False)), Refusal)
    assert replica.load().batch_size == 8
    assert replica.answer(asked) == UNPROVEN
    records = replica.prove(ProofSettings(probes, "float32", False))
    assert records[str(tiny_adapter)].distance_to_base > 0.01
    answers = replica.answer(asked)
    expected = build_request(task, 0, engine, ASKED, tiny_adapter)
    list(engine.answer([expected]))
    assert answers[0].given[0][0] == (expected.generations[0].resps[0],)
    assert replica.check_end(str(tiny_adapter))[None].ended


def test_cpus_are_shared_so_that_all_find_a_place():
    assert share_cpus([Machine("a", 2, 0)], 2) == 1
    assert share_cpus([Machine("a", 64, 0)], 4) == 16
    assert share_cpus([Machine("a", 5, 0), Machine("b", 1, 0)], 2) == 2
    assert share_cpus([Machine("a", 2, 0)], 5) == 1


def test_data_parallel_size_is_another_word_for_replicas():
    config = to_engine_config({"model_args": {"data_parallel_size": 4, "max_model_len": 64}})
    assert (config.replicas, config.model_args) == (4, {"max_model_len": 64})
    with pytest.raises(InputError, match="says another number of the same"):
        to_engine_config({"replicas": 2, "model_args": {"data_parallel_size": 4}})
    with pytest.raises(InputError, match="--replicas: must be a whole number from 1, found 0"):
        to_engine_config({"replicas": 0})


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:9", "--ray 127.0.0.1:9: nobody answers there"),
        ("ray://head:10001", "--ray ray://head:10001: give HOST:PORT of a cluster's head"),
        ("somewhere", "--ray somewhere: give HOST:PORT of a cluster's head"),
    ],
)
def test_an_address_where_nobody_answers_is_named_at_once(address, message):
    with pytest.raises((EngineError, InputError), match=message):
        Cluster(address)


def test_a_device_that_ray_decides_cannot_be_named(tiny_base):
    config = EngineConfig("transformers", "cpu:0", "float32", replicas=2)
    with pytest.raises(InputError, match=r"--device cpu:0: Ray decides which GPU"):
        configure_engine(config, [LocalModel(str(tiny_base), tiny_base)])
