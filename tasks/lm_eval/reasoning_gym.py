"""Data sets of reasoning-gym (``reasoning_gym:NAME``): items from a seed, scored by their own rule.

Some of its data sets hand a model's answer to Python to be evaluated (``eval``, or sympy's parser,
which evaluates). Those are refused: what a model writes is never run.
"""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from saeval.errors import InputError
from saeval.extras import require_extra
from saeval.suggest import did_you_mean
from saeval.tasks.retention.items import find_answer
from saeval.terminal_text import one_line, quoted

PREFIX = "reasoning_gym:"
COUNT = 200
_RUNS = {"eval", "exec", "compile", "parse_expr", "sympify", "__import__"}
_RUNS_MODULES = {"sympy"}


@dataclass(frozen=True)
class ReasoningGym:
    """Items of one data set.

    Attributes
    ----------
    task_name
        As run folders have it, without a colon.
    rows
        ``question``, ``answer`` and ``index`` of each.
    instruction
        How the answer is to be given, in the package's own words.
    version
        Of the package, which decides items and scores.
    entries
        What the data set made, for its own scoring.
    dataset
        The package's object.
    """

    task_name: str
    rows: Sequence[Mapping[str, Any]]
    instruction: str
    version: str
    entries: Sequence[Mapping[str, Any]]
    dataset: Any

    def score(self, index: int, response: str) -> float:
        """The data set's own score of a response, in [0, 1]; 0 where it cannot be read."""
        try:
            score = float(self.dataset.score_answer(find_answer(response), self.entries[index]))
        except Exception:  # its rules expect an answer's form and raise anything at another
            return 0.0
        return min(max(score, 0.0), 1.0) if math.isfinite(score) else 0.0


def load_reasoning_gym(name: str, *, seed: int, limit: int | None) -> ReasoningGym:
    """Items of ``reasoning_gym:NAME``.

    Parameters
    ----------
    name
        With the prefix.
    seed
        Of the items.
    limit
        How many; 200 if None.

    Raises
    ------
    MissingExtraError
        If the package is not installed.
    InputError
        If there is no such data set, or it evaluates what a model answers.
    """
    require_extra("retention", "reasoning_gym")
    import reasoning_gym
    from reasoning_gym.factory import DATASETS
    from reasoning_gym.utils import SYSTEM_PROMPTS

    short = name.removeprefix(PREFIX)
    if short not in DATASETS:
        hint = did_you_mean(short, sorted(DATASETS))
        raise InputError(f"reasoning-gym has no data set {quoted(short, 60)}; {hint}")
    if found := code_that_runs_answers(DATASETS[short][0]):
        raise InputError(
            f"{name}: scores an answer by running it as code ({found}), which saeval does not do "
            "with what a model writes; choose another data set"
        )
    try:
        dataset = reasoning_gym.create_dataset(short, seed=seed, size=limit or COUNT)
        entries = [dataset[index] for index in range(limit or COUNT)]
    except Exception as error:  # data sets that need settings of their own
        raise InputError(
            f"{name}: cannot be made ({type(error).__name__}: {one_line(str(error), 100)})"
        ) from error
    return ReasoningGym(
        task_name=f"reasoning_gym_{short}",
        rows=[
            {"question": str(e["question"]), "answer": str(e["answer"]), "index": index}
            for index, e in enumerate(entries)
        ],
        instruction=SYSTEM_PROMPTS["simple"],
        version=version("reasoning-gym"),
        entries=entries,
        dataset=dataset,
    )


def code_that_runs_answers(dataset_class: type) -> str | None:
    """What in a data set's scoring could run an answer; None if nothing there does.

    Looked at are ``score_answer`` and all functions that it reaches in its module.
    """
    method = dataset_class.score_answer  # type: ignore[attr-defined]
    module = inspect.getmodule(method)
    if module is None:
        return "its source cannot be read"
    tree = ast.parse(inspect.getsource(module))
    functions: dict[str, list[ast.AST]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            functions.setdefault(node.name, []).append(node)
    suspicious = _RUNS | _names_of_modules(tree)
    start = ast.parse(textwrap.dedent(inspect.getsource(method)))
    waiting: list[ast.AST] = [start]
    seen: set[str] = set()
    while waiting:
        for node in ast.walk(waiting.pop()):
            name = node.id if isinstance(node, ast.Name) else getattr(node, "attr", None)
            if not isinstance(name, str) or name in seen:
                continue
            if name in suspicious:
                return name
            seen.add(name)
            waiting += functions.get(name, [])
    return None


def _names_of_modules(tree: ast.AST) -> set[str]:
    """What modules that evaluate text, and things taken from them, are called here."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {
                a.asname or a.name.split(".")[0]
                for a in node.names
                if a.name.split(".")[0] in _RUNS_MODULES
            }
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in _RUNS_MODULES:
            names |= {a.asname or a.name for a in node.names}
    return names
