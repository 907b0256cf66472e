from __future__ import annotations

import re
from itertools import pairwise

import pytest
from comparisons import EVERY_CASE, comparison, hostile_comparison, task
from markdown_it import MarkdownIt

from saeval.reports import to_markdown
from saeval.reports.render.markdown import escape
from saeval.reports.text.summary import in_words

GITHUB_COMMENT_LIMIT = 65_536


def rendered(found):
    return MarkdownIt("commonmark", {"html": True}).enable("table").render(to_markdown(found))


def test_words_come_first():
    found = comparison()
    lines = to_markdown(found).splitlines()
    assert lines[0] == "## small → small-grpo"
    assert lines[2].startswith(f"**{in_words(found).headline}**")


@pytest.mark.parametrize("case", EVERY_CASE)
def test_every_table_row_has_as_many_cells_as_its_head(case):
    lines = to_markdown(EVERY_CASE[case]()).splitlines()
    cells = [len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0 for line in lines]
    for before, after in pairwise(cells):
        assert not before or not after or before == after
    assert sum(map(bool, cells)) > 10


@pytest.mark.parametrize("case", EVERY_CASE)
def test_it_is_short_enough_for_a_pull_request_and_whole(case):
    text = to_markdown(EVERY_CASE[case]())
    assert len(text) < GITHUB_COMMENT_LIMIT
    assert text.count("<details>") == text.count("</details>") > 1
    assert "None" not in text
    text.encode("utf-8")


def test_hostile_text_is_neither_markup_nor_mention():
    page = rendered(hostile_comparison())
    assert "<script" not in page
    assert "<strong>b</strong>" not in page
    assert "<code>" not in page
    assert "\x1b" not in page
    assert "@someone" not in page
    assert "https://" not in page


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("a|b", "a\\|b"),
        ("two\nlines", "two lines"),
        ("*x* _y_ `z`", "\\*x\\* \\_y\\_ \\`z\\`"),
        ("- item", "\\- item"),
        ("<b>", "\\<b\\>"),
        ("\ud800", "\ufffd"),
    ],
)
def test_escape(text, safe):
    assert escape(text) == safe


def test_details_hold_every_part():
    page = rendered(comparison(task("a"), task("b"), pooled=task("pooled")))
    for part in ("McNemar", "Levene", "median", "mean", "Negative-flip", "Settings"):
        assert part in page
    assert page.count("invalid counts as abstaining") == 3
