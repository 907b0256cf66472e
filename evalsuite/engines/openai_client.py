"""Requests to an OpenAI-compatible server that may fail for a while, sent until they are answered.

Whatever a server says is hostile text: it is shown on one line, cut, and without the key.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from threading import Event
from typing import TYPE_CHECKING, Any

from saeval.errors import EngineError, ModelError
from saeval.evalsuite.config import ServerConfig
from saeval.evalsuite.engines.bounded_http import (
    MEBIBYTE,
    AnswerTooLargeError,
    OtherOriginError,
    bounded_client,
)
from saeval.evalsuite.models.types import ServedModel
from saeval.extras import require_extra
from saeval.terminal_text import one_line

if TYPE_CHECKING:
    import openai
    from tenacity import RetryCallState

START_PATIENCE = 30.0
"""Seconds that a server has to answer at the start; it may just be restarting."""

_START_TIMEOUT = 10.0

_LONGEST_BACKOFF = 30.0
_SHOWN = 200
_LATE = "a request was not answered in time"
_LISTING_TRIES = 3
_MOST_TOKENS = 10_000_000
_SHORTEST_SECRET = 8
"""A shorter key is as likely a word of an answer, and is hidden in messages only."""

Answer = dict[str, Any]
Usable = Callable[[Answer], bool]


class RequestRejected(ModelError):
    """The server understood and rejected a request: sending it again would not help."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


_UNFINISHED = ("abort", "error")
"""Reasons that vLLM gives where it ends an answer early, as when it is shut down."""


class TransientServerError(Exception):
    """No answer this time.

    `pause` is how long the server wants to be left alone, `busy` whether it says that it has too
    much to do, whatever the request, `replied` whether it said anything at all, `disconnected`
    whether it took no connection or broke it: it may be another when it is back.
    """

    def __init__(
        self,
        reason: str,
        pause: float = 0.0,
        *,
        busy: bool = False,
        replied: bool = True,
        disconnected: bool = False,
    ) -> None:
        super().__init__(reason)
        self.pause = pause
        self.busy = busy
        self.replied = replied
        self.disconnected = disconnected


class Server:
    """One model of one server; nothing is sent before `connect`.

    `last_answer` is when a request was last answered, `last_failure` why one last was not, `notes`
    what is to be said about it. A request is sent until it is answered, or `tries` times.
    """

    def __init__(
        self, model: ServedModel, config: ServerConfig, *, tries: int | None = None
    ) -> None:
        self.model = model
        self.patience = config.patience
        self.tries = tries
        self.last_answer = 0.0
        self.last_failure = "requests are sent and stay unanswered"
        self.notes: list[str] = []
        self._config = config
        self._start_patience = START_PATIENCE
        require_extra("run", "openai", "tenacity")
        import openai

        self._key = _api_key()
        self._client = openai.OpenAI(
            base_url=model.url,
            api_key=self._key or "EMPTY",
            max_retries=0,
            timeout=config.request_timeout,
            default_headers={"Accept-Encoding": "identity"},
            http_client=bounded_client(
                model.url,
                seconds=config.request_timeout,
                most_bytes=config.max_response_mb * MEBIBYTE,
            ),
        )

    def connect(self, *, patience: float = START_PATIENCE) -> None:
        """Stop unless the server has the model and answers.

        Parameters
        ----------
        patience
            Seconds that it is given, if that is less than its own patience.

        Raises
        ------
        EngineError
            If no server answers.
        ModelError
            If it has no such model, or rejects what it is asked.
        """
        self.notes.clear()
        self._start_patience = min(self.patience, patience)
        self._check_serves_model(self._config.request_timeout)

    @property
    def name(self) -> str:
        """For messages."""
        return self.model.url

    def complete(self, stopping: Event, **request: Any) -> Answer:
        """Ask ``/completions`` until it is answered, `stopping` is set, or its tries failed."""
        create = self._client.completions.with_raw_response.create
        return self._send(create, _has_text, request, stopping)

    def chat(self, stopping: Event, *, tries: int | None = None, **request: Any) -> Answer:
        """Ask ``/chat/completions`` until it is answered, `stopping` is set, or `tries` failed.

        Raises
        ------
        Refused
            If the server declines.
        Stumbled
            If there is no answer and no further try.
        """
        create = self._client.chat.completions.with_raw_response.create
        return self._send(create, _has_message, request, stopping, tries)

    def close(self) -> None:
        """Close the connections; requests that are under way fail."""
        self._client.close()

    def without_key(self, text: str) -> str:
        """A model's text as it may be kept: encodable, and without the key."""
        if len(self._key) >= _SHORTEST_SECRET:
            text = self._hidden(text)
        return text.encode("utf-8", "replace").decode("utf-8")

    def _shown(self, text: str) -> str:
        return one_line(self._hidden(text), _SHOWN)

    def _hidden(self, text: str) -> str:
        return text.replace(self._key, "[key]") if self._key else text

    def _check_serves_model(self, request_timeout: float) -> None:
        """Stop unless the server lists the model; where it lists nothing, unless it answers."""
        quick = self._client.with_options(timeout=min(request_timeout, _START_TIMEOUT))
        names: list[str] = []
        try:
            answer = self._send_at_start(quick.models.with_raw_response.list, _has_list, {})
            names = [str(model.get("id")) for model in answer["data"] if isinstance(model, dict)]
            reason = "lists no models"
        except RequestRejected as error:
            if error.status in (0, 401, 403):
                raise
            reason = f"lists no models ({error.status})"
        except TransientServerError as error:
            if not error.replied or error.busy:
                raise self._not_there(error) from None
            reason = f"lists no models ({error})"
        if names and self.model.name not in names:
            raise ModelError(
                f"{self.model.url}: has no model {self.model.name!r}; "
                f"it has {self._shown(', '.join(names))}"
            )
        if not names:
            self._check_answers(request_timeout, reason)

    def _check_answers(self, request_timeout: float, reason: str) -> None:
        """Stop unless the model answers, in completions or in a chat."""
        patient = self._client.with_options(timeout=request_timeout)
        short = {"model": self.model.name, "max_tokens": 1, "temperature": 0}
        hello = [{"role": "user", "content": "Hello"}]
        create_chat = patient.chat.completions.with_raw_response.create
        create = patient.completions.with_raw_response.create
        try:
            try:
                self._send_at_start(create, _has_text, {"prompt": "Hello", **short})
            except RequestRejected as error:
                if error.status not in (404, 405, 501):
                    raise
                self._send_at_start(create_chat, _has_message, {"messages": hello, **short})
        except RequestRejected as error:
            hint = "; the address usually ends in /v1" if error.status == 404 else ""
            raise ModelError(f"{error}{hint}") from None
        except TransientServerError as error:
            raise self._not_there(error) from None
        self.notes.append(
            f"{self.model.argument}: the server {reason}, so it was asked as "
            f"{self.model.name} without a look at what it serves."
        )

    def _not_there(self, error: TransientServerError) -> EngineError:
        return EngineError(
            f"no server answers at {self.model.url} (tried for {self._start_patience:g} s: "
            f"{error}); start it, or mend the address, which usually ends in /v1"
        )

    def _send_at_start(
        self, create: Callable[..., Any], usable: Usable, request: Mapping[str, Any]
    ) -> Answer:
        """Ask for a while; a server that replies, and has no reason to, only a few times."""
        from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random

        given_up = stop_after_delay(self._start_patience)

        def stop(state: RetryCallState) -> bool:
            error = state.outcome.exception() if state.outcome else None
            replied = isinstance(error, TransientServerError) and error.replied and not error.busy
            return given_up(state) or (replied and state.attempt_number >= _LISTING_TRIES)

        retrying = Retrying(
            retry=retry_if_exception_type(TransientServerError),
            wait=wait_random(0.2, 2),
            stop=stop,
            reraise=True,
        )
        answer: Answer = retrying(self._send_once, create, usable, request)
        return answer

    def _send(
        self,
        create: Callable[..., Any],
        usable: Usable,
        request: Mapping[str, Any],
        stopping: Event,
        tries: int | None = None,
    ) -> Answer:
        from tenacity import (
            Retrying,
            retry_if_exception_type,
            sleep_using_event,
            stop_after_attempt,
            stop_when_event_set,
            wait_random_exponential,
        )

        backoff = wait_random_exponential(multiplier=0.5, max=_LONGEST_BACKOFF)

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            pause = error.pause if isinstance(error, TransientServerError) else 0.0
            return max(backoff(state), min(pause, self.patience))

        tries = tries or self.tries
        stop = stop_when_event_set(stopping)
        retrying = Retrying(
            retry=retry_if_exception_type(TransientServerError),
            wait=wait,
            stop=stop if tries is None else stop | stop_after_attempt(tries),
            sleep=sleep_using_event(stopping),
            reraise=True,
        )

        def attempt() -> Answer:
            if stopping.is_set():
                raise TransientServerError("nobody waits for it any more")
            return self._send_once(create, usable, request)

        answer: Answer = retrying(attempt)
        self.last_answer = time.monotonic()
        return answer

    def _send_once(
        self, create: Callable[..., Any], usable: Usable, request: Mapping[str, Any]
    ) -> Answer:
        import openai

        try:
            return _parse_answer(create(**request).content, usable)
        except openai.APIStatusError as error:
            reason = self._shown(f"{error.status_code}: {_error_message(error)}")
            if error.status_code in (408, 409, 429) or (
                error.status_code >= 500 and error.status_code != 501
            ):
                pause = _retry_after(error.response.headers)
                failure = TransientServerError(reason, pause, busy=error.status_code in (429, 503))
            else:
                raise RequestRejected(
                    f"{self.model.url}: refuses to answer as {self.model.name}: {reason}",
                    error.status_code,
                ) from None
        except openai.APITimeoutError:
            failure = TransientServerError(_LATE, replied=False)
        except openai.APIConnectionError as error:
            failure = self._explain_connection(error.__cause__ or error)
        except (OtherOriginError, AnswerTooLargeError, TimeoutError) as error:
            failure = self._explain_connection(error)
        except TransientServerError as error:
            failure = error
        self.last_failure = str(failure)
        raise failure from None

    def _explain_connection(self, cause: BaseException) -> TransientServerError:
        """Why a request failed on its way; `RequestRejected` where it always would."""
        if isinstance(cause, OtherOriginError):
            raise RequestRejected(
                f"{self.model.url}: sends its clients on to {self._shown(str(cause))}, where no "
                "prompt was sent; name that address if you trust it"
            ) from None
        if isinstance(cause, AnswerTooLargeError):
            raise RequestRejected(
                f"{self.model.url}: sent more than {self._config.max_response_mb} MiB in one "
                "answer (--max-response-mb); is it an OpenAI-compatible server?"
            ) from None
        if isinstance(cause, TimeoutError):
            return TransientServerError(_LATE, replied=False)
        return TransientServerError(
            self._shown(f"{type(cause).__name__}: {cause}"), replied=False, disconnected=True
        )


def count_tokens(answer: Mapping[str, Any], which: str) -> int:
    """How many tokens the server says it read or wrote; 0 if it says nothing that can be."""
    count = usage(answer).get(which)
    possible = isinstance(count, int) and not isinstance(count, bool) and 0 < count <= _MOST_TOKENS
    return count if possible else 0  # type: ignore[return-value]  # an int where possible


def usage(answer: Mapping[str, Any]) -> Answer:
    """The answer's own count of its tokens; empty if there is none."""
    counts = answer.get("usage")
    return counts if isinstance(counts, dict) else {}


def _parse_answer(content: bytes, usable: Usable) -> Answer:
    try:
        answer = json.loads(content)  # leniently: a count that cannot be is no reason to ask again
    except (ValueError, RecursionError):
        raise TransientServerError("an answer is not JSON, or was cut short") from None
    if not isinstance(answer, dict) or not usable(answer):
        raise TransientServerError("an answer has not the fields that it should have")
    if any(choice.get("finish_reason") in _UNFINISHED for choice in _choices(answer)):
        raise TransientServerError("the server gave an answer up before its end")
    return answer


def _has_list(answer: Answer) -> bool:
    return isinstance(answer.get("data"), list)


def _has_text(answer: Answer) -> bool:
    """Whether there is at least one choice, and every one holds what a model wrote."""
    return all(isinstance(choice.get("text"), str) for choice in _choices(answer))


def _has_message(answer: Answer) -> bool:
    """The same of a chat, where null is the text of a model that never stopped thinking."""
    messages = [choice.get("message") for choice in _choices(answer)]
    return all(
        isinstance(message, dict) and isinstance(message.get("content", 0), str | None)
        for message in messages
    )


def _choices(answer: Answer) -> list[Any]:
    """A list of objects; one that is empty if there is nothing of the kind."""
    choices = answer.get("choices")
    objects = isinstance(choices, list) and all(isinstance(choice, dict) for choice in choices)
    return choices or [{}] if objects else [{}]


def _error_message(error: openai.APIStatusError) -> str:
    body = error.body.get("error", error.body) if isinstance(error.body, dict) else None
    message = body.get("message") if isinstance(body, dict) else None
    return message if isinstance(message, str) else error.response.text


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds, from a number of seconds or a date; 0 if there is neither."""
    value = headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return 0.0
    return max(seconds, 0.0) if math.isfinite(seconds) else 0.0


def _api_key() -> str:
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ModelError("OPENAI_API_KEY: holds characters that no key may have")
    return key
