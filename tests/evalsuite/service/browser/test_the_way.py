"""From signing in to overriding a verdict: by mouse, by keyboard, on a phone, without a script."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browser import violations
from playwright.sync_api import Browser, Locator, Page, expect
from service_record import BASE, RUNS, write_run
from sqlalchemy import select

from saeval.evalsuite.client.client import Client
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import Override

from ..jobs_process import jobs_running

DESKTOP = {"viewport": {"width": 1280, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
REASON = "An internal trial; the customer knows of it until Friday."
CHECKPOINT = RUNS[4]
Press = Callable[[Locator], None]


def press_by_mouse(target: Locator) -> None:
    """A click or a tap."""
    target.click()


def press_by_keyboard(target: Locator) -> None:
    """Tab until it has the focus, then what a keyboard does there."""
    page = target.page
    for _ in range(250):
        if target.evaluate("element => element === document.activeElement"):
            break
        page.keyboard.press("Tab")
    else:
        raise AssertionError(f"no key leads to {target}")
    kind = target.evaluate("element => element.type ?? ''")
    page.keyboard.press("Space" if kind in ("checkbox", "radio") else "Enter")


@pytest.mark.parametrize(
    ("options", "press"),
    [
        pytest.param(DESKTOP, press_by_mouse, id="desktop"),
        pytest.param(PHONE, press_by_mouse, id="phone"),
        pytest.param(DESKTOP, press_by_keyboard, id="keyboard"),
        pytest.param({**DESKTOP, "java_script_enabled": False}, press_by_mouse, id="no-script"),
        pytest.param({**PHONE, "java_script_enabled": False}, press_by_mouse, id="phone-no-script"),
    ],
)
def test_the_way_to_a_decision(
    chromium: Browser,
    site: str,
    service: Service,
    token_of_admin: str,
    tmp_path: Path,
    options: dict[str, Any],
    press: Press,
) -> None:
    has_script = options.get("java_script_enabled", True)
    with (
        jobs_running(service.settings),
        chromium.new_context(**options, base_url=site) as context,
    ):
        page = context.new_page()
        problems: list[str] = []
        page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        sign_in(page, token_of_admin, press)
        expect(page.get_by_text("This record is empty.")).to_be_visible()
        push_two_runs(site, token_of_admin, tmp_path)
        compare(page, press)
        filter_items(page, press)
        hold_to_a_policy(page, press)
        override(page, press)
        page.goto("/")
        expect(page.get_by_text("shipped by override").first).to_be_visible()
        if has_script:
            assert [v for v in violations(page) if v["impact"] in ("serious", "critical")] == []
        assert problems == []
    with service.database.reading() as session:
        row = session.scalars(select(Override)).one()
        assert (row.decision, row.reason, row.created_by) == ("ship", REASON, "ana")


def sign_in(page: Page, token: str, press: Press) -> None:
    page.goto("/")
    expect(page).to_have_url(page.url.partition("/signin")[0] + "/signin")
    page.get_by_label("Token").fill(token)
    press(page.get_by_role("button", name="Sign in"))
    expect(page.get_by_role("heading", level=1)).to_have_text("No verdicts yet")


def push_two_runs(site: str, token: str, folder: Path) -> None:
    with Client(site, token=token) as client:
        for made in (BASE, CHECKPOINT):
            run = write_run(folder / made.name, made, items=150)
            files = {
                str(path.relative_to(run)): path
                for path in sorted(run.rglob("*"))
                if path.suffix in (".json", ".parquet")
            }
            info = client.upload_run(
                files, made.name, recipe=made.recipe, seed=made.seed, step=made.step
            )
            assert client.wait_for(info, timeout=60).state == "ready"


def compare(page: Page, press: Press) -> None:
    """Search the run, ask for the comparison, and wait until the page shows it by itself."""
    page.goto("/runs")
    page.get_by_label("Name of run, model or recipe").fill("sft")
    press(page.get_by_role("button", name="Search"))
    press(page.get_by_role("link", name=CHECKPOINT.name, exact=True).first)
    page.get_by_label("Other run on the same items").select_option(label=BASE.name)
    press(page.get_by_role("button", name="Compare"))
    expect(page.get_by_role("heading", name="May it ship?")).to_be_visible(timeout=90_000)
    expect(page.get_by_role("heading", name="Does it know better")).to_be_visible()
    expect(page.get_by_text("It was held to no policy yet.")).to_be_visible()


def filter_items(page: Page, press: Press) -> None:
    """Was NA, now wrong, with a confidence above .8; then one of them."""
    report = page.url
    press(page.get_by_role("link", name="All items, both answers side by side"))
    press(page.get_by_text("All conditions"))
    page.locator("#was").select_option("NA")
    page.wait_for_load_state()
    open_conditions(page, press)  # where a choice was applied at once
    press(page.locator("input[name=checkpoint][value=wrong]"))
    page.locator("#checkpoint_min").fill("0.8")
    press(page.locator(".apply button"))
    page.wait_for_url("**checkpoint_min=0.8**")
    first = page.locator("table.items tbody th a").first
    expect(first).to_be_visible()
    rows = page.locator("table.items tbody tr")
    for number in range(rows.count()):
        base, checkpoint = (
            rows.nth(number).locator("td").nth(1),
            rows.nth(number).locator("td").nth(2),
        )
        expect(base).to_contain_text("NA")
        expect(checkpoint).to_contain_text("wrong")
        confidence = checkpoint.locator(".confidence").inner_text()
        assert float(confidence) >= 0.8
    press(first)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_text("LABEL=NA").first).to_be_visible()
    page.goto(report)


def open_conditions(page: Page, press: Press) -> None:
    if not page.locator("#checkpoint_min").is_visible():
        press(page.get_by_text("All conditions"))


def hold_to_a_policy(page: Page, press: Press) -> None:
    if not page.get_by_role("button", name="Hold it to the policy").is_visible():
        press(page.get_by_text("Hold it to a policy"))
    press(page.get_by_role("button", name="Hold it to the policy"))
    expect(page.get_by_role("heading", name="Rules")).to_be_visible(timeout=90_000)
    expect(page.locator(".outcome .verdict")).to_have_text("✗ REGRESSION")


def override(page: Page, press: Press) -> None:
    press(page.get_by_label("Ship it"))
    page.get_by_label("Reason, which stays in the record").fill(REASON)
    press(page.get_by_role("button", name="Override"))
    expect(page.locator(".outcome")).to_contain_text("shipped by override")
    expect(page.get_by_text(REASON)).to_be_visible()
