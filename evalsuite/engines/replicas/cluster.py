"""Ray on this machine, or a cluster that runs already."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from saeval.errors import EngineError, InputError
from saeval.extras import require_extra

_OBJECT_STORE = 100 * 2**20
"""Bytes of shared memory for what is under way between processes: a few batches."""
_CONNECT_SECONDS = 5.0
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_DEDUP_LOGS": "0",
}
"""Nothing is reported to Ray's makers; CPU replicas see the variables of this process."""


@dataclass(frozen=True)
class Machine:
    """A node of a cluster, and what it has in all."""

    name: str
    cpus: int
    gpus: int


class Cluster:
    """A connection to Ray, closed by `close`; what this process began ends with it.

    Parameters
    ----------
    address
        ``host:port`` of a running cluster or ``auto``; None for one of our own on this machine.
    cpus
        Of our own; its number of cores if 0.

    Raises
    ------
    MissingExtraError
        If Ray is not installed.
    InputError, EngineError
        If the address is none, or nobody answers there.
    """

    def __init__(self, address: str | None, cpus: int = 0) -> None:
        require_extra("ray", "ray")
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        if address is not None:
            _check_address(address)
        import ray

        self.address = address
        self._was_connected = ray.is_initialized()
        self._settings_before: dict[str, str | None] | None = None
        if not self._was_connected:
            if address is None and os.environ.get("RAY_AUTH_MODE") != "token":
                own = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
                self._settings_before = {name: os.environ.get(name) for name in own}
                set_access(own)
            try:
                with _handlers_kept():
                    _init(ray, address, cpus)
            except BaseException:
                self.close()
                raise

    def machines(self) -> list[Machine]:
        """The nodes that are alive."""
        import ray

        return [
            Machine(
                node["NodeManagerAddress"],
                int(node["Resources"].get("CPU", 0)),
                int(node["Resources"].get("GPU", 0)),
            )
            for node in ray.nodes()
            if node["Alive"]
        ]

    def describe(self) -> str:
        """What there is, for people."""
        machines = self.machines()
        cpus, gpus = sum(m.cpus for m in machines), sum(m.gpus for m in machines)
        where = "this machine" if self.address is None else f"the cluster at {self.address}"
        many = "" if self.address is None else f" on {len(machines)} machines"
        return f"{where} has {gpus} GPUs and {cpus} CPUs{many}"

    def close(self) -> None:
        """Leave the cluster, or end our own."""
        import ray

        if not self._was_connected:
            ray.shutdown()
        if self._settings_before is not None:
            set_access(self._settings_before)
            self._settings_before = None


def _init(ray: Any, address: str | None, cpus: int) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address is not None:
            ray.init(address=address, **quiet)
            return
        ray.init(
            address="local",  # never one that happens to run here
            num_cpus=cpus or None,
            include_dashboard=False,
            object_store_memory=_OBJECT_STORE,
            _node_ip_address="127.0.0.1",
            **quiet,
        )
    except Exception as error:  # of many kinds; all mean that there is no cluster to work on
        reason = " ".join(str(error).split())[:300]
        where = "--replicas" if address is None else f"--ray {address}"
        what = (
            "Ray does not start on this machine"
            if address is None
            else "no cluster of Ray can be joined from this machine; start `ray start "
            "--address=HOST:PORT` here first, or run the command on one of its nodes"
        )
        raise EngineError(f"{where}: {what} ({type(error).__name__}: {reason})") from error


def set_access(settings: Mapping[str, str | None]) -> None:
    """Whom Ray's ports answer, which are open to the network: those who know a token.

    Ray reads the settings when it is first imported, and again when it is told.
    """
    for name, value in settings.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    from ray import _raylet

    core: Any = _raylet
    core.Config.initialize("")
    core.AuthenticationTokenLoader.instance().reset_cache()


def _check_address(address: str) -> None:
    """Stop at once where nobody answers: Ray would try for minutes."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():
        raise InputError(
            f"--ray {address}: give HOST:PORT of a cluster's head as `ray start --head` prints it, "
            "or auto on one of its nodes"
        )
    try:
        socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise EngineError(
            f"--ray {address}: nobody answers there ({error}); is the cluster up (`ray status`) "
            "and the port open from this machine?"
        ) from error


@contextmanager
def _handlers_kept() -> Iterator[None]:
    """Ray puts a handler of its own in the place of ours."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        with suppress(ValueError, TypeError):  # not in the main thread, or no handler of Python's
            signal.signal(signal.SIGTERM, before)
