"""A report in the page of another program: strict policy, no clash of names, links of its own."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from browser import VIEWS, browser, needs_browser, violations
from comparisons import EVERY_CASE, comparison, task
from pages import Page

from saeval.reports import Links, to_html, to_html_parts
from saeval.stats.compare.results import ChangedItem

POLICY = "default-src 'none'; style-src 'self'; img-src 'self' data:"
LINKS = Links(
    statistics=lambda page: f"/docs/statistics/{page}",
    items=lambda name: f"/items?task={name}",
    ask_gate="/ask",
)


def all_entries(contents):
    return [entry for one in contents for entry in (one, *all_entries(one.children))]


@pytest.mark.parametrize("case", EVERY_CASE)
def test_nothing_needs_an_exception_from_a_strict_policy(case):
    parts = to_html_parts(EVERY_CASE[case](), links=LINKS)
    page = Page(parts.lead + parts.body)
    assert not {tag for tag, _ in page.tags} & {"script", "style", "link", "html", "head", "body"}
    for _, attributes in page.tags:
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
    assert len(page.ids) == len(set(page.ids))
    own = {link[1:] for link in page.links if link.startswith("#")}
    assert own <= {*page.ids, "contents"}
    assert {entry.anchor for entry in all_entries(parts.contents)} <= set(page.ids)


@pytest.mark.parametrize("case", EVERY_CASE)
def test_classes_are_the_report_s_own_and_all_are_styled_or_known(case):
    parts = to_html_parts(EVERY_CASE[case]())
    page = Page(parts.lead + parts.body)
    used = {name for _, found in page.tags for name in (found.get("class") or "").split()}
    assert used
    assert all(name.startswith("sa-") for name in used)


def test_every_rule_of_the_style_sheet_is_about_reports_alone():
    css = re.sub(r"/\*.*?\*/", "", to_html_parts(comparison()).style_sheet, flags=re.DOTALL)
    outer, depth, start = [], 0, 0
    for place, sign in enumerate(css):
        if sign == "{":
            if depth == 0:
                outer.append(css[start:place].strip())
            depth += 1
        elif sign == "}":
            depth -= 1
            start = place + 1
    assert depth == 0
    media = {selector for selector in outer if selector.startswith("@media")}
    assert set(outer) - media == {":where(:root)", ":root", ".sa-report"}
    assert not re.findall(r"(?<![-\w])--(?!sa-)[\w-]+\s*:", css)
    for query in media:
        inner = css[css.index(query) :].split("{")[1].strip()
        assert inner == ".sa-report"


def test_numbers_lead_to_statistics_and_items_and_the_verdict_to_where_it_is_asked_for():
    parts = to_html_parts(comparison(task("a b"), task("c")), links=LINKS)
    page = Page(parts.lead)
    assert "/docs/statistics/knowledge" in page.links
    assert "/ask" in page.links
    assert "saeval gate" not in page.text
    assert "/items?task=a b" in page.links
    assert "/docs/statistics/recall-and-f1" in page.links
    assert "/docs/statistics/auroc" in Page(parts.body).links
    assert not [link for link in Page(to_html(comparison())).links if not link.startswith("#")]


def test_items_that_another_page_has_are_not_missed_here():
    found = comparison(task("fever"))
    parts = to_html_parts(found, links=LINKS)
    assert "not at hand" in Page(to_html_parts(found).body).text
    assert "not at hand" not in Page(parts.body).text
    assert "/items?task=fever" in Page(parts.body).links
    assert not [entry for entry in all_entries(parts.contents) if entry.anchor == "items-fever"]


def test_the_heading_is_left_to_the_page_where_it_wishes():
    found = comparison()
    assert Page(to_html_parts(found).lead).headings[0] == 1
    assert 1 not in Page(to_html_parts(found, heading=False).lead).headings


@contextmanager
def served(parts, more_style):
    """The parts in a page with a strict policy; what is asked for besides is not there."""
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>t</title>'
        '<link rel="icon" href="data:,"><link rel="stylesheet" href="/host.css">'
        '<link rel="stylesheet" href="/report.css"></head><body><main>'
        f'{parts.lead}<nav id="contents" aria-label="Contents"></nav>{parts.body}'
        "</main></body></html>"
    )
    texts = {"/": page, "/host.css": more_style, "/report.css": parts.style_sheet}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            kind = "text/css" if self.path.endswith(".css") else "text/html; charset=utf-8"
            self.send_response(200 if self.path in texts else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Security-Policy", POLICY)
            self.end_headers()
            self.wfile.write(texts.get(self.path, "").encode())

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


HOST_STYLE = """
.better, .pill, .note, .task, .scroll, .matrix { display: none; }
:root { --ink: red; --base: red; --paper: red; }
table { width: 100%; } td { text-align: left; } section { margin-top: 9rem; }
"""


def luminance(colour):
    red, green, blue = (int(part) for part in re.findall(r"\d+", colour)[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@needs_browser
@pytest.mark.slow
def test_a_strict_policy_blocks_nothing_and_pictures_follow_the_scheme():
    item = ChangedItem("i", "NA", "NA", "PASS", 0.5, None, "claim", ("e",), "x" * 3000, "short")
    found = comparison(replace(task("fever"), changed_items=(item,), wrong_items=(item,)))
    parts = to_html_parts(found, links=LINKS)
    with served(parts, HOST_STYLE) as address, browser() as chromium:
        for view in VIEWS:
            page = chromium.new_page(**view)
            said = []
            page.on("console", lambda message, said=said: said.append(message.text))
            page.goto(address)
            page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            assert said == []
            colours = page.evaluate(
                "['.sa-picture .sa-fill-ink', '.sa-picture .sa-stroke-grid', '.sa-report'].map("
                "s => getComputedStyle(document.querySelector(s)))"
                ".map((s, i) => [s.fill, s.stroke, s.backgroundColor][i])"
            )
            ink, grid, paper = map(luminance, colours)
            dark = view["color_scheme"] == "dark"
            assert (ink > 200) == (paper < 60) == dark
            assert abs(grid - paper) < abs(ink - paper)
            widths = page.evaluate(
                "[...document.querySelectorAll('.sa-picture path[stroke-width]')]"
                ".map(e => getComputedStyle(e).strokeWidth)"
            )
            assert {"0.6px", "1.6px"} <= set(widths)
            assert (
                page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
            )
            page.close()


@needs_browser
@pytest.mark.slow
def test_axe_finds_nothing_in_such_a_page():
    with served(to_html_parts(comparison(), links=LINKS), "") as address, browser() as chromium:
        page = chromium.new_page(**VIEWS[2], bypass_csp=True)
        page.goto(address)
        assert violations(page) == []
