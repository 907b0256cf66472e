"""What was typed, as what is asked and how models are run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from saeval.errors import InputError, ModelError
from saeval.evalsuite.engines import EngineOptions
from saeval.evalsuite.judge.grades import Judge
from saeval.evalsuite.models.resolve import AnyModel, LocalModel, served_model
from saeval.evalsuite.run.task_runner import AskedTask, Questions
from saeval.tasks.data.sampling import DEFAULT_SEED
from saeval.tasks.registry import get_task

OF_ANSWERING = {
    "limit": None,
    "per_label": None,
    "gen_kwargs": None,
    "samples": 1,
    "apply_chat_template": False,
    "system": None,
    "data_dir": None,
}
"""Options that only matter where a model has to answer, and their defaults."""
OF_ASKING = {**OF_ANSWERING, "cache": None}
"""Options that only matter where a model or a judge is asked, and their defaults."""
OF_LOADING = {
    "engine": "auto",
    "device": "auto",
    "dtype": "auto",
    "batch_size": 0,
    "threads": 0,
    "model_args": None,
}
"""Options that a server decides for itself, and their defaults."""
_OF_SAMPLING = ("temperature", "top_p", "top_k", "min_p")
"""Generation settings that only matter where tokens are drawn."""


def questions_of(options: Mapping[str, Any]) -> Questions:
    """What is asked."""
    return Questions(
        tasks=options["tasks"] or (),
        data_dir=options["data_dir"],
        seed=options["seed"],
        per_label=options["per_label"],
        limit=options["limit"],
        generation=_generation(options["gen_kwargs"]),
        samples=options["samples"],
        chat_template=options["apply_chat_template"],
        system=_system_prompt(options["system"]),
        shuffled=options.get("until_decided", False),
    )


def check_samples(tasks: Sequence[AskedTask], questions: Questions) -> None:
    """Refuse several samples that would all be the same."""
    for task in tasks:
        if questions.samples > 1 and not task.harness_task.config.generation_kwargs.get(
            "do_sample"
        ):
            raise InputError(
                f"--samples {questions.samples}: without --gen-kwargs "
                "do_sample=true,temperature=0.7 every answer to an item is the same"
            )


def _system_prompt(given: str | None) -> str | None:
    """The text itself, or that of the file it names."""
    if not given:
        return None
    try:
        if Path(given).is_file():
            return Path(given).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--system: cannot read {given[:80]!r} ({error})") from error
    if not re.search(r"\s", given) and ("/" in given or Path(given).suffix):
        raise InputError(
            f"--system: there is no file {given!r}; name a file, or give a text of several words"
        )
    return given


def _generation(text: str | None) -> dict[str, Any] | None:
    if not text:
        return None
    from lm_eval.utils import simple_parse_args_string

    if not all(re.fullmatch(r"\w+=[^=]+", part) for part in text.split(",")):
        raise InputError(f"--gen-kwargs: cannot read {text!r}; give key=value,key=value")
    generation = dict(simple_parse_args_string(text))
    if not isinstance(generation.get("max_gen_toks", 1), int):
        raise InputError(f"--gen-kwargs: max_gen_toks must be a whole number in {text!r}")
    drawn, temperature = generation.get("do_sample", False), generation.get("temperature")
    if drawn and not temperature:
        raise InputError(
            "--gen-kwargs: do_sample=true needs a temperature, such as temperature=0.7"
        )
    if not drawn and (useless := [n for n in _OF_SAMPLING if generation.get(n)]):
        raise InputError(f"--gen-kwargs: {useless[0]} has no effect without do_sample=true")
    return generation


def engine_options(options: Mapping[str, Any], models: Iterable[AnyModel]) -> EngineOptions:
    """How these models are run."""
    given = EngineOptions(
        name=options["engine"],
        device=options["device"],
        dtype=options["dtype"],
        batch_size=options["batch_size"],
        threads=options["threads"],
        model_args=_model_args(options["model_args"]),
        concurrency=options["concurrency"],
        request_timeout=options["request_timeout"],
        patience=options["patience"],
    )
    if any(isinstance(m, LocalModel) for m in models):
        return given.resolved()
    if ignored := given_of(options, OF_LOADING):
        raise InputError(f"{ignored}: has no effect on a server; leave it out")
    return given


def server_options(options: Mapping[str, Any]) -> EngineOptions:
    """How a server is asked that is no model under comparison."""
    return EngineOptions(
        concurrency=options["concurrency"],
        request_timeout=options["request_timeout"],
        patience=options["patience"],
    )


def judge_of(options: Mapping[str, Any]) -> Judge | None:
    """Who grades open questions; None for the default grader alone."""
    if (given := options["judge"]) is None:
        return None
    if not re.match(r"https?://", given):
        raise InputError(
            f"--judge {given[:80]!r}: give a model of a server, such as http://127.0.0.1:8000/v1#model"
        )
    try:
        return Judge(served_model(given))
    except ModelError as error:
        raise InputError(f"--judge: {error}") from error


def check_has_questions(tasks: Sequence[str]) -> None:
    """Stop if no task has open questions, since a judge would have nothing to grade.

    Raises
    ------
    InputError
        Naming the tasks.
    """
    if not any(get_task(name).kind == "question" for name in tasks):
        raise InputError(
            f"--judge: there is no open question to grade in {', '.join(tasks)}; leave it out"
        )


def given_of(options: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """Those of the options that were given, as a person types them."""
    names = [name for name, default in defaults.items() if options[name] != default]
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)


def options_of(identity: Mapping[str, Any]) -> dict[str, Any]:
    """The options that a run was asked with, from the identity in its manifest, as far as known."""
    found = dict(identity.get("sampling", {}))
    if (generation := identity.get("generation")) is not None:
        found["gen_kwargs"] = ",".join(f"{k}={v}" for k, v in generation.items()) or None
    names = {"samples": "samples", "chat_template": "apply_chat_template", "system": "system"}
    return found | {option: identity[name] for name, option in names.items() if name in identity}


def as_typed(options: Mapping[str, Any]) -> str:
    """Those of the options that decide what is answered and no defaults, for a shell."""
    typed = []
    for name, default in {
        "tasks": None,
        "seed": DEFAULT_SEED,
        **OF_ANSWERING,
        **OF_LOADING,
    }.items():
        value = options.get(name, default)
        if value == default or not value:
            continue
        option = f"--{name.replace('_', '-')}"
        text = ",".join(value) if isinstance(value, tuple) else str(value)
        typed.append(option if value is True else f"{option} {shlex.quote(text)}")
    return " ".join(typed)


def _model_args(text: str | None) -> dict[str, Any]:
    if not text:
        return {}
    from lm_eval.utils import simple_parse_args_string

    if not all(re.fullmatch(r"\w+=[^=]+", part) for part in text.split(",")):
        raise InputError(f"--model-args: cannot read {text!r}; give key=value,key=value")
    arguments = dict(simple_parse_args_string(text))
    for forbidden in ("trust_remote_code", "pretrained", "peft", "lora_local_path"):
        if forbidden in arguments:
            raise InputError(f"--model-args: {forbidden} cannot be set here")
    return arguments
