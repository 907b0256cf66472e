"""What finished folders hold, put into a record for their pages."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from saeval.errors import InputError, SaevalError
from saeval.evalsuite.client.wire import ComparisonOptions, RunInfo, RunUpload
from saeval.evalsuite.compare.folder import (
    COMPARISON,
    INDEX,
    find_compared,
    load_comparison,
    read_gate,
)
from saeval.evalsuite.compare.results import Comparison
from saeval.evalsuite.models.push import pack
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.types import SavedPredictions
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database import tables
from saeval.evalsuite.service.jobs.comparing import keep_comparison
from saeval.evalsuite.service.record.comparisons import finish_comparison
from saeval.evalsuite.service.record.ingest import check_run
from saeval.evalsuite.service.record.runs import create_run, find_run
from saeval.evalsuite.service.record.uploads import keep_file
from saeval.evalsuite.service.record.verdicts import GATE, finish_verdict
from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.manifest import MANIFEST, read_manifest
from saeval.evalsuite.store.shards import find_shards
from saeval.progress import SILENT, Progress
from saeval.reports import report_files
from saeval.reports.text.gate import headline
from saeval.stats.compare.results import ModelDescription
from saeval.stats.gate.results import Gate

WHO = "saeval view"
_DIGITS = 20
_MOST = 1000
_REPORTS = (".json", ".html", ".md", ".csv", ".parquet")
_OTHERS = (MANIFEST, GATE, "gate.md")
_POLICY_NOT_KEPT = "# The folder has what came of the rules of this policy, and not their text.\n"


@dataclass(frozen=True)
class Shown:
    """What was found: the paths of its pages, and sentences on what is not shown."""

    pages: tuple[str, ...]
    notes: tuple[str, ...]


def show_folders(service: Service, folders: Sequence[Path], progress: Progress = SILENT) -> Shown:
    """Put what folders hold into a record.

    Parameters
    ----------
    service
        A record of their own.
    folders
        Each of a run, a comparison or several, a file of predictions, or of such folders.
    progress
        Receives progress.

    Raises
    ------
    InputError
        If one holds nothing that can be shown.
    """
    pages: list[str] = []
    notes: list[str] = []
    for folder in folders:
        found = list(_find(folder))
        if not found:
            raise InputError(
                f"{folder}: holds no finished run or comparison; give a folder that `saeval run`, "
                "`saeval compare` or `saeval gate` wrote, one of such folders, or predictions"
            )
        for own in found:
            try:
                with progress.status(f"reading {own}"):
                    pages.append(_show(service, own))
            except SaevalError as error:
                if own == folder:
                    raise
                notes.append(str(error))
    if not pages:
        raise InputError("\n".join(notes))
    return Shown(tuple(pages), tuple(notes))


def _find(place: Path) -> Iterator[Path]:
    """The place itself, or the places in it that can be shown."""
    if not place.exists():
        raise InputError(f"{place}: no such file or folder")
    if place.is_file() or _is_finished(place) or find_shards(place):
        yield place
        return
    if (place / INDEX).is_file():
        yield from (own for own in sorted(place.iterdir()) if (own / COMPARISON).is_file())
        return
    if (place / MANIFEST).is_file():  # not finished, or of another kind: reading it says which
        yield place
        return
    inside = sorted((own for own in place.iterdir() if own.is_dir()), key=lambda own: own.name)
    for own in inside[:_MOST]:
        if _is_finished(own) or find_shards(own):
            yield own
        elif (own / INDEX).is_file():
            yield from _find(own)


def _is_finished(folder: Path) -> bool:
    if (folder / COMPARISON).is_file():
        return True
    return (folder / MANIFEST).is_file() and read_manifest(folder).kind == "run"


def _show(service: Service, place: Path) -> str:
    if (place / COMPARISON).is_file():
        return f"/comparisons/{_show_comparison(service, place)}"
    saved = resolve_model(str(place))
    if not isinstance(saved, SavedPredictions):
        raise InputError(f"{place}: is a model; `saeval run` asks it, and makes a run to view")
    return f"/runs/{_show_run(service, saved, place.name).id}"


def _show_run(service: Service, saved: SavedPredictions, name: str) -> RunInfo:
    with tempfile.TemporaryDirectory(dir=service.settings.cache) as place:
        _, files = pack(saved, Path(place) / "run")
        kept = {own: keep_file(service, path, WHO) for own, path in files.items()}
    info, is_new = create_run(service, RunUpload(name=name, files=kept), WHO)
    if is_new:
        check_run(service, info.id)
    with service.database.reading() as session:
        run = find_run(session, info.id)
        if run.state != "ready":
            raise InputError(f"{saved.argument}: {run.reason}")
    return info


def _show_comparison(service: Service, folder: Path) -> str:
    comparison = load_comparison(folder)
    saved = find_compared(comparison, folder)
    described = comparison.base, comparison.checkpoint
    runs = [
        _missing_run(service, model) if own is None else _show_run(service, own, model.name).id
        for own, model in zip(saved, described, strict=True)
    ]
    gate = read_gate(folder, comparison)
    comparison_id = hash_text(str(folder.resolve()))[:_DIGITS]
    with tempfile.TemporaryDirectory(dir=service.settings.cache) as name:
        copied = Path(name)
        _copy_reports(folder, copied, comparison)
        result = keep_comparison(service, comparison, copied, WHO)
        with service.database.writing() as session:
            session.add(
                tables.Comparison(
                    id=comparison_id,
                    state="running",
                    base_id=runs[0],
                    checkpoint_id=runs[1],
                    options=ComparisonOptions(
                        confidence_level=comparison.settings.confidence_level
                    ).model_dump(mode="json"),
                    options_hash=comparison_id,
                    code_version=comparison.saeval_version,
                    created_by=WHO,
                )
            )
            session.flush()
            finish_comparison(session, comparison_id, result)
    if gate is not None:
        _show_gate(service, comparison_id, gate)
    return comparison_id


def _copy_reports(folder: Path, target: Path, comparison: Comparison) -> None:
    """The files of a comparison, without the answers that may lie beside them."""
    for path in sorted(folder.iterdir()):
        if path.suffix in _REPORTS and path.name not in _OTHERS and path.is_file():
            shutil.copyfile(path, target / path.name)
    for name, text in report_files(comparison).items():
        if not (target / name).exists():
            (target / name).write_text(text, encoding="utf-8")


def _show_gate(service: Service, comparison_id: str, gate: Gate) -> None:
    with tempfile.TemporaryDirectory(dir=service.settings.cache) as name:
        files = {}
        for own, text in report_files(gate).items():
            path = Path(name) / own
            path.write_text(text, encoding="utf-8")
            files[own] = keep_file(service, path, WHO)
    policy_hash = hash_text(gate.policy)
    with service.database.writing() as session:
        if session.get(tables.Policy, policy_hash) is None:
            policy = tables.Policy(hash=policy_hash, name=gate.policy, text=_POLICY_NOT_KEPT)
            session.add(policy)
        session.flush()
        verdict_id = hash_text(f"verdict {comparison_id}")[:_DIGITS]
        session.add(
            tables.Verdict(
                id=verdict_id,
                state="running",
                comparison_id=comparison_id,
                policy_hash=policy_hash,
                among=1 if gate.look is None else gate.look.among,
                created_by=WHO,
            )
        )
        session.flush()
        result = {
            "result": gate.verdict,
            "summary": headline(gate),
            "look": None if gate.look is None else gate.look.number,
            "alpha": None if gate.look is None else gate.look.alpha,
            "files": files,
        }
        finish_verdict(session, verdict_id, result)


def _missing_run(service: Service, model: ModelDescription) -> str:
    """A run of which no answers are at hand, only what the comparison says of it."""
    run_id = hash_text(f"missing {model.source} {model.name}")[:_DIGITS]
    with service.database.writing() as session:
        if session.get(tables.Run, run_id) is None:
            session.add(tables.Model(id=run_id, name=model.name))
            session.flush()
            session.add(
                tables.Run(
                    id=run_id,
                    name=model.name,
                    state="refused",
                    reason=f"its answers are not at hand: {model.source} is gone or was changed",
                    model_id=run_id,
                    settings_hash=run_id,
                    settings={},
                    engine={},
                    files={},
                    created_by=WHO,
                )
            )
    return run_id
