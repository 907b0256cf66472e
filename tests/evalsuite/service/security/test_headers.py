from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from fastapi import Response
from fastapi.testclient import TestClient

from saeval.evalsuite.service.app import create_app
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.security.headers import CONTENT_SECURITY_POLICY


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    """Of an application with an error, a file of its own style, and one that wants it weaker."""
    app = create_app(service)
    app.add_api_route("/api/broken", lambda: 1 / 0)
    own = {"Content-Security-Policy": "sandbox; style-src 'unsafe-inline'", "ETag": '"1"'}
    app.add_api_route("/own", lambda: Response("x", headers=own))
    weaker = {"Content-Security-Policy": "default-src *", "Server": "saeval"}
    app.add_api_route("/weaker", lambda: Response("x", headers=weaker))
    options = {"follow_redirects": False, "raise_server_exceptions": False}
    with TestClient(app, **options) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/health", 200),
        ("/", 303),
        ("/signin", 200),
        ("/nowhere", 404),
        ("/api/nowhere", 404),
        ("/api/broken", 500),
        ("/weaker", 200),
        ("/static/service.css", 200),
        ("/static/../app.py", 404),
    ],
)
def test_every_answer_says_what_a_browser_may_do(
    client: TestClient, path: str, status: int
) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "server" not in answer.headers
    is_static = status == 200 and path.startswith("/static/")
    kept = answer.headers["cache-control"]
    assert kept.startswith("public") if is_static else kept.startswith(("no-store", "private"))


def test_a_refusal_before_the_application_has_them_too(client: TestClient) -> None:
    answer = client.get("/health", headers={"Host": "elsewhere.example"})
    assert answer.status_code == 421
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY


def test_a_file_in_a_sandbox_keeps_its_own_policy(client: TestClient) -> None:
    answer = client.get("/own")
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert answer.headers["cache-control"] == "private, no-cache"
    assert {"Cookie", "Authorization"} <= set(answer.headers["vary"].replace(" ", "").split(","))


def test_an_error_of_ours_says_nothing_of_itself(client: TestClient) -> None:
    answer = client.get("/api/broken")
    assert "ZeroDivision" not in answer.text
    assert answer.json()["error"]["kind"] == "InternalError"


@pytest.mark.parametrize("is_https", [True, False])
def test_strict_transport_is_said_over_https_alone(service: Service, is_https: bool) -> None:
    url = "https://testserver" if is_https else "http://testserver"
    there = replace(service, settings=replace(service.settings, public_url=url))
    answer = TestClient(create_app(there)).get("/health")
    assert ("strict-transport-security" in answer.headers) is is_https
