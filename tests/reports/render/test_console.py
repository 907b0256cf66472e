from __future__ import annotations

import io
from dataclasses import replace

import pytest
from comparisons import EVERY_CASE, HOSTILE, comparison, hostile_comparison, quiet, task, with_row
from rich.console import Console

from saeval.reports import print_result
from saeval.reports.text.summary import in_words
from saeval.stats.compare.metric_comparison import MetricDeclaration


def printed(found, width=80, encoding="utf-8", **kwargs):
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, newline="")
    print_result(found, Console(file=file, width=width, **kwargs))
    file.flush()
    return raw.getvalue().decode(encoding)


@pytest.mark.parametrize("case", EVERY_CASE)
@pytest.mark.parametrize("width", [80, 120])
def test_nothing_is_wider_than_the_terminal_or_cut_off(case, width):
    text = printed(EVERY_CASE[case](), width)
    assert max(len(line) for line in text.splitlines()) <= width
    table = [line for line in text.splitlines() if " pp " in line]
    assert not any("…" in line for line in table)
    assert "\x1b" not in text


def test_the_headline_and_both_answers_stand_last():
    found = comparison(task("a"), task("b"), pooled=task("pooled"))
    text = " ".join(printed(found).split())
    words = in_words(found)
    answers = [
        f"{answer.text} {answer.answer} - {' - '.join(answer.evidence)}" for answer in words.answers
    ]
    assert text.endswith(" ".join([*words.summary, words.headline, *answers]))


def test_a_row_holds_values_difference_interval_p_and_reading():
    line = next(x for x in printed(comparison()).splitlines() if x.startswith("Accuracy"))
    row = comparison().tasks[0].metric("accuracy")
    assert f"{row.base:.1%}" in line
    assert f"{abs(row.difference) * 100:.1f} pp" in line
    assert "[" in line
    assert line.rstrip().endswith(("not detected", "better", "worse"))


@pytest.mark.parametrize(
    ("width", "name"), [(80, "exact_matc…extract"), (140, "exact_match,flexible-extract")]
)
def test_a_long_name_of_a_score_is_cut_in_its_middle_where_there_is_no_room(width, name):
    found = task()
    (first, *others) = found.metrics
    declared = MetricDeclaration("exact_match,flexible-extract", "", "proportion")
    row = replace(first, metric=declared.title, declaration=declared)
    lines = printed(comparison(replace(found, metrics=(row, *others))), width).splitlines()
    assert any(line.startswith(f"{name} ") and " pp " in line for line in lines)


@pytest.mark.parametrize(("width", "stands"), [(80, 0), (120, 2)])
def test_what_a_column_means_is_said_where_it_stands(width, stands):
    assert printed(comparison(), width).count("MDD") == stands


def test_cautions_speak_of_a_gain_where_there_is_one():
    found = quiet(replace(task(), warnings=()))
    lost, gained = (
        comparison(with_row(found, "accuracy", values=(0.6, 0.6 + change), limits=limits, p=0.001))
        for change, limits in ((-0.08, (-0.11, -0.05)), (0.08, (0.05, 0.11)))
    )
    lost, gained = (replace(one, warnings=("Pairing was forced.",)) for one in (lost, gained))
    assert "Before believing a gain" in printed(gained)
    assert "Before believing a gain" not in printed(lost)
    assert "Before believing the numbers" in printed(lost)


def test_markup_and_escape_sequences_in_names_stay_text():
    text = printed(hostile_comparison(), force_terminal=True, color_system="truecolor")
    assert "[red]x[/red]" in text
    assert ":smile:" in " ".join(text.split())
    assert "\x1b[31m\x00" not in text
    assert HOSTILE[-1] != "\n"


def test_a_terminal_without_unicode_gets_ascii():
    text = printed(comparison(), encoding="ascii")
    assert "Accuracy" in text
    assert "small > small-grpo" in text


def test_a_secret_is_hidden_also_where_a_table_breaks_it_over_two_lines():
    found = comparison(task("http://user:hunter2secret@host/v1#" + "m" * 40))
    for width in range(40, 130, 6):
        assert "hunter2" not in printed(found, width).replace("\n", "")


@pytest.mark.parametrize("title", ["{0}", "{x}", "{", "}", "{label}{label!q}"])
def test_a_title_from_a_file_may_hold_any_braces_and_a_name_any_characters(title):
    found = task()
    (first, *others) = found.metrics
    declared = MetricDeclaration(title, title, "number")
    for row in (
        replace(first, metric="own", declaration=declared),
        replace(first, metric=f"x\x1b]0;t\x07 {title}", declaration=None),
    ):
        text = printed(comparison(replace(found, metrics=(row, *others))), 120)
        assert "\x1b" not in text
