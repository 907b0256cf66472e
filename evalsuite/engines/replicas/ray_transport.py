"""Replicas as actors of Ray: it places them, and makes them anew where one is lost."""

from __future__ import annotations

import os
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from saeval.evalsuite.config import EngineConfig
from saeval.evalsuite.engines.replicas.actor import Place, Replica, Setup
from saeval.evalsuite.engines.replicas.cluster import Cluster
from saeval.evalsuite.engines.replicas.placement import gpus_of, share_cpus
from saeval.evalsuite.engines.replicas.transport import Reply


def start_on_ray(setup: Setup, config: EngineConfig) -> RayTransport:
    """Begin the replicas of a configuration, here or on its cluster."""
    count = config.replicas
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cluster = Cluster(config.ray, max(cores or 1, count * (config.threads or 1)))
    try:
        gpus = gpus_of(config)
        cpus = 1 if gpus else config.threads or share_cpus(cluster.machines(), count)
        return RayTransport(cluster, setup, count, cpus, gpus)
    except BaseException:
        cluster.close()
        raise


class RayTransport:
    """Actors of one engine.

    Parameters
    ----------
    cluster
        Where they live.
    setup
        What each loads.
    count
        How many.
    cpus, gpus
        What each is promised.
    """

    def __init__(self, cluster: Cluster, setup: Setup, count: int, cpus: int, gpus: int) -> None:
        import ray

        self._cluster = cluster
        self._needs = f"{gpus} GPUs on one machine" if gpus else f"{cpus} CPUs on one machine"
        self._replies: SimpleQueue[Reply] = SimpleQueue()
        make = ray.remote(_Actor).options(
            num_cpus=cpus,
            num_gpus=gpus,
            max_restarts=-1,
            max_task_retries=0,
            scheduling_strategy="SPREAD",
            enable_task_events=False,
        )
        self._actors = [make.remote(setup) for _ in range(count)]

    def call(self, number: int, replica: int, method: str, *arguments: Any) -> None:
        """Send a call; Ray tells of its end in a thread of its own."""
        future = getattr(self._actors[replica], method).remote(*arguments).future()
        future.add_done_callback(
            lambda ended: self._replies.put(self._reply(number, replica, ended))
        )

    def poll(self, timeout: float) -> list[Reply]:
        """All that has come back."""
        replies: list[Reply] = []
        with suppress(Empty):
            replies.append(self._replies.get(timeout=timeout))
            while True:
                replies.append(self._replies.get_nowait())
        return replies

    def explain_waiting(self) -> str:
        """What is missing."""
        return (
            f"each needs {self._needs}, and {self._cluster.describe()}, some of them perhaps in "
            "use; give fewer --replicas, or add machines"
        )

    def close(self) -> None:
        """End the actors and the connection."""
        import ray

        for actor in self._actors:
            ray.kill(actor)
        self._actors = []
        self._cluster.close()

    def _reply(self, number: int, replica: int, future: Future[Any]) -> Reply:
        import ray
        from ray.exceptions import ActorDiedError, RayTaskError

        error = future.exception()
        if error is None:
            return Reply(number, future.result())
        if isinstance(error, RayTaskError):
            cause = error.cause if isinstance(error.cause, BaseException) else error
            reason = f"{type(cause).__name__}: {' '.join(str(cause).split())[:200]}"
            if self._actors:  # whatever it raised, it may be in any state now
                ray.kill(self._actors[replica], no_restart=False)
            return Reply(number, loss=reason)
        said = " ".join(str(error).split())
        reason = "its process or machine has ended"
        if "creation task" in said:
            reason = f"it cannot be begun: …{said[-200:]}"
        return Reply(number, loss=reason, gone=isinstance(error, ActorDiedError))


class _Actor(Replica):
    """A replica that knows which machine it is on."""

    def place(self, node: str = "") -> Place:
        import ray.util

        return super().place(node or ray.util.get_node_ip_address())
