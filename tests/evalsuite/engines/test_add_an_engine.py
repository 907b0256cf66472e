"""The worked example of a further engine: one that answers by a rule, without any model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from command_line import fails, typed

from saeval.evalsuite.config import EngineConfig
from saeval.evalsuite.engines import registry
from saeval.evalsuite.engines.base import Request
from saeval.evalsuite.engines.registry import get_engine, list_engines, register_engine
from saeval.evalsuite.models.types import LocalModel


# [example]
class RuleEngine:
    """Doubts what a claim doubts: a baseline that any model should beat."""

    batch_size = 1
    chat_template: Callable[..., Any] = staticmethod(
        lambda messages, **_: "\n".join(message["content"] for message in messages)
    )

    def __init__(self, model: LocalModel, adapters: Sequence[Path], config: EngineConfig) -> None:
        self.certain = not adapters

    def answer(self, requests: Sequence[Request]) -> Iterator[Request]:
        """Fill the responses of each request and give it back."""
        for request in requests:
            for instance in request.generations:
                prompt, _settings = instance.args
                label = "NA" if " may " in prompt else "PASS"
                confidence = 1.0 if self.certain else 0.5
                instance.resps.append(f"LABEL={label}\nCONF={confidence}")
                request.prompt_tokens += len(prompt.split())
                request.response_tokens += 2
            for instance in request.loglikelihoods:
                _prompt, label = instance.args
                instance.resps.append((-0.1 if "PASS" in label else -3.0, False))
            yield request

    def close(self) -> None:
        """Nothing to release."""


# [end]


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(registry, "_engines", dict(registry._engines))
    register_engine("rule", RuleEngine)


def test_it_is_asked_by_its_name(registered, tiny_base, tmp_path, capsys):
    assert "rule" in list_engines()
    out = tmp_path / "out"
    command = ("run", tiny_base, "--tasks", "factworld", "--limit", "8", "--engine", "rule")
    code, _, err = typed(capsys, *command, "--out", out)
    assert code == 0, err
    answers = list(map(json.loads, (out / "predictions/factworld.jsonl").read_text().splitlines()))
    assert len(answers) == 8
    assert {answer["confidence"] for answer in answers} == {1.0}
    assert all(answer["label_probabilities"]["PASS"] > 0.9 for answer in answers)
    identity = json.loads((out / "manifest.json").read_text())["identity"]
    assert identity["engine"]["name"] == "rule"


def test_a_mistyped_engine_is_told_from_those_that_are_there(tiny_base, tmp_path, capsys):
    command = ("run", tiny_base, "--tasks", "factworld", "--limit", "4", "--engine", "vlm")
    message = fails(capsys, *command, "--out", tmp_path / "out")
    assert message.endswith("'vlm' is no engine; did you mean vllm?")


def test_a_name_is_taken_once(registered):
    for name in ("rule", "vllm", "auto"):
        with pytest.raises(ValueError, match=f"there is an engine '{name}' already"):
            register_engine(name, object)
    register_engine("rule", RuleEngine)
    assert get_engine("rule") is RuleEngine
