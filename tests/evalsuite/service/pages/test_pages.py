"""Every page says what the record holds, to those who may read it, and escapes it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from fastapi.testclient import TestClient
from pages import Page
from service_record import (
    BASE,
    OTHERWISE,
    RUNS,
    Filled,
    Made,
    all_pages,
    fill,
    finish_jobs,
    model_page,
    push,
    write_run,
)
from sqlalchemy import event, update

from saeval.evalsuite.service.app import create_app
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import Comparison, Model, Run, Verdict

Browser = tuple[TestClient, str]
SignIn = Callable[..., Browser]
HOSTILE = "<script>alert(1)</script> \"'> {{ 7 * 7 }} \u202e"


def test_an_empty_record_says_what_to_type(service: Service, sign_in: SignIn) -> None:
    http, _ = sign_in(service)
    for path in ("/", "/runs", "/models", "/verdicts", "/leaderboard"):
        page = http.get(path).text
        assert "saeval push BASE CHECKPOINT --server http://testserver" in page, path
    assert "saeval worker --server http://testserver" in http.get("/jobs").text


def test_every_page_is_whole(filled: Filled, browser: Browser, module_service: Service) -> None:
    http, _ = browser
    for path in all_pages(module_service, filled):
        answer = http.get(path)
        assert answer.status_code == 200, path
        page = Page(answer.text)
        assert page.headings[0] == 1, path
        assert len(page.ids) == len(set(page.ids)), path
        for _, attributes in page.tags:
            assert "style" not in attributes, path
            assert not any(name.startswith("on") for name in attributes), path


def test_pages_need_a_session(module_service: Service, filled: Filled) -> None:
    with TestClient(create_app(module_service), follow_redirects=False) as nobody:
        for path in all_pages(module_service, filled):
            assert nobody.get(path).headers["location"].startswith("/signin"), path


def test_what_is_not_there_is_not_found(browser: Browser) -> None:
    http, _ = browser
    for kind in ("runs", "models", "comparisons", "verdicts", "baselines", "leaderboard"):
        for name in ("0123456789", "%00", "..%2f..%2fetc", "<b>"):
            # PostgreSQL cannot even be asked for a NUL.
            assert http.get(f"/{kind}/{name}").status_code in (404, 422), (kind, name)


def test_home_says_what_regressed(
    filled: Filled, browser: Browser, module_service: Service
) -> None:
    http, _ = browser
    with module_service.database.writing() as session:
        session.execute(
            update(Verdict)
            .where(Verdict.id == filled.verdicts["qwen3-8b-sft-s0"])
            .values(result="REGRESSION")
        )
    text = Page(http.get("/").text).text
    regressed = text[text.index("Regressed") :]
    assert "qwen3-8b-sft-s0" in regressed


def test_seeds_of_a_recipe_stand_in_one_row(
    filled: Filled, browser: Browser, module_service: Service
) -> None:
    http, _ = browser
    page = Page(http.get(model_page(module_service, BASE.name)).text)
    assert "step 400, 3 seeds" in " ".join(page.text.split())
    assert "qwen3-8b-grpo-800" in page.text
    assert sum(tag == "svg" for tag, _ in page.tags) >= 5


def test_a_refusal_says_what_differs(filled: Filled, browser: Browser) -> None:
    http, _ = browser
    text = Page(http.get(f"/comparisons/{filled.comparisons['qwen3-8b-asked-otherwise']}").text)
    assert "Refused: these two cannot be compared" in text.text
    assert "You are careful." in text.text
    assert "leave out --system" in text.text


def test_a_comparison_leads_with_both_questions_and_links_its_numbers(
    filled: Filled, browser: Browser
) -> None:
    http, _ = browser
    comparison = filled.comparisons["qwen3-8b-grpo-800"]
    page = Page(http.get(f"/comparisons/{comparison}").text)
    assert page.text.index("Does it know better") < page.text.index("May it ship?")
    links = [link for link in page.links if link]
    assert any(link.startswith("/statistics/") for link in links)
    assert any(link.startswith(f"/comparisons/{comparison}/items?") for link in links)
    inside = {link[1:] for link in links if link.startswith("#")}
    assert inside <= {identifier for identifier in page.ids if identifier}


def test_statistics_pages_are_there_for_every_link(filled: Filled, browser: Browser) -> None:
    http, _ = browser
    pages = [
        f"/comparisons/{filled.comparisons['qwen3-8b-grpo-800']}",
        f"/verdicts/{filled.verdicts['qwen3-8b-grpo-800']}",
    ]
    linked = {
        link
        for path in pages
        for link in Page(http.get(path).text).links
        if link and link.startswith("/statistics/")
    }
    assert len(linked) > 3
    for link in linked:
        answer = http.get(link, follow_redirects=True)
        assert answer.status_code == 200, link


def test_only_runs_on_the_same_items_are_ranked_together(
    service: Service, tmp_path: Path, sign_in: SignIn
) -> None:
    http, _ = sign_in(service)
    fill(service, tmp_path / "same", (BASE, RUNS[1]), items=60, gated=False)
    other = Made("on-other-items", 0.9, (0.5, 0.05))
    push(service, write_run(tmp_path / other.name, other, items=30), other)
    finish_jobs(service)
    text = " ".join(Page(http.get("/leaderboard/fever").text).text.split())
    assert "2 models on 60 items" in text
    assert "on-other-items" not in text


def test_hostile_names_are_text(service: Service, tmp_path: Path, sign_in: SignIn) -> None:
    filled = fill(service, tmp_path, (BASE, RUNS[3], OTHERWISE), items=30)
    paths = all_pages(service, filled)
    with service.database.writing() as session:
        session.execute(update(Run).values(name=HOSTILE, recipe=HOSTILE, created_by=HOSTILE))
        session.execute(update(Model).values(name=HOSTILE, training={HOSTILE: [HOSTILE]}))
        session.execute(update(Verdict).values(summary=HOSTILE, created_by=HOSTILE))
        session.execute(update(Comparison).values(reason=HOSTILE, answer=HOSTILE))
    http, _ = sign_in(service)
    for path in paths:
        text = http.get(path).text
        assert "<script>alert" not in text, path
        assert "\u202e" not in Page(text).text, path


def test_lists_do_not_ask_once_per_row(
    filled: Filled, browser: Browser, module_service: Service
) -> None:
    asked: list[str] = []
    engine = module_service.database.engine
    event.listen(engine, "before_cursor_execute", lambda *a: asked.append(a[2]))
    http, _ = browser
    for path in all_pages(module_service, filled):
        asked.clear()
        http.get(path)
        assert len(asked) <= 25, (path, asked)


def test_a_model_page_is_new_after_what_it_shows(
    filled: Filled, browser: Browser, module_service: Service
) -> None:
    http, csrf = browser
    path = model_page(module_service, BASE.name)
    assert "shipped by override" not in http.get(path).text
    verdict = filled.verdicts["qwen3-8b-grpo-800"]
    form = {"csrf": csrf, "decision": "ship", "reason": "For the demonstration."}
    assert http.post(f"/verdicts/{verdict}/overrides", data=form).status_code == 303
    assert "shipped by override" in http.get(path).text


def test_a_model_page_stays_while_others_are_pushed(
    service: Service, tmp_path: Path, sign_in: SignIn
) -> None:
    fill(service, tmp_path, (BASE, RUNS[3]), items=30)
    http, _ = sign_in(service)
    path = model_page(service, BASE.name)
    made = []
    event.listen(service.database.engine, "before_cursor_execute", lambda *a: made.append(a[2]))
    tag = http.get(path).headers["etag"]
    other = Made("unrelated", 0.9, (0.5, 0.05), weights="d")
    push(service, write_run(tmp_path / other.name, other, items=30), other)
    finish_jobs(service)
    made.clear()
    assert http.get(path, headers={"If-None-Match": tag}).status_code == 304
    assert not any("comparison.metrics" in statement for statement in made)


def test_metrics_of_a_class_are_proportions_too(
    filled: Filled, browser: Browser, module_service: Service
) -> None:
    http, _ = browser
    page = http.get(model_page(module_service, BASE.name)).text
    cell = page.partition('data-label="NA recall"')[2].partition("</td>")[0]
    assert re.search(r"<strong>[0-9.]+%</strong>", cell)
    assert " pp" in cell
    assert 'href="/statistics/recall"' in page
