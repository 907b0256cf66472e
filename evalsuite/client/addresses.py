"""Addresses of servers, and of what they keep: ``URL/runs/ID`` and ``URL/baselines/NAME``."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from saeval.errors import InputError
from saeval.terminal_text import one_line, without_secrets

_DEFAULT_PORTS = {"http": 80, "https": 443}
_PATH = re.compile(r"(https?://[^?#]+)/(runs|baselines)/([A-Za-z0-9][A-Za-z0-9._-]*)/?", re.I)


@dataclass(frozen=True)
class RecordAddress:
    """A run or a baseline of a server."""

    server: str
    kind: Literal["runs", "baselines"]
    name: str

    def __str__(self) -> str:
        return f"{self.server}/{self.kind}/{self.name}"


def parse_record_address(text: str) -> RecordAddress | None:
    """The run or baseline that an address names; None if it is no such address.

    A model of a server is no such address: it has a ``#``.

    Raises
    ------
    InputError
        If the address holds a password.

    Examples
    --------
    >>> parse_record_address("http://127.0.0.1:8500/baselines/main").name
    'main'
    >>> parse_record_address("http://127.0.0.1:8000/v1#model") is None
    True
    """
    found = _PATH.fullmatch(text)
    if found is None:
        return None
    kind: Literal["runs", "baselines"] = "runs" if found[2].lower() == "runs" else "baselines"
    return RecordAddress(check_address(found[1]), kind, found[3])


def check_address(server: str) -> str:
    """A server's address, as it is always written: in lower case, without a slash at its end.

    Raises
    ------
    InputError
        If it is none, or holds a password.
    """
    try:
        parts = urlsplit(server.strip())
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    host = parts.hostname
    if parts.scheme not in _DEFAULT_PORTS or not host or not re.fullmatch(r"[\w.:-]+", host):
        raise InputError(
            f"{one_line(without_secrets(server), 200)!r} is no address of a server; give "
            "http://host:port"
        )
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise InputError("a server's address holds no password, query or fragment")
    host = f"[{host}]" if ":" in host else host
    shown = "" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{host}{shown}{parts.path.rstrip('/')}"


def is_private(server: str) -> bool:
    """Whether nobody on the way can read what is said to a server: https, or this machine."""
    parts = urlsplit(server)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False
