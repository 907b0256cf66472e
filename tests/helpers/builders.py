"""Predictions and files for tests, small enough to read."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from saeval.evalsuite.store.hashing import hash_document, hash_text
from saeval.evalsuite.store.manifest import RunManifest
from saeval.evalsuite.store.prediction import Prediction, ShownDocument
from saeval.tasks.task import Task

LABELS = ("PASS", "FAIL", "NA")


def prediction(number: int, label: str | None = "PASS", **changed: Any) -> Prediction:
    """The answer to item `number`, whose target is PASS, FAIL, NA in turn."""
    target = LABELS[number % 3]
    document: dict[str, object] = {"claim": f"Claim {number}.", "evidence": [f"Evidence {number}."]}
    fields: dict[str, Any] = {
        "task": "fever",
        "item_id": f"item-{number:03}",
        "cluster_id": None,
        "target": target,
        "prediction": label,
        "status": "invalid" if label is None else "abstained" if label == "NA" else "answered",
        "correct": label == target,
        "confidence": None if label is None else 0.8,
        "label_probabilities": None,
        "response": f"LABEL={label}\nCONF=0.80",
        "sample_index": 0,
        "document": document,
        "document_hash": hash_document(document),
        "prompt_hash": hash_text(f"prompt {number}"),
        "target_hash": hash_text(target),
    }
    return Prediction(**fields | changed)


def answered(
    task: Task, rows: Sequence[dict[str, Any]], respond: Callable[[int, dict[str, Any]], str]
) -> list[Prediction]:
    """Predictions of a model that answers a question, by its number and row, as `respond` says."""
    found = []
    for number, row in enumerate(rows):
        response = respond(number, row)
        reading = task.parse(row, response)
        found.append(
            Prediction(
                task=task.name, item_id=row["id"], cluster_id=row["cluster"], target=row["target"],
                prediction=reading.prediction, status=reading.status,
                correct=reading.prediction == row["target"], confidence=reading.confidence,
                response=response, document=ShownDocument.of(row), answer=reading.answer,
                right_in_reasoning=reading.right_in_reasoning,
                document_hash=hash_document(row), target_hash=hash_text(row["target"]),
            )
        )  # fmt: skip
    return found


def write_predictions(path: Path, predictions: list[Prediction]) -> Path:
    path.write_text("".join(p.to_line() for p in predictions), encoding="utf-8")
    return path


def run_folder(
    folder: Path, *, items: int = 30, name: str = "qwen", backwards: bool = False
) -> Path:
    """A finished run, as `saeval run` leaves it."""
    answers = [prediction(number, LABELS[number % 3]) for number in range(items)]
    manifest = {
        "schema": RunManifest.SCHEMA,
        "kind": "run",
        "identity": {
            "model": {"name": name, "content": "c" * 64, "adapter_content": None},
            "engine": {"name": "transformers", "device": "cpu", "dtype": "float32"},
            "sampling": {"seed": 43, "per_label": None, "limit": items},
            "generation": {}, "samples": 1, "chat_template": False, "system": None,
        },
        "tasks": {
            "fever": {"version": 1, "items": items, "documents": "d" * 64,
                      "generation": {"until": [], "max_gen_toks": 8}},
        },
        "model": {"argument": "Qwen/Qwen3-8B"},
        "created": "2026-01-02T03:04:05+00:00",
        "command": ["run", "me"],
        "sessions": [{"items": items, "seconds": {"answer": 1.5 + backwards}}],
    }  # fmt: skip
    (folder / "predictions").mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    lines = [answer.to_line() for answer in (answers[::-1] if backwards else answers)]
    (folder / "predictions" / "fever.jsonl").write_text("".join(lines))
    return folder


def two_files(folder: Path, items: int = 12) -> tuple[Path, Path]:
    """A base that always passes and a checkpoint that is right on two items in three."""
    base = [prediction(i) for i in range(items)]
    checkpoint = [prediction(i, LABELS[i % 3] if i % 9 else "NA") for i in range(items)]
    return (
        write_predictions(folder / "base.jsonl", base),
        write_predictions(folder / "checkpoint.jsonl", checkpoint),
    )


def study(results: list[dict[str, Any]], **top: Any) -> str:
    return json.dumps({"model": "m", "results": results} | top)


def study_result(
    number: int, response: str = "LABEL=PASS\nCONF=0.9", **changed: Any
) -> dict[str, Any]:
    return {
        "id": str(number),
        "claim": f"Claim {number}.",
        "evidence_texts": [],
        "golden_label": LABELS[number % 3],
        "predicted_label": "PASS",
        "raw_response": response,
    } | changed
