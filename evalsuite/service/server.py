"""The processes of a server: one answers requests, one does the jobs."""

from __future__ import annotations

import errno
import socket
import sys
from contextlib import ExitStack
from dataclasses import replace
from threading import Event
from typing import Literal

import uvicorn

from saeval.errors import InputError
from saeval.evalsuite.service.app import create_app
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.jobs.child import run_child
from saeval.evalsuite.service.security.access import open_sign_in
from saeval.evalsuite.service.security.hosts import is_loopback
from saeval.evalsuite.service.security.server_options import uvicorn_options
from saeval.evalsuite.service.security.start import start_lines
from saeval.evalsuite.service.settings import ServiceSettings

Only = Literal["web", "jobs"]


def serve(settings: ServiceSettings, only: Only | None = None) -> None:
    """Answer requests and do jobs until a signal ends it.

    Parameters
    ----------
    settings
        Of the record.
    only
        One of the two, where another machine does the other; None for both.

    Raises
    ------
    InputError
        If the address cannot be listened on.
    """
    if only == "jobs":
        Service.open(settings).close()  # what is wrong with the settings shows at once
        print(f"Record: {settings.data}\nDoing the jobs of {settings.url}", flush=True)
        with run_child(settings):
            Event().wait()
        return
    with ExitStack() as open_things:
        listening = open_things.enter_context(listen(settings.host, settings.port))
        settings = replace(settings, port=listening.getsockname()[1])
        service = Service.open(settings)
        open_things.callback(service.close)
        config = uvicorn.Config(create_app(service), **uvicorn_options(settings))
        if only is None:
            open_things.enter_context(run_child(settings))
        print(*start_lines(settings, _link(service)), sep="\n", flush=True)
        uvicorn.Server(config).run(sockets=[listening])


def _link(service: Service) -> str | None:
    """Secret that signs in who started the server, if it was a person on this machine."""
    if not (sys.stdout.isatty() and is_loopback(service.settings.host)):
        return None
    with service.database.writing() as session:
        return open_sign_in(session, "link", "administrator", "admin")


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 is any that is free.

    Raises
    ------
    InputError
        If the address cannot be had.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # Rebinding what a server that was killed has left is right; a running one keeps its port.
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            reason = "it is taken, perhaps by a server that runs already; choose another by --port"
        else:
            reason = f"{error.strerror or error}; choose others by --host and --port"
        raise InputError(f"{host}:{port} cannot be listened on: {reason}") from error
