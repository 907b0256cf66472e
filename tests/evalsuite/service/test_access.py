from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from saeval.evalsuite.client.wire import Scope
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.schema import current_revision, revisions, upgrade
from saeval.evalsuite.service.database.tables import SignIn, Token, now
from saeval.evalsuite.service.security.access import COOKIE, open_sign_in


def test_health_needs_no_token(http: TestClient, service: Service) -> None:
    answer = http.get("/health", headers={"Authorization": ""})
    assert answer.json()["status"] == "ok"
    assert answer.json()["database"] == service.database.kind


def test_a_page_without_a_session_leads_to_the_sign_in(http: TestClient) -> None:
    answer = http.get("/", headers={"Authorization": ""})
    assert (answer.status_code, answer.headers["location"]) == (303, "/signin")


@pytest.mark.parametrize("secret", ["", "Bearer", "Bearer no", "Basic YTpi", "Bearer saeval_x"])
def test_a_wrong_token_is_nobody(http: TestClient, secret: str) -> None:
    assert http.get("/", headers={"Authorization": secret}).status_code == 303


def test_a_token_that_expired_is_nobody(
    http: TestClient, service: Service, token: Callable[[Scope], str]
) -> None:
    secret = {"Authorization": f"Bearer {token('read')}"}
    assert http.get("/", headers=secret).status_code == 200
    with service.database.writing() as session:
        for row in session.scalars(select(Token)):
            row.expires = now() - timedelta(seconds=1)
    assert http.get("/", headers=secret).status_code == 303


def test_a_token_says_when_it_was_last_used(
    http: TestClient, service: Service, token: Callable[[Scope], str]
) -> None:
    secret = {"Authorization": f"Bearer {token('read')}"}
    revision = service.database.revision()
    for _ in range(2):
        http.get("/", headers=secret)
    assert service.database.revision() == revision  # what was rendered is kept
    used = {own["name"]: own["last_used"] for own in http.get("/api/tokens").json()}
    assert used["test-read"] is not None


def test_a_link_signs_in_once(http: TestClient, service: Service) -> None:
    with service.database.writing() as session:
        link = open_sign_in(session, "link", "somebody", "read")
    none = {"Authorization": ""}
    first = http.get("/signin", params={"link": link}, headers=none)
    assert "HttpOnly" in first.headers["set-cookie"]
    assert http.get("/", headers=none).status_code == 200
    http.cookies.clear()
    assert http.get("/signin", params={"link": link}, headers=none).status_code == 401


def test_secrets_are_not_in_the_database(service: Service, token: Callable[[Scope], str]) -> None:
    secret = token("read")
    with service.database.writing() as session:
        cookie = open_sign_in(session, "cookie", "somebody", "read")
    with service.database.reading() as session:
        rows = [row.__dict__ for row in session.scalars(select(Token))]
        rows += [row.__dict__ for row in session.scalars(select(SignIn))]
    assert secret not in str(rows)
    assert cookie not in str(rows)


def test_signing_out_needs_what_our_pages_carry(http: TestClient, service: Service) -> None:
    with service.database.writing() as session:
        http.cookies.set(COOKIE, open_sign_in(session, "cookie", "somebody", "read"))
    none = {"Authorization": ""}
    assert http.post("/signout", headers=none).status_code == 403
    page = http.get("/", headers=none).text
    csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
    foreign = {**none, "Origin": "https://elsewhere.example"}
    assert http.post("/signout", data={"csrf": csrf}, headers=foreign).status_code == 403
    assert http.post("/signout", data={"csrf": csrf}, headers=none).status_code == 303
    assert http.get("/", headers=none).status_code == 303


def test_the_schema_is_that_of_the_tables(service: Service) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    from saeval.evalsuite.service.database.tables import Base

    upgrade(service.database)
    with service.database.engine.connect() as connection:
        assert current_revision(connection) == revisions()[-1]
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_signing_in_leads_to_the_page_that_was_asked_for(
    http: TestClient, token: Callable[[Scope], str]
) -> None:
    none = {"Authorization": ""}
    asked = http.get("/verdicts/0a1b2c3d4e", headers=none).headers["location"]
    assert asked == "/signin?to=%2Fverdicts%2F0a1b2c3d4e"
    assert 'name="to" value="/verdicts/0a1b2c3d4e"' in http.get(asked, headers=none).text
    form = {"token": token("read"), "to": "/verdicts/0a1b2c3d4e"}
    assert http.post("/signin", data=form, headers=none).headers["location"] == form["to"]


@pytest.mark.parametrize(
    "to",
    [
        "//elsewhere.example",
        "/\\elsewhere.example",
        "https://elsewhere.example/",
        "/a//elsewhere.example",
        "/runs\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
        '/"><script>alert(1)</script>',
        "/../..",
    ],
)
def test_signing_in_leads_nowhere_else(
    http: TestClient, token: Callable[[Scope], str], to: str
) -> None:
    form = {"token": token("read"), "to": to}
    answer = http.post("/signin", data=form, headers={"Authorization": ""})
    assert answer.headers["location"] == "/"
    http.cookies.clear()
    assert "elsewhere" not in http.get("/signin", params={"to": to}).text
