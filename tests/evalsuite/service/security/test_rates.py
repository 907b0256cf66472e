from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from saeval.evalsuite.client.wire import Scope
from saeval.evalsuite.service.app import create_app
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.settings import Limits


@pytest.fixture
def client(service: Service) -> TestClient:
    """Of a server that lets a token ask 50 times a minute, an address 5 times."""
    limits = Limits(requests_per_minute=50, sign_ins_per_minute=3)
    limited = replace(service, settings=replace(service.settings, limits=limits))
    return TestClient(create_app(limited), follow_redirects=False, client=("192.0.2.1", 1))


def _bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def test_an_address_without_a_token_may_ask_a_tenth(client: TestClient) -> None:
    statuses = [client.get("/health").status_code for _ in range(7)]
    assert statuses == [200] * 5 + [429] * 2
    answer = client.get("/health")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert "ask again in" in answer.json()["error"]["message"]


def test_guessed_tokens_share_the_count_of_their_address(client: TestClient) -> None:
    answers = [client.get("/", headers=_bearer(f"saeval_{n}")) for n in range(7)]
    assert [answer.status_code for answer in answers] == [303] * 5 + [429] * 2


def test_a_valid_token_has_a_count_of_its_own(
    client: TestClient, token: Callable[[Scope], str]
) -> None:
    first, second = _bearer(token("read")), _bearer(token("write"))
    client.get("/", headers=second)  # from now on it is known
    statuses = [client.get("/", headers=first).status_code for _ in range(55)]
    assert statuses.count(200) == 51  # one was counted for the address, which did not know it yet
    assert statuses[-1] == 429
    assert client.get("/", headers=second).status_code == 200


def test_attempts_to_sign_in_are_few(client: TestClient) -> None:
    statuses = [client.post("/signin", data={"token": f"{n}"}).status_code for n in range(5)]
    assert statuses == [401] * 3 + [429] * 2


def test_links_are_attempts_and_the_form_is_not(client: TestClient) -> None:
    links = [client.get("/signin", params={"link": str(n)}).status_code for n in range(4)]
    assert links == [401] * 3 + [429]
    assert client.get("/signin").status_code == 200


def test_an_address_that_a_client_makes_up_is_not_believed(service: Service) -> None:
    limits = Limits(requests_per_minute=50)
    settings = replace(service.settings, limits=limits, public_url=None)
    direct = TestClient(
        create_app(replace(service, settings=settings)),
        base_url="http://localhost",
        client=("127.0.0.1", 1),
    )
    answers = [direct.get("/health", headers={"X-Forwarded-For": f"192.0.2.{n}"}) for n in range(7)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2


def test_behind_a_proxy_each_of_its_clients_has_a_count(service: Service) -> None:
    settings = replace(service.settings, limits=Limits(requests_per_minute=20))
    proxied = TestClient(create_app(replace(service, settings=settings)), client=("127.0.0.1", 1))

    def ask(address: str) -> int:
        # What stands first is what the client said of itself.
        forwarded = {"X-Forwarded-For": f"203.0.113.9, {address}"}
        return int(proxied.get("/health", headers=forwarded).status_code)

    assert [ask("192.0.2.1") for _ in range(3)] == [200, 200, 429]
    assert ask("192.0.2.2") == 200
    assert [ask(f"2001:db8::{n}") for n in range(3)] == [200, 200, 429]  # one network
