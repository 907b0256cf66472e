from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from comparisons import comparison, task, with_row
from rich.console import Console
from series import HOSTILE, of_a_run

from saeval.reports import print_result, report_files, to_csv, to_html, to_json, to_markdown
from saeval.reports.build.cells import EMPTY
from saeval.reports.build.checkpoint_series import transfer_tables
from saeval.reports.figures.steps import Curve, OverSteps, over_steps, step_sentences, steps_picture
from saeval.reports.render.series_index import SeriesIndex, read_index
from saeval.reports.text.best import best_sentences
from saeval.stats._core.interval import Interval
from saeval.stats.checkpoints.series import checkpoint_series
from saeval.stats.compare.results import ModelDescription


def named(name):
    return replace(comparison(task()), checkpoint=ModelDescription(name, name, {}))


@pytest.fixture
def together():
    return checkpoint_series([named("fever-only"), named(HOSTILE)])


@pytest.fixture
def links():
    return {"fever-only": "fever-only", HOSTILE: "hostile"}


def test_tables_have_a_row_per_checkpoint_and_a_column_per_task(together):
    tables = list(transfer_tables(together))
    assert tables[0].label == "Accuracy"
    for table in tables:
        assert [row.cells[0].text for row in table.rows] == ["base", "fever-only", HOSTILE]
        assert all(len(row.cells) == len(table.columns) for row in table.rows)
        assert tuple(column.title for column in table.columns[1:]) == together.task_names


def test_a_task_that_one_checkpoint_lacks_is_an_empty_cell(together):
    first, second = together.comparisons
    gone = replace(second, tasks=(replace(second.tasks[0], task="other"),), pooled=None)
    table = next(transfer_tables(replace(together, comparisons=(first, gone))))
    assert [column.title for column in table.columns] == ["Model", "fever", "other"]
    assert table.rows[1].cells[2] == EMPTY


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.links = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name == "href"]


def test_the_page_links_to_each_report_and_shows_hostile_names_as_text(together, links):
    page = Links()
    page.feed(to_html(together, folders=links))
    assert page.links == ["fever-only/report.html", "hostile/report.html"]
    assert "script" not in page.tags


def test_markdown_and_console_show_hostile_names_as_text(together, links):
    text = to_markdown(together, folders=links)
    assert "<script>" not in text
    assert "\\| a" in text
    console = Console(width=200, record=True, file=io.StringIO())
    print_result(together, console)
    assert "[red]x[/red]" in console.export_text()


def test_every_file_is_there_and_the_index_finds_the_comparisons(together):
    folders = {"fever-only": "fever-only", HOSTILE: "hostile"}
    files = report_files(together, folders=folders)
    assert list(files) == ["report.html", "report.md", "metrics.csv", "family.json"]
    assert json.loads(files["family.json"])["comparisons"] == folders
    rows = list(csv.DictReader(io.StringIO(files["metrics.csv"])))
    assert {row["checkpoint_name"] for row in rows} == {"fever-only", HOSTILE}
    assert {row["step"] for row in rows} == {""}
    with_steps = csv.DictReader(io.StringIO(to_csv(of_a_run())))
    assert {row["step"] for row in with_steps} == {"10", "200", "3000"}


def test_curves_have_a_point_per_step_and_say_from_when_on_it_is_better():
    (accuracy, *_) = over_steps(of_a_run())
    assert (accuracy.name, accuracy.curves[0].steps) == ("Accuracy", (10, 200, 3000))
    assert step_sentences(accuracy, 0.95) == ("fever: better from step 200 on.",)
    assert over_steps(replace(of_a_run(), steps=None)) == ()


@pytest.mark.parametrize(
    ("directions", "words"),
    [
        ("=++", "better from step 2 on"),
        ("+++", "better at every step"),
        ("+=+", "better at steps 1 and 3"),
        ("=+=", "better at step 2"),
        ("==+", "better at step 3"),
        ("+=-", "better at step 1, worse at step 3"),
        ("+--", "better at step 1, worse from step 2 on"),
        ("===", "equivalent at every step"),
        ("~=~", "not significant at any step"),
    ],
)
def test_sentences_say_what_the_signs_say(directions, words):
    change = {
        "=": (0.0, 1.0, 0.04),
        "~": (0.01, 0.5, 0.1),
        "+": (0.2, 0.001, 0.1),
        "-": (-0.2, 0.001, 0.1),
    }
    rows = []
    for sign in directions:
        gain, p, width = change[sign]
        limits = gain - width, gain + width
        made = with_row(task(), "accuracy", values=(0.5, 0.5 + gain), limits=limits, p=p)
        rows.append(made.metric("accuracy"))
    found = OverSteps("Accuracy", "proportion", (Curve("fever", (1, 2, 3), tuple(rows)),))
    assert step_sentences(found, 0.95) == (f"fever: {words}.",)


def test_the_picture_tells_every_value_to_those_who_do_not_see_it():
    (accuracy, *_) = over_steps(of_a_run())
    svg = steps_picture(accuracy, 0.95).to_svg("x")
    label = re.search(r'aria-label="([^"]*)"', svg)[1]
    assert "fever: base 50.0%; step 10 50.0% (0.0 pp [−10.0, +10.0] ~ not detected), " in label
    assert "step 3000 80.0% (+30.0 pp [+20.0, +40.0] ✓ better)" in label
    assert "3,000" in svg


def test_bars_end_where_the_metric_does():
    row = with_row(task(), "accuracy", values=(0.02, 0.01), limits=(-0.05, 0.03), p=1.0).metric(
        "accuracy"
    )
    found = OverSteps("Accuracy", "proportion", (Curve("fever", (1, 2), (row, row)),))
    assert "−" not in re.sub(r'aria-label="[^"]*"', "", steps_picture(found, 0.95).to_svg("x"))


def test_every_report_names_the_best_and_shows_hostile_names_as_text(tmp_path):
    together = of_a_run()
    links = {str(step): str(step) for step in together.steps}
    page = Links()
    page.feed(to_html(together, folders=links))
    assert "script" not in page.tags
    assert page.tags.count("svg") == len(over_steps(together))
    text = to_markdown(together, folders=links)
    assert "<script>" not in text
    assert "Corrected for having been chosen from 3 that is +29.0 pp" in text
    assert "not shown to be behind it: step-200" in text
    console = Console(width=200, record=True, file=io.StringIO())
    print_result(together, console)
    printed = console.export_text()
    assert "Best checkpoint (Accuracy)" in printed
    assert "[red]x[/red]" in printed


def best_with(**changed):
    best = of_a_run().best
    return " ".join(best_sentences(replace(best, **changed)))


def test_words_on_the_best_checkpoint():
    assert "not shown that the best checkpoint differs" in best_with(
        interval=Interval(-0.1, 0.4, "x")
    )
    assert "even the best checkpoint is worse" in best_with(interval=Interval(-0.3, -0.1, "x"))
    assert "differs" not in best_with()
    assert "worse" not in best_with()
    assert "all others are shown to be behind it" in best_with(
        candidates=tuple(
            replace(one, maybe_best=one.difference == 0.3) for one in of_a_run().best.candidates
        )
    )
    assert "no other checkpoint is shown to be behind it" in best_with(
        candidates=tuple(replace(one, maybe_best=True) for one in of_a_run().best.candidates)
    )
    assert "Without a value, and so left out: x." in best_with(left_out=("x",))


def test_the_index_is_read_back_and_a_bad_one_is_told():
    together = of_a_run()
    index = SeriesIndex({"a": "b"}, together.steps, together.best, together.notes)
    assert read_index(to_json(together, folders={"a": "b"})) == index
    earlier = '{"schema": "saeval.family/1", "comparisons": {"a": "b"}}'
    assert read_index(earlier) == SeriesIndex({"a": "b"})
    for text, message in (
        ("{", "not an index of comparisons"),
        ("[]", "schema None is not"),
        ('{"schema": "saeval.family/2"}', "schema 'saeval.family/2' is not"),
        ('{"schema": "saeval.family/1"}', "comparisons: Field required"),
        (earlier[:-1] + ', "best": {"metric": 1}}', "not an index of comparisons: best"),
    ):
        with pytest.raises(ValueError, match=message):
            read_index(text)


def test_steps_are_ascending_and_one_for_each(together):
    for steps in ((1,), (2, 1), (1, 1)):
        with pytest.raises(ValueError, match="`steps` must be one for each comparison, ascending"):
            checkpoint_series(together.comparisons, steps)
