"""Real reports in a browser: what axe finds, and whether a phone has to scroll sideways."""

from __future__ import annotations

from dataclasses import replace

import pytest
from browser import VIEWS, browser, needs_browser, violations
from comparisons import bare_comparison, comparison, hostile_comparison, simulated, task
from frontiers import case as frontier_case
from series import of_a_run

from saeval.reports import to_html
from saeval.stats.compare.results import ChangedItem

pytestmark = [needs_browser, pytest.mark.browser]


def with_items():
    item = ChangedItem("i", "NA", "NA", "PASS", 0.5, None, "claim", ("e",), "x" * 3000, "short")
    tasks = [
        replace(task(name, simulated(200, seed)), changed_items=(item,), wrong_items=(item,))
        for seed, name in enumerate(["fever", "gsm8k (5-shot)", "a_long_name_" * 5])
    ]
    return comparison(*tasks, pooled=task("pooled"))


CASES = {
    "items": with_items,
    "hostile": hostile_comparison,
    "bare": bare_comparison,
    "series": of_a_run,
    "frontier": lambda: frontier_case("hostile"),
}


@pytest.fixture(scope="module")
def chromium():
    with browser() as found:
        yield found


@pytest.mark.parametrize("case", CASES)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(case, chromium, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(to_html(CASES[case]()), encoding="utf-8")
    for view in VIEWS:
        # axe is a script, which the page itself forbids.
        page = chromium.new_page(**view, bypass_csp=True)
        page.goto(path.as_uri())
        page.evaluate("document.querySelectorAll('main details').forEach(d => d.open = true)")
        assert violations(page) == []
        width = view["viewport"]["width"]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.close()
