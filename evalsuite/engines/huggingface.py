"""lm-eval's transformers model class, one base model serving itself and its adapters."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saeval.errors import ModelError
from saeval.evalsuite.config import EngineConfig
from saeval.evalsuite.engines.adapter_kinds import needs_own_base
from saeval.evalsuite.engines.base import Request, cut_batches
from saeval.evalsuite.engines.hardware import count_threads
from saeval.evalsuite.engines.quiet import quiet_libraries
from saeval.evalsuite.store.hashing import hash_text
from saeval.extras import require_extra

if TYPE_CHECKING:
    import torch
    from lm_eval.api.instance import Instance

    from saeval.evalsuite.models.types import LocalModel

SMALL_MODEL = 100_000_000
"""A model of fewer parameters runs on one thread: more threads only wait for each other."""


_OF_ADAPTERS = ("lora_", "modules_to_save", "trainable_tokens_")
_WRAPPERS = ("base_layer", "original_module", "token_adapter")
"""What PEFT puts into the names of weights, of its own and of the base's."""


class TransformersEngine:
    """One loaded base model; every request says which of its adapters answers, if any.

    An adapter is loaded when it is first asked.
    """

    loads_adapters_when_asked = True

    def __init__(self, model: LocalModel, adapters: Sequence[Path], config: EngineConfig) -> None:
        require_extra("run", "torch", "transformers", "lm_eval", "peft")
        quiet_libraries()
        import torch

        from saeval.evalsuite.engines.shared_prefill import SharedPrefillLM

        try:
            self.lm = SharedPrefillLM(
                pretrained=str(model.folder),
                device=config.device,
                dtype=config.dtype,
                batch_size=config.batch_size,
                use_safetensors=True,
                trust_remote_code=False,
                **{"softmax_dtype": "float32", **config.model_args},
            )
        except Exception as error:  # of three libraries; all mean that this model cannot be used
            raise _cannot_load(model.folder, error) from error
        self._device = config.device
        self._names = {path: f"adapter_{index}" for index, path in enumerate(adapters)}
        self._loaded: set[Path] = set()
        self._plain: set[Path] = set()
        self._base_names = [name for name, _ in self._tensors()]
        if config.device == "cpu":
            size = sum(parameter.numel() for parameter in self.lm.model.parameters())
            default = 1 if size < SMALL_MODEL else count_threads()
            torch.set_num_threads(config.threads or default)
        self.batch_size = config.batch_size
        self.batch_tokens = config.batch_tokens
        self.chat_template = self.lm.apply_chat_template

    def _load_adapter(self, path: Path) -> None:
        """Into the base, as PEFT does; what its file holds must have a place there.

        Not through HFLM's own `peft`: it may resize the base's embeddings, which changes the base's
        answers.
        """
        from peft import PeftModel

        name, device = self._names[path], self._device
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # on training and merging, of which this is neither
                if not self._loaded:
                    adapted = PeftModel.from_pretrained(
                        self.lm._model, str(path), adapter_name=name, torch_device=device
                    )
                else:
                    adapted = self.lm._model
                # Of the first, this is the second time, for what it says of the names.
                result = adapted.load_adapter(str(path), adapter_name=name, torch_device=device)
        except Exception as error:  # of three libraries; all mean that it cannot be used
            raise _cannot_load(path, error) from error
        if strange := [*result.missing_keys, *result.unexpected_keys]:
            raise ModelError(
                f"{path}: cannot be loaded: its weights are not those of this base and of its "
                f"adapter_config.json: {strange[0]} is in one of them only"
            )
        self.lm._model = adapted.eval()
        self._loaded.add(path)
        if needs_own_base(path) is None:  # nothing of it depends on where in a text a token stands
            self._plain.add(path)

    def hash_base_weights(self) -> str:
        """SHA-256 over all weights of the base, wherever adapters have put them."""
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor() as pool:
            found = list(self._tensors())
            digests = pool.map(hash_tensor, (tensor for _, tensor in found))
            by_name: dict[str, set[str]] = {}
            for (name, _), digest in zip(found, digests, strict=True):
                by_name.setdefault(name, set()).add(digest)
        return hash_text(str([(name, sorted(by_name.get(name, ()))) for name in self._base_names]))

    def _tensors(self) -> Iterator[tuple[str, Any]]:
        """The base's weights by the names that they have without adapters."""
        model = self.lm._model
        for found in (model.named_parameters, model.named_buffers):
            for name, tensor in found(remove_duplicate=False):
                parts = name.removeprefix("base_model.model.").split(".")
                if not any(part.startswith(_OF_ADAPTERS) for part in parts):
                    yield ".".join(part for part in parts if part not in _WRAPPERS), tensor

    def answer(self, requests: Sequence[Request]) -> Iterator[Request]:
        """Fill the responses batch by batch; a batch is of one adapter."""
        for batch in cut_batches(requests, self.batch_size):
            with self._using(batch[0].adapter):
                self._answer(batch)
            yield from batch

    def _using(self, adapter: Path | None) -> Any:
        if adapter is not None:
            if adapter not in self._loaded:
                self._load_adapter(adapter)
            self.lm._model.set_adapter(self._names[adapter], inference_mode=True)
            return nullcontext()
        return self.lm._model.disable_adapter() if self._loaded else nullcontext()

    def _answer(self, batch: Sequence[Request]) -> None:
        import torch

        self.lm.batch_size_per_gpu = len(batch)  # what lm-eval takes at a time
        longest = max(batch, key=lambda request: len(request.seeds))
        if (adapter := batch[0].adapter) is None or adapter in self._plain:
            self.lm.expect(
                [(q.generations[0].args[0], q.loglikelihoods) for q in batch if q.generations],
                n_samples=len(longest.seeds),
            )
        try:
            for sample, seed in enumerate(longest.seeds):
                # Of the batch: transformers draws for all its rows together.
                torch.manual_seed(seed)
                asked = [request for request in batch if sample < len(request.generations)]
                self._fill("generate_until", [request.generations[sample] for request in asked])
            left = [instance for request in batch for instance in self._take_scores(request)]
            for request in batch:
                self._count(request)
        finally:
            self.lm.forget()
        self._fill("loglikelihood", left)
        self._fill("loglikelihood_rolling", [instance for q in batch for instance in q.rollings])

    def _take_scores(self, request: Request) -> list[Instance]:
        """Fill in what was scored beside the generations, and give what was not."""
        left = []
        for instance in request.loglikelihoods:
            score = None
            if request.generations:
                score = self.lm.score_of(request.generations[0].args[0], instance)
            if score is None:
                left.append(instance)
                request.probe_tokens += len(self.lm.tok_encode("".join(instance.args)))
            else:
                instance.resps.append(score.response)
                request.probe_tokens += score.n_read
        return left

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
        for instance in request.rollings:
            request.probe_tokens += len(self.lm.tok_encode("".join(instance.args)))

    def close(self) -> None:
        """Release the model's memory."""
        import gc

        import torch

        del self.lm, self.chat_template
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def hash_tensor(tensor: torch.Tensor) -> str:
    """SHA-256 of a tensor's bytes; of one that lies on no device, of its shape."""
    import torch

    digest = hashlib.sha256(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
    if not tensor.is_meta and tensor.numel():
        content = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(content.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _cannot_load(folder: Path, error: Exception) -> ModelError:
    reason = (str(error).strip().splitlines() or [""])[0][:200]
    return ModelError(f"{folder}: cannot be loaded: {type(error).__name__}: {reason}")
