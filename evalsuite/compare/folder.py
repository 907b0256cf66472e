"""The folder of a comparison: its reports, written and made once more, and its predictions.

::

    COMPARISON/manifest.json      what was compared; written before anything else
    COMPARISON/base/, checkpoint/ run folders of the models that were asked
    COMPARISON/comparison.json    the numbers; report.md, report.html and metrics.csv show them
    COMPARISON/changed_items.parquet   every item whose label changed, with both responses
    COMPARISON/wrong_items.parquet     a sample of the items that both models got wrong
    SERIES/family.json            of several checkpoints: each has a folder of its own below
    SERIES/unfinished.json        while they are compared: see `saeval.evalsuite.compare.unfinished`
"""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from saeval.errors import InputError, SaevalError
from saeval.evalsuite.compare.changed_items import ChangedPredictions, find_changed_predictions
from saeval.evalsuite.compare.changed_items_file import (
    CHANGED_ITEMS,
    WRONG_ITEMS,
    read_shown,
    read_wrong_items,
    with_shown,
    with_wrong,
    write_changed_items,
    write_shown_items,
    write_wrong_items,
)
from saeval.evalsuite.compare.pairing import PredictionsByTask
from saeval.evalsuite.compare.plan import ComparisonPlan
from saeval.evalsuite.compare.results import (
    CheckpointSeries,
    ComparedPredictions,
    Comparison,
    missing_predictions,
)
from saeval.evalsuite.importers.columns import parse_columns
from saeval.evalsuite.judge.grades import GRADES_FILE, GradeFile, Grades, parse_judge
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.training_data import load_training_data
from saeval.evalsuite.models.types import SavedPredictions
from saeval.evalsuite.store.manifest import MANIFEST, read_manifest
from saeval.evalsuite.store.run_folder import lock_run_folder
from saeval.files import write_atomic
from saeval.json_source import read_text
from saeval.progress import SILENT, Progress, slow_steps
from saeval.stats.checkpoints.series import checkpoint_series
from saeval.stats.compare import results
from saeval.stats.compare.results import ModelDescription
from saeval.stats.gate.results import Gate
from saeval.terminal_text import quoted
from saeval.workers import start_workers

COMPARISON = "comparison.json"
INDEX = "family.json"
GATE = "gate.json"
UNFINISHED = "unfinished.json"
NEEDED_BY_WORKERS = (__name__, "saeval.reports", "saeval.stats.compare.task")
"""Modules that statistics and reports need; processes share them."""


def write_comparison(
    comparison: Comparison, plan: ComparisonPlan, progress: Progress = SILENT
) -> None:
    """Write the reports of a comparison into its folder."""
    with lock_run_folder(plan.folder, plan.manifest):
        write_reports(plan.folder, comparison, None, progress)


def write_reports(
    folder: Path, comparison: Comparison, gate: Gate | None, progress: Progress = SILENT
) -> None:
    """Write the changed items of a comparison, where its predictions are at hand, and its reports.

    What `gate` decided stands before them, if one held the comparison to a policy.
    """
    _write_items(folder, comparison, progress)
    _write_pages(folder, comparison, gate, progress)


def _write_items(folder: Path, comparison: Comparison, progress: Progress) -> None:
    path = folder / CHANGED_ITEMS
    folder.mkdir(parents=True, exist_ok=True)
    if comparison.predictions is not None:
        progress.log(f"Wrote {write_changed_items(path, comparison, _find_changed(comparison))}")
    elif not path.exists() and any(task.changed_items for task in comparison.tasks):
        progress.log(f"Wrote {write_shown_items(path, comparison)}")
    if any(task.wrong_items for task in comparison.tasks):
        progress.log(f"Wrote {write_wrong_items(folder / WRONG_ITEMS, comparison)}")


def _write_pages(
    folder: Path, comparison: Comparison, gate: Gate | None = None, progress: Progress = SILENT
) -> None:
    from saeval.reports import report_files

    write_files(folder, report_files(comparison, gate=gate), progress)


def write_series(
    series: CheckpointSeries, plan: ComparisonPlan, progress: Progress = SILENT
) -> None:
    """Write every checkpoint's own reports, and those over all of them."""
    with lock_run_folder(plan.folder, plan.manifest):
        folders = plan.checkpoint_folders
        _write_series(series, folders, plan.folder, progress, plan.config.jobs)
        (plan.folder / UNFINISHED).unlink(missing_ok=True)


def keep_comparison(folder: Path, comparison: Comparison) -> None:
    """Write what a comparison is read from again, without the pages that show it."""
    from saeval.reports import to_json

    _write_items(folder, comparison, SILENT)
    write_atomic(folder / COMPARISON, to_json(comparison))


def read_kept_comparison(folder: Path, predictions: ComparedPredictions) -> Comparison:
    """What `keep_comparison` wrote.

    Raises
    ------
    InputError
        If it is not there, whole and of these predictions.
    """
    kept = replace(_read_comparison(folder), predictions=predictions)
    return _with_changed_items(kept, folder)


def rewrite_reports(folder: Path, progress: Progress = SILENT) -> Comparison | CheckpointSeries:
    """Make the reports of a finished comparison, or of several, once more."""
    if not (folder / INDEX).is_file():
        comparison = _read_for_reports(folder, progress)
        write_reports(folder, comparison, read_gate(folder, comparison), progress)
        return comparison
    series, folders = _read_series(folder, progress)
    _write_series(series, folders, folder, progress)
    return series


def write_files(folder: Path, texts: Mapping[str, str], progress: Progress) -> None:
    """Write texts by the names of their files, each in one step, with a line on every file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        progress.log(f"Wrote {write_atomic(folder / name, text)}")


def _write_series(
    series: CheckpointSeries,
    folders: Mapping[str, Path],
    folder: Path,
    progress: Progress,
    jobs: int = 1,
) -> None:
    from saeval.reports import report_files

    def calls() -> Iterator[Callable[[], None]]:
        for comparison, own in zip(series.comparisons, folders.values(), strict=True):
            _write_items(own, comparison, SILENT)
            yield partial(_write_pages, own, replace(comparison, predictions=None))

    with (
        start_workers(jobs, 2 * len(folders), NEEDED_BY_WORKERS) as workers,
        slow_steps(progress, "reports", len(folders)) as advance,
    ):
        for _ in workers(calls()):
            advance()
    links = {name: own.relative_to(folder).as_posix() for name, own in folders.items()}
    write_files(folder, report_files(series, folders=links), progress)


def load_comparison(folder: str | Path) -> Comparison:
    """A finished comparison from its folder.

    Its predictions come with it where the folder holds them, or where the files that were compared
    are still there, unchanged. Only with them can it be gated (`gate`). Its changed items
    (`Comparison.changed_items`) are read from a file in the folder where they are not.

    Parameters
    ----------
    folder
        As `compare` or ``saeval compare`` wrote it, or its ``comparison.json``. Of several
        checkpoints, the folder of one.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        If it holds no comparison.

    Examples
    --------
    >>> comparison = saeval.load_comparison("saeval-runs/base-vs-mine")   # doctest: +SKIP
    >>> comparison.to_frame()                                             # doctest: +SKIP
    """
    folder = Path(folder)
    if folder.name == COMPARISON and folder.is_file():
        folder = folder.parent
    if (folder / INDEX).is_file():
        raise InputError(
            f"{folder}: holds several comparisons; load the folder of one of its checkpoints"
        )
    comparison = _read_comparison(folder)
    comparison = replace(comparison, predictions=_read_predictions(comparison, folder))
    with suppress(InputError):
        return _with_changed_items(comparison, folder)
    return comparison


def _read_comparison(folder: Path) -> Comparison:
    from saeval.reports import from_json

    path = folder / COMPARISON
    if not path.is_file():
        raise InputError(
            f"{folder}: holds no {COMPARISON}; give the folder of a comparison (a frontier or "
            "metacognition is rendered again by giving its command again, which asks nothing anew)"
        )
    try:
        result = from_json(read_text(path))
    except ValueError as error:
        raise InputError(f"{path}: {str(error).splitlines()[0]}") from error
    return Comparison.from_result(result, folder=folder)


def _with_changed_items(comparison: Comparison, folder: Path) -> Comparison:
    """With those that the page shows, from their file or else from the predictions.

    Raises
    ------
    InputError
        If neither is at hand, whole and of this comparison; the message is on the file.
    """
    try:
        comparison = read_shown(folder / CHANGED_ITEMS, comparison)
    except InputError:
        if comparison.predictions is None:
            raise
        comparison = with_shown(comparison, _find_changed(comparison))
    try:
        return read_wrong_items(folder / WRONG_ITEMS, comparison)
    except InputError:  # of an earlier version, or damaged
        if comparison.predictions is None:
            return comparison
        return with_wrong(comparison, _find_changed(comparison))


def _read_for_reports(folder: Path, progress: Progress) -> Comparison:
    """A comparison with what its page shows; predictions are read only where they are needed."""
    comparison = _read_comparison(folder)
    try:
        comparison = _with_changed_items(comparison, folder)
    except InputError as error:
        problem = error
    else:
        return _with_sample(comparison, folder)
    with suppress(SaevalError):
        predictions = _read_predictions(comparison, folder)
        return _with_changed_items(replace(comparison, predictions=predictions), folder)
    if not any(task.changed_items for task in comparison.tasks):  # else of an earlier version
        progress.log(f"The page shows no changed items: {problem}")
    return comparison


def _with_sample(comparison: Comparison, folder: Path) -> Comparison:
    """With a sample of what both models got wrong, from the predictions if it has none."""
    if any(len(task.wrong_items) < bool(task.n_wrong_items) for task in comparison.tasks):
        with suppress(SaevalError):
            predictions = _read_predictions(comparison, folder)
            found = _find_changed(replace(comparison, predictions=predictions))
            return with_wrong(comparison, found)
    return comparison


def _find_changed(comparison: Comparison) -> list[ChangedPredictions]:
    """Of every task, from the predictions.

    Raises
    ------
    InputError
        If they are not those that were compared.
    """
    changed = []
    for task in comparison.tasks:
        found = find_changed_predictions(comparison.paired(task.task))
        if task.is_graded and len(found.rows) != task.n_changed_items:
            raise missing_predictions(comparison)
        changed.append(found)
    return changed


def read_gate(folder: Path, comparison: results.Comparison) -> Gate | None:
    """What a gate found that wrote into this folder; None where none did, on these models.

    Raises
    ------
    InputError
        If its file is bad.
    """
    from saeval.reports import gate_from_json

    path = folder / GATE
    if not path.is_file():
        return None
    try:
        gate = gate_from_json(read_text(path))
    except ValueError as error:
        raise InputError(f"{path}: {str(error).splitlines()[0]}") from error
    same = (gate.base, gate.checkpoint) == (comparison.base.name, comparison.checkpoint.name)
    return gate if same else None


def _read_series(folder: Path, progress: Progress) -> tuple[CheckpointSeries, Mapping[str, Path]]:
    from saeval.reports.render.series_index import read_index

    try:
        index = read_index(read_text(folder / INDEX))
    except ValueError as error:
        raise InputError(f"{folder / INDEX}: {str(error).splitlines()[0]}") from error
    for name in index.comparisons:
        if name in ("", ".", "..") or "/" in name or "\0" in name:
            raise InputError(f"{folder / INDEX}: {quoted(name)} is no name of a folder in it")
    folders = {name: folder / name for name in index.comparisons}
    comparisons = [_read_for_reports(own, progress) for own in folders.values()]
    try:
        result = checkpoint_series(comparisons, index.steps, index.best, index.notes)
    except ValueError as error:
        raise InputError(f"{folder / INDEX}: {error}") from error
    return CheckpointSeries.from_result(result, folder), folders


def _read_predictions(comparison: Comparison, folder: Path) -> ComparedPredictions | None:
    """What the comparison was computed from; None if any of it is not there any more."""
    base, checkpoint = find_compared(comparison, folder)
    if base is None or checkpoint is None:
        return None
    grades = _read_grades(folder)
    if comparison.settings.judge is not None and grades is None:
        return None
    names = [task.task for task in comparison.tasks]
    return ComparedPredictions(
        _select(base.predictions, names),
        _select(checkpoint.predictions, names),
        grades,
        load_training_data(checkpoint),
        any("Pairing was forced" in warning for warning in comparison.warnings),
        base.manifest.proof if base.manifest else None,
        checkpoint.manifest.proof if checkpoint.manifest else None,
    )


def find_compared(
    comparison: results.Comparison, folder: Path
) -> tuple[SavedPredictions | None, SavedPredictions | None]:
    """What a finished comparison was computed from, where it is still there and unchanged.

    Parameters
    ----------
    comparison
        As it was read from its folder.
    folder
        Of the comparison.

    Returns
    -------
    tuple of SavedPredictions or None
        Of the base and of the checkpoint.
    """
    return (
        _find_predictions(comparison.base, [folder / "base", folder.parent / "base"]),
        _find_predictions(comparison.checkpoint, [folder / "checkpoint"]),
    )


def _find_predictions(model: ModelDescription, runs: list[Path]) -> SavedPredictions | None:
    """In the run folder of the comparison, or where the argument names them, if unchanged."""
    for run in runs:
        if (run / MANIFEST).is_file():
            found = resolve_model(str(run))
            return found if isinstance(found, SavedPredictions) else None
    try:
        places = [*model.source.split(","), model.source.rpartition("#")[0]]
        if not any(place and Path(place).exists() for place in places) and not glob.has_magic(
            model.source
        ):
            return None
        columns = model.facts.get("columns")
        found = resolve_model(model.source, columns=parse_columns(columns) if columns else None)
    except (SaevalError, OSError):
        return None
    is_same = isinstance(found, SavedPredictions) and found.content == model.facts.get("content")
    return found if isinstance(found, SavedPredictions) and is_same else None


def _read_grades(folder: Path) -> Grades | None:
    for place in (folder, folder.parent):
        if (place / GRADES_FILE).is_file() and (place / MANIFEST).is_file():
            identity = read_manifest(place).identity.get("judge")
            named = identity.get("model") if isinstance(identity, dict) else None
            if not isinstance(named, str):
                return None
            judge = parse_judge(named)
            if judge.identity() != identity:
                return None
            return Grades(judge, GradeFile(place / GRADES_FILE).read())
    return None


def _select(predictions: PredictionsByTask, names: list[str]) -> PredictionsByTask:
    """Those of the tasks, and of the groups, that are named."""
    return {
        name: items
        for name, items in predictions.items()
        if name in names or any(group in names for group in items.distinct("group"))
    }
