"""lm-eval's transformers model class, one base model serving itself and its adapters."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saeval.errors import ModelError
from saeval.evalsuite.config import EngineConfig
from saeval.evalsuite.engines.base import Request
from saeval.evalsuite.engines.quiet import quiet_libraries
from saeval.extras import require_extra

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    from saeval.evalsuite.models.types import LocalModel

SMALL_MODEL = 100_000_000
"""A model of fewer parameters runs on one thread: more threads only wait for each other."""


class TransformersEngine:
    """One loaded base model; every request says which of its adapters answers, if any."""

    def __init__(self, model: LocalModel, adapters: Sequence[Path], config: EngineConfig) -> None:
        require_extra("run", "torch", "transformers", "lm_eval", "peft")
        quiet_libraries()
        import torch
        from lm_eval.models.huggingface import HFLM

        try:
            self.lm: HFLM = HFLM(
                pretrained=str(model.folder),
                device=config.device,
                dtype=config.dtype,
                batch_size=config.batch_size,
                use_safetensors=True,
                trust_remote_code=False,
                **config.model_args,
            )
            self._names = self._load_adapters(adapters, config.device)
        except Exception as error:  # of four libraries; all mean that this model cannot be used
            reason = str(error).strip().splitlines()[0][:200]
            raise ModelError(
                f"{model.folder}: cannot be loaded: {type(error).__name__}: {reason}"
            ) from error
        if config.device == "cpu":
            size = sum(parameter.numel() for parameter in self.lm.model.parameters())
            cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
            default = 1 if size < SMALL_MODEL else cores or os.cpu_count() or 1
            torch.set_num_threads(config.threads or default)
        self.batch_size = config.batch_size
        self.chat_template = self.lm.apply_chat_template

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

    def answer(self, requests: Sequence[Request]) -> Iterator[Request]:
        """Fill the responses batch by batch; a batch is of one adapter."""
        for adapter in dict.fromkeys(request.adapter for request in requests):
            of_adapter = [request for request in requests if request.adapter == adapter]
            for start in range(0, len(of_adapter), self.batch_size):
                batch = of_adapter[start : start + self.batch_size]
                with self._using(adapter):
                    self._answer(batch)
                yield from batch

    def _using(self, adapter: Path | None) -> Any:
        if adapter is not None:
            self.lm._model.set_adapter(self._names[adapter], inference_mode=True)
            return nullcontext()
        return self.lm._model.disable_adapter() if self._names else nullcontext()

    def _answer(self, batch: Sequence[Request]) -> None:
        import torch

        for sample, seed in enumerate(batch[0].seeds):
            torch.manual_seed(seed)  # of the batch: transformers draws for all its rows together
            self._fill("generate_until", [request.generations[sample] for request in batch])
        self._fill("loglikelihood", [instance for q in batch for instance in q.loglikelihoods])
        for request in batch:
            self._count(request)

    def _fill(self, kind: str, instances: Sequence[Instance]) -> None:
        if not instances:
            return
        try:
            responses = getattr(self.lm, kind)(instances, disable_tqdm=True)
        except (ValueError, TypeError, AssertionError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ModelError(
                "the model cannot answer with these settings (--gen-kwargs, --model-args): "
                f"{reason}"
            ) from error
        for instance, response in zip(instances, responses, strict=True):
            instance.resps.append(response)

    def _count(self, request: Request) -> None:
        for instance in request.generations:
            prompt, settings = instance.args
            n_read = len(self.lm.tok_encode(prompt))
            request.prompt_tokens += n_read
            request.response_tokens += len(self.lm.tok_encode(instance.resps[0]))
            room = self.lm.max_length - settings.get("max_gen_toks", self.lm.max_gen_toks)
            request.truncated |= n_read > room
        for instance in request.loglikelihoods:
            request.probe_tokens += len(self.lm.tok_encode("".join(instance.args)))

    def close(self) -> None:
        """Release the model's memory."""
        import gc

        import torch

        del self.lm, self.chat_template
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
