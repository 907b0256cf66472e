"""Requests to a server of the record: sent again while it is away, and answered in bounded size."""

from __future__ import annotations

import json as json_module
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay
from tenacity.stop import stop_when_event_set
from tenacity.wait import wait_exponential, wait_random
from typing_extensions import Self

import saeval.errors
from saeval.errors import SaevalError
from saeval.evalsuite.client.tokens import find_access
from saeval.files import replace_file
from saeval.terminal_text import one_line

_SAFE_TO_REPEAT = ("GET", "HEAD", "PUT", "PATCH", "DELETE")
_NO_TOKEN = 401
_NOT_DONE, _PERHAPS_DONE = (429, 503), (500, 502, 504)
_LARGEST_ANSWER = 64 * 2**20
_SECONDS, _CONNECT_SECONDS = 30.0, 10.0


class RequestError(SaevalError):
    """A request that the server did not do.

    Attributes
    ----------
    status
        Of HTTP.
    kind
        Name of the class of error on the server.
    detail
        Data about it.
    """

    def __init__(self, message: str, status: int, kind: str = "", detail: Any = None) -> None:
        super().__init__(message)
        self.status, self.kind, self.detail = status, kind, detail


def _class_of(kind: str) -> type[RequestError]:
    """What to raise for an error of the server: it is also one of ours, if there is such a one."""
    ours = getattr(saeval.errors, kind, None)
    if not (isinstance(ours, type) and issubclass(ours, SaevalError)) or ours is SaevalError:
        return RequestError
    return type(kind, (RequestError, ours), {})


class UnreachableError(SaevalError):
    """The server does not answer, or says that it is away or busy."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class _UnknownError(UnreachableError):
    """The connection broke after the request was sent: it may have been done."""


class Connection:
    """Requests to one server.

    Parameters
    ----------
    server, token, insecure
        See `saeval.evalsuite.client.tokens.find_access`.
    patience
        Seconds for which a request is sent again to a server that does not answer.
    stopped
        An event that ends the waiting.

    Raises
    ------
    InputError
        If the address is none, there is no token, or it would go over plain http.
    """

    def __init__(
        self,
        server: str | None = None,
        token: str | None = None,
        *,
        insecure: bool = False,
        patience: float = 60.0,
        stopped: Event | None = None,
    ) -> None:
        access = find_access(server, token, insecure=insecure)
        self.server = access.server
        self._patience = patience
        self._stopped = stopped or Event()
        self._http = httpx.Client(
            base_url=self.server,
            headers={
                "Authorization": f"Bearer {access.token}",
                "Accept": "application/json",
                "Accept-Encoding": "identity",
            },
            timeout=httpx.Timeout(_SECONDS, connect=_CONNECT_SECONDS),
            follow_redirects=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        may_repeat: bool | None = None,
        timeout: float = _SECONDS,
    ) -> httpx.Response:
        """The answer of the server, read whole.

        Parameters
        ----------
        method, path, json, content, headers, params
            As httpx has them.
        may_repeat
            Whether doing it twice does no harm; None for yes unless it is a POST.
        timeout
            Seconds for which the server may be silent.

        Raises
        ------
        RequestError
            If the server did not do it.
        UnreachableError
            If it did not answer within the patience.
        """
        repeatable = method in _SAFE_TO_REPEAT if may_repeat is None else may_repeat
        answer: httpx.Response | None = None
        for attempt in self._attempts(repeatable):
            with (
                attempt,
                self._send(
                    method,
                    path,
                    json=json,
                    content=content,
                    headers=headers,
                    params=params,
                    timeout=httpx.Timeout(timeout, connect=_CONNECT_SECONDS),
                ) as sent,
            ):
                answer = _whole(sent)
        assert answer is not None
        return answer

    def download(
        self,
        path: str,
        target: Path,
        *,
        headers: Mapping[str, str] | None = None,
        heard: Callable[[int], object] = lambda _: None,
    ) -> None:
        """Write what the server answers into a file, which is there when all has come.

        `heard` is told of so many bytes more.
        """
        for attempt in self._attempts(repeatable=True):
            with (
                attempt,
                self._send("GET", path, headers=headers) as answer,
                replace_file(target) as file,
            ):
                for block in answer.iter_bytes():
                    file.write(block)
                    heard(len(block))

    @contextmanager
    def _send(self, method: str, path: str, **options: Any) -> Iterator[httpx.Response]:
        try:
            with self._http.stream(method, path, **options) as answer:
                if answer.is_success:
                    yield answer
                    return
                self._raise_problem(_whole(answer))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise UnreachableError(f"{self.server}: does not answer ({error})") from error
        except httpx.RequestError as error:
            raise _UnknownError(
                f"{self.server}: the connection broke ({error or type(error).__name__})"
            ) from error

    def _raise_problem(self, answer: httpx.Response) -> None:
        kind, message, detail = "", f"HTTP {answer.status_code}", None
        try:
            problem = json_module.loads(answer.content)["error"]
            kind, message = str(problem["kind"]), one_line(str(problem["message"]), 2000)
            detail = problem.get("detail")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            pass  # a proxy answered
        message = f"{self.server}: {message}"
        if answer.status_code in _NOT_DONE + _PERHAPS_DONE:
            away = UnreachableError if answer.status_code in _NOT_DONE else _UnknownError
            raise away(message, _seconds(answer.headers.get("Retry-After")))
        if answer.status_code == _NO_TOKEN:
            if not kind:  # HEAD, or a proxy
                message = (
                    f"{self.server}: a token is needed that is known, and not expired or revoked"
                )
            message += f"; `saeval login {self.server}` keeps one, SAEVAL_TOKEN gives one"
        if answer.is_redirect:
            message = f"{self.server}: leads elsewhere; give the address that it leads to"
        raise _class_of(kind)(message, answer.status_code, kind, detail)

    def _attempts(self, repeatable: bool) -> Retrying:
        def is_worth_it(error: BaseException) -> bool:
            is_away = isinstance(error, UnreachableError)
            return is_away and (repeatable or not isinstance(error, _UnknownError))

        def sleep(seconds: float) -> None:
            self._stopped.wait(seconds)

        return Retrying(
            retry=retry_if_exception(is_worth_it),
            stop=stop_after_delay(self._patience) | stop_when_event_set(self._stopped),
            wait=_wait,
            sleep=sleep,
            reraise=True,
        )


_EXPONENTIAL = wait_exponential(multiplier=0.2, max=5.0) + wait_random(0, 0.2)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    after = error.after if isinstance(error, UnreachableError) else None
    return _EXPONENTIAL(state) if after is None else min(after, 30.0)


def _whole(answer: httpx.Response) -> httpx.Response:
    """The answer with its content; one that does not end is given up."""
    content = bytearray()
    for block in answer.iter_bytes():
        content += block
        if len(content) > _LARGEST_ANSWER:
            raise RequestError(
                f"the server answers more than {_LARGEST_ANSWER} bytes", answer.status_code
            )
    headers = [
        (name, value)
        for name, value in answer.headers.multi_items()
        if name not in ("content-encoding", "content-length", "transfer-encoding")
    ]
    return httpx.Response(answer.status_code, headers=headers, content=bytes(content))


def _seconds(text: str | None) -> float | None:
    try:
        return max(float(text or ""), 0.0)
    except ValueError:
        return None
