"""Tasks that lm-eval defines, generated ones and own multiple choice, found by what was typed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from saeval.errors import InputError
from saeval.evalsuite.config import RunConfig
from saeval.evalsuite.run.harness_task import HarnessTask
from saeval.evalsuite.run.tasks import HARNESS_PREFIX, LoadedTask
from saeval.evalsuite.store.hashing import hash_document
from saeval.progress import SILENT, Progress
from saeval.tasks.data.loading import find_data_folder
from saeval.tasks.registry import get_task, list_tasks
from saeval.terminal_text import one_line

if TYPE_CHECKING:
    from saeval.tasks.lm_eval.harness import Harness

_FILE_NAME = r"\w[\w.-]{0,99}"


def load_foreign_tasks(
    names: Sequence[str], config: RunConfig, progress: Progress = SILENT
) -> dict[str, list[LoadedTask]]:
    """lm-eval's tasks by the names that were typed.

    Raises
    ------
    SaevalError
        If one cannot be found, loaded, or asked as configured.
    """
    with progress.status("looking for the tasks of lm-eval"):
        if config.per_label is not None:
            raise InputError(
                f"--per-label: lm-eval's tasks ({', '.join(names)}) have no labels; use --limit"
            )
        from saeval.tasks.lm_eval.generated import is_generated

        harness = None
        if others := [n for n in names if not is_generated(n) and n not in list_tasks()]:
            from saeval.tasks.lm_eval.harness import Harness

            harness = Harness(config.include_path, find_data_folder(config.data_dir))
            harness.check_known([typed.removeprefix(HARNESS_PREFIX) for typed in others])
        return {
            name: [_loaded(own.task, own.group, config) for own in _find(name, config, harness)]
            for name in names
        }


def _find(typed: str, config: RunConfig, harness: Harness | None) -> Sequence[Any]:
    """What a name stands for: generated tasks, own data with choices, else tasks of lm-eval."""
    from saeval.tasks.lm_eval.generated import GeneratedTask, is_generated, load_generated

    if harness is not None and typed not in list_tasks() and not is_generated(typed):
        return harness.load(typed.removeprefix(HARNESS_PREFIX))
    if typed in list_tasks():
        from saeval.tasks.lm_eval.load import build_harness_task

        task = build_harness_task(get_task(typed), {"seed": config.seed})
        return [GeneratedTask(task, None)]
    return load_generated(typed, seed=config.seed, limit=config.limit)


def _loaded(task: Any, group: str | None, config: RunConfig) -> HarnessTask:
    name = str(task.config.task)
    if not re.fullmatch(_FILE_NAME, name):
        raise InputError(
            f"task {one_line(name, 80)}: its name cannot be that of a file; a name holds letters, "
            "digits, `_`, `-` and `.`"
        )
    if config.generation and task.OUTPUT_TYPE == "generate_until":
        task.set_config("generation_kwargs", dict(config.generation), update=True)
    examples = task.config.num_fewshot
    if config.num_fewshot is not None and examples != 0:  # as lm-eval: 0 is part of the task
        examples = config.num_fewshot
    task.set_config("num_fewshot", examples or 0)
    documents = tuple(
        {
            "id": str(number),
            "cluster": row.get("cluster") if name in list_tasks() else None,
            "row": row,
            "hash": hash_document(row),
        }
        for number, row in enumerate(islice(task.eval_docs, config.limit))
    )
    multiturn = config.fewshot_as_multiturn
    loaded = HarnessTask(
        name,
        task,
        documents,
        group=group,
        n_examples=examples or 0,
        multiturn=config.apply_chat_template if multiturn is None else multiturn,
    )
    loaded.facts()
    return loaded
