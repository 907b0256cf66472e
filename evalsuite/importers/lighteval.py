"""Details of lighteval: ``details/MODEL/TIME/details_TASK_TIME.parquet``.

A row of the current schema, shortened::

    {"doc": {"query": "Question: …", "choices": [" A", " B"], "gold_index": 1, "id": "7",
             "task_name": "mmlu:anatomy|0", "specific": null},
     "model_response": {"input": "…", "text": ["B"], "logprobs": [-2.1, -0.3]},
     "metric": {"acc": 1}}

and of the one before::

    {"example": "Question: …", "full_prompt": "…", "choices": [" A", " B"], "gold": [],
     "gold_index": [1], "predictions": [-2.1, -0.3], "metrics": {"acc": 1}}

where an item has no id and is known by its place and its question. The log-probabilities of the
choices give the confidence: the softmax at the choice that was made.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from saeval.errors import InputError
from saeval.evalsuite.importers.imported import ImportedPredictions
from saeval.evalsuite.importers.kinds import PARQUET, read_head
from saeval.evalsuite.importers.parquet import parquet_columns, read_parquet
from saeval.evalsuite.importers.scored import ScoreReader, common_scores
from saeval.evalsuite.store.general import general_prediction
from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.prediction import Prediction
from saeval.json_source import first_problem

_CURRENT, _FORMER = ("doc", "metric", "model_response"), ("example", "full_prompt", "metrics")
_NAME = re.compile(r"details_(?P<task>.+)_(?P<time>\d{4}-\d\d-\d\dT[\d.:-]+)")
_MORE = ("choices", "gold", "gold_index", "predictions", "specifics")


def recognises(path: Path, line: str) -> bool:
    """Whether a file is Parquet with the columns of lighteval's details."""
    if not read_head(path).startswith(PARQUET):
        return False
    try:
        present = set(parquet_columns(path))
    except InputError:
        return _NAME.fullmatch(path.stem) is not None
    return present >= set(_CURRENT) or present >= set(_FORMER)


def read_details(path: Path) -> ImportedPredictions:
    """The predictions of one file of details; what is wrong with it is an `InputError`."""
    present = parquet_columns(path)
    is_current = set(_CURRENT) <= set(present)
    wanted = _CURRENT if is_current else [c for c in (*_FORMER, *_MORE) if c in present]
    rows = [
        (where, _current(row, where) if is_current else _former(row))
        for where, row in read_parquet(path, wanted)
    ]
    if not rows:
        raise InputError(f"{path}: has no rows; expected predictions")
    match = _NAME.fullmatch(path.stem)
    task = _task_name(match["task"] if match else str(rows[0][1]["task"] or path.stem))
    reader = ScoreReader()
    for where, row in rows:
        row["scores"] = _numbers(row["metric"])
        if not row["scores"]:
            raise InputError(f"{where}: `metric` holds no number")
        for name, value in row["scores"].items():
            reader.see(name, value)
    dropped = sorted({name for _, row in rows for name in _not_numbers(row["metric"])})
    primary = common_scores([row["scores"] for _, row in rows], str(path))[0]
    predictions = [
        _to_prediction(row, number, reader, task, primary, where)
        for number, (where, row) in enumerate(rows)
    ]
    return ImportedPredictions(
        model=_model_name(path, match["time"] if match else ""),
        predictions=predictions,
        is_named="details" in path.resolve().parts,
        left_out=tuple(f"the metric {name}, which is no number" for name in dropped),
        logged=match["time"] if match else "",
    )


def _current(row: Mapping[str, Any], where: str) -> dict[str, Any]:
    doc, response = row["doc"], row["model_response"]
    if not isinstance(doc, dict) or not isinstance(response, dict):
        raise InputError(f"{where}: `doc` and `model_response` must be records")
    return {
        "id": doc.get("id"),
        "task": doc.get("task_name"),
        "question": doc.get("query"),
        "prompt": response.get("input"),
        "choices": _list(doc.get("choices")),
        "gold_index": _list(doc.get("gold_index")),
        "text": _list(response.get("text")),
        "logprobs": _list(response.get("logprobs")),
        "metric": row["metric"],
    }


def _former(row: Mapping[str, Any]) -> dict[str, Any]:
    predictions = _list(row.get("predictions"))
    is_chosen = bool(predictions) and all(isinstance(p, (int, float)) for p in predictions)
    choices, gold_index = _list(row.get("choices")), _list(row.get("gold_index"))
    if not choices:
        choices = _list(row.get("gold"))
        gold_index = list(range(len(choices)))
    return {
        "id": None,
        "task": None,
        "question": row["example"],
        "prompt": row["full_prompt"],
        "choices": choices,
        "gold_index": gold_index,
        "text": [] if is_chosen else predictions,
        "logprobs": predictions if is_chosen else [],
        "metric": row["metrics"],
    }


def _to_prediction(
    row: Mapping[str, Any], number: int, reader: ScoreReader, task: str, primary: str, where: str
) -> Prediction:
    choices = [str(choice) for choice in row["choices"]]
    gold = [choices[i] for i in row["gold_index"] if isinstance(i, int) and 0 <= i < len(choices)]
    question, prompt = str(row["question"] or ""), row["prompt"]
    text = next((part for part in row["text"] if isinstance(part, str)), "")
    chosen = softmax_choice(row["logprobs"]) if len(row["logprobs"]) == len(choices) > 1 else None
    try:
        return general_prediction(
            task=task,
            item_id=str(row["id"]) if row["id"] not in (None, "") else str(number),
            scores={name: reader.score(name, value) for name, value in row["scores"].items()},
            primary=primary,
            question=question,
            evidence=choices if chosen is not None else (),
            gold=gold,
            answer=choices[chosen[0]] if chosen is not None else (text or None),
            response=text,
            confidence=None if chosen is None else chosen[1],
            document_hash=hash_text(json.dumps([question, choices])),
            prompt_hash=None if not prompt else hash_text(json.dumps(prompt, default=str)),
        )
    except ValidationError as error:
        raise InputError(f"{where}: {first_problem(error)}") from error


def softmax_choice(logprobs: Sequence[Any]) -> tuple[int, float] | None:
    """The likeliest choice and its probability among them; None without a number for each."""
    if not all(isinstance(p, (int, float)) and not math.isnan(p) for p in logprobs):
        return None
    top = max(logprobs)
    if math.isinf(top):
        return None
    weights = [math.exp(p - top) for p in logprobs]
    return logprobs.index(top), 1 / sum(weights)


def _numbers(metric: Any) -> dict[str, float]:
    pairs = metric.items() if isinstance(metric, dict) else ()
    return {
        str(name): float(value)
        for name, value in pairs
        if isinstance(value, (bool, int, float)) and math.isfinite(value)
    }


def _not_numbers(metric: Any) -> list[str]:
    pairs = metric.items() if isinstance(metric, dict) else ()
    return [str(n) for n, v in pairs if v is not None and not isinstance(v, (bool, int, float))]


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _task_name(name: str) -> str:
    """``mmlu:anatomy`` of ``lighteval|mmlu:anatomy|0``: without suite and number of examples."""
    parts = [part for part in name.split("|") if part]
    if len(parts) > 1 and parts[-1].isdigit():
        parts.pop()
    return parts[-1] if parts else name


def _model_name(path: Path, time: str) -> str:
    """From ``details/MODEL/TIME/``, where a model's name may be two folders."""
    folders = list(path.resolve().parent.parts)
    if time and folders and folders[-1] == time:
        folders.pop()
    if "details" in folders:
        at = len(folders) - 1 - folders[::-1].index("details")
        if own := folders[at + 1 :]:
            return "/".join(own)
    return folders[-1] if folders else path.stem
