"""What travels between the driver and a replica: texts, numbers and settings, never documents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from saeval.evalsuite.engines.base import Request

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance

KINDS = {
    "generations": "generate_until",
    "loglikelihoods": "loglikelihood",
    "rollings": "loglikelihood_rolling",
}
"""The lists of a request, and the harness's word for what each holds."""


class Question(NamedTuple):
    """A request without its documents; `asked` has the arguments of each list of `KINDS`."""

    adapter: str | None
    seeds: tuple[int, ...]
    task: str | None
    asked: tuple[tuple[Any, ...], ...]


class Response(NamedTuple):
    """What an engine made of a question; `given` is beside `Question.asked`."""

    given: tuple[tuple[Any, ...], ...]
    prompt_tokens: int
    probe_tokens: int
    response_tokens: int
    truncated: bool


def to_question(request: Request) -> Question:
    """A request as it is sent."""
    lists: list[list[Instance]] = [getattr(request, name) for name in KINDS]
    first = next((instance for instances in lists for instance in instances), None)
    return Question(
        None if request.adapter is None else str(request.adapter),
        tuple(request.seeds),
        None if first is None else first.task_name,
        tuple(tuple(instance.args for instance in instances) for instances in lists),
    )


def to_request(question: Question) -> Request:
    """A request for the engine of a replica."""
    from lm_eval.api.instance import Instance

    lists = [
        [
            Instance(kind, {}, arguments, index, (question.task, 0, 1))
            for index, arguments in enumerate(asked)
        ]
        for kind, asked in zip(KINDS.values(), question.asked, strict=True)
    ]
    generations, loglikelihoods, rollings = lists
    adapter = None if question.adapter is None else Path(question.adapter)
    return Request(generations, list(question.seeds), loglikelihoods, adapter, rollings)


def to_response(request: Request) -> Response:
    """An answered request as it is sent back."""
    return Response(
        tuple(
            tuple(tuple(instance.resps) for instance in getattr(request, name)) for name in KINDS
        ),
        request.prompt_tokens,
        request.probe_tokens,
        request.response_tokens,
        request.truncated,
    )


def fill_request(request: Request, response: Response) -> None:
    """Put a replica's response into the request that was asked."""
    for name, given in zip(KINDS, response.given, strict=True):
        for instance, responses in zip(getattr(request, name), given, strict=True):
            instance.resps.extend(responses)
    request.prompt_tokens = response.prompt_tokens
    request.probe_tokens = response.probe_tokens
    request.response_tokens = response.response_tokens
    request.truncated = response.truncated


def to_probes(
    adapters: Sequence[Path], probe: Callable[[Path | None], list[Request]]
) -> dict[str | None, list[Question]]:
    """The probe questions of the base and of every adapter."""
    return {
        None if adapter is None else str(adapter): [to_question(r) for r in probe(adapter)]
        for adapter in (None, *adapters)
    }
