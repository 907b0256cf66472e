"""Rows of a table, whatever it was read from, as predictions.

Enough are the item's id, its target, the prediction and the task; status, correctness and hashes
follow from them. Of a task that saeval knows, target and prediction are labels of it, and an answer
may stand as its text (``response``), which the task's parser reads. Of any other they are texts
that are right where they are equal, or there are scores (``score.f1``), unless all targets are the
labels of a kind of task that saeval has (PASS, FAIL, NA): then it is one of that kind. An empty
prediction is an invalid answer.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import ValidationError

from saeval.errors import InputError
from saeval.evalsuite.importers.columns import SCORE, Columns
from saeval.evalsuite.importers.imported import NotReadError
from saeval.evalsuite.importers.scored import ScoreReader
from saeval.evalsuite.store.arrow import number
from saeval.evalsuite.store.general import ABSTAINED, RIGHT, general_prediction, task_of_kind
from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.prediction import Prediction, ShownDocument
from saeval.evalsuite.store.spool import Spool
from saeval.evalsuite.store.table import PredictionTable
from saeval.json_source import first_problem
from saeval.suggest import closest
from saeval.tasks.kinds import OPEN_QUESTION, VERIFICATION
from saeval.tasks.registry import get_task, list_tasks
from saeval.tasks.task import Task
from saeval.tasks.types import VERIFICATION_LABELS
from saeval.terminal_text import quoted

Row = tuple[str, Mapping[str, Any]]
"""Where it stands, and its values by column."""
FRAME = "the frame"
"""What a data frame is called in messages."""
_MOST_LABELS = len(VERIFICATION_LABELS.names)
"""More different targets are the labels of no kind of task that saeval has."""
_SHOWN = ("claim", "question", "evidence", "answers", "topic", "popularity")
_STATES = ("answered", "abstained", "invalid")
_HINT_NA = (
    "; where pandas read the text NA as a missing value, read the file with keep_default_na=False"
)
_TRUE_FALSE = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}


def predictions_by_model(
    rows: Callable[[], Iterable[Row]], columns: Columns, where: str, model: str
) -> dict[str, PredictionTable]:
    """The predictions of each model in a table.

    Parameters
    ----------
    rows
        Of the table, each with its place; they are gone through twice.
    columns
        Bound to the table's columns.
    where
        The table, for messages.
    model
        Whose predictions they are if the table does not say.

    Raises
    ------
    InputError
        If a column is missing or a value is not what it should be; it names the row.
    """
    _check_enough(columns, where)
    seen = _Seen(columns)
    for place, values in _values(rows(), columns):
        seen.see(place, values)
    if not seen.rows:
        raise InputError(f"{where}: has no rows; expected predictions")
    own = seen.own_tasks()
    models: dict[str, Spool] = {}
    for place, values in _values(rows(), columns):
        name = _text(values.get("model")) if columns.has("model") else model
        if not name:
            raise InputError(f"{place}: the model is missing")
        for key in seen.score_keys:
            if values[key] is not None:
                values[key] = _number(values[key])
        prediction = _to_prediction(values, seen.scores, own, place)
        models.setdefault(name, Spool()).add(prediction)
    tables = {name: taken.table() for name, taken in models.items()}
    for name, table in tables.items():
        check_samples(table, where if len(tables) == 1 else f"{where}#{name}")
    return tables


def _values(rows: Iterable[Row], columns: Columns) -> Iterator[tuple[str, dict[str, Any]]]:
    for place, row in rows:
        yield place, {key: _plain(value) for key, value in columns.values(row).items()}


class _Seen:
    """What must be known of all rows before any is a prediction."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self.rows = 0
        self.score_keys = [key for key in columns.named if key.startswith(SCORE)]
        self.scores = ScoreReader(
            {key.removeprefix(SCORE): better for key, better in columns.higher_is_better.items()}
        )
        self._targets: dict[str, set[str | None]] = {}

    def see(self, place: str, values: Mapping[str, Any]) -> None:
        """Take note of a row."""
        self.rows += 1
        for key in self.score_keys:
            if (value := values[key]) is None:
                continue
            if (number := _number(value)) is None:
                raise InputError(
                    f"{place}: `{self._columns.named[key]}` must be a number, found {quoted(value)}"
                )
            self.scores.see(key.removeprefix(SCORE), number)
        task = str(_text(values.get("task")))
        if task not in self._targets:
            check_task_name(_text(values.get("task")), place)
            self._targets[task] = set()
        targets = self._targets[task]
        if len(targets) <= _MOST_LABELS:
            targets.add(_text(values.get("target")))

    def own_tasks(self) -> dict[str, Task]:
        """Tasks that saeval does not know whose targets are the labels of a kind that it has.

        The targets alone decide, since both models have the same.
        """
        if not self._columns.has("prediction") or self.score_keys:
            return {}
        verification = set(VERIFICATION_LABELS.names)
        found = {}
        for name in self._targets.keys() - set(list_tasks()):
            if self._targets[name] <= verification and len(self._targets[name]) > 1:
                found[name] = task_of_kind(name, VERIFICATION)
            elif self._targets[name] <= {RIGHT, ABSTAINED}:
                found[name] = task_of_kind(name, OPEN_QUESTION)
        return found


def check_task_name(name: str | None, where: str) -> None:
    """Stop at a name that is all but that of a task that saeval knows, since labels hang on it."""
    if name is None or name in list_tasks():
        return
    if near := closest(name.lower(), list_tasks(), cutoff=0.88):
        raise InputError(
            f"{where}: {quoted(name)} is no task saeval knows; did you mean {near}? A task of your "
            "own needs a name that is less like one of saeval's"
        )


def check_samples(predictions: PredictionTable, where: str) -> None:
    """Stop if some items were answered more often than others."""
    if not predictions.has_samples:
        return
    for task in predictions.distinct("task"):
        rows = np.flatnonzero(predictions.codes("task", [task]) == 0)
        own = predictions.take(rows)
        items, item = number(own.columns["item_id"])
        samples, sample = np.unique(own.integers("sample_index"), return_inverse=True)
        has = np.zeros((items, len(samples)), dtype=np.bool_)
        has[item, sample] = True
        if not has.all():
            row = int(np.flatnonzero(~has[item].all(axis=1))[0])
            missing = samples[int(np.flatnonzero(~has[item[row]])[0])]
            raise InputError(
                f"{where}: item {quoted(own.ids()[row])} of task {quoted(task)} lacks sample "
                f"{missing}, which other items have; every item needs the same {len(samples)} "
                "samples"
            )


def _check_enough(columns: Columns, where: str) -> None:
    has_scores = any(key.startswith(SCORE) for key in columns.named)
    if not columns.has("task"):
        if where == FRAME:
            raise NotReadError(
                "`task` is needed: the frame has no column `task`; give it one, or give "
                'saeval.read_predictions(frame, task="fever")'
            )
        raise NotReadError(
            f"{where}: `task` is needed, and no column says it; it has {columns.listed}; give "
            "--columns task=COLUMN, or task=:NAME where all rows are of one task"
        )
    for key in ("id", "target"):
        if not columns.has(key) and not (key == "target" and has_scores):
            raise NotReadError(
                f"{where}: no column `{key}`; it has {columns.listed}; say which it is: "
                f"--columns {key}=COLUMN"
            )
    if not has_scores and not columns.has("prediction") and not columns.has("response"):
        raise NotReadError(
            f"{where}: no column `prediction`; it has {columns.listed}; say which it is: --columns "
            "prediction=COLUMN (or response=COLUMN, a text that the task's parser reads, or "
            "score.NAME=COLUMN)"
        )


def _to_prediction(
    values: dict[str, Any], reader: ScoreReader, own: Mapping[str, Task], where: str
) -> Prediction:
    name = _text(values.get("task"))
    item_id = _text(values.get("id"))
    if not name or not item_id:
        raise InputError(f"{where}: the {'id' if name else 'task'} is missing")
    confidence = _confidence(values.get("confidence"), where)
    given = {
        key.removeprefix(SCORE): value
        for key, value in values.items()
        if key.startswith(SCORE) and value is not None
    }
    common: dict[str, Any] = {
        "task": name,
        "item_id": item_id,
        "cluster_id": _text(values.get("cluster")),
        "sample_index": _sample_index(values.get("sample"), where),
        "response": _text(values.get("response")) or "",
        "document_hash": _text(values.get("document_hash")),
        "prompt_hash": _text(values.get("prompt_hash")),
        "target_hash": _text(values.get("target_hash")),
    }
    try:
        if name in own:
            said = _status(values, where)
            if said in ("abstained", "invalid"):
                no_answer = own[name].labels.abstention if said == "abstained" else None
                values = {**values, "prediction": no_answer}
            return _of_known_task(own[name], values, common, confidence, where)
        if name in list_tasks() and not given:
            return _of_known_task(get_task(name), values, common, confidence, where)
        return _of_any_task(values, common, confidence, given, reader, where)
    except ValidationError as error:
        raise InputError(f"{where}: {first_problem(error)}") from error


def _of_known_task(
    task: Task, values: dict[str, Any], common: dict[str, Any], confidence: float | None, where: str
) -> Prediction:
    document = {key: values[key] for key in _SHOWN if values.get(key) is not None}
    target = values.get("target")
    if target not in task.labels.names:
        hint = _hint_na(where) if target is None and "NA" in task.labels.names else ""
        raise InputError(f"{where}: {_no_label('target', target, task)}{hint}")
    answer: dict[str, Any]
    if "prediction" in values:
        label = None if values["prediction"] == "" else values["prediction"]
        if label is not None and label not in task.labels.names:
            raise InputError(
                f"{where}: {_no_label('prediction', label, task)}, "
                "or null where the answer is invalid"
            )
        status = "abstained" if label == task.labels.abstention else "answered"
        if label is None:
            status = "invalid"
        answer = {"prediction": label, "status": status, "confidence": confidence}
    elif "response" in values:
        row = {**document, "id": common["item_id"], "target": target}
        reading = task.parse(row, common["response"])
        answer = {
            "prediction": reading.prediction,
            "status": reading.status,
            "confidence": reading.confidence if confidence is None else confidence,
            "answer": reading.answer,
            "right_in_reasoning": reading.right_in_reasoning,
        }
    else:
        raise InputError(f"{where}: task {task.name} needs a column `prediction` or `response`")
    return Prediction(
        **common | {"target_hash": common["target_hash"] or hash_text(str(target))},
        target=target,
        correct=answer["prediction"] == target,
        label_probabilities=_mapping(values.get("label_probabilities"), where),
        document=ShownDocument(
            claim=str(document.get("claim", document.get("question", ""))),
            evidence=_texts(document.get("evidence")),
            answers=_texts(document.get("answers")),
            topic=_text(document.get("topic")),
            popularity=document.get("popularity"),
        ),
        **answer,
    )


def _of_any_task(
    values: dict[str, Any],
    common: dict[str, Any],
    confidence: float | None,
    given: Mapping[str, float],
    reader: ScoreReader,
    where: str,
) -> Prediction:
    target, prediction = _text(values.get("target")), _text(values.get("prediction"))
    if "target" in values and target is None:
        raise InputError(f"{where}: the target is missing{_hint_na(where)}")
    status = _status(values, where)
    if status is None:
        is_empty = "prediction" in values and not prediction
        status = "invalid" if is_empty else "answered"
    scores = {name: reader.score(name, value) for name, value in given.items()}
    if not scores:
        if "prediction" not in values and (
            empty := [key for key in values if key.startswith(SCORE)]
        ):
            raise InputError(
                f"{where}: {empty[0]} is empty; give a number, or leave the row out for both models"
            )
        if prediction is None and "prediction" not in values:
            raise InputError(
                f"{where}: {quoted(common['task'])} is no task that saeval knows, so that no "
                "parser reads a response to it; give its columns `prediction` or `score.NAME`"
            )
        is_right = status != "invalid" and prediction == target
        if is_right:
            status = "answered"  # that there is no answer is the answer
        scores = {"exact_match": reader.score("exact_match", float(is_right))}
    question = _text(values.get("question")) or _text(values.get("claim")) or ""
    answers = _texts(values.get("answers"))
    return general_prediction(
        **common,
        scores=scores,
        status=status,  # type: ignore[arg-type]
        question=question,
        evidence=_texts(values.get("evidence")),
        gold=answers or ((target,) if target is not None else ()),
        topic=_text(values.get("topic")),
        answer=prediction,
        confidence=confidence,
    )


def _status(values: Mapping[str, Any], where: str) -> str | None:
    status = _text(values.get("status"))
    if status not in (None, *_STATES):
        raise InputError(
            f"{where}: `status` must be one of {', '.join(_STATES)}, found {quoted(status)}"
        )
    return status


def _hint_na(where: str) -> str:
    """Of a data frame's row, how ``NA`` becomes a missing value."""
    return _HINT_NA if where.startswith("row ") else ""


def _no_label(field: str, value: object, task: Task) -> str:
    return (
        f"`{field}` {quoted(value)} is no label of task {task.name}; "
        f"its labels are {', '.join(task.labels.names)}"
    )


def _confidence(value: Any, where: str) -> float | None:
    if value is None or value == "":
        return None
    text = str(value).strip()
    number = _number(text.removesuffix("%"))
    if number is None:
        raise InputError(f"{where}: `confidence` must be a number, found {quoted(value)}")
    if number < 0:
        raise InputError(f"{where}: `confidence`: should be 0 or more, found {quoted(value)}")
    if text.endswith("%") or number > 1:
        raise InputError(
            f"{where}: `confidence`: should be less than or equal to 1, found {quoted(value)}; "
            "if the column is in per cent, divide it by 100"
        )
    return number


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        text = value.strip().lower()
        if text in _TRUE_FALSE:
            return _TRUE_FALSE[text]
        try:
            value = float(text)
        except ValueError:
            return None
    if not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _sample_index(value: Any, where: str) -> int:
    if value is None or value == "":
        return 0
    number = _number(value)
    if number is None or number != int(number) or not 0 <= number <= 2**53:
        raise InputError(
            f"{where}: the number of the sample must be 0, 1, 2, …, found {quoted(value)}"
        )
    return int(number)


def _mapping(value: Any, where: str) -> Any:
    if isinstance(value, list) and all(len(pair) == 2 for pair in value):
        return dict(value)  # a map of Arrow, as pandas has it
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value else None
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{where}: `label_probabilities` must be an object of JSON, found {quoted(value)}"
        ) from error


def _text(value: Any) -> str | None:
    """As text; a whole number without its ``.0``, which columns with gaps have."""
    if value is None or value == "":
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value)


def _texts(value: Any) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    if isinstance(value, (list, tuple)):
        return tuple(str(part) for part in value if part is not None)
    return (str(value),)


def _plain(value: Any) -> Any:
    """Python's own type, and None for what the table has no value for."""
    if value is None or isinstance(value, (str, Mapping)):
        return value
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Sequence):
        return list(value)
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    return None if isinstance(value, float) and math.isnan(value) else value
