"""lm-eval's ``samples_<task>_<date>.jsonl``; of our tasks they are read here.

A shortened real line::

    {"doc_id": 0, "doc": {"id": "96622", "cluster": null, "claim": "…", "evidence": ["…"],
     "target": "FAIL", "source_label": "REFUTES"}, "target": "FAIL",
     "arguments": {"gen_args_0": {"arg_0": "…", "arg_1": {…}}, "gen_args_1": {…}, …},
     "resps": [["LABEL=FAIL\\nCONF=0.9"], [["-2.3", "False"]], …], "filter": "none",
     "doc_hash": "…", "prompt_hash": "…", "target_hash": "…"}
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from saeval.errors import InputError
from saeval.evalsuite.importers.imported import ImportedPredictions
from saeval.evalsuite.importers.lm_eval_general import read_general_samples
from saeval.evalsuite.store.general import task_of_kind
from saeval.evalsuite.store.prediction import Prediction, ShownDocument
from saeval.evalsuite.store.spool import spool
from saeval.json_source import parse_object, read_lines, validate
from saeval.tasks.kinds import OPEN_QUESTION, VERIFICATION
from saeval.tasks.lm_eval.logprobs import compute_label_probabilities
from saeval.tasks.registry import get_task, list_tasks
from saeval.tasks.task import Task
from saeval.terminal_text import one_line

_FILE_NAME = re.compile(r"samples_(?P<task>.+)_\d{4}-\d\d-\d\dT[\d.-]+")
_FIELDS = {"doc_id", "doc", "resps", "arguments"}


_OURS = {"abstained", "invalid", "id", "cluster", "target"}
"""Metrics and fields of the document in lines that saeval wrote."""


class _Sample(BaseModel):
    doc: dict[str, Any]
    resps: list[list[Any]] = Field(min_length=1)
    doc_hash: str
    prompt_hash: str
    target_hash: str


def recognises(path: Path, first_line: str) -> bool:
    """Whether a file holds lm-eval's sample records."""
    if path.suffix != ".jsonl":
        return False
    try:
        return parse_object(first_line, "", nan=True).keys() >= _FIELDS
    except InputError:
        return False


def task_of(path: Path) -> str:
    """The task that a samples file's name says it is of."""
    match = _FILE_NAME.fullmatch(path.stem)
    return match["task"] if match else path.stem.removeprefix("samples_")


def import_samples(path: Path) -> ImportedPredictions:
    """Predictions of one samples file; its name tells the task and when it was written."""
    name, model = task_of(path), path.parent.name
    logged = path.stem.removeprefix(f"samples_{name}").removeprefix("_")
    if (task := _own_task(name, path)) is not None:
        predictions = spool(_parse_sample(line, task, where) for where, line in read_lines(path))
        return ImportedPredictions(model, predictions, is_named=True, logged=logged)
    read = read_general_samples(path, name, logged)
    return ImportedPredictions(
        model,
        read.predictions,
        is_named=True,
        left_out=read.left_out,
        also_read=read.also_read,
        logged=logged,
    )


def _own_task(name: str, path: Path) -> Task | None:
    """The task of ours that samples are of: by its name, or what `saeval export` wrote of it."""
    if name in list_tasks():
        return None if _is_of_harness(path) else get_task(name)
    targets, is_claim = set[str](), False
    for where, line in read_lines(path):
        content = parse_object(line, where, nan=True)
        document = content.get("doc")
        if not (isinstance(document, dict) and content.keys() | document.keys() >= _OURS):
            return None
        targets.add(str(document.get("target")))
        is_claim = "evidence" in document
    kind = VERIFICATION if is_claim else OPEN_QUESTION
    return task_of_kind(name, kind) if targets <= set(kind.labels.names) else None


def _is_of_harness(path: Path) -> bool:
    """Whether samples are of the task of lm-eval that has the name of one of ours."""
    where, line = next(read_lines(path))
    document = parse_object(line, where, nan=True).get("doc")
    return isinstance(document, dict) and not {"id", "cluster", "target"} & document.keys()


def _parse_sample(line: str, task: Task, where: str) -> Prediction:
    content = parse_object(line, where, nan=True)
    sample = validate(_Sample, content, f"{where}: not a sample of task {task.name}")
    try:
        document, response = sample.doc, sample.resps[0][0]
        if not isinstance(response, str):
            raise TypeError("the first response is no text")
        logprobs = [float(resps[0][0]) for resps in sample.resps[1:]]
        reading = task.parse(document, response)
        return Prediction(
            task=task.name,
            item_id=document["id"],
            cluster_id=document["cluster"],
            target=document["target"],
            prediction=reading.prediction,
            status=reading.status,
            correct=reading.prediction == document["target"],
            confidence=reading.confidence,
            label_probabilities=compute_label_probabilities(logprobs) if logprobs else None,
            response=response,
            sample_index=0,
            document=ShownDocument.of(document),
            document_hash=sample.doc_hash,
            prompt_hash=sample.prompt_hash,
            target_hash=sample.target_hash,
            answer=reading.answer,
            right_in_reasoning=reading.right_in_reasoning,
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(
            f"{where}: not a sample of task {task.name} as saeval's task logs it: "
            f"{type(error).__name__} {one_line(str(error), 200)}"
        ) from error
