"""Runs in an MLflow store or server: metrics, parameters, tags, pages and the answers as a table.

The comparison is the parent of the runs of its models. A run counts once its tag
``saeval.complete`` is set, which is last; what a killed export left is removed by the next.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from saeval.errors import InputError
from saeval.evalsuite.export.record import Record
from saeval.evalsuite.export.registry import Destination, Export
from saeval.evalsuite.export.tables import columns_of
from saeval.evalsuite.export.tracked import TrackedRun, tracked_runs
from saeval.terminal_text import one_line, without_secrets

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_IDENTITY = "saeval.identity"
_COMPLETE = "saeval.complete"
_LONGEST_PARAMETER = 6000
_AT_ONCE = 1000
"""Metrics per request, and 100 parameters and tags: the limits of the REST API."""


def export(record: Record, destination: Destination) -> Export:
    """Log every run into the experiment, unless the same is there."""
    address = destination.out or os.environ.get("MLFLOW_TRACKING_URI")
    shown = without_secrets(address or "MLflow's own store")
    with _reaching(shown):
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=_to_uri(address))
        shown = without_secrets(client.tracking_uri)
        experiment = _experiment(client, destination.project)
        there = _find(client, experiment, record)
        whole = [run for run in there if run.data.tags.get(_COMPLETE) == "true"]
        runs = tracked_runs(record)
        names = tuple(run.name for run in runs)
        if len(whole) == len(runs) and not destination.replace:
            return Export("mlflow", shown, False, names)
        begun: list[str] = []
        try:
            for run in runs:
                _log(client, experiment, run, begun)
            for identifier in begun:
                client.set_tag(identifier, _COMPLETE, "true")
        except BaseException:
            _delete(client, begun)
            raise
        _delete(client, [run.info.run_id for run in there])
    return Export("mlflow", shown, True, names)


def _to_uri(address: str | None) -> str | None:
    """An address as it is; a path to a file as that of an SQLite store."""
    if address is None or urlsplit(address).scheme:
        return address
    return f"sqlite:///{Path(address).resolve()}"


def _experiment(client: MlflowClient, name: str) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name, _artefacts(client.tracking_uri)))
        except MlflowException:
            found = client.get_experiment_by_name(name)  # another process was quicker
            if found is None:
                raise
    if found.lifecycle_stage != "active":
        raise InputError(f"experiment {name!r}: was deleted; restore it, or give another --project")
    return str(found.experiment_id)


def _artefacts(address: str) -> str | None:
    """Beside an SQLite store; a server says by itself where they go."""
    path = address.removeprefix("sqlite:///")
    return None if path == address else (Path(path).resolve().parent / "mlartifacts").as_uri()


def _find(client: MlflowClient, experiment: str, record: Record) -> Sequence[Run]:
    return list(client.search_runs([experiment], f"tags.`{_IDENTITY}` = '{record.identity}'"))


def _delete(client: MlflowClient, identifiers: Sequence[str]) -> None:
    for identifier in identifiers:
        client.delete_run(identifier)


def _log(client: MlflowClient, experiment: str, run: TrackedRun, begun: list[str]) -> None:
    from mlflow.entities import Metric, Param, RunTag

    tags = {name: text for name, text in run.settings.items() if name.startswith("saeval.")}
    settings = {name: text for name, text in run.settings.items() if name not in tags}
    if begun:
        tags["mlflow.parentRunId"] = begun[0]
    if note := tags.get("saeval.headline"):
        tags["mlflow.note.content"] = note
    tags = {name: text[:_LONGEST_PARAMETER] for name, text in tags.items()}
    identifier = client.create_run(experiment, run_name=run.name, tags=tags).info.run_id
    begun.append(identifier)
    started = client.get_run(identifier).info.start_time
    metrics = [Metric(_legal(key), value, started, 0) for key, value in run.numbers.items()]
    for first in range(0, len(metrics), _AT_ONCE):
        client.log_batch(identifier, metrics=metrics[first : first + _AT_ONCE])
    parameters = [
        Param(_legal(name), text[:_LONGEST_PARAMETER] or "-") for name, text in settings.items()
    ]
    client.log_batch(identifier, params=parameters[:100], tags=[RunTag("saeval.role", run.role)])
    for name, rows in run.tables.items():
        client.log_text(identifier, _table(rows), f"{name}.json")
    shown = [{"path": f"{name}.json", "type": "table"} for name in run.tables]
    client.set_tag(identifier, "mlflow.loggedArtifacts", json.dumps(shown))
    with tempfile.TemporaryDirectory() as folder:
        for name, content in run.pages.items():
            path = Path(folder, name)
            path.write_bytes(content)
            client.log_artifact(identifier, str(path))
    client.set_terminated(identifier, "FINISHED")


def _table(rows: list[dict[str, Any]]) -> str:
    """As `mlflow.log_table` writes it and the page shows it, which keeps ten digits of a number."""
    columns = columns_of(rows)
    data = [list(row) for row in zip(*columns.values(), strict=True)]
    return json.dumps({"columns": list(columns), "data": data}, ensure_ascii=False)


def _legal(key: str) -> str:
    """A key as MLflow takes it: letters, digits, ``_``, ``-``, ``.``, space and ``/``."""
    return "".join(c if c.isalnum() or c in "_-. /" else "_" for c in key)[:250]


@contextmanager
def _reaching(shown: str) -> Iterator[None]:
    """Whatever a store or a server raises, as one sentence; and no lines of its own meanwhile."""
    ours = {name: value for name, value in _QUICK.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        import mlflow  # noqa: F401  # which sets up its logging

        for logger in ("mlflow", "alembic"):
            logging.getLogger(logger).setLevel(logging.ERROR)
        yield
    except InputError:
        raise
    except Exception as error:  # of as many kinds as there are stores
        raise InputError(
            f"{shown}: the MLflow store or server cannot be used ({type(error).__name__}: "
            f"{one_line(without_secrets(_reason(error)), 200)}); give its address by --out, such "
            "as http://localhost:5000 or sqlite:///mlflow.db"
        ) from error
    finally:
        for name in ours:
            os.environ.pop(name, None)


_QUICK: dict[str, str] = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
"""An address where nobody answers is said within seconds, not after MLflow's eight minutes."""


def _reason(error: BaseException) -> str:
    """The innermost cause: what the network or the disk said."""
    seen: Any = error
    while seen.__cause__ is not None or seen.__context__ is not None:
        seen = seen.__cause__ or seen.__context__
    return str(seen) or str(error)
