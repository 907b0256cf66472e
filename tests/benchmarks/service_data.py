"""The record of `bench_service.py`: twenty bases, each with forty-nine checkpoints."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from scale_data import make_answers, make_items
from scale_parquet import tables_of
from service_record import finish_jobs
from sqlalchemy import insert, inspect, select

from saeval.evalsuite.client.wire import ComparisonOptions, RunUpload, VerdictRequest
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import Comparison, Run, Verdict
from saeval.evalsuite.service.record import ingest
from saeval.evalsuite.service.record.comparisons import create_comparison
from saeval.evalsuite.service.record.runs import create_run
from saeval.evalsuite.service.record.uploads import keep_file
from saeval.evalsuite.service.record.verdicts import create_verdict
from saeval.evalsuite.service.settings import ServiceSettings
from saeval.evalsuite.store.manifest import RunManifest
from saeval.evalsuite.store.parquet_predictions import write_rows

N_BASES, N_ITEMS = 20, 1000
RECIPES, STEPS = ("grpo", "sft", "dpo", "verification", "retention"), 10


@dataclass(frozen=True)
class Model:
    """A made-up model: a base, or a checkpoint of it."""

    base: int
    recipe: str | None = None
    step: int | None = None

    @property
    def name(self) -> str:
        """Of a base or of a checkpoint."""
        return f"base-{self.base}" + (f"-{self.recipe}-{self.step}" if self.recipe else "")


def models(n_bases: int) -> Iterator[Model]:
    """Each base before its checkpoints; fifty of each base."""
    for base in range(n_bases):
        yield Model(base)
        steps = [(recipe, 100 * step) for recipe in RECIPES for step in range(1, STEPS + 1)]
        for recipe, step in steps[: len(RECIPES) * STEPS - 1]:
            yield Model(base, recipe, step)


def write_run(folder: Path, model: Model, n_items: int = N_ITEMS) -> dict[str, Path]:
    """Files of a run by their path in it: answers in Parquet that differ from model to model."""
    seed = int(hashlib.sha256(model.name.encode()).hexdigest()[:8], 16)
    accuracy = 0.45 + 0.02 * ((model.step or 0) / 1000)
    answers = make_answers(make_items(n_items, 0), accuracy, seed, continuous=False)
    folder.mkdir(parents=True, exist_ok=True)
    predictions, manifest = folder / "fever.parquet", folder / "manifest.json"
    write_rows(predictions, tables_of(make_items(n_items, 0), answers))
    sha256 = hashlib.sha256(predictions.read_bytes()).hexdigest()
    content = {**_manifest(model, n_items), "parquet": {"fever": sha256}}
    manifest.write_text(json.dumps(content), encoding="utf-8")
    return {"manifest.json": manifest, "predictions/fever.parquet": predictions}


def fill(service: Service, folder: Path, n_bases: int) -> None:
    """Fifty runs of each base; the comparison and the verdict of one, and copies of these.

    Lists and lineages read rows, which are the same whether they were computed or copied.
    """
    with patch.object(ingest, "run_confined", _unconfined):
        _fill_runs(service, folder, n_bases)
    _fill_comparisons(service, n_bases)


def _unconfined(function: Callable[..., Any], arguments: Sequence[Any], **_: object) -> Any:
    """Answers of our own need no process of their own to be read in."""
    return function(*arguments)


def _fill_runs(service: Service, folder: Path, n_bases: int) -> None:
    for number, model in enumerate(models(n_bases)):
        files = write_run(folder, model)
        hashes = {name: keep_file(service, path, "bench") for name, path in files.items()}
        upload = RunUpload(name=model.name, files=hashes, recipe=model.recipe, step=model.step)
        create_run(service, upload, "bench")
        if number % 50 == 49:
            finish_jobs(service)
            print(f"{number + 1} runs", file=sys.stderr)


def _fill_comparisons(service: Service, n_bases: int) -> None:
    options = ComparisonOptions(n_resamples=1000)
    for base in range(n_bases):
        with service.database.reading() as session:
            names = dict(
                session.execute(select(Run.name, Run.id).where(Run.name.like(f"base-{base}%")))
                .tuples()
                .all()
            )
        first = names[f"base-{base}"]
        others = [run for name, run in names.items() if name.startswith(f"base-{base}-")]
        pairs = []
        for other in others:
            with service.database.writing() as session:
                row, _ = create_comparison(session, first, other, options, "bench")
                if pairs:
                    row.state = "running"
                pairs.append(row.id)
        finish_jobs(service)
        with service.database.writing() as session:
            request = VerdictRequest(comparison=pairs[0])
            verdict = create_verdict(session, request, "bench")[0].id
        finish_jobs(service)
        _copy(service, pairs, verdict)


def _copy(service: Service, comparisons: list[str], verdict: str) -> None:
    with service.database.writing() as session:
        made = session.get_one(Comparison, comparisons[0])
        judged = session.get_one(Verdict, verdict)
        for number, each in enumerate(comparisons[1:], start=1):
            row = session.get_one(Comparison, each)
            row.state, row.answer, row.metrics = "ready", made.answer, made.metrics
            row.files = made.files
            values = {
                column.key: getattr(judged, column.key) for column in inspect(Verdict).column_attrs
            }
            values |= {"id": f"{each[:16]}{number:04}", "comparison_id": each}
            values["result"] = ("PASS", "REGRESSION", "INCONCLUSIVE")[number % 3]
            session.execute(insert(Verdict).values(values))


def open_record(folder: Path, database: str | None, n_bases: int) -> ServiceSettings:
    """The settings of a record that is made once and kept."""
    settings = ServiceSettings(data=folder / "record", database=database)
    is_complete = folder / "complete"
    if not is_complete.exists():
        service = Service.open(settings)
        fill(service, folder / "files", n_bases)
        service.close()
        is_complete.touch()
    return settings


def _manifest(model: Model, n_items: int) -> dict[str, Any]:
    def digest(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    adapter = digest(model.name) if model.recipe else None
    content = digest(f"base-{model.base}")
    return {
        "schema": RunManifest.SCHEMA,
        "kind": "run",
        "identity": {
            "model": {"name": model.name, "content": content, "adapter_content": adapter},
            "engine": {"name": "transformers", "device": "cpu", "dtype": "float32"},
            "sampling": {"seed": 43, "per_label": None, "limit": n_items},
            "generation": {},
            "samples": 1,
            "chat_template": False,
            "system": None,
        },
        "tasks": {
            "fever": {
                "version": 1,
                "items": n_items,
                "documents": "d" * 64,
                "generation": {"until": [], "max_gen_toks": 8},
            }
        },
        "model": {"argument": f"example/{model.name}"},
        "created": "2026-01-02T03:04:05+00:00",
        "command": ["run", model.name],
        "sessions": [{"items": n_items, "seconds": {"answer": 1.5}}],
    }
