"""Predictions from a data frame of pandas or Polars.

One row per answer. Needed are ``item_id``, ``target`` and either ``prediction`` (a label of the
task, null where the answer is invalid) or ``response`` (the answer's text, which the task's own
parser then reads)::

    item_id  target  prediction  confidence  claim
    q1       PASS    PASS        0.9         Claim one.
    q2       NA      FAIL        0.6         Claim two.

Further columns are optional: ``task`` (if no task is given), ``confidence``, ``cluster_id``,
``sample_index``, ``label_probabilities`` (a mapping of label to probability), ``claim`` or
``question``, ``evidence``, ``answers``, ``topic``, ``popularity``, ``document_hash``,
``prompt_hash``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from saeval.errors import InputError
from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.prediction import Prediction, ShownDocument
from saeval.json_source import first_problem
from saeval.tasks.registry import get_task, list_tasks
from saeval.tasks.task import Task

_SHOWN = ("claim", "question", "evidence", "answers", "topic", "popularity")


def is_frame(value: object) -> bool:
    """Whether it is a data frame of pandas or Polars."""
    return hasattr(value, "columns") and (hasattr(value, "to_dicts") or hasattr(value, "to_dict"))


def predictions_from_frame(frame: Any, task: str | None = None) -> list[Prediction]:
    """The rows of a data frame as predictions.

    Parameters
    ----------
    frame
        Of pandas or Polars; see the module for its columns.
    task
        Name of the task that every row belongs to; None if a column ``task`` says so.

    Raises
    ------
    InputError
        If a column is missing or a value is not what it should be; the row is named.
    """
    columns = [str(column) for column in frame.columns]
    if task is None and "task" not in columns:
        raise InputError("`task` is needed: the frame has no column `task`")
    needed = ("item_id", "target")
    if missing := [name for name in needed if name not in columns]:
        raise InputError(
            f"the frame has no column `{missing[0]}`; it has {', '.join(columns) or 'none'}"
        )
    if "prediction" not in columns and "response" not in columns:
        raise InputError("the frame needs a column `prediction` (a label) or `response` (a text)")
    rows = frame.to_dicts() if hasattr(frame, "to_dicts") else frame.to_dict("records")
    if not rows:
        raise InputError("the frame has no rows; expected predictions")
    return [_to_prediction(row, task, f"row {number}") for number, row in enumerate(rows)]


def _to_prediction(row: Mapping[str, Any], name: str | None, where: str) -> Prediction:
    values = {str(column): _plain(value) for column, value in row.items()}
    task = _task(name or values.get("task"), where)
    document = {field: values[field] for field in _SHOWN if values.get(field) is not None}
    item_id, target = str(values["item_id"]), values["target"]
    if target not in task.labels.names:
        raise InputError(
            f"{where}: `target` {target!r} is no label of task {task.name}; "
            f"its labels are {', '.join(task.labels.names)}"
        )
    response = values.get("response")
    answer: dict[str, Any] = {}
    if "prediction" in values:
        label = values["prediction"]
        if label is not None and label not in task.labels.names:
            raise InputError(
                f"{where}: `prediction` {label!r} is no label of task {task.name}; "
                f"its labels are {', '.join(task.labels.names)}, "
                "or null where the answer is invalid"
            )
        status = "abstained" if label == task.labels.abstention else "answered"
        if label is None:
            status = "invalid"
        answer = {"prediction": label, "status": status, "confidence": values.get("confidence")}
    else:
        reading = task.parse({**document, "id": item_id, "target": target}, str(response or ""))
        answer = {
            "prediction": reading.prediction,
            "status": reading.status,
            "confidence": values.get("confidence", reading.confidence),
            "answer": reading.answer,
            "right_in_reasoning": reading.right_in_reasoning,
        }
    try:
        return Prediction(
            task=task.name,
            item_id=item_id,
            cluster_id=None if (cluster := values.get("cluster_id")) is None else str(cluster),
            target=target,
            correct=answer["prediction"] == target,
            label_probabilities=values.get("label_probabilities"),
            response=str(response or ""),
            sample_index=int(values.get("sample_index") or 0),
            document=_shown(document),
            document_hash=values.get("document_hash"),
            prompt_hash=values.get("prompt_hash"),
            target_hash=hash_text(str(target)),
            **answer,
        )
    except ValidationError as error:
        raise InputError(f"{where}: {first_problem(error)}") from error


def _task(name: Any, where: str) -> Task:
    if name not in list_tasks():
        raise InputError(
            f"{where}: {name!r} is no task saeval knows; known: {', '.join(list_tasks())}"
        )
    return get_task(name)


def _shown(document: Mapping[str, Any]) -> ShownDocument:
    return ShownDocument(
        claim=str(document.get("claim", document.get("question", ""))),
        evidence=_texts(document.get("evidence")),
        answers=_texts(document.get("answers")),
        topic=document.get("topic"),
        popularity=document.get("popularity"),
    )


def _texts(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(map(str, value))


def _plain(value: Any) -> Any:
    """Python's own type, and None for what the frame has no value for."""
    if value is None or isinstance(value, (str, Mapping)):
        return value
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Sequence):
        return list(value)
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    return None if isinstance(value, float) and math.isnan(value) else value
