from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from comparisons import EVERY_CASE, HOSTILE, comparison, hostile_comparison, task
from pages import Page

from saeval.reports import to_html
from saeval.reports.build.changed_items import (
    LONGEST_RESPONSE,
    PAGE_BYTES,
    RESPONSE_HEAD,
    RESPONSE_TAIL,
    WHOLE_BYTES,
)
from saeval.reports.sanitize import anchors_of
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


def test_a_policy_forbids_scripts_network_and_any_style_but_the_page_s_own():
    metas = [found for tag, found in Page(to_html(comparison())).tags if tag == "meta"]
    policy = next(m["content"] for m in metas if m.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
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
    assert text.index(words.headline) < text.index("Checkpoint − base with its")
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
    assert f"{len(long) - RESPONSE_HEAD - RESPONSE_TAIL:,} characters between" in page.text
    assert page.pres[0] == "a" * RESPONSE_HEAD
    assert page.pres[2].endswith("LABEL=NA")
    assert "".join(page.pres[:3]) == long


def test_a_response_shows_its_line_breaks():
    found = replace(task(), changed_items=(flip("z", "NA", "PASS", "\n one\n\ntwo"),))
    assert " one\n\ntwo" in Page(to_html(comparison(found))).pres[0]


def test_a_page_stays_bounded_and_says_what_it_leaves_out():
    endless = "<" * (LONGEST_RESPONSE // 2)  # an escaped "<" is four bytes
    long = "b" * (LONGEST_RESPONSE - 10)
    flips = [flip("endless", "NA", "PASS", endless)]
    flips += [flip(f"i{number}", "PASS", "FAIL", long) for number in range(39)]
    found = replace(task(), changed_items=tuple(flips), n_changed_items=40)
    text = to_html(comparison(found))
    bare = to_html(comparison(replace(task(), changed_items=(), n_changed_items=40)))
    assert len(text) - len(bare) < PAGE_BYTES + WHOLE_BYTES
    page = Page(text)
    whole = page.text.count("characters between")
    assert whole == WHOLE_BYTES // LONGEST_RESPONSE
    assert page.text.count("characters left out") == 2 * 40 - whole


def test_a_sample_of_what_both_got_wrong_stands_beside_the_changed_items():
    wrong = tuple(flip(f"w{number}", "PASS", "PASS") for number in range(3))
    page = Page(to_html(comparison(replace(task(), wrong_items=wrong))))
    n_wrong = task().n_wrong_items
    assert f"Wrong on both sides: 3 of {n_wrong}" in page.text
    assert "Item w2" in page.text


def test_every_verdict_of_the_summary_leads_to_its_task_and_a_task_back():
    found = comparison(task("fever"), task("gsm8k (5-shot)"), pooled=task("pooled"))
    page = Page(to_html(found))
    anchors = anchors_of(["fever", "gsm8k (5-shot)"], "task")
    headline = [row for row in found["fever"].metrics if row.headline]
    for anchor in anchors.values():
        # The list of contents, the pill, the head of the column, each number, and from the items.
        assert page.links.count(f"#{anchor}") >= 3 + len(headline)
        assert anchor in page.ids
    assert page.links.count("#contents") == 3
    assert page.links.count("#pooled") >= 2 + len(headline)


def test_an_anchor_stays_when_other_tasks_come_and_go():
    alone = anchors_of(["b (2)"], "task")
    assert anchors_of(["a", "b (2)", "b-2"], "task")["b (2)"] == alone["b (2)"]
    twins = ["x y", anchors_of(["x y"], "task")["x y"].removeprefix("task-"), "<x>", "é", ""]
    assert len(set(anchors_of(twins, "task").values())) == len(twins)


def test_the_contents_name_tasks_and_sections_and_fold_without_a_script():
    found = comparison(task("first"), task("second"))
    text = to_html(found)
    contents = text[text.index("<nav") : text.index("</nav>")]
    assert "<details>" in contents
    for title in ("Headline metrics", "Tasks", "first", "second", "Settings and definitions"):
        assert f">{title}</a>" in contents
