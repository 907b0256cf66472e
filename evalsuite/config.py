"""What is asked (`RunConfig`), how models are run (`EngineConfig`), and both as typed options."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from saeval.tasks.data.sampling import DEFAULT_SEED
from saeval.tasks.registry import typed_task

FileFormat = Literal["jsonl", "parquet"]
"""Of the answers of finished tasks in a run folder; no answer depends on it."""
_OF_EXAMPLES = ("num_fewshot", "fewshot_as_multiturn")
"""Settings of worked examples; not in the identity of a run that does not give them."""


@dataclass(frozen=True)
class Shard:
    """One of several parts of the items: those of whole clusters, chosen by a hash of their names.

    Attributes
    ----------
    number
        1 for the first.
    of
        How many there are.
    """

    number: int
    of: int

    def __str__(self) -> str:
        return f"shard {self.number} of {self.of}"


@dataclass(frozen=True)
class RunConfig:
    """What is asked: tasks, their sample, and how prompts and answers are made.

    Attributes
    ----------
    tasks
        Names.
    data_dir
        Folder of local data, or None for ``SAEVAL_DATA`` or the hub.
    seed, per_label, limit
        The sample; see `saeval.tasks.data.sampling`.
    generation
        Changes to the task's generation settings, in lm-eval's names.
    samples
        Answers per item.
    apply_chat_template
        Whether the prompt is put through the model's chat template.
    system
        System prompt, or None.
    num_fewshot, fewshot_as_multiturn
        Worked examples in a prompt, None for the number of a task of lm-eval and none in saeval's
        own; and whether they are turns of a conversation, None for so where a chat template is
        applied.
    include_path
        Folder of further tasks for lm-eval, whose code may run.
    label_probabilities
        Whether the model's own probability of each label is asked for, where a task has labels.
    again
        Whether this is the second half of an A/A run: the same items in another order, in other
        batches, and with other seeds.
    answers
        Files of a model's own answers, for the tasks that ask about those; they are known by the
        documents that come of them.
    shuffled
        Whether items are asked in an order that has nothing to do with how they were sampled,
        clusters whole, so that one may stop at any time.
    shard
        The part of the items that `run` asks; None for all.
    """

    tasks: tuple[str, ...]
    data_dir: str | None = None
    seed: int = DEFAULT_SEED
    per_label: str | None = None
    limit: int | None = None
    generation: Mapping[str, Any] | None = None
    samples: int = 1
    apply_chat_template: bool = False
    system: str | None = None
    num_fewshot: int | None = None
    fewshot_as_multiturn: bool | None = None
    include_path: str | None = None
    label_probabilities: bool = True
    again: bool = False
    answers: tuple[str, ...] = ()
    shuffled: bool = False
    shard: Shard | None = None

    def identity(self) -> dict[str, Any]:
        """What of it decides which prompts are asked and how, for the manifest."""
        return {
            "sampling": {"seed": self.seed, "per_label": self.per_label, "limit": self.limit},
            "generation": self.generation or {},
            "samples": self.samples,
            "chat_template": self.apply_chat_template,
            "system": self.system,
            **{name: value for name in _OF_EXAMPLES if (value := getattr(self, name)) is not None},
            **({} if self.label_probabilities else {"label_probabilities": False}),
            **({"again": True} if self.again else {}),
            **({"shuffled": True} if self.shuffled else {}),
            **({} if self.shard is None else {"shard": asdict(self.shard)}),
        }


@dataclass(frozen=True)
class ServerConfig:
    """How a server is asked.

    Attributes
    ----------
    concurrency
        Requests sent at once, to each server of a model.
    request_timeout
        Seconds after which one request is given up and sent again, however much of its answer has
        come by then.
    patience
        Seconds without any answer after which the run stops.
    max_response_mb
        MiB that one answer of the server may weigh.
    """

    concurrency: int = 16
    request_timeout: float = 300.0
    patience: float = 600.0
    max_response_mb: int = 64


@dataclass(frozen=True)
class EngineConfig:
    """How models are run.

    Attributes
    ----------
    name
        Of a registered engine (see `saeval.evalsuite.engines.registry`), or ``auto``: vLLM where
        it and a GPU are present, else transformers.
    device, dtype
        As torch names them. ``auto`` is the GPU where there is one; and on a GPU the type that the
        weights are stored in, on a CPU bfloat16 if the processor has instructions for it and every
        model of the command is stored in 16 bits, else float32.
    batch_size
        Most prompts per forward pass of transformers; 0 chooses by tokens. vLLM batches by itself.
    batch_tokens
        Most tokens, as far as lengths in bytes tell, that the prompts of a batch are padded to.
        0 sets no limit where there is a `batch_size`, else it is 4,096 on a CPU and 32,768 on a
        GPU, with no more than 64 prompts.
    threads
        CPU threads of transformers; 0 chooses one for a model of fewer than 100 million parameters,
        and for a larger one ``OMP_NUM_THREADS``, or else every core that the process may use.
    model_args
        Further arguments of lm-eval's model class, such as ``tensor_parallel_size``.
    server
        How a model behind a server is asked; the other settings are the server's own affair.
    replicas
        Copies of the engine that answer together, as actors of Ray; each has GPUs or a share of
        the CPUs for itself. No answer depends on their number.
    ray
        ``host:port`` of a running cluster of Ray, or ``auto``; None for this machine.
    """

    name: str = "auto"
    device: str = "auto"
    dtype: str = "auto"
    batch_size: int = 0
    batch_tokens: int = 0
    threads: int = 0
    model_args: Mapping[str, Any] = field(default_factory=dict)
    server: ServerConfig = ServerConfig()
    replicas: int = 1
    ray: str | None = None

    @property
    def is_replicated(self) -> bool:
        """Whether Ray runs the engine."""
        return self.replicas > 1 or self.ray is not None


ANSWERING_DEFAULTS = {
    "limit": None,
    "per_label": None,
    "gen_kwargs": None,
    "samples": 1,
    "apply_chat_template": False,
    "system": None,
    "num_fewshot": None,
    "fewshot_as_multiturn": None,
    "include_path": None,
    "label_probabilities": True,
    "data_dir": None,
}
"""Options that only matter where a model has to answer, and their defaults."""
LOADING_DEFAULTS = {
    "engine": "auto",
    "device": "auto",
    "dtype": "auto",
    "batch_size": 0,
    "threads": 0,
    "model_args": None,
    "replicas": 1,
    "ray": None,
}
"""Options that a server decides for itself, and their defaults."""


def to_run_options(config: RunConfig) -> dict[str, Any]:
    """A configuration as the options that a person types, by their names with underscores."""
    return {
        "tasks": config.tasks,
        "seed": config.seed,
        "limit": config.limit,
        "per_label": config.per_label,
        "gen_kwargs": _join_settings(config.generation),
        "samples": config.samples,
        "apply_chat_template": config.apply_chat_template,
        "system": config.system,
        "num_fewshot": config.num_fewshot,
        "fewshot_as_multiturn": config.fewshot_as_multiturn,
        "include_path": config.include_path,
        "label_probabilities": config.label_probabilities,
        "data_dir": config.data_dir,
    }


def to_engine_options(config: EngineConfig) -> dict[str, Any]:
    """The same of how models are run."""
    return {
        "engine": config.name,
        "device": config.device,
        "dtype": config.dtype,
        "batch_size": config.batch_size,
        "threads": config.threads,
        "model_args": _join_settings(config.model_args),
        "replicas": config.replicas,
        "ray": config.ray,
    }


def _join_settings(settings: Mapping[str, Any] | None) -> str | None:
    return ",".join(f"{key}={value}" for key, value in (settings or {}).items()) or None


def list_given_options(options: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """Those of the options that are not the defaults, as a person types them."""
    names = [name for name, default in defaults.items() if options[name] != default]
    return ", ".join(
        f"--{'no-' if options[name] is False else ''}{name.replace('_', '-')}" for name in names
    )


def options_of_identity(identity: Mapping[str, Any]) -> dict[str, Any]:
    """The options that a run was asked with, from the identity in its manifest, as far as known."""
    options = dict(identity.get("sampling", {}))
    if (generation := identity.get("generation")) is not None:
        options["gen_kwargs"] = _join_settings(generation)
    names = {"samples": "samples", "chat_template": "apply_chat_template", "system": "system"}
    names |= {name: name for name in (*_OF_EXAMPLES, "label_probabilities")}
    return options | {option: identity[name] for name, option in names.items() if name in identity}


def format_options(options: Mapping[str, Any]) -> str:
    """Those of the options that decide what is answered and no defaults, for a shell."""
    words = []
    for name, default in {
        "tasks": None,
        "seed": DEFAULT_SEED,
        **ANSWERING_DEFAULTS,
        **LOADING_DEFAULTS,
    }.items():
        value = options.get(name, default)
        if value == default or not (value or value is False or name in _OF_EXAMPLES):
            continue
        option = f"--{'no-' if value is False else ''}{name.replace('_', '-')}"
        text = ",".join(map(typed_task, value)) if isinstance(value, tuple) else str(value)
        words.append(option if isinstance(value, bool) else f"{option} {shlex.quote(text)}")
    return " ".join(words)
