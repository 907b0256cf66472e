"""A server on the loopback whose models know some answers, and may know which."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tiny_server import TinyServer

from saeval.tasks.data.loading import load_items
from saeval.tasks.registry import get_task
from saeval.tasks.types import Question

TASK = "factworld_questions"


def chance(*parts: object) -> float:
    """A number in [0, 1) that is the same for the same parts."""
    return int.from_bytes(sha256(repr(parts).encode()).digest()[:6], "big") / 2**48


@dataclass(frozen=True)
class Mind:
    """How a model answers.

    Attributes
    ----------
    salt
        Models with the same salt know the same.
    knows
        Share of the questions with an answer that it gets right; it declines half of the others.
    sure
        How often it can tell whether it knows, on the task `of` or on every one.
    first
        How often it takes the first question without thought.
    """

    salt: str = "one"
    knows: float = 0.6
    sure: float = 0.9
    first: float = 0.0
    of: str | None = None


class KnowingServer(TinyServer):
    """Answers by rule instead of by a network, so that what it knows of itself is known."""

    def __init__(
        self, minds: dict[str, Mind], tasks: tuple[str, ...] = (TASK,), data: Path | None = None
    ) -> None:
        super().__init__({})
        self.models = minds
        items = {name: load_items(get_task(name), data) for name in tasks}
        questions = [(name, q) for name in tasks for q in items[name] if isinstance(q, Question)]
        self.gold = {q.question: q.answers for _, q in questions}
        self.task = {q.question: name for name, q in questions}

    def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        prompts = body["prompt"] if isinstance(body["prompt"], list) else [body["prompt"]]
        mind = self.models[body["model"]]
        choices = [
            {"index": index, "text": self.reply(mind, prompt), "logprobs": None}
            for index, prompt in enumerate(prompts)
        ]
        return {"choices": choices, "usage": {"prompt_tokens": 9, "completion_tokens": 9}}

    def reply(self, mind: Mind, prompt: str) -> str:
        shown = dict(
            re.findall(r"^(Question|Question A|Question B|Your answer): (.*)$", prompt, re.M)
        )
        if "Question A" in shown:
            return f"I think it is \\boxed{{{self.choice(mind, shown)}}}"
        question = shown["Question"]
        if "Your answer" in shown:
            return f"CONF={0.9 if self.feels(mind, question) else 0.2}"
        if self.known(mind, question):
            return f"Easy: \\boxed{{{self.gold[question][0]}}}\nCONF=0.80"
        if chance(mind.salt, "declines", question) < 0.5:
            return "\\boxed{Unknown}"
        return "Perhaps \\boxed{Atlantis}\nCONF=0.80"

    def known(self, mind: Mind, question: str) -> bool:
        return bool(self.gold[question]) and chance(mind.salt, "knows", question) < mind.knows

    def feels(self, mind: Mind, question: str) -> bool:
        """Whether it thinks that it knows."""
        trained = mind.of in (None, self.task[question])
        tells = trained and chance(mind.salt, "sure", question) < mind.sure
        return self.known(mind, question) if tells else chance("guess", question) < 0.5

    def choice(self, mind: Mind, shown: dict[str, str]) -> str:
        first, second = shown["Question A"], shown["Question B"]
        if chance("first", first, second) < mind.first:
            return "A"
        if self.feels(mind, first) == self.feels(mind, second):
            return "AB"[chance("either", first, second) < 0.5]
        return "A" if self.feels(mind, first) else "B"
