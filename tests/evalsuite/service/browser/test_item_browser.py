"""The item browser in Chromium: what axe finds, how wide it is, and with keys alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from browser import VIEWS, violations
from comparisons import HOSTILE
from paired_items import compared, generated

from saeval.evalsuite.client.wire import Scope
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.store.texts import encodable

from ..compared_items import keep_comparison


@pytest.fixture
def items(service: Service, live: str, tmp_path: Path) -> str:
    base, checkpoint = generated(8, 80)
    long = base[0].document.model_copy(update={"claim": "x" * 400, "evidence": ("y" * 3000,)})
    base[0] = base[0].model_copy(update={"document": long, "response": "z" * 5000})
    checkpoint[0] = checkpoint[0].model_copy(update={"document": long})
    base[1] = base[1].model_copy(update={"response": encodable(HOSTILE)})
    made = keep_comparison(service, compared(tmp_path, base, checkpoint), names=("a" * 90, "b b"))
    return f"{live}/comparisons/{made}/items"


@pytest.mark.parametrize("tail", ["", "?was=NA&checkpoint=wrong&q=river", "?q=nobody", "/0", "/1"])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(
    tail: str, items: str, chromium, token: Callable[[Scope], str]
) -> None:
    headers = {"Authorization": f"Bearer {token('read')}"}
    for view in VIEWS:
        # axe is a script, which the page itself forbids.
        page = chromium.new_page(**view, bypass_csp=True, extra_http_headers=headers)
        page.goto(items + tail)
        page.evaluate("document.querySelectorAll('main details').forEach(d => d.open = true)")
        assert violations(page) == []
        width = view["viewport"]["width"]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.close()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_selection_is_chosen_and_read_with_and_without_scripts(
    items: str, chromium, token: Callable[[Scope], str], scripts: bool
) -> None:
    headers = {"Authorization": f"Bearer {token('read')}"}
    page = chromium.new_page(java_script_enabled=scripts, extra_http_headers=headers)
    blocked: list[str] = []
    page.on("console", lambda message: blocked.append(message.text))
    page.goto(items)
    page.get_by_text("All conditions").click()
    page.get_by_role("group", name="Checkpoint").get_by_label("wrong").check()
    page.get_by_role("group", name="Checkpoint").get_by_label("confidence", exact=True).fill("0.8")
    page.get_by_role("button", name="Show").last.click()
    page.wait_for_url("**checkpoint=wrong**checkpoint_min=0.8**")
    page.locator("table.cells tbody tr", has_text="NA").first.get_by_role("link").first.click()
    page.wait_for_url("**was=NA**")
    count = int(page.locator(".count").inner_text().split()[0])
    assert 1 < count == page.locator("table.items tbody tr").count()
    page.locator("table.items tbody th a").first.click()
    assert f"1 of {count}" in page.locator(".beside").first.inner_text()
    if scripts:
        page.keyboard.press("ArrowRight")
        page.get_by_text(f"2 of {count}").first.wait_for()
        page.keyboard.press("ArrowLeft")
        page.get_by_text(f"1 of {count}").first.wait_for()
    else:
        page.get_by_role("link", name="Next").first.click()
        page.get_by_role("link", name="Previous").first.click()
    page.wait_for_url("**was=NA**")
    page.locator("pre.response").nth(1).wait_for()
    assert page.locator("pre.response").count() == 2
    page.get_by_role("link", name="Back to the list").first.click()
    page.wait_for_url("**/items?**was=NA**")
    assert blocked == []
