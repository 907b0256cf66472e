"""Errors of ours: the traceback in the server's log, under an id that readers are told."""

from __future__ import annotations

import logging
import secrets
import traceback
from logging.handlers import RotatingFileHandler

from saeval.evalsuite.service.settings import ServiceSettings
from saeval.files import make_folder
from saeval.terminal_text import printable, without_secrets

LOG = "jobs.log"
_logger = logging.getLogger("saeval.jobs")


def open_log(settings: ServiceSettings) -> logging.Handler:
    """Begin to write what goes wrong to ``jobs.log`` in the folder of logs."""
    make_folder(settings.log)
    handler = RotatingFileHandler(
        settings.log / LOG, maxBytes=10 * 2**20, backupCount=3, encoding="utf-8"
    )
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    _logger.handlers[:] = [handler]
    _logger.propagate = False
    _logger.setLevel(logging.INFO)
    return handler


def log_failure(what: str, error: BaseException) -> str:
    """Keep a traceback; the sentence that readers are told in its place."""
    number = secrets.token_hex(4)
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    _logger.error("%s: failure %s\n%s", what, number, text)
    return (
        f"a mistake of ours: its traceback is in the server's log ({LOG}), under the number "
        f"{number}; please report it"
    )


def log_event(message: str) -> None:
    """Keep a line."""
    _logger.info("%s", message)


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return printable(without_secrets(super().format(record)))
