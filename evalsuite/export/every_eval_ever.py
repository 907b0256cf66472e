"""Records of Every Eval Ever, schema 0.3.0: an aggregate and its instances per model and task.

::

    OUT/data/fever/Qwen/Qwen3-8B/5f1c….json
    OUT/data/fever/Qwen/Qwen3-8B/5f1c…_samples.jsonl

The schema has places for the value of a metric and its interval, and for a score per instance. It
has none for a stated confidence, an abstention, a label or a probability: they stand in the
instances' ``metadata`` (``confidence``, ``abstained``, …), p values in ``score_details.details``.
docs/reference/every-eval-ever.md proposes fields for them.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from saeval.evalsuite.export.lm_eval import export_files
from saeval.evalsuite.export.place import write_text
from saeval.evalsuite.export.record import ModelRecord, Record
from saeval.evalsuite.export.registry import Destination, Export
from saeval.evalsuite.export.tables import read_as, scores_of, settings_of
from saeval.evalsuite.export.texts import cleaned, metric_key, name_part
from saeval.evalsuite.store.prediction import Prediction
from saeval.reports.text.metric_names import metric_definition, metric_name, metric_of
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.results import TaskComparison
from saeval.tasks.registry import get_task, list_tasks
from saeval.tasks.task import HubSource

SCHEMA_VERSION = "0.3.0"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def export(record: Record, destination: Destination) -> Export:
    """Write the records of every model and task, and the pages."""
    return export_files("eee", record, destination, _write)


def _write(record: Record, folder: Path) -> None:
    for model in record.models:
        for task in (own for own in record.tasks if own.task in model.answers or not model.answers):
            _write_task(record, model, task, folder)


def _write_task(record: Record, model: ModelRecord, task: TaskComparison, folder: Path) -> None:
    identifier = _uuid(f"{record.identity} {model.role} {task.task}")
    developer, name = _model_id(model).split("/", 1)
    home = f"data/{name_part(task.task)}/{name_part(developer)}/{name_part(name)}"
    evaluation = (
        f"{task.task}/{_model_id(model)}/{int(record.created.timestamp())}-{identifier[:8]}"
    )
    answers = model.answers.get(task.task, ())
    lines = [
        json.dumps(row, ensure_ascii=False) + "\n"
        for row in _instances(model, task, evaluation, answers)
    ]
    aggregate = _aggregate(record, model, task, evaluation)
    if lines:
        content = "".join(lines)
        path = f"{home}/{identifier}_samples.jsonl"
        write_text(folder / path, content)
        aggregate["detailed_evaluation_results"] = {
            "format": "jsonl",
            "file_path": path,
            "hash_algorithm": "sha256",
            "checksum": hashlib.sha256(content.encode()).hexdigest(),
            "total_rows": len(lines),
        }
    text = json.dumps(aggregate, indent=2, ensure_ascii=False) + "\n"
    write_text(folder / f"{home}/{identifier}.json", text)


def _aggregate(
    record: Record, model: ModelRecord, task: TaskComparison, evaluation: str
) -> dict[str, Any]:
    created = record.created.isoformat(timespec="seconds")
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": evaluation,
        "evaluation_timestamp": created,
        "retrieved_timestamp": str(int(record.created.timestamp())),
        "source_metadata": {
            "source_name": record.name,
            "source_type": "evaluation_run",
            "source_organization_name": "unknown",
            "evaluator_relationship": "other",
            "additional_details": {**settings_of(record), "saeval.role": model.role},
        },
        "eval_library": {"name": "saeval", "version": version("saeval")},
        "model_info": {
            "name": model.name,
            "id": _model_id(model),
            "additional_details": {
                **{f"saeval.{name}": value for name, value in model.facts.items()},
                "deployment_type": "unknown",
                "model_availability": "unknown",
            },
        },
        "evaluation_results": [
            found
            for row in task.metrics
            if (found := _result(record, model, task, row)) is not None
        ],
    }


def _result(
    record: Record, model: ModelRecord, task: TaskComparison, row: MetricComparison
) -> dict[str, Any] | None:
    value, interval = model.value(row), model.interval(row)
    if value is None:
        return None
    config: dict[str, Any] = {
        "evaluation_description": metric_definition(
            row, task.abstention, bool(task.confidence_is_own)
        ),
        "metric_id": metric_key(row),
        "metric_name": metric_name(row, task.abstention),
        "metric_kind": row.metric,
        "lower_is_better": row.higher_is_better is False,
    }
    if metric_of(row).scale == "proportion" and 0 <= value <= 1:
        config["metric_unit"] = "proportion"
    if row.higher_is_better is None:
        config["additional_details"] = {"saeval.direction": "neither is better in itself"}
    details: dict[str, Any] = {"score": value}
    if interval is not None:
        settings = record.comparison.settings if record.comparison else None
        details["uncertainty"] = {
            "confidence_interval": {
                "lower": interval.low,
                "upper": interval.high,
                **({} if settings is None else {"confidence_level": settings.confidence_level}),
                "method": interval.method,
            },
            "num_samples": row.items,
        }
    if record.kind != "run":
        details["details"] = dict(_change(row))
    return {
        "evaluation_result_id": metric_key(row),
        "evaluation_name": task.task,
        "source_data": _source(task),
        "metric_config": config,
        "score_details": details,
    }


def _change(row: MetricComparison) -> Iterator[tuple[str, str]]:
    """Of checkpoint − base: the schema has no place for two models."""
    interval = row.confidence_interval
    values = {
        "difference": row.difference,
        "difference_low": None if interval is None else interval.low,
        "difference_high": None if interval is None else interval.high,
        "p": row.pvalue,
        "p_holm": row.pvalue_holm,
    }
    for name, value in values.items():
        if value is not None:
            yield f"saeval.{name}", repr(value)
    if row.method is not None:
        yield "saeval.test", row.method


def _instances(
    model: ModelRecord, task: TaskComparison, evaluation: str, answers: Sequence[Prediction]
) -> Iterator[dict[str, Any]]:
    """One per answer; they are of the accuracy, or of the primary score."""
    keys = [metric_key(row) for row in task.metrics if model.value(row) is not None]
    for answer in answers:
        primary = next(iter(scores_of(answer)))
        key = "accuracy" if "accuracy" in keys else primary if primary in keys else None
        question = "\n\n".join(map(cleaned, (answer.document.claim, *answer.document.evidence)))
        reference = [cleaned(text) for text in answer.document.answers] or [answer.target]
        response = cleaned(answer.response)
        extracted = answer.prediction if answer.answer is None else cleaned(answer.answer)
        yield {
            "schema_version": SCHEMA_VERSION,
            "evaluation_id": evaluation,
            "model_id": _model_id(model),
            "evaluation_name": task.task,
            **({} if key is None else {"evaluation_result_id": key}),
            "sample_id": cleaned(answer.item_id),
            "sample_hash": hashlib.sha256(
                (question + "".join(reference)).encode("utf-8")
            ).hexdigest(),
            "interaction_type": "single_turn",
            "input": {"raw": question, "reference": reference},
            "output": {"raw": [response]},
            "answer_attribution": [
                {
                    "turn_idx": 0,
                    "source": "output.raw",
                    "extracted_value": extracted or "",
                    "extraction_method": "custom",
                    "is_terminal": True,
                }
            ],
            "evaluation": {"score": scores_of(answer)[primary], "is_correct": answer.correct},
            **_usage(answer),
            "metadata": dict(_metadata(answer)),
        }


def _usage(answer: Prediction) -> dict[str, Any]:
    if (usage := answer.usage) is None:
        return {}
    read, written = usage.prompt_tokens, usage.response_tokens
    tokens = {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
    return {"token_usage": tokens}


def _metadata(answer: Prediction) -> Iterator[tuple[str, str]]:
    """What the schema has no fields for, as texts; numbers as JSON writes them."""
    values = {
        **read_as(answer),
        "abstained": answer.status == "abstained",
        "sample_index": answer.sample_index,
        "cluster": answer.cluster_id,
    }
    for name, value in values.items():
        if value is not None:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield name, cleaned(text)


def _source(task: TaskComparison) -> dict[str, Any]:
    source = get_task(task.task).source if task.task in list_tasks() else None
    if isinstance(source, HubSource) and _HUB_ID.fullmatch(source.path):
        return {
            "dataset_name": task.task,
            "source_type": "hf_dataset",
            "hf_repo": source.path,
            "hf_split": source.split,
            "samples_number": task.items,
        }
    return {"dataset_name": task.task, "source_type": "other"}


def _model_id(model: ModelRecord) -> str:
    """As the hub has it where it is one; else of an unknown developer."""
    for name in (model.source, model.name):
        if _HUB_ID.fullmatch(name):
            return name
    return f"unknown/{name_part(model.name)}"


def _uuid(text: str) -> str:
    """A UUID of version 4 that is the same for the same text."""
    return str(uuid.UUID(bytes=hashlib.sha256(text.encode()).digest()[:16], version=4))
