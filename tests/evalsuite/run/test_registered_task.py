"""A task that is registered in Python is asked, compared and gated like a built-in one."""

from __future__ import annotations

import pytest

import saeval
from saeval.tasks import OPEN_QUESTION, FunctionSource, Task, make_question, register_task, registry

COLOURS = ("red", "green", "blue", "grey")


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(registry, "_TASKS", dict(registry._TASKS))
    items = [
        make_question(f"Which colour has box {number}?", (COLOURS[number % 4],), source_label="box")
        for number in range(40)
    ]
    register_task(Task("boxes", "Colours of boxes", OPEN_QUESTION, FunctionSource(lambda: items)))


def test_models_are_compared_on_it(registered, tiny_base, tiny_adapter, tmp_path):
    comparison = saeval.compare(
        str(tiny_base),
        str(tiny_adapter),
        tasks=["boxes"],
        limit=12,
        generation={"max_gen_toks": 8},
        out=tmp_path / "run",
    )
    assert comparison["boxes"].items == 12
    again = saeval.read_predictions(tmp_path / "run" / "base")
    assert {prediction.task for prediction in again.predictions["boxes"].values()} == {"boxes"}
