"""Pages are kept for all callers of a scope; what is personal never is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient

from saeval.evalsuite.client.wire import Scope
from saeval.evalsuite.service.app import create_app
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import Model, Run
from saeval.evalsuite.service.pages.cache import PageCache, Rendered, mark
from saeval.evalsuite.service.security.access import COOKIE, csrf_of, open_sign_in


@pytest.fixture
def browsers(service: Service) -> Iterator[Callable[[str, Scope], tuple[TestClient, str]]]:
    """Signed-in browsers of one application, each with its cookie."""
    app = create_app(service)
    clients: list[TestClient] = []

    def open_browser(who: str, scope: Scope) -> tuple[TestClient, str]:
        with service.database.writing() as session:
            cookie = open_sign_in(session, "cookie", who, scope)
        client = TestClient(app, follow_redirects=False, cookies={COOKIE: cookie})
        clients.append(client)
        return client, cookie

    yield open_browser
    for client in clients:
        client.close()


def test_a_page_of_the_cache_holds_its_own_caller_alone(
    browsers: Callable[[str, Scope], tuple[TestClient, str]],
) -> None:
    ana, of_ana = browsers("ana", "admin")
    ben, of_ben = browsers("ben", "admin")
    first, second, again = ana.get("/").text, ben.get("/").text, ana.get("/").text
    assert first == again
    assert "ana (admin)" in first
    assert csrf_of(of_ana) in first
    assert "ben (admin)" in second
    assert csrf_of(of_ben) in second
    assert "ana" not in second
    assert csrf_of(of_ana) not in second


def test_a_page_is_not_sent_twice_until_the_record_is_written_to(
    browsers: Callable[[str, Scope], tuple[TestClient, str]], service: Service
) -> None:
    ana, _ = browsers("ana", "admin")
    tag = ana.get("/").headers["etag"]
    unchanged = ana.get("/", headers={"If-None-Match": tag})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    _add_run(service, "a-run")
    changed = ana.get("/", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert "1 run" in changed.text


def test_an_answer_of_one_caller_is_not_the_unchanged_one_of_another(
    browsers: Callable[[str, Scope], tuple[TestClient, str]],
) -> None:
    ana, _ = browsers("ana", "admin")
    ben, _ = browsers("ben", "admin")
    tag = ana.get("/").headers["etag"]
    assert ben.get("/", headers={"If-None-Match": tag}).status_code == 200


def test_pages_are_for_no_shared_cache(
    browsers: Callable[[str, Scope], tuple[TestClient, str]],
) -> None:
    ana, _ = browsers("ana", "read")
    answer = ana.get("/")
    assert "private" in answer.headers["cache-control"]
    assert "Cookie" in answer.headers["vary"]


def test_a_text_of_the_record_is_no_mark() -> None:
    page = Rendered.of(f"0123:csrf; csrf {mark('csrf')} end")
    assert page.fill({"csrf": b"X"}) == b"0123:csrf; csrf X end"


def test_the_cache_is_bounded() -> None:
    pages = PageCache(limit=100_000)
    for number in range(200):
        pages.get(number, lambda: Rendered.of("x" * 5_000))
        assert pages.size <= 100_000
    made = []
    pages.get(199, lambda: made.append(1) or Rendered.of(""))
    assert made == []
    pages.get("huge", lambda: Rendered.of("x" * 90_000))
    assert pages.get("huge", lambda: Rendered.of("other")).fill({}) == b"other"


def test_who_asks_for_the_same_page_at_once_waits_for_one_rendering() -> None:
    pages, made = PageCache(), []

    def make() -> Rendered:
        made.append(1)
        time.sleep(0.1)
        return Rendered.of("page")

    threads = [threading.Thread(target=pages.get, args=("key", make)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]


def test_a_page_that_cannot_be_made_is_tried_anew() -> None:
    pages = PageCache()

    def fail() -> Rendered:
        raise RuntimeError("no page")

    with pytest.raises(RuntimeError, match="no page"):
        pages.get("key", fail)
    assert pages.get("key", lambda: Rendered.of("page")).fill({}) == b"page"


def _add_run(service: Service, name: str) -> None:
    with service.database.writing() as session:
        session.add(Model(id=f"model-{name}", name=name))
        session.flush()
        session.add(
            Run(
                id=name,
                name=name,
                state="ready",
                model_id=f"model-{name}",
                settings_hash="",
                settings={},
                engine={},
                files={},
                created_by="test",
            )
        )
