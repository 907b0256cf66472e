"""What is exported: a finished folder as one record, which every target reads.

Of a comparison or a gate these are its numbers, both models with their paired answers, and its
pages. Of a run it is one model: its metrics are those of a comparison of the run with itself, of
which only the one side is looked at.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from saeval.errors import InputError, PairingError
from saeval.evalsuite.compare.comparison import compare
from saeval.evalsuite.compare.folder import COMPARISON, load_comparison
from saeval.evalsuite.compare.results import Comparison
from saeval.evalsuite.export.texts import cleaned, cleaned_line
from saeval.evalsuite.store.manifest import MANIFEST, RunManifest, read_manifest
from saeval.evalsuite.store.prediction import Prediction
from saeval.evalsuite.store.run_folder import RunPredictions, read_run
from saeval.evalsuite.store.sharded_run import read_shards
from saeval.evalsuite.store.shards import check_is_whole, find_shards
from saeval.json_source import read_bytes, read_text
from saeval.stats._core.interval import Interval
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.stats.compare.results import TaskComparison
from saeval.stats.gate.results import Gate

Role = Literal["base", "checkpoint", "model"]
GATE = "gate.json"
PAGES = (COMPARISON, "report.html", "report.md", "metrics.csv", GATE, "gate.md", "junit.xml")
"""What is given along as it is, of what a comparison and a gate write."""


@dataclass(frozen=True)
class ModelRecord:
    """One model that answered.

    Attributes
    ----------
    role
        What it is in the folder; ``model`` of a run.
    answers
        By task; none where they are not at hand.
    """

    role: Role
    name: str
    source: str
    facts: Mapping[str, str]
    answers: Mapping[str, tuple[Prediction, ...]]

    def value(self, row: MetricComparison) -> float | None:
        """Its value of a metric."""
        return row.checkpoint if self.role == "checkpoint" else row.base

    def interval(self, row: MetricComparison) -> Interval | None:
        """The interval of its value of a metric."""
        return row.checkpoint_interval if self.role == "checkpoint" else row.base_interval


@dataclass(frozen=True)
class Record:
    """A finished folder.

    Attributes
    ----------
    name
        Of the folder.
    kind
        What it holds.
    comparison
        All numbers; of a run, those of the run with itself. None for a run whose tasks cannot be
        compared.
    gate
        The verdict with its rules, or None.
    models
        Base and checkpoint, or the one model of a run.
    pages
        Files that are given along, by name.
    created
        When the folder was begun.
    left_out
        Sentences on what is not exported.
    """

    name: str
    kind: Literal["run", "comparison", "gate"]
    comparison: Comparison | None
    gate: Gate | None
    models: tuple[ModelRecord, ...]
    pages: Mapping[str, bytes]
    created: datetime
    left_out: tuple[str, ...] = ()

    @property
    def tasks(self) -> tuple[TaskComparison, ...]:
        """Every task with its numbers, the pooled tasks last if there are any."""
        return () if self.comparison is None else self.comparison.all_tasks

    def task(self, name: str) -> TaskComparison | None:
        """The numbers of a task; None if there are none."""
        return next((task for task in self.tasks if task.task == name), None)

    def rows(self) -> Iterator[tuple[TaskComparison, MetricComparison]]:
        """Every metric of every task."""
        for task in self.tasks:
            for row in task.metrics:
                yield task, row

    @property
    def headline(self) -> str | None:
        """The first sentence of the reports; None for a run."""
        from saeval.reports.text.summary import in_words

        if self.kind == "run" or self.comparison is None:
            return None
        return cleaned_line(in_words(self.comparison).headline)

    @property
    def identity(self) -> str:
        """SHA-256 of all that is exported."""
        digest = hashlib.sha256(json.dumps([self.name, self.kind]).encode())
        for name, content in self.pages.items():
            digest.update(json.dumps([name, hashlib.sha256(content).hexdigest()]).encode())
        for model in self.models:
            facts = [model.role, model.name, model.source, sorted(model.facts.items())]
            digest.update(json.dumps(facts).encode())
            for task, answers in model.answers.items():
                digest.update(json.dumps([task, len(answers)]).encode())
                for answer in answers:
                    digest.update(answer.to_line().encode())
        return digest.hexdigest()

    def with_answers(self) -> Record:
        """Itself; an `InputError` where the answers are not at hand."""
        if not any(model.answers for model in self.models):
            raise InputError(" ".join(self.left_out))
        return self


def read_record(folder: Path) -> Record:
    """A finished run, comparison or gate.

    Raises
    ------
    InputError
        If the folder is none of these or is not finished.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give a finished run, comparison or gate")
    if (folder / COMPARISON).is_file() or (folder / "family.json").is_file():
        return _read_comparison(folder)
    if shards := find_shards(folder):
        return _read_run(folder, read_shards(shards, str(folder)))
    if not (folder / MANIFEST).is_file():
        raise InputError(
            f"{folder}: holds no finished run, comparison or gate ({MANIFEST}, {COMPARISON})"
        )
    if (manifest := read_manifest(folder)).kind == "comparison":
        raise InputError(
            f"{folder}: the comparison is not finished (no {COMPARISON}); give its command again "
            "to finish it"
        )
    if manifest.kind != "run":
        raise InputError(
            f"{folder}: this is a {manifest.kind}; a run, a comparison or a gate is exported"
        )
    check_is_whole(manifest, str(folder))
    return _read_run(folder, read_run(folder))


def _read_run(folder: Path, run: RunPredictions) -> Record:
    left_out: tuple[str, ...] = ()
    comparison = None
    try:
        comparison = compare(run, run)
    except PairingError:
        left_out = ("Metrics are left out: this run asks its model about answers of its own.",)
    model = ModelRecord(
        "model",
        cleaned_line(run.manifest.model_identity["name"]),
        "" if run.manifest.model is None else cleaned_line(run.manifest.model.argument),
        {} if comparison is None else _facts(comparison.base.facts),
        {task: tuple(answers.values()) for task, answers in run.predictions.items()},
    )
    created = _created(next(iter(run.shards), folder), run.manifest)
    name = folder.resolve().name
    return Record(name, "run", comparison, None, (model,), {}, created, left_out)


def _read_comparison(folder: Path) -> Record:
    from saeval.reports import gate_from_json

    comparison = load_comparison(folder)
    gate = None
    if (folder / GATE).is_file():
        try:
            gate = gate_from_json(read_text(folder / GATE))
        except ValueError as error:
            raise InputError(f"{folder / GATE}: {str(error).splitlines()[0]}") from error
    left_out: tuple[str, ...] = ()
    answers: dict[Role, dict[str, tuple[Prediction, ...]]] = {"base": {}, "checkpoint": {}}
    if comparison.predictions is None:
        left_out = (
            f"{folder}: its answers are left out, since the files that were compared are gone or "
            f"have changed ({cleaned_line(comparison.base.source)}, "
            f"{cleaned_line(comparison.checkpoint.source)}).",
        )
    else:
        for task in comparison.tasks:
            pairs = comparison.paired(task.task)
            answers["base"][task.task] = tuple(pairs.base.values())
            answers["checkpoint"][task.task] = tuple(pairs.checkpoint.values())
    both: tuple[tuple[Role, ...], ...] = (("base",), ("checkpoint",))
    models = tuple(
        ModelRecord(
            role,
            cleaned_line(own.name),
            cleaned_line(own.source),
            _facts(own.facts),
            answers[role],
        )
        for (role,), own in zip(both, (comparison.base, comparison.checkpoint), strict=True)
    )
    return Record(
        folder.resolve().name,
        "comparison" if gate is None else "gate",
        comparison,
        gate,
        models,
        {
            name: cleaned(read_bytes(folder / name).decode("utf-8", "replace")).encode()
            for name in PAGES
            if (folder / name).is_file()
        },
        _created(folder, read_manifest(folder) if (folder / MANIFEST).is_file() else None),
        left_out,
    )


def _facts(facts: Mapping[str, str]) -> dict[str, str]:
    return {cleaned_line(name): cleaned_line(str(value)) for name, value in facts.items()}


def _created(folder: Path, manifest: RunManifest | None) -> datetime:
    """As the manifest says, else when the folder's last file was written; in UTC."""
    if manifest is not None and manifest.created:
        try:
            found = datetime.fromisoformat(manifest.created)
        except ValueError:
            pass
        else:
            return found.replace(tzinfo=found.tzinfo or timezone.utc).astimezone(timezone.utc)
    newest = next(folder / name for name in (COMPARISON, MANIFEST) if (folder / name).is_file())
    return datetime.fromtimestamp(newest.stat().st_mtime, timezone.utc)
