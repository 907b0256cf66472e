"""What a server says when it starts: where it is, and how to get in."""

from __future__ import annotations

from collections.abc import Iterator

from saeval.evalsuite.service.security.hosts import is_loopback
from saeval.evalsuite.service.settings import ServiceSettings


def start_lines(settings: ServiceSettings, link: str | None) -> Iterator[str]:
    """Lines to print.

    Parameters
    ----------
    settings
        Of the record.
    link
        Secret that signs a browser in once; None where others might read what is printed.
    """
    yield f"Record: {settings.data}"
    if link is not None:
        yield f"Open {settings.url}/signin?link={link}"
    else:
        yield f"Serving {settings.url}; `saeval serve token create NAME` makes a token to sign in"
    if not is_loopback(settings.host) and not settings.url.startswith("https:"):
        yield (
            f"Warning: {settings.host} is reached without encryption: put a proxy that speaks TLS "
            "in front, and give its address by --public-url https://…"
        )
