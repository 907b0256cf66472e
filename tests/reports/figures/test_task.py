from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from comparisons import EVERY_CASE, comparison, simulated, task

from saeval.reports import to_html
from saeval.reports.figures.forest import forest_plot, forest_scales
from saeval.reports.figures.labels import text_width
from saeval.reports.figures.task import (
    confidence_histograms,
    reliability_diagram,
    risk_coverage_curves,
    transition_matrix,
)
from saeval.stats.compare.metric_comparison import MetricDeclaration

DRAWN = (reliability_diagram, confidence_histograms, risk_coverage_curves, transition_matrix)


def forest_plots(found):
    return [forest_plot(found, scale).to_svg(scale) for scale in forest_scales(found)]


def task_pictures(found, prefix):
    return [draw(found).to_svg(f"{prefix}-{number}") for number, draw in enumerate(DRAWN)]


def pictures_of(found):
    blocks = [*found.tasks, *([found.pooled] if found.pooled else [])]
    svgs = list(forest_plots(found))
    for index, block in enumerate(blocks):
        svgs += task_pictures(block, f"t{index}")
    return svgs


@pytest.mark.parametrize("case", EVERY_CASE)
def test_pictures_are_small_labelled_xml_with_unique_ids(case):
    ids = []
    for svg in pictures_of(EVERY_CASE[case]()):
        root = ET.fromstring(svg)
        assert root.get("role") == "img"
        assert len(root.get("aria-label")) > 20
        assert len(svg) < 60_000
        ids += [element.get("id") for element in root.iter() if element.get("id")]
        for target in re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"", svg):
            assert (target[0] or target[1]) in ids
    assert len(ids) == len(set(ids))


def test_pictures_are_the_same_every_time():
    assert pictures_of(comparison()) == pictures_of(comparison())


def test_numbers_in_text_are_not_shortened():
    found = comparison()
    change = found.tasks[0].metric("auroc").difference
    assert f"{change:+.3f}".replace("-", "−") in forest_plots(found)[1]


def test_shares_and_scores_are_kept_apart():
    shares, scores = forest_plots(comparison())
    assert "Accuracy" in shares
    assert "AUROC" not in shares
    assert "Brier score" in scores


def test_without_confidences_only_the_transitions_are_drawn():
    page = to_html(comparison(task("t", simulated(confident=False))))
    assert "Labels of t, from base to checkpoint" in page
    assert ">INVALID<" in page
    assert "Reliability of t" not in page


def test_both_models_have_the_same_colours_in_every_picture():
    for svg in task_pictures(task(), "t"):
        for colour, name in (("#0072b2", "base"), ("#c44e00", "checkpoint")):
            coloured = [tag for tag in re.findall("<[^>]*>", svg) if f'"{colour}"' in tag]
            assert coloured
            assert all(re.search(f"sa-(fill|stroke)-{name}", tag) for tag in coloured)


@pytest.mark.parametrize("case", EVERY_CASE)
def test_pictures_have_no_style_that_a_strict_policy_forbids(case):
    for svg in pictures_of(EVERY_CASE[case]()):
        for element in ET.fromstring(svg).iter():
            assert "style" not in element.attrib
            assert not element.tag.endswith("style")


def test_a_text_that_looks_like_an_attribute_stays_a_text():
    name = 'a style="fill: #0072b2" id="x"'
    (svg,) = [svg for svg in forest_plots(comparison(task(name))) if "Accuracy" in svg]
    texts = {text.text for text in ET.fromstring(svg).iter() if text.text}
    assert any(text.startswith('a style="fill') for text in texts)


def test_long_names_end_before_the_plot_begins():
    found = task("a_task_with_a_name_that_is_as_long_as_they_come")
    first, *others = found.metrics
    title = "exact_match,flexible-extract-of-the-last-number"
    declared = MetricDeclaration(title, "", "proportion")
    row = replace(first, metric=title, declaration=declared)
    shown = forest_plot(comparison(replace(found, metrics=(row, *others))), "proportion")
    root = ET.fromstring(shown.to_svg("forest"))
    texts = [text for text in root.iter("{http://www.w3.org/2000/svg}text") if text.text]
    cut = {text.text for text in texts if "…" in text.text}
    assert len(cut) == 2
    assert all(name.startswith(("exact_match,", "a_task_wit")) for name in cut)
    grid = [
        float(x)
        for path in root.iter("{http://www.w3.org/2000/svg}path")
        for x in re.findall(r"M ([\d.]+)", path.get("d", ""))
    ]
    for text in texts:
        if text.text in cut:
            size = float(text.get("font-size").removesuffix("px"))
            left = float(text.get("x"))
            assert left + text_width(text.text, size) <= min(x for x in grid if x > 50)
