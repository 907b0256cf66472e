"""A model's own answers, read from the predictions of a run.

A line that is read, as saeval writes it for an open question (other fields do not matter)::

    {"task": "triviaqa", "item_id": "tc_2", "cluster_id": null, "target": "RIGHT",
     "prediction": "WRONG", "status": "answered", "correct": false, "confidence": 0.9,
     "sample_index": 0, "answer": "Paris", "document": {"claim": "Who was …?", …}, …}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from saeval.errors import DataError
from saeval.json_source import parse_object, read_lines
from saeval.tasks.types import QUESTION_LABELS, OwnAnswer
from saeval.terminal_text import quoted

_MISSING = object()


def load_own_answers(task: str, files: str | Path | Sequence[str | Path] | None) -> list[OwnAnswer]:
    """The first answer to every question in one or more predictions files.

    Parameters
    ----------
    task
        ``confidence`` or ``pairwise``, for the message where no file is given.
    files
        Predictions of tasks of open questions: ``RUN/predictions/triviaqa.jsonl``. Of several
        samples of an item only the first is taken.

    Raises
    ------
    DataError
        If no file is given, or one cannot be read, holds something else, or answers a question
        twice.
    """
    if not files:
        raise DataError(
            f"task {task}: asks a model about its own answers, so those must be there first; run "
            "`saeval metacognition MODEL --tasks triviaqa`, or give a finished run's answers to "
            'lm_eval: --metadata \'{"answers": "RUN/predictions/triviaqa.jsonl"}\''
        )
    given = [files] if isinstance(files, (str, Path)) else files
    answers: dict[str, OwnAnswer] = {}
    for file in map(Path, given):
        for where, row in _rows(file):
            if _field(row, "sample_index", int, where, 0):
                continue
            answer = _answer(row, where)
            if answer.id in answers:
                raise DataError(f"{where}: item {quoted(answer.id)} is answered twice")
            answers[answer.id] = answer
    if not answers:
        raise DataError(f"task {task}: there is no answer in {', '.join(map(str, given))}")
    return list(answers.values())


def _rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        for where, line in read_lines(path, DataError):
            yield where, parse_object(line, where, DataError)
    except OSError as error:
        raise DataError(f"{path}: the answers cannot be read ({error.strerror})") from error


def _answer(row: Mapping[str, Any], where: str) -> OwnAnswer:
    task = _field(row, "task", str, where)
    prediction = _field(row, "prediction", (str, type(None)), where)
    if prediction not in (*QUESTION_LABELS.names, None):
        raise DataError(
            f"{where}: prediction {quoted(prediction, 40)} of task {quoted(task, 40)} is none of "
            f"an open question ({', '.join(QUESTION_LABELS.names)}); give answers to a task such "
            "as triviaqa"
        )
    attempted = _field(row, "status", str, where) == "answered"
    answer = _field(row, "answer", (str, type(None)), where, None)
    if attempted and not answer:
        raise DataError(f"{where}: `answer` is missing; answer the questions again with saeval")
    stated = _field(row, "confidence", (int, float, type(None)), where, None)
    if stated is not None and not 0 <= stated <= 1:
        raise DataError(f"{where}: `confidence` must lie in [0, 1], found {stated!r}")
    return OwnAnswer(
        task=task,
        item=_field(row, "item_id", str, where),
        cluster=_field(row, "cluster_id", (str, type(None)), where, None),
        question=_field(_field(row, "document", dict, where), "claim", str, where),
        answer=answer if attempted else None,
        right=_field(row, "correct", bool, where) and attempted,
        confidence=stated if attempted else None,
    )


def _field(
    row: Mapping[str, Any],
    name: str,
    kind: type | tuple[type, ...],
    where: str,
    default: Any = _MISSING,
) -> Any:
    value = row.get(name, default)
    if value is _MISSING:
        raise DataError(f"{where}: not a prediction of saeval's: field `{name}` is missing")
    if not isinstance(value, kind):
        raise DataError(f"{where}: field `{name}` holds {quoted(value, 40)}")
    return value
