"""Bundles of NeMo Evaluator: ``eval-….json`` and the ``results.jsonl`` beside it.

A line of ``results.jsonl``, shortened::

    {"problem_idx": 7, "repeat": 0, "reward": 1.0, "model_response": "… The answer is 18.",
     "extracted_answer": "18", "expected_answer": "18", "scorer_rewards": {"scorer:judge": 0.8},
     "scoring_details": {"method": "exact"}, "metadata": {"question": "…", "category": "algebra"}}

The bundle says benchmark and model. A repeat is a sample, ``reward`` the primary score, every other
scorer a score of its own. A problem that the model was never asked, or whose answer was never
graded (``error_category`` ``infra_error`` or ``system``), has a reward of 0 there and is left out
here.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from saeval.errors import InputError
from saeval.evalsuite.importers.imported import ImportedPredictions, NotReadError
from saeval.evalsuite.importers.kinds import head_text, read_head
from saeval.evalsuite.importers.scored import ScoreReader, common_scores
from saeval.evalsuite.store.general import general_prediction
from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.prediction import Prediction
from saeval.json_source import parse_json, parse_object, read_bytes, read_lines, validate

RESULTS = "results.jsonl"
_BUNDLE = re.compile(r'\s*\{\s*"run_id"\s*:\s*"[^"]*"\s*,\s*"config_hash"\s*:')
_NOT_ASKED = ("infra_error", "system")
Number = Annotated[float, Field(allow_inf_nan=False)]


class _Result(BaseModel):
    problem_idx: int
    repeat: Annotated[int, Field(ge=0, le=2**53)] = 0
    reward: Number
    model_response: str | None = None
    extracted_answer: Any = None
    expected_answer: Any = None
    scorer_rewards: dict[str, Number] = Field(default_factory=dict)
    scoring_details: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None


def recognises(path: Path, line: str) -> bool:
    """Whether a file is a bundle or its results."""
    if not line.startswith("{"):
        return False
    if _BUNDLE.match(head_text(read_head(path)) or ""):
        return True
    try:
        return parse_object(line, "", nan=True).keys() >= {"problem_idx", "reward"}
    except InputError:
        return False


def read_bundle(path: Path) -> ImportedPredictions:
    """The predictions of a bundle, by its record or its results; errors name file and line."""
    bundles = [path] if _BUNDLE.match(head_text(read_head(path)) or "") else _bundles(path.parent)
    results = path.parent / RESULTS if path in bundles else path
    if not results.is_file():
        raise NotReadError(
            f"{path}: a NeMo Evaluator bundle without its {RESULTS}, which has the answers"
        )
    if len(bundles) > 1:
        raise InputError(
            f"{path.parent}: holds {len(bundles)} NeMo Evaluator bundles and one {RESULTS}; keep "
            "each with its own in a folder"
        )
    about = _dict(parse_json(read_bytes(bundles[0]), str(bundles[0]), nan=True)) if bundles else {}
    config = _dict(about.get("config"))
    benchmark = _dict(about.get("benchmark")).get("name") or config.get("benchmark")
    task = str(benchmark or results.resolve().parent.name)
    left_out, reader, lines = (
        Counter[str](),
        ScoreReader(),
        list[tuple[_Result, dict[str, float]]](),
    )
    for where, line in read_lines(results):
        result = validate(_Result, parse_object(line, where, nan=True), where)
        if (result.scoring_details or {}).get("error_category") in _NOT_ASKED:
            left_out["answers that were never given or graded"] += 1
            continue
        scores = {"reward": result.reward} | {
            name.removeprefix("scorer:"): value for name, value in result.scorer_rewards.items()
        }
        for name, value in scores.items():
            reader.see(name, value)
        lines.append((result, scores))
    if not lines:
        raise NotReadError(f"{results}: a NeMo Evaluator bundle without an answer")
    common_scores([scores for _, scores in lines], str(results))
    predictions = [_to_prediction(result, scores, reader, task) for result, scores in lines]
    return ImportedPredictions(
        model=str(config.get("model") or results.resolve().parent.name),
        predictions=predictions,
        is_named=bool(config.get("model")),
        left_out=tuple(f"{count} {what}" for what, count in left_out.items()),
        also_read=tuple(file for file in (*bundles, results) if file != path),
        logged=str(about.get("timestamp") or ""),
    )


def _to_prediction(
    result: _Result, scores: Mapping[str, float], reader: ScoreReader, task: str
) -> Prediction:
    metadata = result.metadata or {}
    question = next(
        (str(metadata[k]) for k in ("question", "problem", "prompt") if metadata.get(k)), ""
    )
    expected = result.expected_answer
    gold = expected if isinstance(expected, list) else [] if expected is None else [expected]
    category = metadata.get("category")
    return general_prediction(
        task=task,
        item_id=str(result.problem_idx),
        sample_index=result.repeat,
        scores={name: reader.score(name, value) for name, value in scores.items()},
        primary="reward",
        question=question,
        gold=[text if isinstance(text, str) else json.dumps(text) for text in gold],
        topic=str(category) if category is not None else None,
        answer=None if result.extracted_answer is None else str(result.extracted_answer),
        response=result.model_response or "",
        document_hash=hash_text(question) if question else None,
    )


def _bundles(folder: Path) -> list[Path]:
    files = sorted(folder.glob("eval-*.json"))
    return [f for f in files if _BUNDLE.match(head_text(read_head(f)) or "")]


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
