"""Requests with typed bodies and answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from saeval.errors import InputError, SaevalError
from saeval.evalsuite.client.connection import Connection
from saeval.evalsuite.client.wire import Page
from saeval.json_source import first_problem

Content = TypeVar("Content", bound=BaseModel)
Answer = TypeVar("Answer")
Listed = TypeVar("Listed", bound=Page)


def request_of(kind: type[Content], **fields: Any) -> Content:
    """A body to be sent.

    Raises
    ------
    InputError
        Naming the field that is not what it should be.
    """
    try:
        return kind(**fields)
    except ValidationError as error:
        raise InputError(f"the server takes no such request: {first_problem(error)}") from error


class TypedConnection(Connection):
    """Requests to one server, as `saeval.evalsuite.client.wire` has them."""

    def get(self, kind: type[Content], path: str) -> Content:
        """What is at a path."""
        return self._parse(kind, self.request("GET", path))

    def list(self, kind: type[Content], path: str) -> list[Content]:
        """All that is listed at a path."""
        return self._validate(TypeAdapter(list[kind]), self.request("GET", path))  # type: ignore[valid-type]

    def pages(
        self, kind: type[Listed], path: str, query: Mapping[str, Any] | None = None
    ) -> Iterator[Listed]:
        """All pages of a list, each when it is needed; None in the query is left out."""
        params = {name: value for name, value in (query or {}).items() if value is not None}
        while True:
            page = self._parse(kind, self.request("GET", path, params=params))
            yield page
            if page.next is None:
                return
            params["after"] = page.next

    def post(
        self, kind: type[Content], path: str, body: BaseModel, *, may_repeat: bool = False
    ) -> Content:
        """What the server makes of a body."""
        content = body.model_dump(mode="json", exclude_unset=True)
        answer = self.request("POST", path, json=content, may_repeat=may_repeat)
        return self._parse(kind, answer)

    def put(self, kind: type[Content], path: str, body: BaseModel) -> Content:
        """What is at a path after a body was put there."""
        content = body.model_dump(mode="json", exclude_unset=True)
        return self._parse(kind, self.request("PUT", path, json=content))

    def delete(self, path: str, *, may_repeat: bool = False) -> httpx.Response:
        """Remove what is at a path."""
        return self.request("DELETE", path, may_repeat=may_repeat)

    def _parse(self, kind: type[Content], answer: httpx.Response) -> Content:
        return self._validate(TypeAdapter(kind), answer)

    def _validate(self, kind: TypeAdapter[Answer], answer: httpx.Response) -> Answer:
        return parse_answer(kind, self, answer)


def parse_answer(
    kind: TypeAdapter[Answer], connection: Connection, answer: httpx.Response
) -> Answer:
    """What a server answered, as what it should be.

    Raises
    ------
    SaevalError
        If it is not.
    """
    try:
        return kind.validate_json(answer.content)
    except ValidationError as error:
        raise SaevalError(
            f"{connection.server}: its answer is not what this saeval expects "
            f"({first_problem(error)}); is it a server of saeval, of the same version?"
        ) from error
