"""A record with a base, checkpoints, verdicts and a pair that is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from fastapi.testclient import TestClient
from service_record import BASE, OTHERWISE, RUNS, Filled, fill

from saeval.evalsuite.client.wire import Scope
from saeval.evalsuite.service.app import create_app
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.security.access import COOKIE, csrf_of, open_sign_in

FEW = (BASE, RUNS[3], *(made for made in RUNS if made.recipe == "sft-refusals"), OTHERWISE)
Browser = tuple[TestClient, str]
"""A client with a session's cookie, and what its forms carry."""


@pytest.fixture(scope="module")
def filled(module_service: Service, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """What is in the record of a module."""
    return fill(module_service, tmp_path_factory.mktemp("runs"), FEW, items=60)


@pytest.fixture
def sign_in() -> Iterator[Callable[[Service, Scope], Browser]]:
    """Opens browsers that are signed in."""
    with ExitStack() as stack:

        def open_browser(service: Service, scope: Scope = "admin") -> Browser:
            with service.database.writing() as session:
                cookie = open_sign_in(session, "cookie", "ana", scope)
            client = TestClient(
                create_app(service), cookies={COOKIE: cookie}, follow_redirects=False
            )
            return stack.enter_context(client), csrf_of(cookie)

        yield open_browser


@pytest.fixture
def browser(filled: Filled, module_service: Service, sign_in: Callable[..., Browser]) -> Browser:
    """An administrator's, on the record that is filled."""
    assert filled.runs
    return sign_in(module_service)
