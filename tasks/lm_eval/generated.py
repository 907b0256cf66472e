"""Tasks that are generated, as the harness's: the group ``retention``, and ``reasoning_gym:NAME``.

Each is a generation with a short instruction, scored per item by a number in [0, 1], ``acc``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import datasets
from lm_eval.api.task import ConfigurableTask

from saeval.errors import InputError
from saeval.tasks.lm_eval.reasoning_gym import PREFIX, load_reasoning_gym
from saeval.tasks.retention import items as retention

GROUP = "retention"


@dataclass(frozen=True)
class GeneratedTask:
    """A task of the harness, and the group that it is asked for as a part of."""

    task: Any
    group: str | None


def is_generated(name: str) -> bool:
    """Whether `load_generated` knows a name."""
    return name == GROUP or name in retention.TASKS or name.startswith(PREFIX)


def load_generated(name: str, *, seed: int, limit: int | None) -> list[GeneratedTask]:
    """The tasks that a name stands for.

    Parameters
    ----------
    name
        ``retention``, one of its tasks, or ``reasoning_gym:NAME``.
    seed, limit
        Of the items; a smaller limit gives the first of the same.

    Raises
    ------
    InputError
        If there is no such data set, or it runs what a model answers as code.
    """
    if name.startswith(PREFIX):
        return [GeneratedTask(_reasoning_gym(name, seed, limit), None)]
    if name not in (GROUP, *retention.TASKS):
        raise InputError(f"there is no generated task {name!r}")
    group = GROUP if name == GROUP else None
    names = retention.TASKS if group else (name,)
    return [GeneratedTask(_retention(task, seed, limit), group) for task in names]


def _retention(name: str, seed: int, limit: int | None) -> ConfigurableTask:
    items = retention.make_items(name, seed=seed, count=limit or retention.COUNT)
    rows = [{"question": item.question, "answer": item.answer} for item in items]

    def write_prompt(row: Mapping[str, Any]) -> str:
        return f"{row['question']}\n{retention.FORM}\n\nAnswer:\n"

    def score(row: Mapping[str, Any], response: str) -> float:
        return float(retention.is_right(name, row["answer"], response))

    return _build(name, rows, write_prompt, score, retention.VERSION, 256)


def _reasoning_gym(name: str, seed: int, limit: int | None) -> ConfigurableTask:
    gym = load_reasoning_gym(name, seed=seed, limit=limit)

    def write_prompt(row: Mapping[str, Any]) -> str:
        return f"{gym.instruction}\n\n{row['question']}\n\nAnswer:\n"

    def score(row: Mapping[str, Any], response: str) -> float:
        return gym.score(row["index"], response)

    return _build(gym.task_name, gym.rows, write_prompt, score, gym.version, 1024)


def _build(
    name: str,
    rows: Sequence[Mapping[str, Any]],
    write_prompt: Callable[[Mapping[str, Any]], str],
    score: Callable[[Mapping[str, Any], str], float],
    version: int | str,
    max_tokens: int,
) -> ConfigurableTask:
    def load_rows(**_: Any) -> dict[str, datasets.Dataset]:
        return {"test": datasets.Dataset.from_list([dict(row) for row in rows])}

    def process_results(row: dict[str, Any], results: list[str]) -> dict[str, float]:
        return {"acc": score(row, results[0])}

    return ConfigurableTask(
        config={
            "task": name,
            "dataset_path": name,
            "custom_dataset": load_rows,
            "output_type": "generate_until",
            "test_split": "test",
            "doc_to_text": write_prompt,
            "doc_to_target": "answer",
            "process_results": process_results,
            "num_fewshot": 0,
            "generation_kwargs": {"until": [], "max_gen_toks": max_tokens, "do_sample": False},
            "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
            "metadata": {"version": version},
        }
    )
