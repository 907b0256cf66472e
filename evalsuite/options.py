"""Keywords that the public functions share, and the configurations that they become.

A function takes keywords (``limit=500``), a configuration (``run_config=RunConfig(…)``), or both: a
keyword overrides the configuration's own value.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_args

from typing_extensions import TypedDict

from saeval.errors import InputError
from saeval.evalsuite.config import EngineConfig, FileFormat, RunConfig, ServerConfig
from saeval.stats.compare.config import StatsConfig
from saeval.suggest import closest
from saeval.tasks.data.sampling import parse_per_label
from saeval.tasks.registry import list_tasks, resolve_task_names, unknown_tasks
from saeval.terminal_text import names_secret, one_line

Out = str | Path | None
"""A folder for all results; ``"auto"`` for one under ``saeval-runs/`` named after the models."""
_DRAWING = ("temperature", "top_p", "top_k", "min_p")
"""Generation settings that only matter where tokens are drawn."""
_FORBIDDEN = ("trust_remote_code", "pretrained", "peft", "lora_local_path")
"""Arguments of a model class that a model argument decides."""
DATA_PARALLEL = "data_parallel_size"
"""The argument of a model class that says how many replicas there are."""


class SamplingOptions(TypedDict, total=False):
    """What is asked; see `RunConfig`."""

    run_config: RunConfig
    data_dir: str | Path | None
    seed: int
    per_label: str | None
    limit: int | None
    generation: Mapping[str, Any] | None
    samples: int
    apply_chat_template: bool
    num_fewshot: int | None
    fewshot_as_multiturn: bool | None
    include_path: str | Path | None
    label_probabilities: bool


class EngineOptions(TypedDict, total=False):
    """How models are run; see `EngineConfig` and `ServerConfig`."""

    engine_config: EngineConfig
    engine: str
    device: str
    dtype: str
    batch_size: int
    threads: int
    model_args: Mapping[str, Any]
    replicas: int
    ray: str | None
    concurrency: int
    request_timeout: float
    patience: float
    max_response_mb: int
    cache: str | Path | None
    file_format: FileFormat


class FrontierOptions(SamplingOptions, EngineOptions, total=False):
    """What is asked of a model under every system prompt, and how it is run."""


class RunOptions(SamplingOptions, EngineOptions, total=False):
    """What is asked of a model, and how it is run."""

    tasks: str | Sequence[str] | None
    system: str | None


class StatsOptions(TypedDict, total=False):
    """How statistics are made; see `StatsConfig`."""

    stats_config: StatsConfig
    confidence_level: float
    n_resamples: int
    equivalence_margin: float
    equivalence_margins: Mapping[str, float]


class CompareOptions(RunOptions, StatsOptions, total=False):
    """What is asked of models without predictions, how they are run, and statistics made."""


def check_keywords(function: str, options: Mapping[str, Any], known: Any) -> None:
    """Stop at a keyword that a function does not have, as Python does for named parameters."""
    names = known.__required_keys__ | known.__optional_keys__
    for name in options:
        if name not in names:
            hint = closest(name, sorted(names))
            raise TypeError(
                f"{function}() got an unexpected keyword argument {name!r}"
                + (f"; did you mean {hint}?" if hint else "")
            )


def to_run_config(options: Mapping[str, Any]) -> RunConfig:
    """What is asked, checked as far as it can be without loading anything."""
    config: RunConfig = options.get("run_config") or RunConfig(tasks=())
    names = [field.name for field in fields(RunConfig)]
    given = {name: options[name] for name in names if name in options}
    if "tasks" in given:
        given["tasks"] = to_task_names(given["tasks"])
    for name in ("data_dir", "include_path"):
        if given.get(name) is not None:
            given[name] = str(given[name])
    config = replace(config, **given)
    if config.per_label is not None:
        try:
            parse_per_label(config.per_label)
        except ValueError as error:
            raise InputError(f"--per-label: {error}") from error
    check_generation(config.generation)
    return config


def check_asks_all(config: RunConfig) -> None:
    """Stop where one shard is asked for, and answers to all items are needed.

    Raises
    ------
    InputError
        If it is.
    """
    if config.shard is not None:
        raise InputError(
            f"`run_config`: asks {config.shard} alone; `run` asks a shard, and the others take the "
            "folder of all shards once they are there"
        )


def to_engine_config(options: Mapping[str, Any]) -> EngineConfig:
    """How models are run, as it was asked for."""
    config: EngineConfig = options.get("engine_config") or EngineConfig()
    server = {
        field.name: options[field.name] for field in fields(ServerConfig) if field.name in options
    }
    names = ("device", "dtype", "batch_size", "threads", "model_args", "replicas", "ray")
    given = {name: options[name] for name in names if name in options}
    if "engine" in options:
        given["name"] = options["engine"]
    config = replace(config, **given, server=replace(config.server, **server))
    check_model_args(config.model_args)
    return _with_replicas(config)


def _with_replicas(config: EngineConfig) -> EngineConfig:
    """vLLM's and lm-eval's own word for replicas is one of ours, too."""
    if not isinstance(config.replicas, int) or config.replicas < 1:
        raise InputError(f"--replicas: must be a whole number from 1, found {config.replicas!r}")
    if (count := config.model_args.get(DATA_PARALLEL)) is None:
        return config
    if not isinstance(count, int) or count < 1:
        raise InputError(f"--model-args: {DATA_PARALLEL} must be a whole number, found {count!r}")
    if config.replicas not in (1, count):
        raise InputError(
            f"--replicas {config.replicas}: --model-args {DATA_PARALLEL}={count} says another "
            "number of the same; leave that out"
        )
    others = {name: value for name, value in config.model_args.items() if name != DATA_PARALLEL}
    return replace(config, replicas=count, model_args=others)


def to_stats_config(options: Mapping[str, Any], seed: int) -> StatsConfig:
    """How statistics are made; `seed` is that of the sample."""
    config: StatsConfig = options.get("stats_config") or StatsConfig(seed=seed)
    return replace(
        config,
        confidence_level=options.get("confidence_level", config.confidence_level),
        n_resamples=options.get("n_resamples", config.n_resamples),
        equivalence_margin=options.get("equivalence_margin", config.equivalence_margin),
        equivalence_margins=options.get("equivalence_margins", config.equivalence_margins),
    )


def to_out(out: Out) -> Path | None:
    """The folder for results; None for one that is named after the models."""
    return None if out is None or out == "auto" else Path(out)


def to_cache(options: Mapping[str, Any]) -> Path | None:
    """Folder of what is kept across runs."""
    cache = options.get("cache")
    return None if cache is None else Path(cache)


def to_file_format(options: Mapping[str, Any]) -> FileFormat:
    """Of the answers of finished tasks."""
    given: FileFormat = options.get("file_format", "jsonl")
    if given not in get_args(FileFormat):
        raise InputError(f"`file_format` must be jsonl or parquet, found {given!r}")
    return given


def to_task_names(tasks: str | Sequence[str] | None) -> tuple[str, ...]:
    """Names of tasks, each once, from a list or one text with commas."""
    given = tasks.split(",") if isinstance(tasks, str) else tasks or ()
    return resolve_task_names(given, foreign=True)


def to_own_task_names(tasks: str | Sequence[str] | None) -> tuple[str, ...]:
    """The same, all of them saeval's own, registered, or of task files."""
    given = tasks.split(",") if isinstance(tasks, str) else tasks or ()
    names = resolve_task_names(given)
    if unknown := [name for name in names if name not in list_tasks()]:
        raise InputError(unknown_tasks(unknown, list_tasks()))
    return names


def check_generation(generation: Mapping[str, Any] | None) -> None:
    """Stop if generation settings contradict each other."""
    if not generation:
        return
    if not isinstance(generation.get("max_gen_toks", 1), int):
        raise InputError(
            "--gen-kwargs: max_gen_toks must be a whole number, found "
            f"{generation['max_gen_toks']!r}"
        )
    does_draw, temperature = generation.get("do_sample", False), generation.get("temperature")
    if does_draw and not temperature:
        raise InputError(
            "--gen-kwargs: do_sample=true needs a temperature, such as temperature=0.7"
        )
    if not does_draw and (useless := [name for name in _DRAWING if generation.get(name)]):
        raise InputError(f"--gen-kwargs: {useless[0]} has no effect without do_sample=true")


def check_model_args(model_args: Mapping[str, Any]) -> None:
    """Stop at arguments that would load something else, or run code that a model brings."""
    for name in _FORBIDDEN:
        if name in model_args:
            raise InputError(f"--model-args: {name} cannot be set here")
    for name in model_args:
        if names_secret(name):
            raise InputError(
                f"--model-args: {one_line(name, 60)} would be stored in every report; set HF_TOKEN "
                "or OPENAI_API_KEY instead"
            )


def read_system_prompt(argument: str | None) -> str | None:
    """The text itself, or that of the file it names."""
    if not argument:
        return None
    try:
        if Path(argument).is_file():
            return Path(argument).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        if getattr(error, "errno", None) != errno.ENAMETOOLONG:  # that is a text, not a name
            raise InputError(f"--system: cannot read {argument[:80]!r} ({error})") from error
    if not re.search(r"\s", argument) and ("/" in argument or Path(argument).suffix):
        raise InputError(
            f"--system: there is no file {argument!r}; name a file, or give a text of several words"
        )
    return argument
