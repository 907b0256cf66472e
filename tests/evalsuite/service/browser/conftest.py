"""A record behind real HTTP, and the system's Chromium."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING

import pytest
import uvicorn
from browser import EXECUTABLE, browser
from service_record import BASE, OTHERWISE, RUNS, Filled, fill, override

from saeval.evalsuite.client.wire import TokenRequest
from saeval.evalsuite.service.app import create_app
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.record.tokens import create_token

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They take minutes: `make test-service` runs them."""
    for item in items:
        if "/service/browser/" in str(item.path):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.skipif(EXECUTABLE is None, reason="no Chromium is found"))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's; no longer than a module, since other tests have event loops of their own."""
    with browser() as found:
        yield found


@contextmanager
def answering(service: Service) -> Iterator[str]:
    """Address of a record on a port of its own."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(service), log_level="critical"))
    thread = Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


@pytest.fixture
def site(service: Service) -> Iterator[str]:
    """Address of an empty record."""
    with answering(service) as address:
        yield address


@pytest.fixture(scope="module")
def filled(module_service: Service, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """What is in the record of a module."""
    seeds = tuple(made for made in RUNS if made.recipe == "sft-refusals")
    runs = (BASE, *RUNS[1:4], *seeds, OTHERWISE)
    found = fill(module_service, tmp_path_factory.mktemp("runs"), runs, items=90)
    override(module_service, found.verdicts["qwen3-8b-sft-s1"])
    return found


@pytest.fixture(scope="module")
def filled_site(module_service: Service, filled: Filled) -> Iterator[str]:
    """Address of a record that is filled."""
    assert filled.runs
    with answering(module_service) as address:
        yield address


@pytest.fixture(scope="module")
def secret(module_service: Service) -> str:
    """A token of an administrator of the record that is filled."""
    return new_token(module_service)


def new_token(service: Service) -> str:
    """The secret of an administrator's token."""
    with service.database.writing() as session:
        info = create_token(session, TokenRequest(name="ana", scope="admin"), "test")
    assert info.secret is not None
    return info.secret


@pytest.fixture
def token_of_admin(service: Service) -> str:
    """A token of an administrator of the record that is empty."""
    return new_token(service)
