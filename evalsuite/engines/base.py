"""What every engine is given and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance


@dataclass
class Question:
    """The harness requests of one document, and who is to answer them.

    Attributes
    ----------
    generations
        One ``generate_until`` request per sample.
    seeds
        One per generation; they matter only where tokens are drawn and not the likeliest taken.
    scored
        One ``loglikelihood`` request per label; their responses stay empty where the engine has
        no log-probabilities to give.
    adapter
        The PEFT adapter that answers, or None for the base model.
    prompt_tokens, response_tokens
        Tokens read and written for the generations, once they are answered.
    probe_tokens
        Tokens read for the labels' log-probabilities: how many depends on the engine's way.
    truncated
        Whether the prompt was cut to fit the model.
    """

    generations: list[Instance]
    seeds: list[int]
    scored: list[Instance]
    adapter: Path | None = None
    prompt_tokens: int = field(default=0, init=False)
    probe_tokens: int = field(default=0, init=False)
    response_tokens: int = field(default=0, init=False)
    truncated: bool = field(default=False, init=False)


class Engine(Protocol):
    """A loaded base model that answers as itself or with one of its adapters.

    `together` is how many questions are answered in one batch whose composition may show in the
    last bits of a probability; 1 where every question is on its own.
    """

    together: int

    @property
    def chat_template(self) -> Callable[..., Any]:
        """Turns messages into a prompt, as lm-eval's models do."""

    def answer(self, questions: Sequence[Question]) -> Iterator[Question]:
        """Fill the requests' responses in place and yield each question once it is answered."""

    def close(self) -> None:
        """Release the model."""
