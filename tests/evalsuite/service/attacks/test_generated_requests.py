"""Requests made from the OpenAPI schema: no error of ours, nothing told and nothing written.

`SAEVAL_FUZZ_REQUESTS` says how many (`make fuzz-service`: 10,000).
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy, one_of
from service_record import RUNS, Filled, fill
from service_rows import all_rows
from sqlalchemy import select

from saeval.evalsuite.client.wire import Scope
from saeval.evalsuite.service.app import create_app
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import Token, now
from saeval.evalsuite.service.settings import Limits

schemathesis = pytest.importorskip("schemathesis")

N_REQUESTS = int(os.environ.get("SAEVAL_FUZZ_REQUESTS", "600"))
CALLERS = ("nobody", "expired", "revoked", "read", "write", "admin")
PUBLIC = {("GET", "/health"), ("GET", "/openapi.json")}
OUTSIDE = {"nobody", "expired", "revoked"}
REFUSED = {400, 401, 404, 405, 413, 415, 422}
SAFE = {"GET", "HEAD", "OPTIONS"}
PLACES = map(re.escape, (str(Path(__file__).parents[4]), sys.prefix, tempfile.gettempdir()))
OURS = re.compile(
    "|".join((r"Traceback|site-packages|sqlalchemy|psycopg|sqlite3|\.py\b", *PLACES)), re.I
)
"""What no answer says: how the server is made and where it is."""


@pytest.fixture
def filled(service: Service, tmp_path: Path) -> Filled:
    """Runs, a comparison and a verdict."""
    return fill(service, tmp_path / "runs", RUNS[:2], items=30)


@pytest.fixture
def unlimited(service: Service) -> Service:
    """It lets anybody ask as often as they like."""
    limits = Limits(requests_per_minute=10**9, sign_ins_per_minute=10**9, body_seconds=10**6)
    return replace(service, settings=replace(service.settings, limits=limits))


@pytest.fixture
def secrets(service: Service, token: Callable[[Scope], str]) -> dict[str, str | None]:
    """What each caller sends."""
    made = {"expired": token("admin"), "revoked": token("admin")}
    with service.database.writing() as session:
        first, second = session.scalars(select(Token))
        first.expires = now() - timedelta(seconds=1)
        second.revoked = now()
    scopes: tuple[Scope, ...] = ("read", "write", "admin")
    return {"nobody": None, **made, **{scope: token(scope) for scope in scopes}}


def _tables(service: Service) -> dict[str, object]:
    """What is in the record, but for who signed in and when a token was last used."""
    with service.database.engine.connect() as connection:
        rows = all_rows(connection)
    rows.pop("sign_in")
    for row in rows["token"]:
        row.pop("last_used")
    return rows


@pytest.mark.service
@pytest.mark.parametrize("caller", CALLERS)
def test_no_request_breaks_the_server_or_gets_past_it(
    unlimited: Service, secrets: dict[str, str | None], filled: Filled, caller: str
) -> None:
    app = create_app(unlimited)
    schema = schemathesis.openapi.from_dict(app.openapi())
    operations = [result.ok() for result in schema.get_all_operations()]
    client = TestClient(app, raise_server_exceptions=False, follow_redirects=False)
    secret = secrets[caller]
    headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
    known = {value for value in secrets.values() if value} | set(filled.runs.values())
    ids = _ids(unlimited, filled)
    before = _tables(unlimited)
    statuses: Counter[int] = Counter()
    each = max(1, N_REQUESTS // len(CALLERS) // len(operations))

    def check(operation: Any, case: Any) -> None:
        answer = _send(client, case, headers, ids)
        statuses[answer.status_code] += 1
        where = (case.method, case.formatted_path, case.query, case.body, answer.status_code)
        where += (answer.text[:2000],)
        assert answer.status_code < 500, where
        assert not OURS.search(answer.text if answer.status_code >= 400 else ""), where
        if caller in OUTSIDE and (case.method, operation.path) not in PUBLIC:
            assert answer.status_code in REFUSED, where
            assert not any(value in answer.text for value in known), where
        if caller == "read" and case.method not in SAFE:
            assert answer.status_code >= 400, where

    for operation in operations:
        if operation.path != "/api/events":  # never ends
            _try(operation, each, check)
    if caller not in ("write", "admin"):
        assert _tables(unlimited) == before
    print(f"{caller}: {sum(statuses.values())} requests, {dict(sorted(statuses.items()))}")


def _try(operation: Any, n_requests: int, check: Callable[[Any, Any], None]) -> None:
    @seed(1)
    @settings(
        max_examples=n_requests,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(_cases(operation))
    def ask(case: Any) -> None:
        check(operation, case)

    ask()


def _cases(operation: Any) -> SearchStrategy[Any]:
    """Requests as the schema has them, and requests that break it where that can be."""
    right = operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE)
    if not any((operation.path_parameters, operation.query, operation.headers, operation.body)):
        return right
    wrong = operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)
    return one_of(right, wrong)


def _send(client: TestClient, case: Any, headers: dict[str, str], ids: dict[str, str]) -> Any:
    """A generated request; what it asks for is there in two of three, where something is."""
    for name in set(ids) & set(case.path_parameters or ()):
        if len(repr(case.body)) % 3:
            case.path_parameters[name] = ids[name]
    sent = case.as_transport_kwargs(base_url="http://testserver")
    sent["headers"] = {**sent["headers"], **headers}
    for name in ("authorization", "cookie"):  # those that were made up for the schema's own
        if name.title() not in headers:
            sent["headers"].pop(name, None)
    sent["cookies"] = None
    if "data" in sent and not isinstance(sent["data"], dict):
        sent["content"] = sent.pop("data")
    return client.request(**{key: value for key, value in sent.items() if value is not None})


def _ids(service: Service, filled: Filled) -> dict[str, str]:
    """Of things that are there, by the names of parameters."""
    run, comparison = next(iter(filled.runs.values())), next(iter(filled.comparisons.values()))
    return {
        "run_id": run,
        "comparison_id": comparison,
        "verdict_id": next(iter(filled.verdicts.values())),
        "sha256": next(iter(service.blobs.names())),
    }
