"""The processes of a server: one answers requests, one does the jobs."""

from __future__ import annotations

import uvicorn

from saeval.evalsuite.service.app import create_app
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.security.access import open_sign_in
from saeval.evalsuite.service.settings import ServiceSettings


def serve(settings: ServiceSettings) -> None:
    """Answer requests until a signal ends it."""
    service = Service.open(settings)
    with service.database.writing() as session:
        link = open_sign_in(session, "link", "administrator", "admin")
    print(f"Record: {settings.data}\nOpen {settings.url}/signin?link={link}", flush=True)
    try:
        uvicorn.run(
            create_app(service),
            host=settings.host,
            port=settings.port,
            log_level="warning",
            server_header=False,
        )
    finally:
        service.close()
