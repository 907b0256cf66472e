from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from comparisons import comparison, task
from rich.console import Console

from reports.family import family_to_html, family_to_markdown, print_family, write_family
from reports.transfer import transfer_tables
from stats.comparison import ModelDescription
from stats.family import family

HOSTILE = "<script>alert(1)</script> [red]x[/red] =1+1 | a"


def named(name):
    return replace(comparison(task()), checkpoint=ModelDescription(name, name, {}))


@pytest.fixture
def together():
    return family([named("fever-only"), named(HOSTILE)])


@pytest.fixture
def links():
    return {"fever-only": "fever-only", HOSTILE: "hostile"}


def test_tables_have_a_row_per_checkpoint_and_a_column_per_task(together):
    tables = transfer_tables(together)
    assert tables[0].metric == "Accuracy"
    for table in tables:
        assert [name for name, _ in table.rows] == ["fever-only", HOSTILE]
        assert all(len(cells) == len(table.columns) for _, cells in table.rows)
        assert table.columns[: len(together.task_names)] == together.task_names


def test_a_task_that_one_checkpoint_lacks_is_an_empty_cell(together):
    first, second = together.comparisons
    gone = replace(second, tasks=(replace(second.tasks[0], task="other"),), pooled=None)
    table = transfer_tables(replace(together, comparisons=(first, gone)))[0]
    assert table.columns == ("fever", "other")
    assert table.rows[0][1][table.columns.index("other")] is None


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.links = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name == "href"]


def test_the_page_links_to_each_report_and_shows_hostile_names_as_text(together, links):
    page = Links()
    page.feed(family_to_html(together, links))
    assert page.links == ["fever-only/report.html", "hostile/report.html"]
    assert "script" not in page.tags


def test_markdown_and_console_show_hostile_names_as_text(together, links):
    text = family_to_markdown(together, links)
    assert "<script>" not in text
    assert "\\| a" in text
    console = Console(width=200, record=True, file=io.StringIO())
    print_family(together, console)
    assert "[red]x[/red]" in console.export_text()


def test_every_file_is_written_and_the_index_finds_the_comparisons(together, tmp_path):
    folders = {"fever-only": tmp_path / "fever-only", HOSTILE: tmp_path / "hostile"}
    written = write_family(together, folders, tmp_path)
    assert [path.name for path in written] == [
        "report.html",
        "report.md",
        "metrics.csv",
        "family.json",
    ]
    index = json.loads((tmp_path / "family.json").read_text())
    for link in index["comparisons"].values():
        assert (tmp_path / link / "comparison.json").is_file()
    rows = list(csv.DictReader(io.StringIO((tmp_path / "metrics.csv").read_text())))
    assert {row["checkpoint_name"] for row in rows} == {"fever-only", HOSTILE}
