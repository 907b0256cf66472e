"""lm-eval's transformers model class, one base model serving itself and its adapters."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalsuite.errors import InputError, ModelError
from evalsuite.models import LocalModel

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

SMALL_MODEL = 100_000_000
"""A model of fewer parameters runs on one thread: more threads only wait for each other."""


@dataclass(frozen=True)
class EngineOptions:
    """How models are run.

    Attributes
    ----------
    device, dtype
        As torch names them; ``auto`` is the GPU where there is one, and float32 on a CPU.
    batch_size
        Prompts per forward pass; 0 chooses 16 on a CPU and 64 on a GPU.
    threads
        CPU threads; 0 chooses one for a small model and all cores for a larger one.
    """

    device: str = "auto"
    dtype: str = "auto"
    batch_size: int = 0
    threads: int = 0

    def resolved(self) -> EngineOptions:
        """With every ``auto`` decided for this machine.

        Raises
        ------
        InputError
            If the device or dtype is none that torch has here.
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
        dtype = self.dtype if self.dtype != "auto" or not on_cpu else "float32"
        return EngineOptions(device, dtype, self.batch_size or (16 if on_cpu else 64), self.threads)

    def identity(self) -> dict[str, Any]:
        """What of it decides the answers, for the manifest.

        Batches and threads change them in the last bits of a probability at most, and a run that
        ran out of memory must be able to go on with smaller batches.
        """
        return {"name": "transformers", "device": self.device, "dtype": self.dtype}


class TransformersEngine:
    """One loaded base model; `use` says whether it answers as itself or with an adapter."""

    def __init__(self, base: Path, adapters: Sequence[Path], options: EngineOptions) -> None:
        _quiet()
        import torch
        from lm_eval.models.huggingface import HFLM

        try:
            self.lm: HFLM = HFLM(
                pretrained=str(base),
                device=options.device,
                dtype=options.dtype,
                batch_size=options.batch_size,
                use_safetensors=True,
                trust_remote_code=False,
            )
            self._names = self._load_adapters(adapters, options.device)
        except Exception as error:  # of four libraries; all mean that this model cannot be used
            reason = str(error).strip().splitlines()[0][:200]
            raise ModelError(
                f"{base}: cannot be loaded: {type(error).__name__}: {reason}"
            ) from error
        if options.device == "cpu":
            size = sum(parameter.numel() for parameter in self.lm.model.parameters())
            cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
            chosen = options.threads or (1 if size < SMALL_MODEL else cores or os.cpu_count() or 1)
            torch.set_num_threads(chosen)
        self._adapter: Path | None = None

    def _load_adapters(self, adapters: Sequence[Path], device: str) -> dict[Path, str]:
        names = {path: f"adapter_{index}" for index, path in enumerate(adapters)}
        if names:
            from peft import PeftModel

            # Not through HFLM's own `peft`: it may resize the base's embeddings, which changes
            # the base's answers.
            first, *others = names
            model = PeftModel.from_pretrained(
                self.lm._model, str(first), adapter_name=names[first], torch_device=device
            )
            for path in others:
                model.load_adapter(str(path), adapter_name=names[path], torch_device=device)
            self.lm._model = model.eval()
        return names

    def use(self, adapter: Path | None) -> None:
        """Answer with this adapter from now on, or as the base."""
        if adapter is not None:
            self.lm._model.set_adapter(self._names[adapter], inference_mode=True)
        self._adapter = adapter

    def answer(self, requests: Sequence[Instance]) -> None:
        """Fill the responses of generation and log-likelihood requests in place."""
        if self._names and self._adapter is None:
            with self.lm._model.disable_adapter():
                self._answer(requests)
        else:
            self._answer(requests)

    def _answer(self, requests: Sequence[Instance]) -> None:
        for kind in ("generate_until", "loglikelihood"):
            of_kind = [request for request in requests if request.request_type == kind]
            if of_kind:
                try:
                    responses = getattr(self.lm, kind)(of_kind, disable_tqdm=True)
                except (ValueError, TypeError, AssertionError) as error:
                    reason = " ".join(str(error).split())[:200]
                    raise ModelError(
                        f"the model cannot answer with these settings (--gen-kwargs?): {reason}"
                    ) from error
                for request, response in zip(of_kind, responses, strict=True):
                    request.resps.append(response)

    def close(self) -> None:
        """Release the model's memory."""
        import gc

        import torch

        del self.lm
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def prove_adapter_applied(
    engine: TransformersEngine, model: LocalModel, probes: Sequence[Sequence[Instance]]
) -> None:
    """Stop if the adapter changes no log-probability of any label on the probe prompts.

    Raises
    ------
    ModelError
        If base and adapter agree to the last bit, which means that it was not applied (or that
        it holds no training at all).
    """
    from copy import deepcopy

    scored = [r for requests in probes for r in requests if r.request_type == "loglikelihood"]
    found = []
    for adapter in (None, model.adapter):
        copies = deepcopy(scored)
        engine.use(adapter)
        engine.answer(copies)
        found.append([request.resps[0][0] for request in copies])
    if found[0] == found[1]:
        raise ModelError(
            f"{model.argument}: the adapter changes nothing: base and adapter give the same label "
            f"log-probabilities on {len(probes)} probe prompts. Its weights do not fit this base "
            "or were never trained"
        )


def _quiet() -> None:
    """No chatter from libraries between our progress bars; warnings of torch stay."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    for name in ("lm_eval", "accelerate", "peft"):
        logging.getLogger(name).setLevel(logging.ERROR)
