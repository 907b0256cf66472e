"""A task file and its card."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from saeval.errors import InputError
from saeval.tasks.own.definition import HARNESS_CLASS, NAME, Definition, data_path
from saeval.tasks.types import Item
from saeval.terminal_text import one_line, quoted
from saeval.yaml_source import dump_yaml

_ASKED = {
    "verification": "Whether the evidence supports the claim (PASS), refutes it (FAIL) or does not "
    "settle it (NA), and how sure the model is.",
    "question": "Each question, to be answered in a few words or declined, and how sure the model "
    "is.",
    "multiple_choice": "Each question; the model's choice is the one it finds likeliest, by "
    "log-likelihood.",
}
_METRICS = {
    "verification": "Accuracy, recall of each label, abstention, and the confidence metrics, of "
    "stated confidence and of the model's own label probabilities.",
    "question": "Accuracy, abstention, and the confidence metrics of stated confidence.",
    "multiple_choice": "`acc` and `acc_norm`, and the confidence metrics of the choices' "
    "probabilities.",
}


def make_name(text: str) -> str:
    """The name of a task from that of a file or data set.

    Examples
    --------
    >>> make_name("2024 claims.v2")
    'own_2024_claims_v2'
    """
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_")[:70]
    return name if NAME.fullmatch(name) else f"own_{name}"


def relative_data(data: Path, folder: Path) -> str:
    """Where data lies as seen from the folder of a task file.

    Raises
    ------
    InputError
        If it is neither there nor below it.
    """
    if not data.resolve().is_relative_to(folder.resolve()):
        raise InputError(
            f"--out: {folder} does not hold {quoted(str(data))}; a task file lies in the folder of "
            "its data or above it"
        )
    relative = Path(os.path.relpath(data.absolute(), folder.absolute())).as_posix()
    data_path(folder, relative)
    return relative


def render_task_file(name: str, settings: dict[str, Any], source: str) -> str:
    """The YAML of a task file."""
    body = dump_yaml({"metadata": {"version": 1, "saeval": settings}})
    return (
        f"# How {one_line(source, 200)} is asked, for saeval and for lm-eval:\n"
        f"#   saeval compare BASE CHECKPOINT --tasks PATH/TO/THIS/FILE\n"
        f"#   lm_eval run --include_path ITS/FOLDER --tasks {name} …\n"
        f"task: {name}\nclass: !function {HARNESS_CLASS}\n{body}"
    )


def render_card(name: str, definition: Definition, items: Sequence[Item], source: str) -> str:
    """The card of a task of own data."""
    targets = Counter(item.target for item in items)
    clusters = len({item.cluster for item in items if item.cluster is not None})
    labels = [
        f"{', '.join(map(one_line, values))} → {label} ({targets[label]})"
        for label, values in (definition.labels or {}).items()
    ]
    if definition.kind == "question":
        labels = [
            f"RIGHT where there is an answer ({targets['RIGHT']})",
            f"UNKNOWN where there is none: only to decline is right ({targets['UNKNOWN']})",
        ]
    if definition.kind == "multiple_choice":
        labels = [f"the right choice by its {definition.answer_is}"]
    columns = "\n".join(
        f"- {key}: column {one_line(column if isinstance(column, str) else ' + '.join(column))}"
        for key, column in definition.columns.items()
    )
    parts = {
        "What is asked": _ASKED[definition.kind],
        "Source and licence": f"{one_line(source, 200)}, {len(items)} items. "
        "Licence: yours to say.",
        "Fields": columns,
        "Labels": "\n".join(f"- {label}" for label in labels),
        "Splits": "`test`, which is all rows; training on it holds a share out.",
        "Metrics": _METRICS[definition.kind],
        "Known traps": f"Items that are not independent share a cluster; here are {clusters}."
        if clusters
        else "No clusters: intervals take every row as independent of all others.",
        "Version history": "- 1: first version.",
    }
    return f"# {name}\n" + "".join(f"\n## {title}\n{text}\n" for title, text in parts.items())
