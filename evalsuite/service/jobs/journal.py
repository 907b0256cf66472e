"""DBOS, which remembers the steps of jobs: as JSON, without a server or connections of its own.

What it calls a workflow is a job here. Its tables say what a job has done; the record's rows say
what there is to do, so that the tables can be lost.
"""

from __future__ import annotations

import logging
from typing import Any, NoReturn

from dbos import DBOS
from dbos._serialization import DBOSDefaultSerializer, DBOSPortableJSON

from saeval.errors import InputError
from saeval.evalsuite.service.database.connect import make_engine
from saeval.evalsuite.service.settings import ServiceSettings

APPLICATION = "saeval"
VERSION = "1"
"""Of the steps: a job of an earlier process goes on if it is the same."""


def configure_journal(settings: ServiceSettings) -> None:
    """Set DBOS up; functions can be registered then, and `DBOS.launch` begins the work."""
    refuse_pickle()
    on_postgresql = not settings.jobs_url.startswith("sqlite")
    DBOS(
        config={
            "name": APPLICATION,
            "application_version": VERSION,
            "executor_id": APPLICATION,  # one process at a time, see `take_turn`
            "system_database_url": settings.jobs_url,
            "system_database_engine": make_engine(settings.jobs_url) if on_postgresql else None,
            "serializer": DBOSPortableJSON,
            "enable_otlp": False,
            "use_listen_notify": False,
            "log_level": "WARNING",
            "max_executor_threads": 16,
        }
    )


def refuse_pickle() -> None:
    """Let no row of the jobs' tables be unpickled.

    DBOS reads each row as the row itself says, whatever serializer it is given.
    """

    def refuse(*_: Any) -> NoReturn:
        raise InputError("a job is kept as JSON; this one is pickled, and is not read")

    DBOSDefaultSerializer.serialize = refuse  # type: ignore[assignment]
    DBOSDefaultSerializer.deserialize = refuse  # type: ignore[assignment]


def log_to(handler: logging.Handler) -> None:
    """Where DBOS says what goes wrong; nowhere else."""
    logger = logging.getLogger("dbos")
    logger.handlers[:] = [handler]
    logger.propagate = False
