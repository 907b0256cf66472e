"""What a replica needs of a machine."""

from __future__ import annotations

from collections.abc import Sequence

from saeval.errors import InputError
from saeval.evalsuite.config import EngineConfig
from saeval.evalsuite.engines.replicas.cluster import Cluster, Machine
from saeval.extras import require_extra


def gpus_of(config: EngineConfig) -> int:
    """GPUs that one replica spreads over; 0 where it runs on the CPU."""
    if config.device.partition(":")[0] != "cuda":
        return 0
    split = [config.model_args.get(f"{way}_parallel_size", 1) for way in ("tensor", "pipeline")]
    return max(1, int(split[0]) * int(split[1]))


def share_cpus(machines: Sequence[Machine], count: int) -> int:
    """The most CPUs that each of so many replicas can have, and 1 where there are too few.

    Examples
    --------
    >>> share_cpus([Machine("a", 8, 0), Machine("b", 4, 0)], 3)
    4
    >>> share_cpus([Machine("a", 2, 0)], 3)
    1
    """
    most = max((machine.cpus for machine in machines), default=1)
    for cpus in range(most, 1, -1):
        if sum(machine.cpus // cpus for machine in machines) >= count:
            return cpus
    return 1


def check_placement(config: EngineConfig) -> None:
    """Stop before anything is loaded where replicas cannot run on this machine.

    Raises
    ------
    MissingExtraError
        If Ray is not installed.
    InputError
        If a device is named that Ray decides, or this machine has too few GPUs.
    """
    require_extra("ray", "ray")
    kind, _, index = config.device.partition(":")
    if index:
        raise InputError(
            f"--device {config.device}: Ray decides which GPU a replica has; give --device {kind}"
        )
    if config.ray is None and (needed := gpus_of(config)):
        import torch

        there = torch.cuda.device_count()
        if there < needed * config.replicas:
            raise InputError(
                f"--replicas {config.replicas}: needs {needed * config.replicas} GPUs, {needed} "
                f"each, and this machine has {there}; give --replicas {max(1, there // needed)}, "
                "or a cluster's address with --ray"
            )


def device_of_cluster(address: str) -> str:
    """The device that ``auto`` is on a cluster."""
    cluster = Cluster(address)
    try:
        return "cuda" if any(machine.gpus for machine in cluster.machines()) else "cpu"
    finally:
        cluster.close()
