"""What is asked: prompts, answer parsing, data sets and the lm-evaluation-harness tasks.

>>> from saeval.tasks import get_task, load_items
>>> task = get_task("factworld_questions")
>>> row = load_items(task)[0].as_row()
>>> task.parse(row, "\\\\boxed{Unknown}\\nCONF=0.8").status
'abstained'
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from saeval.tasks.data.loading import load_items
    from saeval.tasks.data.validate import ValidationResult, validate
    from saeval.tasks.kinds import OPEN_QUESTION, VERIFICATION
    from saeval.tasks.registry import get_task, list_tasks, register_task
    from saeval.tasks.task import FunctionSource, HubSource, Task, TaskKind
    from saeval.tasks.types import Claim, Item, LabelSet, ParsedResponse, Question, make_question

__all__ = [
    "OPEN_QUESTION",
    "VERIFICATION",
    "Claim",
    "FunctionSource",
    "HubSource",
    "Item",
    "LabelSet",
    "ParsedResponse",
    "Question",
    "Task",
    "TaskKind",
    "ValidationResult",
    "get_task",
    "list_tasks",
    "load_items",
    "make_question",
    "register_task",
    "validate",
]

_MODULES = {
    "data.loading": ("load_items",),
    "data.validate": ("ValidationResult", "validate"),
    "kinds": ("OPEN_QUESTION", "VERIFICATION"),
    "registry": ("get_task", "list_tasks", "register_task"),
    "task": ("FunctionSource", "HubSource", "Task", "TaskKind"),
    "types": ("Claim", "Item", "LabelSet", "ParsedResponse", "Question", "make_question"),
}
"""Where each name is defined."""


def __getattr__(name: str) -> object:
    """Load a public name (PEP 562)."""
    from importlib import import_module

    for module, names in _MODULES.items():
        if name in names:
            value: object = getattr(import_module(f"saeval.tasks.{module}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module 'saeval.tasks' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
