"""The published study's JSON: one file per model and task.

A shortened real file::

    {"model": "openai/gpt-oss-20b", "source": "sample_grpo", "num_examples": 1000, "results": [
      {"id": "96622", "claim": "…", "evidence_texts": ["[Ed_Decter] Edward I. …"],
       "golden_label": "FAIL", "predicted_label": "FAIL", "predicted_conf": 0.95,
       "format_valid": true, "raw_response": "…LABEL=FAIL\\nCONF=0.95\\nRATIONALE="}]}

Files of base models have neither ``predicted_conf`` nor ``format_valid``. ``raw_response`` is
parsed by our parser; the study's own parse is kept beside it as ``published``.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from saeval.errors import InputError
from saeval.evalsuite.importers.kinds import head_text, read_head
from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.prediction import (
    Prediction,
    PublishedReading,
    ShownDocument,
)
from saeval.json_source import parse_json, read_bytes, validate
from saeval.tasks.format.labels import parse_label
from saeval.tasks.registry import list_tasks
from saeval.tasks.types import VERIFICATION_LABELS
from saeval.terminal_text import quoted

# As the study read base responses; a sentence's full stop ("CONF=0.5.") made it no number.
_FIRST_CONFIDENCE = re.compile(r"CONF=([\d.]+)")
_RESULTS = re.compile(r'"results"\s*:\s*\[')
_ANY_LABEL_LINE = re.compile(rf"LABEL\s*=\s*({'|'.join(VERIFICATION_LABELS.names)})")


class _Result(BaseModel):
    id: str | int
    claim: str
    evidence_texts: list[str]
    golden_label: str
    predicted_label: str | None = None
    predicted_conf: Annotated[float, Field(ge=0, le=1)] | None = None
    format_valid: bool | None = None
    raw_response: str


class _Study(BaseModel):
    model: str = "unknown"
    checkpoint: str | None = None
    dataset: str | None = None
    results: list[_Result] = Field(min_length=1)


def recognises(path: Path, line: str) -> bool:
    """Whether a file is JSON with ``results``, which stand behind a few words on the run."""
    return line.startswith("{") and _RESULTS.search(head_text(read_head(path)) or "") is not None


def read_study(path: Path) -> tuple[str, list[Prediction]]:
    """The model and the predictions of a study file; errors name the file and the field."""
    content = parse_json(read_bytes(path), str(path), nan=True)
    study = validate(_Study, content, str(path))
    task = _task_of(study, path)
    name = study.model
    if study.checkpoint:
        name += f" @ {study.checkpoint.rsplit('/', 1)[-1]}"
    return name, [
        _prediction(result, task, f"{path}: results.{index}")
        for index, result in enumerate(study.results)
    ]


def _task_of(study: _Study, path: Path) -> str:
    if study.dataset in list_tasks():
        return str(study.dataset)
    words = re.split(r"[^a-z0-9]+", path.stem.lower())
    candidates = [name for name in list_tasks() if name in words]
    if len(candidates) != 1:
        raise InputError(
            f"{path}: cannot tell the task: no known `dataset` in the file and "
            f"{'more than one' if candidates else 'no'} task name in the file name; "
            f"name it after one of {', '.join(list_tasks())} (fever_base.json)"
        )
    return candidates[0]


def _prediction(result: _Result, task: str, where: str) -> Prediction:
    if result.golden_label not in VERIFICATION_LABELS.names:
        raise InputError(
            f"{where}: `golden_label` must be one of {', '.join(VERIFICATION_LABELS.names)}, "
            f"found {quoted(result.golden_label)}"
        )
    answer = parse_label(result.raw_response)
    shown = ShownDocument(claim=result.claim, evidence=tuple(result.evidence_texts))
    return Prediction(
        task=task,
        item_id=str(result.id),
        cluster_id=None,
        target=result.golden_label,
        prediction=answer.label,
        status=answer.status,
        correct=answer.label == result.golden_label,
        confidence=answer.confidence,
        label_probabilities=None,
        response=result.raw_response,
        sample_index=0,
        document=shown,
        document_hash=hash_text(json.dumps([shown.claim, shown.evidence])),
        prompt_hash=None,
        target_hash=hash_text(result.golden_label),
        published=_published(result),
    )


def _published(result: _Result) -> PublishedReading:
    """How the study read it: its label, its confidence, and its rule for validity.

    A checkpoint's answer is valid if the file says so, and its confidence counts where it has a
    label (it is a filler elsewhere). A base's answer is valid if ``LABEL=`` with a label stands
    anywhere in it and the first ``CONF=`` is followed by a number.
    """
    label = result.predicted_label if result.predicted_label in VERIFICATION_LABELS.names else None
    if result.format_valid is not None:
        confidence = result.predicted_conf if label is not None else None
        return PublishedReading(label=label, confidence=confidence, valid=result.format_valid)
    confidence = _first_confidence(result.raw_response)
    has_label = _ANY_LABEL_LINE.search(result.raw_response.upper()) is not None
    return PublishedReading(
        label=label, confidence=confidence, valid=has_label and confidence is not None
    )


def _first_confidence(response: str) -> float | None:
    match = _FIRST_CONFIDENCE.search(response)
    try:
        return min(float(match[1]), 1.0) if match else None
    except ValueError:
        return None
