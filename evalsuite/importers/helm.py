"""Runs of HELM: a folder with ``per_instance_stats.json``, read with the files beside it.

Of ``per_instance_stats.json``, shortened::

    [{"instance_id": "id7", "train_trial_index": 0, "stats": [
        {"name": {"name": "exact_match", "split": "test"}, "count": 1, "sum": 1.0, "mean": 1.0},
        {"name": {"name": "max_prob", "split": "test"}, "count": 1, "sum": 0.8, "mean": 0.8}]}]

``scenario_state.json`` (or ``instances.json``) has questions, references and completions,
``run_spec.json`` the model and the run's name, from which the task is named. A training trial is a
sample. ``max_prob``, the probability of the reference that was chosen, is the confidence. Perturbed
instances and what HELM counts of cost, length and time are left out.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from saeval.errors import InputError
from saeval.evalsuite.importers.imported import ImportedPredictions
from saeval.evalsuite.importers.kinds import head_text, read_head
from saeval.evalsuite.importers.scored import ScoreReader, common_scores
from saeval.evalsuite.store.general import general_prediction
from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.prediction import Prediction
from saeval.json_source import parse_json, read_bytes, validate

STATS, STATE, INSTANCES = "per_instance_stats.json", "scenario_state.json", "instances.json"
SPEC = "run_spec.json"
_BESIDE = (STATE, INSTANCES, SPEC, "stats.json", "scenario.json")
_FIRST = re.compile(r'\s*\[\s*\{\s*"instance_id"\s*:')
_NOT_QUALITY = re.compile(
    r"num_.*|.*_runtime|.*_cost|training_.*|batch_size|finish_reason_.*|estimated_.*"
    r"|prompt_truncated|max_prob|predicted_index|logprob.*|ece_.*|platt_.*|selective_.*"
)
_PRIMARY = ("exact_match", "quasi_exact_match", "prefix_exact_match", "quasi_prefix_exact_match")


class _StatName(BaseModel):
    name: str
    perturbation: Any = None


class _Stat(BaseModel):
    name: _StatName
    mean: float | None = None


class _Instance(BaseModel):
    instance_id: str
    train_trial_index: int = Field(default=0, ge=0, le=2**53)
    perturbation: Any = None
    stats: list[_Stat]


def recognises(path: Path, line: str) -> bool:
    """Whether a file holds HELM's statistics per instance."""
    if not line.startswith("["):
        return False
    return _FIRST.match(head_text(read_head(path)) or "") is not None


def read_run(path: Path) -> ImportedPredictions:
    """The predictions of the run whose statistics these are; errors name file and field."""
    content = parse_json(read_bytes(path), str(path), nan=True)
    stats: dict[tuple[str, int], dict[str, float]] = {}
    left_out, reader = Counter[str](), ScoreReader()
    for number, entry in enumerate(content if isinstance(content, list) else ()):
        instance = validate(_Instance, entry, f"{path}: {number}")
        if instance.perturbation is not None:
            left_out["perturbed instances"] += 1
            continue
        own = stats.setdefault((instance.instance_id, instance.train_trial_index), {})
        for stat in instance.stats:
            if stat.mean is not None and math.isfinite(stat.mean) and not stat.name.perturbation:
                own[stat.name.name] = stat.mean
    scores = {key: _quality(own, reader) for key, own in stats.items()}
    if not scores:
        raise InputError(f"{path}: holds no instance that is not perturbed")
    common = common_scores(list(scores.values()), str(path))
    primary = next((name for name in _PRIMARY if name in common), common[0])
    dropped = sorted({name for own in stats.values() for name in own if _is_other(name)})
    beside = [path.parent / name for name in _BESIDE if (path.parent / name).is_file()]
    spec = _object(path.parent / SPEC)
    states = dict(_states(path.parent))
    task = _task_name(spec.get("name") or path.resolve().parent.name)
    predictions = [
        _to_prediction(key, own, stats[key], states, reader, task, primary)
        for key, own in scores.items()
    ]
    model = _model(spec) or _model(_object(path.parent / STATE))
    notes = [f"{count} {what}" for what, count in left_out.items()]
    return ImportedPredictions(
        model=model or path.resolve().parent.name,
        predictions=predictions,
        is_named=model is not None,
        left_out=(*notes, *([f"the statistics {', '.join(dropped)}"] if dropped else [])),
        also_read=tuple(beside),
    )


def _quality(stats: Mapping[str, float], reader: ScoreReader) -> dict[str, float]:
    scores = {name: value for name, value in stats.items() if not _is_other(name)}
    for name, value in scores.items():
        reader.see(name, value)
    return scores


def _is_other(name: str) -> bool:
    return _NOT_QUALITY.fullmatch(name) is not None


def _to_prediction(
    key: tuple[str, int],
    scores: Mapping[str, float],
    stats: Mapping[str, float],
    states: Mapping[tuple[str, int | None], dict[str, Any]],
    reader: ScoreReader,
    task: str,
    primary: str,
) -> Prediction:
    item, trial = key
    state = states.get((item, trial)) or states.get((item, None)) or {}
    instance = _dict(state.get("instance"))
    question = str(_dict(instance.get("input")).get("text") or "")
    references = [_dict(reference) for reference in _list(instance.get("references"))]
    texts = [str(_dict(reference.get("output")).get("text") or "") for reference in references]
    gold = [
        text
        for text, reference in zip(texts, references, strict=True)
        if "correct" in _list(reference.get("tags"))
    ]
    completions = _list(_dict(state.get("result")).get("completions"))
    response = str(_dict(completions[0]).get("text") or "") if completions else ""
    answer = _dict(state.get("output_mapping")).get(response.strip())
    chosen = stats.get("predicted_index")
    if chosen is not None and chosen == int(chosen) and 0 <= chosen < len(texts):
        answer = texts[int(chosen)]
    prompt = _dict(state.get("request")).get("prompt")
    confidence = stats.get("max_prob")
    return general_prediction(
        task=task,
        item_id=item,
        sample_index=trial,
        scores={name: reader.score(name, value) for name, value in scores.items()},
        primary=primary,
        question=question,
        evidence=texts if len(texts) > 1 else (),
        gold=gold,
        answer=str(answer) if answer is not None else response.strip() or None,
        response=response,
        confidence=confidence if confidence is not None and 0 <= confidence <= 1 else None,
        document_hash=hash_text(json.dumps([question, texts])) if question else None,
        prompt_hash=hash_text(prompt) if isinstance(prompt, str) and prompt else None,
    )


def _states(folder: Path) -> Iterator[tuple[tuple[str, int | None], dict[str, Any]]]:
    """What was asked and answered, by instance and trial; of instances alone, for any trial."""
    for state in _list(_object(folder / STATE).get("request_states")):
        state, instance = _dict(state), _dict(_dict(state).get("instance"))
        if instance.get("perturbation") is None and isinstance(instance.get("id"), str):
            trial = state.get("train_trial_index")
            yield (instance["id"], trial if isinstance(trial, int) else 0), state
    path = folder / INSTANCES
    if path.is_file():
        for instance in map(_dict, _list(parse_json(read_bytes(path), str(path), nan=True))):
            if instance.get("perturbation") is None and isinstance(instance.get("id"), str):
                yield (instance["id"], None), {"instance": instance}


def _model(content: Mapping[str, Any]) -> str | None:
    model = _dict(content.get("adapter_spec")).get("model")
    return model if isinstance(model, str) and model else None


def _task_name(run: object) -> str:
    """A run's name without its model: ``mmlu:subject=anatomy``."""
    name, colon, arguments = str(run).partition(":")
    kept = [a for a in arguments.split(",") if a and not re.match(r"model(_deployment)?=", a)]
    return f"{name}{colon}{','.join(kept)}" if kept else name


def _object(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    return _dict(parse_json(read_bytes(path), str(path), nan=True))


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
