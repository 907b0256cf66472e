"""A record filled with runs, comparisons and verdicts, made from generated answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from builders import LABELS, prediction
from sqlalchemy import select

import saeval
from saeval.errors import SaevalError
from saeval.evalsuite.client.wire import (
    ComparisonOptions,
    OverrideRequest,
    RunUpload,
    VerdictRequest,
)
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import Comparison, Run, Verdict, now
from saeval.evalsuite.service.errors import RefusedError
from saeval.evalsuite.service.jobs.register import KINDS
from saeval.evalsuite.service.record.comparisons import create_comparison
from saeval.evalsuite.service.record.runs import create_run
from saeval.evalsuite.service.record.uploads import keep_file
from saeval.evalsuite.service.record.verdicts import create_verdict, override_verdict
from saeval.evalsuite.store.manifest import RunManifest
from saeval.evalsuite.store.prediction import Prediction

TASKS = ("fever", "vitaminc")
ITEMS = 400
_NOUNS = ("bridge", "river", "museum", "treaty", "orchestra", "comet", "harbour", "novel")


@dataclass(frozen=True)
class Made:
    """How well a made-up model does.

    Attributes
    ----------
    right
        Chance of the right label where the item has one.
    abstains
        Chance of NA where nothing is known, and of NA in vain.
    system
        System prompt; another one than the base's cannot be compared with it.
    weights
        A digit of the hash of the base's weights.
    """

    name: str
    right: float
    abstains: tuple[float, float]
    recipe: str | None = None
    seed: int | None = None
    step: int | None = None
    invalid: float = 0.01
    adapter: bool = True
    system: str | None = None
    weights: str = "c"


BASE = Made("qwen3-8b", 0.78, (0.35, 0.04), adapter=False, invalid=0.04)
RUNS = (
    BASE,
    Made("qwen3-8b-grpo-200", 0.78, (0.52, 0.05), "grpo-abstain", 0, 200),
    Made("qwen3-8b-grpo-400", 0.79, (0.66, 0.05), "grpo-abstain", 0, 400),
    Made("qwen3-8b-grpo-800", 0.80, (0.80, 0.05), "grpo-abstain", 0, 800),
    Made("qwen3-8b-sft-s0", 0.66, (0.72, 0.21), "sft-refusals", 0, 400),
    Made("qwen3-8b-sft-s1", 0.67, (0.70, 0.19), "sft-refusals", 1, 400),
    Made("qwen3-8b-sft-s2", 0.64, (0.75, 0.23), "sft-refusals", 2, 400),
)


def write_run(folder: Path, made: Made, items: int = ITEMS) -> Path:
    """A finished run of a made-up model, with its answers in Parquet."""
    lines_of = folder.with_name(f"{folder.name}-lines")
    (lines_of / "predictions").mkdir(parents=True)
    rng = np.random.default_rng(_number(made.name))
    for task in TASKS:
        lines = [p.to_line() for p in _answers(task, made, items, rng)]
        (lines_of / "predictions" / f"{task}.jsonl").write_text("".join(lines))
    (lines_of / "manifest.json").write_text(json.dumps(_manifest(made, items)))
    return saeval.convert(lines_of, folder, to="parquet")


def _number(text: str) -> int:
    """A number of a text that is the same in every process."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)


def _answers(task: str, made: Made, items: int, rng: np.random.Generator) -> Iterator[Prediction]:
    shared = np.random.default_rng(_number(task))
    hardness = shared.random(items)
    for number in range(items):
        target = LABELS[number % 3]
        known = target != "NA"
        abstain = rng.random() < made.abstains[0 if not known else 1]
        right = 0.4 * rng.random() + 0.6 * (1 - hardness[number]) < made.right * 0.6 + 0.2
        label: str | None = "NA" if abstain else target if known and right else None
        if label is None:
            label = LABELS[1 - number % 3] if known else LABELS[int(rng.random() < 0.5)]
        if rng.random() < made.invalid:
            label = None
        sure = rng.normal(0.86 if label == target else 0.74, 0.1)
        confidence: float | None = round(float(np.clip(sure, 0.05, 0.99)), 2)
        if rng.random() < 0.02:
            confidence = None
        noun = _NOUNS[number % len(_NOUNS)]
        document: dict[str, object] = {
            "claim": f"{task}: the {noun} number {number} was built before {1900 + number % 90}.",
            "evidence": [f"{task}: records of the {noun} name the year {1880 + number % 95}."],
        }
        text = (
            "I cannot tell what was asked."
            if label is None
            else f"LABEL={label}\nCONF={confidence}"
        )
        yield prediction(
            number,
            label,
            task=task,
            item_id=f"{task}-{number:03}",
            confidence=None if label is None else confidence,
            response=f"The evidence speaks of the {noun} and a year.\n{text}",
            document=document,
            document_hash=hashlib.sha256(f"{task} {number}".encode()).hexdigest()[:16],
        )


def _manifest(made: Made, items: int) -> dict[str, Any]:
    adapter = hashlib.sha256(made.name.encode()).hexdigest() if made.adapter else None
    return {
        "schema": RunManifest.SCHEMA,
        "kind": "run",
        "identity": {
            "model": {"name": made.name, "content": made.weights * 64, "adapter_content": adapter},
            "engine": {"name": "transformers", "device": "cpu", "dtype": "float32"},
            "sampling": {"seed": 43, "per_label": None, "limit": items},
            "generation": {}, "samples": 1, "chat_template": False, "system": made.system,
        },
        "tasks": {
            task: {"version": 1, "items": items, "documents": "d" * 64,
                   "generation": {"until": [], "max_gen_toks": 8}}
            for task in TASKS
        },
        "model": {"argument": f"Qwen/{made.name}"},
        "created": "2026-01-02T03:04:05+00:00",
        "command": ["run", made.name],
        "sessions": [{"items": items, "seconds": {"answer": 1.5}}],
    }  # fmt: skip


_TABLES: dict[str, Any] = {"run": Run, "comparison": Comparison, "verdict": Verdict}


@dataclass
class Filled:
    """Ids of what was put into a record, by the names of runs."""

    runs: dict[str, str] = field(default_factory=dict)
    comparisons: dict[str, str] = field(default_factory=dict)
    verdicts: dict[str, str] = field(default_factory=dict)
    folders: dict[str, Path] = field(default_factory=dict)


OTHERWISE = Made("qwen3-8b-asked-otherwise", 0.8, (0.5, 0.05), system="You are careful.")
"""Refused beside the base."""


def fill(
    service: Service,
    folder: Path,
    runs: Sequence[Made] = RUNS,
    *,
    items: int = ITEMS,
    n_resamples: int = 100,
    gated: bool = True,
) -> Filled:
    """Put runs, comparisons of the first with all others, and verdicts into a record.

    The jobs are done here, one after the other, by what the jobs process calls.
    """
    filled = Filled()
    for made in runs:
        filled.folders[made.name] = write_run(folder / made.name, made, items)
        filled.runs[made.name] = push(service, filled.folders[made.name], made)
    finish_jobs(service)
    options = ComparisonOptions(n_resamples=n_resamples)
    for made in runs[1:]:
        with service.database.writing() as session:
            pair = filled.runs[runs[0].name], filled.runs[made.name]
            row, _ = create_comparison(session, *pair, options, "ana")
            filled.comparisons[made.name] = row.id
    finish_jobs(service)
    for made in runs[1:]:
        if not gated or made.system is not None:
            continue
        request = VerdictRequest(comparison=filled.comparisons[made.name])
        with service.database.writing() as session:
            filled.verdicts[made.name] = create_verdict(session, request, "ci-main")[0].id
    finish_jobs(service)
    return filled


def override(service: Service, verdict_id: str, who: str = "maria") -> None:
    """Let a checkpoint ship all the same."""
    reason = "Internal trial only; refusals are acceptable there until Friday."
    request = OverrideRequest(decision="ship", reason=reason)
    with service.database.writing() as session:
        override_verdict(session, verdict_id, request, who)


def push(service: Service, folder: Path, made: Made, who: str = "ana") -> str:
    """Put a run into the record, to be checked; its id."""
    files = {
        str(path.relative_to(folder)): keep_file(service, path, who)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(".lock")
    }
    upload = RunUpload(
        name=made.name, files=files, recipe=made.recipe, seed=made.seed, step=made.step
    )
    return create_run(service, upload, who)[0].id


def finish_jobs(service: Service) -> None:
    """Do what waits, as the jobs process does."""
    for name, table in _TABLES.items():
        kind = KINDS[name]
        with service.database.reading() as session:
            ids = list(session.scalars(select(table.id).where(table.state == "queued")))
        for identifier in ids:
            try:
                result = kind.compute(service, identifier, lambda progress: None)
            except SaevalError as error:
                with service.database.writing() as session:
                    row = session.get_one(table, identifier)
                    row.state, row.reason = "refused", str(error)
                    if isinstance(error, RefusedError) and isinstance(row, Comparison):
                        row.mismatch = error.detail
                continue
            with service.database.writing() as session:
                kind.write(session, identifier, result)


def spread_over_time(service: Service, hours: float = 3.0) -> None:
    """As if what was put in had come one by one, the last one some hours ago."""
    with service.database.writing() as session:
        for table in _TABLES.values():
            rows = session.scalars(select(table).order_by(table.created)).all()
            for number, row in enumerate(rows):
                row.created = now() - timedelta(hours=hours * (len(rows) - number))


def all_pages(service: Service, filled: Filled) -> list[str]:
    """One page of each kind."""
    return [
        "/", "/runs", "/runs?q=sft&state=ready", "/models", "/verdicts", "/verdicts?result=PASS",
        "/baselines", "/leaderboard", "/leaderboard/fever", "/jobs", "/statistics",
        "/statistics/auroc", "/statistics/gate",
        *(f"/runs/{run}" for run in list(filled.runs.values())[:2]),
        *(model_page(service, run) for run in list(filled.runs)[:2]),
        f"/comparisons/{filled.comparisons['qwen3-8b-grpo-800']}",
        f"/comparisons/{filled.comparisons['qwen3-8b-asked-otherwise']}",
        f"/verdicts/{filled.verdicts['qwen3-8b-grpo-800']}",
    ]  # fmt: skip


def model_page(service: Service, run: str) -> str:
    """Address of the page of a run's model."""
    with service.database.reading() as session:
        return f"/models/{session.scalar(select(Run.model_id).where(Run.name == run))}"
