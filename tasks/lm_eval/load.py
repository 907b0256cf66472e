"""Harness tasks by name: from their YAML files, or built from a task of your own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from lm_eval.api.task import ConfigurableTask
from lm_eval.tasks import TaskManager

from saeval.tasks.lm_eval.tasks import VerificationTask, load_dataset
from saeval.tasks.registry import get_task
from saeval.tasks.task import TASKS_FOLDER, Task


def load_harness_tasks(
    names: Sequence[str], metadata: Mapping[str, Any]
) -> dict[str, ConfigurableTask]:
    """The harness's task objects.

    Parameters
    ----------
    names
        Of tasks.
    metadata
        How their items are sampled: the keywords of `load_dataset`.
    """
    manager = TaskManager(
        include_path=str(TASKS_FOLDER), include_defaults=False, metadata=dict(metadata)
    )
    return {
        name: manager.load([name])["tasks"][name]
        if name in manager.all_tasks
        else build_harness_task(get_task(name), metadata)
        for name in names
    }


def build_harness_task(task: Task, metadata: Mapping[str, Any]) -> ConfigurableTask:
    """The harness's object for a task that has no YAML file."""
    harness_class = VerificationTask if task.kind.has_label_probabilities else ConfigurableTask
    return harness_class(config=harness_settings(task, metadata))


def harness_settings(task: Task, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The harness's configuration of a task that has no YAML file of its own."""
    shared = {
        "task": task.name,
        "dataset_path": task.dataset,
        "dataset_kwargs": {"task": task.name},
        "custom_dataset": load_dataset,
        "test_split": "test",
        "doc_to_text": task.write_prompt,
        "metadata": {"version": task.version, **metadata},
    }
    if task.kind.is_multiple_choice:
        return {
            **shared,
            "output_type": "multiple_choice",
            "doc_to_choice": _choices,
            "doc_to_target": _gold,
            "metric_list": [
                {"metric": "acc", "aggregation": "mean", "higher_is_better": True},
                {"metric": "acc_norm", "aggregation": "mean", "higher_is_better": True},
            ],
        }
    return {
        **shared,
        "output_type": "generate_until",
        "doc_to_target": "target",
        "process_results": partial(_process_results, task),
        "generation_kwargs": {
            "until": [],
            "max_gen_toks": task.kind.max_response_tokens,
            "do_sample": False,
        },
        "metric_list": [
            {"metric": "acc", "aggregation": "mean", "higher_is_better": True},
            {"metric": "abstained", "aggregation": "mean", "higher_is_better": True},
            {"metric": "invalid", "aggregation": "mean", "higher_is_better": False},
        ],
    }


def _choices(row: dict[str, Any]) -> list[str]:
    return list(row["choices"])


def _gold(row: dict[str, Any]) -> int:
    return int(row["gold"])


def _process_results(task: Task, row: dict[str, Any], results: list[Any]) -> dict[str, float]:
    """Per-item metrics from ``[text, …]``."""
    parsed = task.parse(row, results[0])
    return {
        "acc": float(parsed.prediction == row["target"]),
        "abstained": float(parsed.status == "abstained"),
        "invalid": float(parsed.status == "invalid"),
    }
