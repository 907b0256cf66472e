"""A server whose models do as the system prompt says, so that prompts differ in what they buy."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

from tiny_server import TinyServer

from saeval.tasks.data.loading import load_items
from saeval.tasks.registry import get_task

BOLD, CAUTIOUS, BARE = "always give an answer", "only if you are sure", "answer in one word"


class PromptedServer(TinyServer):
    """Chat models by name, each with the share of answers that it knows.

    A model is surer of what it knows than of what it guesses, and answers where it is sure enough:
    without a prompt some certainty is enough, `CAUTIOUS` asks for more, `BOLD` for none. Told to be
    `BARE` it forgets the format. A model with a reserve asks for at least so much whatever it is
    told: training taught it the caution, and nothing else.
    """

    def __init__(
        self,
        knowledge: dict[str, float],
        task: str = "factworld_questions",
        reserve: dict[str, float] | None = None,
    ) -> None:
        super().__init__({})
        self.models = dict.fromkeys(knowledge)
        self.knowledge = knowledge
        self.reserve = reserve or {}
        rows = [document.as_row() for document in load_items(get_task(task))]
        self.by_text = {str(row.get("question", row.get("claim"))): row for row in rows}

    def chat(self, body: dict[str, Any]) -> dict[str, Any]:
        said = {message["role"]: message["content"] for message in body["messages"]}
        found = re.search(r"(?:Question|Claim): (.*)\n", said["user"])
        assert found is not None
        row = self.by_text[found[1]]
        text = self._respond(body["model"], said.get("system", ""), row)
        return {
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 9},
        }

    def _respond(self, model: str, system: str, row: dict[str, Any]) -> str:
        question = "question" in row
        gold = (row["answers"] or [None])[0] if question else row["target"]
        answerable = gold is not None and gold != "NA"
        knows = answerable and chance("knows", row["id"]) < self.knowledge[model]
        sureness = 0.7 * chance(model, "sure", row["id"]) + 0.3 * knows
        needed = 0.0 if BOLD in system else 0.62 if CAUTIOUS in system else 0.3
        needed = max(needed, self.reserve.get(model, 0.0))
        if BARE in system:
            return "Perhaps."
        if sureness < needed:
            return "\\boxed{Unknown}\nCONF=0.50" if question else "LABEL=NA\nCONF=0.50"
        if question:
            return f"\\boxed{{{gold if knows else 'Nobody at all'}}}\nCONF={sureness:.2f}"
        label = gold if knows else "PASS" if gold != "PASS" else "FAIL"
        return f"LABEL={label}\nCONF={sureness:.2f}"


def chance(*of: object) -> float:
    """A number in [0, 1) that is always the same for the same things."""
    return int.from_bytes(sha256(repr(of).encode()).digest()[:4], "big") / 2**32
