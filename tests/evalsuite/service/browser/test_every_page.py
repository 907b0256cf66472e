"""Every page on a desktop and a phone, light and dark: whole, as wide as the screen, accessible."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from browser import VIEWS, violations
from playwright.sync_api import Browser, BrowserContext
from service_record import BASE, Filled, all_pages

from saeval.evalsuite.service.context import Service


@pytest.fixture
def context(chromium: Browser, filled_site: str, secret: str) -> Iterator[BrowserContext]:
    """A signed-in browser."""
    with chromium.new_context(base_url=filled_site) as opened:
        page = opened.new_page()
        page.goto("/signin")
        page.get_by_label("Token").fill(secret)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/")
        page.close()
        yield opened


def pages_of(service: Service, filled: Filled) -> list[str]:
    """Pages of the items too, and what is not there."""
    comparison = f"/comparisons/{filled.comparisons['qwen3-8b-grpo-800']}"
    items = [f"{comparison}/items", f"{comparison}/items?was=NA", f"{comparison}/items/0"]
    return [*all_pages(service, filled), *items, "/runs/nothing", "/runs?q=nothing-is-called-so"]


def test_pages_are_whole_fit_and_have_no_barriers(
    context: BrowserContext, module_service: Service, filled: Filled
) -> None:
    found: dict[str, Any] = {}
    for path in pages_of(module_service, filled):
        page = context.new_page()
        heard: list[str] = []
        page.on("console", lambda m, heard=heard: heard.append(m.text) if m.type == "error" else 0)
        page.on("pageerror", lambda error, heard=heard: heard.append(str(error)))
        answer = page.goto(path)
        assert answer is not None
        problems: list[Any] = [] if answer.status == 404 else heard
        if page.locator("h1").count() != 1:
            problems.append("not one h1")
        for view in VIEWS:
            page.set_viewport_size(view["viewport"])
            page.emulate_media(color_scheme=view["color_scheme"])
            problems += [(view, v) for v in violations(page) if v["impact"] != "minor"]
            if (wide := page.evaluate(OVERFLOW)) > 0:
                problems.append(f"{view}: {wide} px too wide: {page.evaluate(WIDEST)}")
        if problems:
            found[path] = problems
        page.close()
    assert found == {}


def test_the_focus_is_seen_and_content_is_one_key_away(context: BrowserContext) -> None:
    page = context.new_page()
    page.goto("/runs")
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Skip to content"
    assert page.locator(":focus").bounding_box()["y"] >= 0
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    inside = page.evaluate("document.querySelector('main').contains(document.activeElement)")
    assert inside
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"


def test_a_slash_goes_to_the_search(context: BrowserContext) -> None:
    page = context.new_page()
    page.goto("/runs")
    page.keyboard.press("/")
    page.keyboard.type("sft")
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs?q=sft")
    names = page.locator("tbody th").all_inner_texts()
    assert len(names) == 3
    assert all("sft" in name for name in names)


def test_times_are_said_in_words_with_the_whole_time_at_hand(context: BrowserContext) -> None:
    page = context.new_page()
    page.goto("/runs")
    time = page.locator("time").first
    assert "ago" in time.inner_text() or time.inner_text() == "just now"
    assert time.get_attribute("title").endswith("UTC")


def test_pictures_have_words(context: BrowserContext, filled: Filled) -> None:
    page = context.new_page()
    page.goto("/models")
    page.get_by_role("link", name=BASE.name, exact=True).click()
    page.wait_for_url("**/models/*")
    label = page.locator("svg.steps").first.get_attribute("aria-label")
    assert "grpo-abstain: 200:" in label


OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
WIDEST = """[...document.querySelectorAll("main *")].filter(
  (e) => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .slice(0, 3).map((e) => e.outerHTML.slice(0, 120))"""
