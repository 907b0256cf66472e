"""HTTP with bounds that a server cannot talk its way around.

A client's own timeout starts anew with every byte, its body has no limit, and it follows a redirect
with the whole prompt in hand. Here one deadline covers a request from its first byte to its last,
what one answer may weigh is limited as it comes from the wire, answers are never unpacked, and
nothing is sent to another origin than the one that was named.
"""

from __future__ import annotations

import math
import threading
import time
from typing import Any

MEBIBYTE = 2**20


class AnswerTooLargeError(Exception):
    """An answer that went on beyond the limit."""


class OtherOriginError(Exception):
    """A request that would have left the origin; its text is the address."""


class _Bounds(threading.local):
    """Those of the request that this thread waits for."""

    def __init__(self) -> None:
        self.deadline = math.inf
        self.bytes_left = math.inf


class _BoundedStream:
    """A connection whose reads count."""

    def __init__(self, stream: Any, bounds: _Bounds) -> None:
        self._stream = stream
        self._bounds = bounds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        received: bytes = self._stream.read(max_bytes, timeout=self._time_left(timeout))
        self._bounds.bytes_left -= len(received)
        if self._bounds.bytes_left < 0:
            raise AnswerTooLargeError
        return received

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout=self._time_left(timeout))

    def start_tls(self, *arguments: Any, **keywords: Any) -> _BoundedStream:
        self._stream = self._stream.start_tls(*arguments, **keywords)
        return self

    def __del__(self) -> None:
        """A request that nobody waits for any more may outlive its client."""
        self._stream.close()

    def _time_left(self, timeout: float | None) -> float | None:
        left = self._bounds.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return timeout if math.isinf(left) else min(left, timeout or left)


class _BoundedNetwork:
    """Opens bounded connections."""

    def __init__(self, network: Any, bounds: _Bounds) -> None:
        self._network = network
        self._bounds = bounds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)

    def connect_tcp(self, *arguments: Any, **keywords: Any) -> _BoundedStream:
        return _BoundedStream(self._network.connect_tcp(*arguments, **keywords), self._bounds)


def bounded_client(url: str, *, seconds: float, most_bytes: int) -> Any:
    """An HTTP client for `openai.OpenAI` that keeps to the bounds above.

    Parameters
    ----------
    url
        Requests go to its origin only.
    seconds
        For a whole request, unless the request has a shorter time of its own.
    most_bytes
        Of one answer, its headers included.

    Notes
    -----
    A request that runs out of time raises `TimeoutError`; the client's own exceptions for the rest.
    """
    from openai import DefaultHttpxClient

    bounds = _Bounds()

    def begin(request: Any) -> None:
        if _origin(request.url) != origin:
            raise OtherOriginError(str(request.url))
        own = request.extensions.get("timeout", {}).get("read")
        bounds.deadline = time.monotonic() + min(seconds, own or seconds)
        bounds.bytes_left = most_bytes

    client: Any = DefaultHttpxClient(timeout=seconds, event_hooks={"request": [begin]})
    origin = _origin(client.build_request("GET", url).url)
    for transport in (client._transport, *client._mounts.values()):
        if transport is not None:  # None where the environment exempts an address from its proxy
            pool = transport._pool
            pool._network_backend = _BoundedNetwork(pool._network_backend, bounds)
    return client


def _origin(url: Any) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
