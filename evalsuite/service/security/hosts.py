"""By which names the server may be asked: a page elsewhere cannot take its name for ours."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from saeval.evalsuite.service.security.answers import header_values, refuse
from saeval.evalsuite.service.settings import ServiceSettings

_MISDIRECTED = 421


class HostCheck:
    """Refuses requests for other names than ours (DNS rebinding).

    A server on loopback answers to the names of loopback and the host of its public URL; one that
    listens elsewhere and has a public URL, to that host, loopback and addresses (which no other
    site can point at us); one without a public URL, to all.
    """

    def __init__(self, app: ASGIApp, settings: ServiceSettings) -> None:
        self._app = app
        self._public = urlsplit(settings.url).hostname or ""
        self._on_loopback = is_loopback(settings.host)
        self._is_open = not self._on_loopback and settings.public_url is None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http" or self._is_open or self._is_ours(header_values(scope, b"host")):
            await self._app(scope, receive, send)
            return
        message = "this server has another name; open it by the address that it was started with"
        await refuse(scope, receive, send, _MISDIRECTED, message)

    def _is_ours(self, given: list[bytes]) -> bool:
        if len(given) != 1:
            return False
        try:
            host = urlsplit(f"//{given[0].decode('ascii')}").hostname or ""
        except ValueError:
            return False
        return host == self._public or is_loopback(host) or (not self._on_loopback and _is_ip(host))


def is_loopback(host: str) -> bool:
    """Whether a name or an address is of this machine alone."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    return _is_ip(host) and ipaddress.ip_address(host).is_loopback


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
