"""Typed options as the configurations that the packages below take."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from saeval.errors import InputError, ModelError
from saeval.evalsuite.config import LOADING_DEFAULTS, EngineConfig, RunConfig, ServerConfig
from saeval.evalsuite.engines.registry import resolve_engine_config
from saeval.evalsuite.judge.grades import Judge
from saeval.evalsuite.models.resolve import parse_served_model
from saeval.evalsuite.models.types import AnyModel, LocalModel

_DRAWING = ("temperature", "top_p", "top_k", "min_p")
"""Generation settings that only matter where tokens are drawn."""


def run_config_from_options(options: Mapping[str, Any]) -> RunConfig:
    """What is asked."""
    return RunConfig(
        tasks=options["tasks"] or (),
        data_dir=options["data_dir"],
        seed=options["seed"],
        per_label=options["per_label"],
        limit=options["limit"],
        generation=_parse_generation(options["gen_kwargs"]),
        samples=options["samples"],
        apply_chat_template=options["apply_chat_template"],
        system=_read_system_prompt(options["system"]),
        shuffled=options.get("until_decided", False),
    )


def engine_config_from_options(
    options: Mapping[str, Any], models: Iterable[AnyModel]
) -> EngineConfig:
    """How these models are run."""
    config = EngineConfig(
        name=options["engine"],
        device=options["device"],
        dtype=options["dtype"],
        batch_size=options["batch_size"],
        threads=options["threads"],
        model_args=_parse_model_args(options["model_args"]),
        server=server_config_from_options(options),
    )
    if any(isinstance(model, LocalModel) for model in models):
        return resolve_engine_config(config)
    if ignored := list_given_options(options, LOADING_DEFAULTS):
        raise InputError(f"{ignored}: has no effect on a server; leave it out")
    return config


def server_config_from_options(options: Mapping[str, Any]) -> ServerConfig:
    """How a server is asked."""
    return ServerConfig(
        concurrency=options["concurrency"],
        request_timeout=options["request_timeout"],
        patience=options["patience"],
    )


def judge_from_options(options: Mapping[str, Any]) -> Judge | None:
    """Who grades open questions; None for the default grader alone."""
    if (argument := options["judge"]) is None:
        return None
    if not re.match(r"https?://", argument):
        raise InputError(
            f"--judge {argument[:80]!r}: give a model of a server, such as "
            "http://127.0.0.1:8000/v1#model"
        )
    try:
        return Judge(parse_served_model(argument))
    except ModelError as error:
        raise InputError(f"--judge: {error}") from error


def list_given_options(options: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """Those of the options that were given, as a person types them."""
    names = [name for name, default in defaults.items() if options[name] != default]
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)


def _read_system_prompt(argument: str | None) -> str | None:
    """The text itself, or that of the file it names."""
    if not argument:
        return None
    try:
        if Path(argument).is_file():
            return Path(argument).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--system: cannot read {argument[:80]!r} ({error})") from error
    if not re.search(r"\s", argument) and ("/" in argument or Path(argument).suffix):
        raise InputError(
            f"--system: there is no file {argument!r}; name a file, or give a text of several words"
        )
    return argument


def _parse_generation(text: str | None) -> dict[str, Any] | None:
    if not text:
        return None
    generation = _parse_settings("--gen-kwargs", text)
    if not isinstance(generation.get("max_gen_toks", 1), int):
        raise InputError(f"--gen-kwargs: max_gen_toks must be a whole number in {text!r}")
    drawn, temperature = generation.get("do_sample", False), generation.get("temperature")
    if drawn and not temperature:
        raise InputError(
            "--gen-kwargs: do_sample=true needs a temperature, such as temperature=0.7"
        )
    if not drawn and (useless := [name for name in _DRAWING if generation.get(name)]):
        raise InputError(f"--gen-kwargs: {useless[0]} has no effect without do_sample=true")
    return generation


def _parse_model_args(text: str | None) -> dict[str, Any]:
    if not text:
        return {}
    arguments = _parse_settings("--model-args", text)
    for forbidden in ("trust_remote_code", "pretrained", "peft", "lora_local_path"):
        if forbidden in arguments:
            raise InputError(f"--model-args: {forbidden} cannot be set here")
    return arguments


def _parse_settings(option: str, text: str) -> dict[str, Any]:
    """``key=value,key=value`` as lm-eval reads it."""
    from lm_eval.utils import simple_parse_args_string

    if not all(re.fullmatch(r"\w+=[^=]+", part) for part in text.split(",")):
        raise InputError(f"{option}: cannot read {text!r}; give key=value,key=value")
    return dict(simple_parse_args_string(text))
