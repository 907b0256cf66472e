from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from comparisons import EVERY_CASE, HOSTILE, comparison, hostile_comparison, task
from pages import Page

from saeval.reports import to_html
from saeval.reports.build.changed_items import RESPONSE_HEAD, RESPONSE_TAIL
from saeval.reports.text.summary import in_words
from saeval.stats.compare.results import ChangedItem


@pytest.mark.parametrize("case", EVERY_CASE)
def test_the_page_is_balanced_self_contained_and_in_order(case):
    text = to_html(EVERY_CASE[case]())
    page = Page(text)
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "form", "b", "red"}
    assert all(link.startswith("#") for link in page.links)
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(page.headings))
    assert not [name for _, found in page.tags for name in found if name.startswith("on")]
    assert "None" not in page.text
    text.encode("utf-8")


def test_a_policy_forbids_scripts_and_network():
    metas = [found for tag, found in Page(to_html(comparison())).tags if tag == "meta"]
    policy = next(m["content"] for m in metas if m.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "@import" not in to_html(comparison())


def test_every_header_cell_has_a_scope_and_every_picture_a_label():
    page = Page(to_html(comparison()))
    assert all("scope" in found for tag, found in page.tags if tag == "th")
    pictures = [found for tag, found in page.tags if tag == "svg"]
    assert len(pictures) == 6
    assert all(found["role"] == "img" and found["aria-label"] for found in pictures)


def test_the_words_stand_before_the_numbers():
    found = comparison()
    text = Page(to_html(found)).text
    words = in_words(found)
    assert text.index(words.headline) < text.index("Headline metrics")
    assert all(sentence in text for sentence in (*words.summary, *words.cautions))


def test_hostile_text_is_shown_as_text():
    page = Page(to_html(hostile_comparison()))
    assert "<script>alert(1)</script>" in page.text
    assert "[red]x[/red] **b** | c" in page.text
    assert "\x00" not in page.text
    assert "\x1b" not in page.text
    assert "\u202e" not in page.text
    assert "\ud800" in HOSTILE


def flip(item, base, checkpoint, response=""):
    return ChangedItem(item, "NA", base, checkpoint, None, None, "a claim", (), response, response)


def test_broken_items_come_first_and_long_responses_keep_their_end():
    long = "a" * 5000 + "LABEL=NA"
    flips = (flip("x", "PASS", "FAIL"), flip("y", "PASS", "NA"), flip("z", "NA", "PASS", long))
    page = Page(to_html(comparison(replace(task(), changed_items=flips, n_changed_items=7))))
    assert "3 of 7 changed items" in page.text
    assert (
        page.text.index("Broken: 1")
        < page.text.index("Mended: 1")
        < page.text.index("Wrong before and after: 1")
    )
    assert f"{len(long) - RESPONSE_HEAD - RESPONSE_TAIL:,} characters left out" in page.text
    assert page.pres[0] == "a" * RESPONSE_HEAD
    assert page.pres[1].endswith("LABEL=NA")


def test_a_response_shows_its_line_breaks():
    found = replace(task(), changed_items=(flip("z", "NA", "PASS", "\n one\n\ntwo"),))
    assert " one\n\ntwo" in Page(to_html(comparison(found))).pres[0]
