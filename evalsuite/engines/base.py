"""What every engine is given and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

from saeval.errors import ModelError
from saeval.evalsuite.config import EngineConfig

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance


@dataclass
class Request:
    """The harness requests of one document, and who is to answer them.

    Attributes
    ----------
    generations
        One ``generate_until`` request per sample.
    seeds
        One per generation; they matter only where tokens are drawn and not the likeliest taken.
    loglikelihoods
        One ``loglikelihood`` request per label; their responses stay empty where the engine has
        no log-probabilities to give. Of a task of lm-eval: its own.
    adapter
        The PEFT adapter that answers, or None for the base model.
    rollings
        ``loglikelihood_rolling`` requests: of whole texts.
    prompt_tokens, response_tokens
        Tokens read and written for the generations, once they are answered.
    probe_tokens
        Tokens read for the labels' log-probabilities: how many depends on the engine's way.
    truncated
        Whether the prompt was cut to fit the model.
    batch
        Number of the batch: neighbours of one number and one adapter are answered together, by an
        engine that answers several requests at a time.
    """

    generations: list[Instance]
    seeds: list[int]
    loglikelihoods: list[Instance]
    adapter: Path | None = None
    rollings: list[Instance] = field(default_factory=list)
    prompt_tokens: int = field(default=0, init=False)
    probe_tokens: int = field(default=0, init=False)
    response_tokens: int = field(default=0, init=False)
    truncated: bool = field(default=False, init=False)
    batch: int = field(default=0, init=False)

    def refuse_rollings(self, who: str) -> None:
        """Of an engine that has no way to read whole texts.

        Raises
        ------
        ModelError
            If the request holds any.
        """
        if self.rollings:
            raise ModelError(
                f"task {self.rollings[0].task_name}: asks how likely whole texts are, which {who} "
                "is not asked; give the model's folder or hub id, and --engine transformers"
            )

    @property
    def instances(self) -> list[Instance]:
        """All of them in the order of the task; repetitions side by side."""
        every = [*self.generations, *self.loglikelihoods, *self.rollings]
        return sorted(every, key=lambda instance: instance.idx)


def cut_batches(requests: Iterable[Request], size: int) -> Iterator[list[Request]]:
    """Requests that are answered together: neighbours of one batch and adapter, `size` at most."""
    for _, group in groupby(requests, key=lambda request: (request.batch, request.adapter)):
        neighbours = list(group)
        for start in range(0, len(neighbours), size):
            yield neighbours[start : start + size]


class Engine(Protocol):
    """A loaded base model that answers as itself or with one of its adapters.

    Parameters
    ----------
    model
        A `saeval.evalsuite.models.resolve.LocalModel`; a `ServedModel` for a server's engine.
    adapters
        PEFT adapter folders that requests may name.
    config
        With every ``auto`` resolved.

    Attributes
    ----------
    batch_size
        How many requests at most are answered in one batch whose composition may show in the last
        bits of a probability; 1 where every request is on its own. Batches are those of
        `cut_batches`.

    Notes
    -----
    An attribute ``batch_tokens``, where an engine has one, limits the tokens that the prompts of a
    batch are padded to. Two further members prove more: a class attribute
    ``loads_adapters_when_asked`` that is true, so that the base can be scored before any adapter is
    there without loading it twice, and a method ``hash_base_weights() -> str``.
    """

    batch_size: int

    def __init__(self, model: Any, adapters: Sequence[Path], config: EngineConfig) -> None: ...

    @property
    def chat_template(self) -> Callable[..., Any]:
        """Turns messages into a prompt, as lm-eval's models do."""

    def answer(self, requests: Sequence[Request]) -> Iterator[Request]:
        """Fill the requests' responses in place and yield each request once it is answered."""

    def close(self) -> None:
        """Release the model."""


class StreamingEngine(Engine, Protocol):
    """An engine that takes requests one by one as it comes to them, however many there are."""

    streams: bool

    def answer(self, requests: Iterable[Request]) -> Iterator[Request]:
        """As an engine does."""


def is_streaming(engine: Engine) -> TypeGuard[StreamingEngine]:
    """Whether an engine says so of itself."""
    return getattr(engine, "streams", False)
