"""Comparing two runs of the record, as ``saeval compare`` compares two folders."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from saeval.errors import PairingError
from saeval.evalsuite.client.wire import ComparisonOptions, MetricSummary
from saeval.evalsuite.compare.comparison import compare_planned
from saeval.evalsuite.compare.config import ComparisonConfig
from saeval.evalsuite.compare.folder import write_reports
from saeval.evalsuite.compare.mismatch import find_mismatch
from saeval.evalsuite.compare.plan import plan_comparison, select_tasks
from saeval.evalsuite.compare.results import ComparedPredictions, Comparison
from saeval.evalsuite.config import EngineConfig, RunConfig
from saeval.evalsuite.models.training_data import load_training_data
from saeval.evalsuite.models.types import SavedPredictions
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.errors import RefusedError
from saeval.evalsuite.service.items.write import write_items
from saeval.evalsuite.service.record.comparisons import find_comparison, find_named_run
from saeval.evalsuite.service.record.loading import load_run
from saeval.evalsuite.service.record.report_parts import find_report
from saeval.evalsuite.service.record.uploads import keep_file
from saeval.files import make_folder
from saeval.progress import Progress
from saeval.reports import from_json
from saeval.reports.text.answers import both_answers
from saeval.reports.text.metric_names import metric_name
from saeval.reports.text.significance import sign_of
from saeval.stats.compare.config import StatsConfig

COMPARISON, ITEMS = "comparison.json", "items.parquet"
Models = tuple[SavedPredictions, SavedPredictions]
"""The base and the checkpoint."""


def compute_comparison(service: Service, comparison_id: str, progress: Progress) -> dict[str, Any]:
    """Compare two runs, and keep the reports and the items.

    Nothing is written to the comparison itself, so that it may be done again after a crash.

    Parameters
    ----------
    service
        Of the record.
    comparison_id
        Of the comparison.
    progress
        Receives progress.

    Returns
    -------
    dict
        For `saeval.evalsuite.service.record.comparisons.finish_comparison`; JSON.

    Raises
    ------
    RefusedError
        If the two cannot be paired; its `detail` is what differs.
    SaevalError
        If anything else is wrong with them.
    """
    with service.database.reading() as session:
        row = find_comparison(session, comparison_id)
        for run_id in (row.base_id, row.checkpoint_id):
            find_named_run(session, run_id)
        options, who = ComparisonOptions.model_validate(row.options), row.created_by
        base_id, checkpoint_id = row.base_id, row.checkpoint_id
    with progress.status("reading answers"):
        base, checkpoint = load_run(service, base_id), load_run(service, checkpoint_id)
    comparison = compare_runs(base, checkpoint, options, progress)
    root = service.settings.cache / "comparing"
    make_folder(root)
    with tempfile.TemporaryDirectory(dir=root) as name, progress.status("reports"):
        folder = Path(name)
        write_reports(folder, comparison, None)
        outcome = keep_comparison(service, comparison, folder, who)
        files = {name: file["sha256"] for name, file in outcome["files"].items()}
        find_report(service, comparison_id, files, None)  # so that no reader waits for it
    return outcome


def keep_comparison(
    service: Service, comparison: Comparison, folder: Path, who: str
) -> dict[str, Any]:
    """Keep the files of a comparison, and all its items where its predictions are at hand.

    Parameters
    ----------
    service
        Of the record.
    comparison
        What the files are of.
    folder
        With its reports; the file of items is written into it.
    who
        Asks for it.

    Returns
    -------
    dict
        For `saeval.evalsuite.service.record.comparisons.finish_comparison`; JSON.
    """
    if comparison.predictions is not None:
        write_items(folder / ITEMS, comparison)
    files = {
        path.name: {"sha256": keep_file(service, path, who)}
        for path in sorted(folder.iterdir())
        if path.is_file() and not path.name.startswith(".")
    }
    return {
        "answer": both_answers(comparison)[0].answer,
        "metrics": [metric.model_dump(mode="json") for metric in _summarize(comparison)],
        "files": files,
    }


def compare_runs(
    base: SavedPredictions,
    checkpoint: SavedPredictions,
    options: ComparisonOptions,
    progress: Progress,
) -> Comparison:
    """Compare the answers of two runs.

    Raises
    ------
    RefusedError
        If the two cannot be paired; its `detail` is what differs.
    """
    config = ComparisonConfig(
        run=RunConfig(tasks=options.tasks or (), seed=options.seed),
        engine=EngineConfig(),
        stats=StatsConfig(
            options.confidence_level,
            options.n_resamples,
            options.seed,
            equivalence_margin=options.equivalence_margin,
            equivalence_margins=options.equivalence_margins,
        ),
        allow_mismatch=options.allow_mismatch,
    )
    try:
        plan = plan_comparison(base, [checkpoint], config, progress=progress)
        (comparison,) = compare_planned(plan, progress=progress)
    except PairingError as error:
        mismatch = find_mismatch(base, checkpoint, allow_mismatch=options.allow_mismatch)
        raise RefusedError(str(error), None if mismatch is None else asdict(mismatch)) from error
    return replace(comparison, folder=None)


def load_compared(service: Service, comparison_id: str) -> tuple[Comparison, Models]:
    """A finished comparison with its predictions, and the two runs that were compared."""
    with service.database.reading() as session:
        row = find_comparison(session, comparison_id)
        base_id, checkpoint_id = row.base_id, row.checkpoint_id
        files = row.files
        options = ComparisonOptions.model_validate(row.options)
    base, checkpoint = load_run(service, base_id), load_run(service, checkpoint_id)
    numbers = from_json(service.blobs.read(files[COMPARISON]).decode())
    tasks = options.tasks or ()
    predictions = ComparedPredictions(
        select_tasks(base.predictions, tasks, base.argument),
        select_tasks(checkpoint.predictions, tasks, checkpoint.argument),
        training=load_training_data(checkpoint),
        allow_mismatch=options.allow_mismatch,
        base_proof=base.manifest.proof if base.manifest else None,
        checkpoint_proof=checkpoint.manifest.proof if checkpoint.manifest else None,
    )
    return Comparison.from_result(numbers, predictions), (base, checkpoint)


def _summarize(comparison: Comparison) -> Iterator[MetricSummary]:
    level = comparison.settings.confidence_level
    for task in comparison.all_tasks:
        for row in task.metrics:
            if not row.headline:
                continue
            interval = row.confidence_interval
            yield MetricSummary(
                task=task.task,
                metric=row.metric if row.label is None else f"{row.label} {row.metric}",
                title=metric_name(row, task.abstention),
                base=row.base,
                checkpoint=row.checkpoint,
                difference=row.difference,
                low=None if interval is None else interval.low,
                high=None if interval is None else interval.high,
                verdict=sign_of(row, level).direction,
            )
