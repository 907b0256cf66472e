"""A judge on the loopback that grades by a rule, and fails when told to."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tiny_server import TinyServer

PROMPT = re.compile(
    r"Right answers:\n(?P<answers>(?:- .*\n)+)\n.*?\n(?P<fence>RESPONSE [0-9a-f]{16})\n"
    r"(?P<response>.*)\n(?P=fence)\n",
    re.DOTALL,
)


def rule(answers: list[str], response: str) -> str:
    """NOT_ATTEMPTED if it says sorry, CORRECT if it holds a right answer."""
    if "sorry" in response:
        return "NOT_ATTEMPTED"
    return "CORRECT" if any(answer in response for answer in answers) else "INCORRECT"


class RuleJudge(TinyServer):
    """``/v1`` with the models ``judge`` and ``other``; `reply` is its rule, `prompts` is counted.

    Requests, prompts and faults are those of `TinyServer`.
    """

    def __init__(self) -> None:
        super().__init__({})
        self.models = {"judge": None, "other": None}
        self.reply: Callable[[list[str], str], str] = rule

    def chat(self, body: dict[str, Any]) -> dict[str, Any]:
        answers, response = read_prompt(body)
        return {
            "choices": [{"message": {"content": self.reply(answers, response)}}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 2},
        }


def read_prompt(body: dict[str, Any]) -> tuple[list[str], str]:
    """Right answers and response, as they stand in the message."""
    found = PROMPT.search(body["messages"][0]["content"].split("Examples", 1)[1])
    assert found is not None
    answers = [line.removeprefix("- ") for line in found["answers"].splitlines()]
    return answers, found["response"]
