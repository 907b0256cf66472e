"""Finished folders given to other tools, in the tools' own forms; each tool is one module."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from saeval.evalsuite.export.registry import Export

PROJECT = "saeval"
EXPORTS = "export"
"""In a finished folder: where exports of files go by default, each in a folder of its own."""


def export(
    folder: str | Path,
    to: str,
    *,
    out: str | Path | None = None,
    project: str = PROJECT,
    replace: bool = False,
) -> Export:
    """Give a finished run, comparison or gate to another tool, with the numbers as they are.

    Nothing is there before all of it is; keys of this process and passwords in addresses are left
    out; what is there already is let be.

    Parameters
    ----------
    folder
        Of a run, a comparison or a gate; or a run or baseline of a server of the record
        (``URL/runs/ID``, ``URL/baselines/NAME``).
    to
        ``lm-eval``, ``inspect``, ``mlflow``, ``wandb``, ``trackio``, ``eee`` or ``parquet``.
    out
        For files, the folder to write; ``folder/export/TARGET`` by default (of a server's run, in
        ``saeval-runs``). For MLflow, the address
        of its store or server (by default ``MLFLOW_TRACKING_URI``); for Weights & Biases and
        Trackio, the folder of theirs.
    project
        Experiment of MLflow, project of Weights & Biases and of Trackio.
    replace
        Whether an export that is there is written anew.

    Returns
    -------
    Export
        Where it is, and whether it was written now.

    Raises
    ------
    InputError
        If the folder is not finished, the target is unknown, or the place cannot be written.
    MissingExtraError
        If the target's tool is not installed.

    Examples
    --------
    >>> saeval.export("saeval-runs/base-vs-mine", "lm-eval").entries        # doctest: +SKIP
    ('base/small/results_2026-01-02T03-04-05.000000.json', ...)
    """
    from dataclasses import replace as changed

    from saeval.evalsuite.client.addresses import parse_record_address
    from saeval.evalsuite.export.record import read_record
    from saeval.evalsuite.export.registry import Destination, find_target
    from saeval.extras import require_extra

    target = find_target(to)
    if target.extra is not None:
        require_extra(target.extra, *target.needs)
    if (address := parse_record_address(str(folder))) is not None:
        from saeval.evalsuite.models.fetched import fetch_run
        from saeval.evalsuite.store.paths import RUNS, readable

        fetched, run = fetch_run(address)
        place = RUNS / f"{readable(run.name)}-{run.id[:8]}"
        record = changed(read_record(fetched), name=place.name)
    else:
        place = Path(folder)
        record = read_record(place)
    destination = Destination(
        None if out is None else str(out), place / EXPORTS / target.name, project, replace
    )
    found = target.load()(record, destination)
    return changed(found, notes=(*record.left_out, *found.notes))
