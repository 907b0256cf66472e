"""What a reverse proxy says of a request: who sent it, and from where."""

from __future__ import annotations

import hmac
import ipaddress
import secrets

from starlette.types import Scope

from saeval.evalsuite.service.security.answers import header_values
from saeval.evalsuite.service.security.hosts import is_loopback
from saeval.evalsuite.service.settings import ServiceSettings

_SECRET = secrets.token_bytes(32)
"""Of this process: forms that an earlier one rendered are stale."""
_LONGEST = 200


def proxy_user(scope: Scope, settings: ServiceSettings) -> str | None:
    """The user that a proxy signed in; None without one, or if nobody believed says so.

    A header that came twice is not believed either: a proxy that adds its own to what a client
    sent would let the client choose.
    """
    if settings.proxy_user_header is None or not is_proxy(scope, settings):
        return None
    values = header_values(scope, settings.proxy_user_header.lower().encode("latin-1", "replace"))
    if len(values) != 1:
        return None
    try:
        name = values[0].decode("utf-8").strip()
    except UnicodeDecodeError:
        return None
    return name if 0 < len(name) <= _LONGEST and name.isprintable() else None


def proxy_csrf(user: str) -> str:
    """What the forms of a user that a proxy signed in carry."""
    return hmac.new(_SECRET, user.encode(), "sha256").hexdigest()


def is_proxy(scope: Scope, settings: ServiceSettings) -> bool:
    """Whether a request came from a reverse proxy whose headers are believed."""
    if settings.proxy_user_header is None and settings.public_url is None:
        return False
    peer = scope["client"][0] if scope.get("client") else ""
    return is_loopback(peer) or _is_among(peer, settings.proxies)


def client_address(scope: Scope, settings: ServiceSettings) -> str:
    """Whence a request came, as the proxy says where one is believed.

    Of IPv6 the network of 64 bits, which one client has whole.
    """
    address = scope["client"][0] if scope.get("client") else ""
    if is_proxy(scope, settings):
        forwarded = b",".join(header_values(scope, b"x-forwarded-for")).decode("latin-1")
        address = forwarded.rpartition(",")[2].strip() or address
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    return str(ipaddress.ip_network((ip, 64), strict=False)) if ip.version == 6 else str(ip)


def _is_among(peer: str, networks: tuple[str, ...]) -> bool:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(network, strict=False) for network in networks)
