"""Instance records of Every Eval Ever: ``UUID_samples.jsonl`` beside the aggregate ``UUID.json``.

A line, shortened (schema ``instance_level_eval`` 0.2)::

    {"schema_version": "0.2.2", "evaluation_id": "…", "model_id": "org/model",
     "evaluation_name": "gsm8k", "evaluation_result_id": "r1", "sample_id": "gsm8k_0001",
     "interaction_type": "single_turn", "input": {"raw": "…", "reference": ["18"]},
     "output": {"raw": ["… 18"]}, "answer_attribution": [{"turn_idx": 0, "source": "output.raw",
     "extracted_value": "18", "extraction_method": "regex", "is_terminal": true}],
     "evaluation": {"score": 1.0, "is_correct": true}}

A sample has a line for each metric; the aggregate says which metric a line is of, its range and its
direction. Without it the score is ``score``, and there may be one line for each sample. The schema
has no field for a confidence, an abstention or a further answer to the same item; they are read
from ``metadata``, where saeval writes them (``saeval.confidence``, or ``confidence``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from saeval.errors import InputError
from saeval.evalsuite.importers.imported import ImportedPredictions
from saeval.evalsuite.importers.scored import ScoreReader, common_scores
from saeval.evalsuite.store.general import general_prediction
from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.prediction import Prediction, Score
from saeval.json_source import parse_json, parse_object, read_bytes, read_lines, validate
from saeval.terminal_text import quoted

_FIELDS = {"schema_version", "evaluation_id", "model_id", "evaluation_name", "sample_id"}
_SUFFIX = "_samples"


class _Input(BaseModel):
    raw: str
    formatted: str | None = None
    reference: list[str]
    choices: list[str] | None = None


class _Output(BaseModel):
    raw: list[str]


class _Attribution(BaseModel):
    extracted_value: str
    is_terminal: bool


class _Evaluation(BaseModel):
    score: Annotated[float, Field(allow_inf_nan=False)]
    is_correct: bool


class _Record(BaseModel):
    model_id: str
    evaluation_name: str
    evaluation_result_id: str | None = None
    sample_id: str
    input: _Input
    output: _Output | None = None
    messages: list[dict[str, Any]] | None = None
    answer_attribution: list[_Attribution]
    evaluation: _Evaluation
    metadata: dict[str, Any] | None = None

    def said(self, name: str) -> Any:
        """What the metadata has of that name, by saeval's spelling or without it."""
        metadata = self.metadata or {}
        return metadata.get(f"saeval.{name}", metadata.get(name))

    @property
    def sample_index(self) -> int:
        """Of several answers to one item."""
        text = str(self.said("sample_index") or "0")
        return int(text) if text.isdecimal() and len(text) < 10 else 0


@dataclass
class _Item:
    record: _Record
    scores: dict[str, float] = field(default_factory=dict)


def recognises(path: Path, line: str) -> bool:
    """Whether a file holds instance records."""
    if not line.startswith("{"):
        return False
    try:
        return parse_object(line, "", nan=True).keys() >= _FIELDS
    except InputError:
        return False


def read_records(path: Path) -> list[ImportedPredictions]:
    """The predictions of each model in a file; errors name the line and the field."""
    aggregate = path.with_name(path.stem.removesuffix(_SUFFIX) + ".json")
    has_aggregate = aggregate != path and aggregate.is_file()
    metrics = _metrics(aggregate) if has_aggregate else {}
    items: dict[tuple[str, str, str, int], _Item] = {}
    for where, line in read_lines(path):
        record = validate(_Record, parse_object(line, where, nan=True), where)
        metric = metrics.get(record.evaluation_result_id or "", {})
        name = str(metric.get("metric_id") or metric.get("metric_name") or "score")
        key = (record.model_id, record.evaluation_name, record.sample_id, record.sample_index)
        item = items.setdefault(key, _Item(record))
        if name in item.scores:
            raise InputError(
                f"{where}: sample {quoted(record.sample_id)} of {quoted(record.evaluation_name)} "
                f"has the score {quoted(name)} twice; several metrics are told apart by "
                f"`evaluation_result_id` and the aggregate {aggregate.name}"
            )
        item.scores[name] = record.evaluation.score
    declared = {
        str(metric.get("metric_id") or metric.get("metric_name")): metric
        for metric in metrics.values()
    }
    reader = ScoreReader()
    for item in items.values():
        for name, value in item.scores.items():
            reader.see(name, value)
    models: dict[str, list[Prediction]] = {}
    for model, task in dict.fromkeys(key[:2] for key in items):
        own = [item for key, item in items.items() if key[:2] == (model, task)]
        primary = common_scores([item.scores for item in own], f"{path}: {quoted(task)}")[0]
        models.setdefault(model, []).extend(
            _to_prediction(item, primary, declared, reader) for item in own
        )
    beside = (aggregate,) if has_aggregate else ()
    return [
        ImportedPredictions(model, predictions, is_named=True, also_read=beside)
        for model, predictions in models.items()
    ]


def _to_prediction(
    item: _Item, primary: str, declared: Mapping[str, Mapping[str, Any]], reader: ScoreReader
) -> Prediction:
    record = item.record
    terminal = [a.extracted_value for a in record.answer_attribution if a.is_terminal]
    response = "\n".join(record.output.raw) if record.output else _last_message(record.messages)
    abstained = str(record.said("abstained")).lower() == "true"
    return general_prediction(
        task=record.evaluation_name,
        item_id=record.sample_id,
        sample_index=record.sample_index,
        scores={
            name: _score(name, value, declared.get(name), reader)
            for name, value in item.scores.items()
        },
        primary=primary,
        status="abstained" if abstained else "answered",
        question=record.input.raw,
        evidence=record.input.choices or (),
        gold=record.input.reference,
        answer=terminal[-1] if terminal else None,
        response=response,
        confidence=_confidence(record.said("confidence")),
        document_hash=hash_text(json.dumps([record.input.raw, record.input.choices])),
        prompt_hash=hash_text(record.input.formatted) if record.input.formatted else None,
    )


def _score(name: str, value: float, metric: Mapping[str, Any] | None, reader: ScoreReader) -> Score:
    """With the range and direction that the aggregate states, where the value lies within."""
    score = reader.score(name, value)
    if metric is None:
        return score
    low, high = _number(metric.get("min_score")), _number(metric.get("max_score"))
    bounds = score.range
    if low is not None and high is not None and low < high and low <= value <= high:
        bounds = (low, high)
    lower = metric.get("lower_is_better")
    higher = not lower if isinstance(lower, bool) else score.higher_is_better
    return Score(value=value, range=bounds, higher_is_better=higher)


def _number(value: Any) -> float | None:
    is_finite = isinstance(value, (int, float)) and abs(value) < float("inf")
    return float(value) if is_finite else None


def _metrics(path: Path) -> dict[str, dict[str, Any]]:
    """What the aggregate says of each metric, by the id of its result."""
    content = parse_json(read_bytes(path), str(path), nan=True)
    results = content.get("evaluation_results") if isinstance(content, dict) else None
    return {
        str(result["evaluation_result_id"]): result["metric_config"]
        for result in (results if isinstance(results, list) else [])
        if isinstance(result, dict)
        and result.get("evaluation_result_id")
        and isinstance(result.get("metric_config"), dict)
    }


def _confidence(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 <= number <= 1 else None


def _last_message(messages: list[dict[str, Any]] | None) -> str:
    own = [m.get("content") for m in messages or () if m.get("role") == "assistant"]
    return str(own[-1]) if own and own[-1] else ""
