"""What the driver of many replicas can do, and what it needs: a simulated cluster of 1 to 256.

    python tests/benchmarks/bench_cluster.py [--items 20000] [--rate 25] [--price 3]

Everything is the product's but the replicas: requests are built from a task, packed, handed out,
unpacked, parsed and appended to a file. Replicas take a drawn time and answer at once in all else;
what is sent to them and back is pickled. Each number of replicas is a process of its own.
`docs/evidence/cluster.md` is written at full size alone.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from cluster_page import page_of, picture_of
from simulated_cluster import SimulatedCluster

from saeval.evalsuite.config import EngineConfig, RunConfig
from saeval.evalsuite.engines.replicas.cluster import Cluster
from saeval.evalsuite.engines.replicas.engine import ReplicatedEngine
from saeval.evalsuite.engines.replicas.wire import Question, Response, to_question
from saeval.evalsuite.models.types import LocalModel
from saeval.evalsuite.run.task_runner import answer_task
from saeval.evalsuite.run.tasks import build_probe_request, build_request, load_tasks
from saeval.evalsuite.store.run_folder import PredictionFile

ROOT = Path(__file__).parents[2]
COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
FULL = 20_000
BATCH = 16
LATENCY = BATCH / 25
"""Seconds per batch of a replica: 25 items a second."""


@dataclass(frozen=True)
class Point:
    """What a run on so many replicas cost the driver, and how long it would have taken."""

    count: int
    items: int
    wall: float
    cpu: float
    peak_mb: float
    begun_mb: float
    simulated: float
    utilisation: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=FULL, help="of each run")
    parser.add_argument("--rate", type=float, default=25, help="items a second of one GPU")
    parser.add_argument("--price", type=float, default=3, help="of one GPU for an hour, in dollars")
    parser.add_argument("--only", type=int, help="so many replicas, as JSON")
    given = parser.parse_args()
    if given.only:
        print(json.dumps(asdict(measure(given.only, given.items))))
        return
    points = []
    for count in COUNTS:
        command = [sys.executable, __file__, "--only", str(count), "--items", str(given.items)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        said = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        points.append(Point(**json.loads(said.stdout.splitlines()[-1])))
        print(points[-1], file=sys.stderr)
    per_call = measure_ray()
    page = page_of(points, BATCH, per_call, given.rate, given.price)
    print(page)
    if given.items == FULL:
        picture_of(points, ROOT / "docs/evidence/pictures/cluster.png")
        (ROOT / "docs/evidence/cluster.md").write_text(page, encoding="utf-8")


def measure(count: int, n_items: int) -> Point:
    """One run of a task on a simulated cluster."""
    asked = RunConfig(("factworld_residents",), limit=2000)
    task = load_tasks(asked)[0]
    documents = (
        {**document, "id": f"{document['id']} {turn}"}
        for turn in range(-(-n_items // len(task.documents)))
        for document in task.documents
    )
    task = replace(task, documents=tuple(documents)[:n_items])
    cluster = SimulatedCluster(count, BATCH, LATENCY, respond)
    config = EngineConfig("transformers", "cpu", "float32", batch_size=BATCH, replicas=count)
    model = LocalModel("simulated", Path("simulated"))
    engine = ReplicatedEngine(None, model, [], config, lambda *_: cluster)
    engine.prove(
        lambda adapter: [build_probe_request(task, i, engine, asked, adapter) for i in range(4)],
        "float32",
        own_base=False,
    )
    with tempfile.TemporaryDirectory() as folder:
        file = PredictionFile(Path(folder), task.name)
        begun, simulated = _peak_mb(), cluster.now
        wall, cpu = time.perf_counter(), time.process_time()
        answer_task(task, engine, file, asked)
        took = cluster.now - simulated
        return Point(
            count,
            n_items,
            time.perf_counter() - wall,
            time.process_time() - cpu,
            _peak_mb(),
            begun,
            took,
            cluster.busy / count / took,
        )


def respond(question: Question) -> Response:
    """A label with its confidence, as a model writes it, and a score per label."""
    generations, labels, _ = question.asked
    written = (("LABEL=PASS\nCONF=0.7",),) * len(generations)
    scores = tuple(((-1.0 - index, False),) for index in range(len(labels)))
    return Response((written, scores, ()), 200, 30, 8, False)


class Instant:
    """An actor that answers at once."""

    def answer(self, questions: list[Question]) -> list[Response]:
        return [respond(question) for question in questions]


def measure_ray(n_calls: int = 2000) -> float:
    """CPU-seconds of the driver for one batch to a real actor of Ray and back, with its threads."""
    import ray

    asked = RunConfig(("factworld_residents",), limit=BATCH)
    task = load_tasks(asked)[0]
    cluster = Cluster(None)
    actor = ray.remote(Instant).remote()
    config = EngineConfig("transformers", "cpu", "float32", batch_size=BATCH)
    engine = ReplicatedEngine(
        None,
        LocalModel("simulated", Path("simulated")),
        [],
        config,
        lambda *_: SimulatedCluster(1, BATCH, LATENCY, respond),
    )
    batch = [to_question(build_request(task, i, engine, asked)) for i in range(BATCH)]
    ray.get(actor.answer.remote(batch))
    begun = time.process_time()
    open_calls = []
    for _ in range(n_calls):
        open_calls.append(actor.answer.remote(batch).future())
        if len(open_calls) == 4:
            open_calls.pop(0).result()
    for call in open_calls:
        call.result()
    spent = time.process_time() - begun
    cluster.close()
    return spent / n_calls


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
