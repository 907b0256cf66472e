"""Typed options as the configurations that the public functions take."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from saeval.errors import InputError
from saeval.evalsuite.config import EngineConfig, RunConfig, ServerConfig
from saeval.evalsuite.options import (
    CompareOptions,
    check_generation,
    check_model_args,
    read_system_prompt,
)
from saeval.extras import require_extra
from saeval.progress import ConsoleProgress, GuardedConsole
from saeval.stats.compare.config import StatsConfig
from saeval.terminal_text import quoted


def stderr_progress() -> ConsoleProgress:
    """Progress and messages go to standard error; results go to standard output."""
    return ConsoleProgress(GuardedConsole(stderr=True))


def to_keywords(options: Mapping[str, Any]) -> Any:
    """The keywords that public functions share, from what was typed."""
    run = to_run_config(options)
    keywords: CompareOptions = {
        "run_config": run,
        "engine_config": to_engine_config(options),
        "cache": options["cache"],
    }
    if options.get("file_format") is not None:
        keywords["file_format"] = options["file_format"]
    if "level" in options and "replicates" in options:
        margin, margins = _parse_margins(options.get("equivalence_margin", ()))
        keywords["stats_config"] = StatsConfig(
            options["level"],
            options["replicates"],
            run.seed,
            equivalence_margin=margin,
            equivalence_margins=margins or None,
        )
    return keywords


def to_run_config(options: Mapping[str, Any]) -> RunConfig:
    """What is asked."""
    generation = _parse_settings("--gen-kwargs", options["gen_kwargs"])
    check_generation(generation)
    return RunConfig(
        tasks=options["tasks"] or (),
        data_dir=options["data_dir"],
        seed=options["seed"],
        per_label=options["per_label"],
        limit=options["limit"],
        generation=generation or None,
        samples=options["samples"],
        apply_chat_template=options["apply_chat_template"],
        system=read_system_prompt(options["system"]),
        num_fewshot=options["num_fewshot"],
        fewshot_as_multiturn=options["fewshot_as_multiturn"],
        include_path=options["include_path"],
        label_probabilities=options["label_probabilities"],
    )


def to_engine_config(options: Mapping[str, Any]) -> EngineConfig:
    """How models are run."""
    model_args = _parse_settings("--model-args", options["model_args"])
    check_model_args(model_args)
    return EngineConfig(
        name=options["engine"],
        device=options["device"],
        dtype=options["dtype"],
        batch_size=options["batch_size"],
        threads=options["threads"],
        model_args=model_args,
        replicas=options["replicas"],
        ray=options["ray"],
        server=ServerConfig(
            concurrency=options["concurrency"],
            request_timeout=options["request_timeout"],
            patience=options["patience"],
            max_response_mb=options["max_response_mb"],
        ),
    )


def _parse_margins(given: Sequence[str]) -> tuple[float, dict[str, float]]:
    """``0.03`` for all metrics and ``auroc=0.02`` for one; of two for the same the last counts."""
    general, of_metric = StatsConfig.equivalence_margin, {}
    for text in given:
        metric, separator, number = text.rpartition("=")
        try:
            margin = float(number)
        except ValueError:
            margin = math.nan
        if not 0 < margin < (math.inf if metric else 1) or (separator and not metric):
            raise InputError(
                f"--equivalence-margin: cannot read {quoted(text)}; give a number between 0 and 1, "
                "or METRIC=NUMBER"
            )
        if metric:
            of_metric[metric] = margin
        else:
            general = margin
    return general, of_metric


def _parse_settings(option: str, text: str | None) -> dict[str, Any]:
    """``key=value,key=value`` as lm-eval reads it."""
    if not text:
        return {}
    require_extra("run", "lm_eval")
    from lm_eval.utils import simple_parse_args_string

    if not all(re.fullmatch(r"\w+=[^=]+", part) for part in text.split(",")):
        raise InputError(f"{option}: cannot read {text!r}; give key=value,key=value")
    return dict(simple_parse_args_string(text))
