"""The jobs process: it ends when its parent does, and loses nothing when it is killed."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from threading import Event, Thread
from types import FrameType
from typing import BinaryIO

from dbos import DBOS
from pydantic import TypeAdapter

from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.jobs.dispatch import Dispatcher
from saeval.evalsuite.service.jobs.failures import log_event, log_failure, open_log
from saeval.evalsuite.service.jobs.journal import configure_journal, log_to
from saeval.evalsuite.service.jobs.kinds import Kinds
from saeval.evalsuite.service.jobs.register import KINDS
from saeval.evalsuite.service.jobs.turn import take_turn
from saeval.evalsuite.service.jobs.work import register_job
from saeval.evalsuite.service.settings import ServiceSettings

SETTINGS = TypeAdapter(ServiceSettings)
"""As the parent writes them to the standard input of this process, on one line."""
_NICENESS = 5
"""Pages are answered first."""
_CHECK = 1.0


def main() -> None:
    """Do jobs until the standard input ends, whose first line is the settings."""
    settings = SETTINGS.validate_json(sys.stdin.buffer.readline())
    stop = Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent says when to end

    def end(_: int, __: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    Thread(target=_end_with, args=(sys.stdin.buffer, stop), daemon=True).start()
    with suppress(OSError):
        os.nice(_NICENESS)
    run_jobs(settings, stop)
    # A job that computes is not waited for: it begins again at the next start.
    os._exit(0)


def run_jobs(settings: ServiceSettings, stop: Event, kinds: Kinds = KINDS) -> None:
    """Do the jobs of a record until told to stop; what runs then goes on at the next start."""
    handler = open_log(settings)
    log_to(handler)
    service = Service.open(settings)
    with take_turn(service, stop) as is_ours:
        if is_ours is None:
            return
        configure_journal(settings)
        job = register_job(service, kinds)
        try:
            DBOS.launch()
            for queue in sorted({kind.queue for kind in kinds.values()}):
                DBOS.register_queue(queue, worker_concurrency=1, polling_interval_sec=0.2)
            log_event(f"jobs process {os.getpid()} begins")
            dispatcher = Dispatcher(service, kinds, job)
            worker = Thread(target=dispatcher.run, args=(stop,), name="dispatch", daemon=True)
            worker.start()
            while not stop.wait(_CHECK):
                if not is_ours():
                    log_event("another process may have its turn: the database has let go")
                    os._exit(os.EX_TEMPFAIL)
            worker.join()
        except Exception as error:
            log_failure("jobs process", error)
            raise
        finally:
            DBOS.destroy(destroy_registry=True)
            service.close()
            log_event(f"jobs process {os.getpid()} ends")


def _end_with(stdin: BinaryIO, stop: Event) -> None:
    """When the parent ends, however it does, the pipe from it does."""
    while stdin.read(1):
        pass
    stop.set()
    # A computation does not hold the process up: what it has written is whole.
    Event().wait(_CHECK)
    os._exit(0)
