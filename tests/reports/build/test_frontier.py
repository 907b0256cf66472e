from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from comparisons import HOSTILE
from frontiers import BETTER, EVERY_CASE, FOUR, LONG, case, frontier
from markdown_it import MarkdownIt
from pages import Page
from rich.console import Console

from saeval.reports import print_result, report_files, to_csv, to_html, to_markdown
from saeval.reports.figures.frontier import frontier_picture, standalone
from saeval.reports.text.frontier import sentences

SVG = "{http://www.w3.org/2000/svg}"


def svg_of(found):
    return frontier_picture(found).to_svg("frontier")


def page_of(found):
    return Page(to_html(found))


def printed(found, width=80, encoding="utf-8"):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(width=width, record=True, file=file)
    print_result(found, console)
    return console.export_text()


@pytest.mark.parametrize("name", EVERY_CASE)
def test_every_picture_is_xml_with_a_label_and_fixed_colours_of_its_own(name):
    svg = svg_of(case(name))
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    assert len(root.get("aria-label")) > 40
    assert len(svg) < 120_000
    alone = standalone(svg)
    assert ET.fromstring(alone)[0].tag == f"{SVG}rect"
    assert "var(--" not in alone.split(">", 1)[1]


@pytest.mark.parametrize("name", EVERY_CASE)
def test_every_page_is_balanced_and_loads_nothing(name):
    page = page_of(case(name))
    assert len(page.ids) == len(set(page.ids))
    assert "script" not in {tag for tag, _ in page.tags}
    assert all(link.startswith("#") for link in page.links)


@pytest.mark.parametrize("name", EVERY_CASE)
def test_the_same_frontier_gives_the_same_text(name):
    assert svg_of(case(name)) == frontier_picture(case(name)).to_svg("frontier")
    assert to_markdown(case(name)) == to_markdown(case(name))


@pytest.mark.parametrize("name", EVERY_CASE)
def test_nothing_but_words_is_drawn_below_the_axis(name):
    root = ET.fromstring(svg_of(case(name)))
    height = float(root.get("viewBox").split()[3])
    lowest = max(
        float(y)
        for path in root.iter(f"{SVG}path")
        if "stroke: var(" in path.get("style", "")
        for y in re.findall(r"[ML] [-\d.]+ ([-\d.]+)", path.get("d"))
    )
    assert lowest <= height - 34 + 0.5


def test_a_picture_names_every_prompt_of_every_model():
    svg = svg_of(case("base and checkpoint"))
    texts = ["".join(element.itertext()) for element in ET.fromstring(svg).iter(f"{SVG}text")]
    assert [text for text in texts if text in ("base", "tuned")] == ["base", "tuned"]
    for system in (*FOUR, "strict"):
        assert texts.count(system) == 2


def test_points_in_one_place_share_a_label():
    svg = svg_of(case("points that coincide"))
    assert svg.count("none = a = b = 3 more") == 2


def test_long_names_stay_apart():
    svg = svg_of(case("long names"))
    labels = {f"a-prompt-that…d-time-{i}" for i in range(4)}
    assert all(svg.count(f">{label}<") == 2 for label in labels)
    assert f">{LONG}" not in svg


def test_no_label_covers_another():
    """Read back from the SVG: where each label stands, by its anchor and its width."""
    from saeval.reports.figures.labels import text_width

    boxes = []
    for element in ET.fromstring(svg_of(case("base and checkpoint"))).iter(f"{SVG}text"):
        text = "".join(element.itertext())
        if text not in (*FOUR, "strict"):
            continue
        style = element.get("style")
        found = re.search(r"translate\(([\d.]+) ([\d.]+)\)", element.get("transform") or "")
        x, y = (float(found[1]), float(found[2])) if found else (
            float(element.get("x")), float(element.get("y"))
        )  # fmt: skip
        width = text_width(text, 7.5) * 0.85
        left = x - width if "end" in style else x - width / 2 if "middle" in style else x
        boxes.append((left, y - 6, left + width, y))
    assert len(boxes) == 10
    for index, one in enumerate(boxes):
        for other in boxes[index + 1 :]:
            width = min(one[2], other[2]) - max(one[0], other[0])
            height = min(one[3], other[3]) - max(one[1], other[1])
            assert width < 0.5 or height < 0.5


def test_a_better_checkpoint_is_said_to_lie_beyond_the_front():
    found = frontier({"base": FOUR, "tuned": BETTER})
    *fronts, verdict = sentences(found)
    assert fronts[0] == (
        "base: the front is cautious (25.0% right, 10.0% wrong), none (40.0% right, 40.0% wrong) "
        "and bold (45.0% right, 55.0% wrong)."
    )
    assert "tuned lies beyond the front of base with none (Holm’s p <0.001)" in verdict
    assert "no prompt of base is as often right with no more wrong answers" in verdict


def test_a_worse_checkpoint_is_told_which_prompt_buys_more():
    *_, verdict = sentences(frontier({"base": BETTER, "tuned": FOUR}))
    assert "tuned is nowhere significantly beyond the front of base, and a prompt buys more" in (
        verdict
    )
    assert "base with none dominates it with none" in verdict
    assert "right −10.0 pp, wrong +10.0 pp" in verdict


def test_the_same_model_may_have_been_bought_with_a_prompt():
    *_, verdict = sentences(frontier({"base": FOUR, "twin": FOUR}))
    assert verdict.endswith("the front of base: a prompt may have bought the same.")


def test_few_items_decide_nothing():
    *_, verdict = sentences(case("few items"))
    assert verdict == "tuned: too few items to say whether a prompt takes base there."


def test_one_model_has_no_table_of_checkpoints():
    page = to_markdown(case("one model"))
    assert "Beyond" not in page
    assert "Checkpoint" not in page
    assert "From the base" in page


def test_verification_says_what_is_right_there():
    found = replace(case("one model"), kind="verification")
    assert "NA where it is due included" in page_of(found).text
    assert "abstention earns nothing" in page_of(case("one model")).text


def test_hostile_text_is_text_everywhere(tmp_path):
    found = case("hostile")
    page = page_of(found)
    assert "<script>alert(1)</script>" in page.text
    for sign in ("\x00", "\x1b", "\u202e"):
        assert sign not in page.text
    markdown = MarkdownIt("commonmark", {"html": True}).enable("table").render(to_markdown(found))
    assert "<script" not in markdown
    assert "<strong>b</strong>" not in markdown
    assert "@someone" not in markdown
    assert "https://" not in markdown
    rows = list(csv.DictReader(io.StringIO(to_csv(found))))
    assert len(rows) == 4
    assert rows[0]["model"].startswith("'=cmd()")
    assert rows[0]["system"].startswith("'=1+1")
    assert all(None not in row and None not in row.values() for row in rows)
    shown = printed(found)
    assert "\x1b" not in shown
    assert "[red]" in shown
    for text in report_files(found).values():
        text.encode("utf-8")


def test_a_system_prompt_is_shown_whole_and_as_text():
    texts = {name: f"{HOSTILE}\n{'x' * 900} {name}" for name in FOUR} | {"none": None}
    page = page_of(frontier({"base": FOUR}, texts=texts))
    assert len(page.pres) == 3
    assert all(pre.endswith(("x bold", "x cautious", "x polite")) for pre in page.pres)


def test_csv_and_json_hold_full_numbers():
    found = case("base and checkpoint")
    rows = list(csv.DictReader(io.StringIO(to_csv(found))))
    assert [(row["model"], row["system"]) for row in rows] == [
        (point.model, point.system) for point in found.points
    ]
    assert float(rows[0]["right_low"]) == found.points[0].right.interval.low
    assert rows[0]["beyond_base_front_p"] == ""
    assert float(rows[-1]["beyond_base_front_p_holm"]) == found.beyond[-1].pvalue_holm


def test_json_is_versioned_and_whole():
    tree = json.loads(report_files(case("base and checkpoint"))["frontier.json"])
    assert tree["schema"] == "saeval.frontier/1"
    assert len(tree["points"]) == 10
    assert len(tree["dominances"]) == 25
    assert tree["dominances"][0]["relation"] == "dominates"


def test_the_terminal_fits_its_width_and_has_intervals_where_there_is_room():
    found = case("base and checkpoint")
    narrow, wide = printed(found), printed(found, 140)
    assert max(map(len, narrow.splitlines())) <= 80
    assert "cautious" in narrow
    assert "…" not in narrow
    assert "[" not in narrow.split("base: the front")[0]
    assert "25.0% [21.0, 29.5]" in wide


def test_a_terminal_without_unicode_gets_ascii():
    shown = printed(case("long names"), encoding="ascii")
    assert shown.isascii()
    assert "+ p <0.001" in shown
