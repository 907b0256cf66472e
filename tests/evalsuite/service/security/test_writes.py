"""Who may write: browsers with what our own pages know, and users of a proxy that is believed."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from saeval.evalsuite.client.wire import Scope
from saeval.evalsuite.service.app import create_app
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.security.access import COOKIE, csrf_of, open_sign_in
from saeval.evalsuite.service.security.access_log import LOGGER

SAFE = {"GET", "HEAD", "OPTIONS"}
PUBLIC = {("POST", "/signin")}
PATH = {"sha256": "0" * 64, "name": "main", "number": "1", "row": "1"}


def unsafe_routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Method and path of each route that may write, with something in place of its parameters."""
    for route in walk(app.routes):
        path = re.sub(r"{(\w+)(:\w+)?}", lambda m: PATH.get(m[1], "0" * 20), route.path)
        for method in sorted(set(route.methods) - SAFE):
            if (method, route.path) not in PUBLIC:
                yield method, path


def walk(routes: list[object]) -> Iterator[APIRoute]:
    """All routes, those of routers within too."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif inner := getattr(getattr(route, "original_router", route), "routes", None):
            yield from walk(inner)


@pytest.fixture
def browser(service: Service) -> TestClient:
    """One that an administrator signed in."""
    client = TestClient(create_app(service), follow_redirects=False)
    with service.database.writing() as session:
        client.cookies.set(COOKIE, open_sign_in(session, "cookie", "somebody", "admin"))
    return client


def test_the_walk_finds_routes(service: Service) -> None:
    found = set(unsafe_routes(create_app(service)))
    assert ("POST", "/signout") in found


def test_no_write_of_a_browser_goes_without_what_our_pages_carry(
    service: Service, browser: TestClient
) -> None:
    for method, path in unsafe_routes(create_app(service)):
        for headers in (
            {},
            {"X-CSRF-Token": "0" * 64},
            {"X-CSRF-Token": csrf_of("another cookie")},
            {"X-CSRF-Token": csrf_of(browser.cookies[COOKIE]), "Origin": "https://evil.example"},
            {"X-CSRF-Token": csrf_of(browser.cookies[COOKIE]), "Sec-Fetch-Site": "cross-site"},
            {"X-CSRF-Token": csrf_of(browser.cookies[COOKIE]), "Origin": "null"},
        ):
            answer = browser.request(method, path, headers=headers)
            assert answer.status_code == 403, (method, path, headers, answer.text)


def test_every_write_needs_a_caller(service: Service) -> None:
    nobody = TestClient(create_app(service), follow_redirects=False)
    for method, path in unsafe_routes(nobody.app):
        expected = 401 if path.startswith("/api/") else 303
        assert nobody.request(method, path).status_code == expected, (method, path)


def test_a_read_token_writes_nothing(service: Service, token: Callable[[Scope], str]) -> None:
    reader = TestClient(create_app(service), headers={"Authorization": f"Bearer {token('read')}"})
    for method, path in unsafe_routes(reader.app):
        if path != "/signout":
            assert reader.request(method, path).status_code == 403, (method, path)


def test_a_read_only_record_takes_no_write(service: Service, token: Callable[[Scope], str]) -> None:
    shut = replace(service, settings=replace(service.settings, read_only=True))
    admin = TestClient(create_app(shut), headers={"Authorization": f"Bearer {token('admin')}"})
    for method, path in unsafe_routes(admin.app):
        assert admin.request(method, path).status_code == 403, (method, path)


def test_a_page_elsewhere_cannot_sign_somebody_in(
    service: Service, token: Callable[[Scope], str]
) -> None:
    client = TestClient(create_app(service), follow_redirects=False)
    form = {"token": token("read")}
    foreign = {"Origin": "https://evil.example"}
    assert client.post("/signin", data=form, headers=foreign).status_code == 403
    ours = {"Origin": "http://testserver"}
    assert client.post("/signin", data=form, headers=ours).status_code == 303


def _behind_proxy(service: Service, peer: str = "127.0.0.1", **settings: object) -> TestClient:
    settings = {"proxy_user_header": "X-Remote-User", **settings}
    there = replace(service, settings=replace(service.settings, **settings))
    return TestClient(create_app(there), follow_redirects=False, client=(peer, 1))


def test_a_user_that_a_proxy_signed_in(service: Service) -> None:
    client = _behind_proxy(service)
    page = client.get("/", headers={"X-Remote-User": "ann@example.org"})
    assert "ann@example.org (by proxy) (gate)" in page.text
    csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    user = {"X-Remote-User": "ann@example.org"}
    assert client.post("/signout", headers=user).status_code == 403
    other = {"X-Remote-User": "bob@example.org"}
    assert client.post("/signout", data={"csrf": csrf}, headers=other).status_code == 403
    assert client.post("/signout", data={"csrf": csrf}, headers=user).status_code == 303


@pytest.mark.parametrize(
    ("peer", "proxies", "is_believed"),
    [
        ("127.0.0.1", (), True),
        ("::1", (), True),
        ("192.0.2.1", (), False),
        ("testclient", (), False),
        ("192.0.2.1", ("192.0.2.0/24",), True),
        ("192.0.3.1", ("192.0.2.0/24",), False),
        ("2001:db8::1", ("192.0.2.0/24",), False),
    ],
)
def test_only_a_proxy_that_was_named_is_believed(
    service: Service, peer: str, proxies: tuple[str, ...], is_believed: bool
) -> None:
    client = _behind_proxy(service, peer, proxies=proxies)
    # What uvicorn would believe of a client that claims to be on this machine.
    headers = {"X-Remote-User": "ann", "X-Forwarded-For": "127.0.0.1"}
    assert client.get("/", headers=headers).status_code == (200 if is_believed else 303)


@pytest.mark.parametrize("name", ["", " ", "a" * 201, "a\x85b"])
def test_what_is_no_name_is_nobody(service: Service, name: str) -> None:
    headers = [(b"X-Remote-User", name.encode())]
    assert _behind_proxy(service).get("/", headers=headers).status_code == 303


def test_a_header_that_came_twice_is_nobody(service: Service) -> None:
    twice = [("X-Remote-User", "ann"), ("x-remote-user", "root")]
    assert _behind_proxy(service).get("/", headers=twice).status_code == 303


def test_no_header_is_believed_unless_it_was_asked_for(service: Service) -> None:
    client = _behind_proxy(service, proxy_user_header=None)
    assert client.get("/", headers={"X-Remote-User": "ann"}).status_code == 303


def test_a_token_in_an_address_is_not_accepted_and_not_logged(
    service: Service, token: Callable[[Scope], str], caplog: pytest.LogCaptureFixture
) -> None:
    secret = token("admin")
    client = TestClient(create_app(service), follow_redirects=False)
    with caplog.at_level(logging.INFO, LOGGER):
        for name in ("token", "access_token", "api_key", "authorization"):
            assert client.get("/", params={name: secret}).status_code == 303
        client.get("/signin", params={"link": secret})
        client.get("/", headers={"Authorization": f"Bearer {secret}"})
        client.post("/signin", data={"token": secret})
        client.get("/a%0ab%1b[31m", headers={"Referer": secret, "Cookie": f"x={secret}"})
    lines = [record.getMessage() for record in caplog.records if record.name == LOGGER]
    assert len(lines) == 8
    assert secret not in caplog.text
    assert all("\n" not in line and "\x1b" not in line for line in lines)
    assert " GET / 200 " in lines[5]
    assert lines[5].endswith("test-admin")
