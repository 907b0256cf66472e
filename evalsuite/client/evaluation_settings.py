"""The settings of an evaluation: how a worker may be told to ask a model, and nothing else.

No setting names a file, a folder or an address, none loads code, and none decides where anything is
written: a server that is not what it should be can make a worker evaluate, and do no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from saeval.evalsuite.client.wire import EvaluationRequest
from saeval.evalsuite.options import to_run_config
from saeval.json_source import read_text, validate

Count = Annotated[int, Field(ge=1, le=10**7)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class GenerationSettings(_Settings):
    """Changes to the generation settings of tasks, in lm-eval's names."""

    max_gen_toks: Count | None = None
    do_sample: bool | None = None
    temperature: Annotated[float, Field(ge=0, le=100)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0, le=10**6)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    repetition_penalty: Annotated[float, Field(gt=0, le=100)] | None = None


class EvaluationSettings(_Settings):
    """Keywords of `saeval.run` that a worker takes; those that are not given are its defaults."""

    seed: Annotated[int, Field(ge=0, le=2**31)] | None = None
    limit: Count | None = None
    per_label: Annotated[str, StringConstraints(max_length=500)] | None = None
    samples: Annotated[int, Field(ge=1, le=10_000)] | None = None
    system: Annotated[str, StringConstraints(max_length=100_000)] | None = None
    apply_chat_template: bool | None = None
    label_probabilities: bool | None = None
    generation: GenerationSettings | None = None
    engine: Literal["auto", "transformers", "vllm"] | None = None
    dtype: Literal["auto", "float32", "float16", "bfloat16"] | None = None
    batch_size: Annotated[int, Field(ge=0, le=4096)] | None = None


def check_settings(request: EvaluationRequest) -> dict[str, Any]:
    """The keywords of `saeval.run` that a request asks for.

    Raises
    ------
    InputError
        Of the first setting that no worker takes, or whose value is not what it should be.
    """
    settings = validate(EvaluationSettings, dict(request.settings), "settings")
    keywords = settings.model_dump(exclude_none=True)
    to_run_config(keywords)
    return keywords


def make_request(
    model: str,
    tasks: str | Sequence[str],
    *,
    settings: Mapping[str, Any] | None = None,
    policy: str | Path | None = None,
    **said: Any,
) -> EvaluationRequest:
    """What `saeval.Client.evaluate` asks for, checked as far as it can be here.

    Raises
    ------
    InputError
        If a setting is none that workers take, or a value is not what it should be.
    """
    given = {
        "model": model,
        "tasks": tasks.split(",") if isinstance(tasks, str) else list(tasks),
        "settings": settings,
        "policy": None if policy is None else _policy_text(policy),
        **said,
    }
    given = {name: value for name, value in given.items() if value is not None}
    request = validate(EvaluationRequest, given, "evaluate")
    check_settings(request)
    return request


def _policy_text(policy: str | Path) -> str:
    is_file = isinstance(policy, Path) or ("\n" not in policy and Path(policy).is_file())
    return read_text(Path(policy)) if is_file else str(policy)
