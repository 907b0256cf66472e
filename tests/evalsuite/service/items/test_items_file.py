"""Selections of items against the same in plain Python, and what a file is protected from."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import BoundedSemaphore, Event
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from filters import CONDITIONS, narrow_filters, selected
from hypothesis import given, settings
from hypothesis import strategies as st
from paired_items import compared, generated, of_scores, of_several_tasks
from pyarrow import parquet

from saeval.errors import InputError
from saeval.evalsuite.service.errors import BusyError, NotFoundError
from saeval.evalsuite.service.items import connection as connection_module
from saeval.evalsuite.service.items import items_file, write
from saeval.evalsuite.service.items.connection import Connection, QueryLimits
from saeval.evalsuite.service.items.export import EXPORTS
from saeval.evalsuite.service.items.filter import SORTS, Band, ItemFilter, Sort
from saeval.evalsuite.service.items.items_file import ItemsFile, Place, open_items
from saeval.evalsuite.service.items.schema import SCHEMA


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Items of two tasks, in several row groups, with a training overlap made up."""
    folder = tmp_path_factory.mktemp("it's [a] *folder?")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write, "_GROUP_ROWS", 16)
        write.write_items(folder / "plain.parquet", of_several_tasks(folder))
    table = parquet.read_table(folder / "plain.parquet")
    shared = [(None, "id", "text", "cluster")[number % 4] for number in range(len(table))]
    place = SCHEMA.get_field_index("trained_on")
    table = table.set_column(place, SCHEMA.field(place), pa.array(shared))
    parquet.write_table(table, folder / "items.parquet", row_group_size=16)
    return folder / "items.parquet"


class Rows(list[dict[str, Any]]):
    """Rows that Hypothesis does not write out."""

    def __repr__(self) -> str:
        return f"<{len(self)} rows>"


@pytest.fixture(scope="module")
def rows(path: Path) -> Rows:
    return Rows(parquet.read_table(path).to_pylist())


@pytest.fixture(scope="module")
def items(path: Path) -> ItemsFile:
    return ItemsFile(path)


@given(narrow_filters(), st.sampled_from([1, 7, 100]), st.integers(1, 5), st.integers(0, 89))
@settings(max_examples=60, deadline=None)
def test_a_selection_is_what_python_selects(
    items: ItemsFile,
    rows: list[dict[str, Any]],
    wanted: ItemFilter,
    size: int,
    asked: int,
    number: int,
) -> None:
    right = selected(rows, wanted)
    page = items.browse(wanted, asked, size)
    assert page.total == len(right)
    assert page.pages == max(1, -(-len(right) // size))
    start = size * (page.page - 1)
    assert [item.number for item in page.items] == [
        row["number"] for row in right[start : start + size]
    ]
    cells = Counter(
        (row["base_label"], row["checkpoint_label"]) for row in selected(rows, wanted.without_cell)
    )
    assert {(cell.was, cell.now): cell.items for cell in page.cells} == cells
    read = [number for batch in items.read(wanted, 5) for number in batch["number"].to_pylist()]
    assert read == sorted(row["number"] for row in right)
    assert items.place(wanted, number) == _place(rows, wanted, number)


@pytest.mark.parametrize("name", CONDITIONS)
def test_every_condition_selects_what_it_says(items: ItemsFile, rows: Rows, name: str) -> None:
    sizes = set()
    for value in CONDITIONS[name]:
        wanted = ItemFilter(**{name: value})
        right = [row["number"] for row in selected(rows, wanted)]
        page = items.browse(wanted, size=len(rows))
        assert [item.number for item in page.items] == right, value
        sizes.add(len(right))
    assert sizes - {0, len(rows)}


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", SORTS)
def test_every_order_is_that_of_python(
    items: ItemsFile, rows: Rows, sort: Sort, descending: bool
) -> None:
    wanted = ItemFilter(sort=sort, descending=descending)
    right = [row["number"] for row in selected(rows, wanted)]
    assert [item.number for item in items.browse(wanted, size=len(rows)).items] == right
    for number in range(0, len(rows), 13):
        assert items.place(wanted, number) == _place(rows, wanted, number)


def _place(rows: list[dict[str, Any]], wanted: ItemFilter, number: int) -> Place:
    numbers = [row["number"] for row in selected(rows, wanted)]
    everything = [
        row["number"]
        for row in selected(rows, ItemFilter(sort=wanted.sort, descending=wanted.descending))
    ]
    at = everything.index(number)
    before = [own for own in everything[:at] if own in numbers]
    after = [own for own in everything[at + 1 :] if own in numbers]
    return Place(
        before[-1] if before else None,
        after[0] if after else None,
        len(before),
        len(numbers),
        number in numbers,
    )


def test_an_item_is_its_row(items: ItemsFile, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        item = items.item(row["number"])
        assert items.find(item.task, item.item_id, item.sample_index) == row["number"]
        assert (item.claim, list(item.evidence)) == (row["claim"], row["evidence"])
        for side, own in (("base", item.base), ("checkpoint", item.checkpoint)):
            for name in ("label", "status", "outcome", "confidence", "probability", "response"):
                assert getattr(own, name) == row[f"{side}_{name}"]
            probed = row[f"{side}_probabilities"]
            assert own.probabilities == (None if probed is None else dict(probed))


def test_an_item_that_is_not_there_is_said_to_be_missing(items: ItemsFile) -> None:
    for number in (-1, 90, 2**70):
        with pytest.raises(NotFoundError, match=rf"no item {number}; there are 90"):
            items.item(number)
        with pytest.raises(NotFoundError, match=rf"no item {number}"):
            items.place(ItemFilter(), number)
    with pytest.raises(NotFoundError, match=r"no item 'x\\x1b' of task"):
        items.find("fever", "x\x1b")


def test_scores_alone_are_sorted_and_have_no_cells(tmp_path: Path) -> None:
    write.write_items(tmp_path / "items.parquet", of_scores(tmp_path))
    items = ItemsFile(tmp_path / "items.parquet")
    page = items.browse(ItemFilter(sort="score_change", base=("scored",)))
    changes = [(own.checkpoint.score or 0) - (own.base.score or 0) for own in page.items]
    assert page.total == 20
    assert page.cells == ()
    assert changes == sorted(changes)
    assert items.browse(ItemFilter(changed=True)).total == 0


@pytest.mark.parametrize("file_format", EXPORTS)
def test_a_selection_is_exported_whole(
    items: ItemsFile, rows: list[dict[str, Any]], file_format: Any
) -> None:
    wanted = ItemFilter(now="NA")
    right = [dict(row) for row in selected(rows, wanted)]
    pieces = list(EXPORTS[file_format](items.read(wanted, 4)))
    assert len(pieces) > 3
    content = b"".join(pieces)
    if file_format == "parquet":
        table = parquet.read_table(pa.BufferReader(content))
        assert table.schema.equals(SCHEMA)
        assert table.to_pylist() == right
        return
    for row in right:
        for side in ("base", "checkpoint"):
            probed = row[f"{side}_probabilities"]
            row[f"{side}_probabilities"] = None if probed is None else dict(probed)
    text = content.decode()
    if file_format == "jsonl":
        assert [json.loads(line) for line in text.splitlines()] == right
        return
    found = list(csv.DictReader(io.StringIO(text)))
    assert [row["number"] for row in found] == [str(row["number"]) for row in right]
    assert [json.loads(row["evidence"]) for row in found] == [row["evidence"] for row in right]
    cells = [cell for row in found for cell in row.values()]
    assert any(cell.startswith("'=") for cell in cells)
    assert not any(cell.lstrip()[:1] in {"=", "@"} for cell in cells)


def test_texts_that_break_programs_come_back_as_they_are(tmp_path: Path) -> None:
    from hostile import TEXTS

    from saeval.evalsuite.store.texts import encodable

    texts = [text for text in TEXTS if encodable(text) == text]
    base, checkpoint = generated(7, len(texts))
    hostile = [
        own.model_copy(
            update={
                "response": text,
                "item_id": f"{number}{text[:100]}",
                "cluster_id": text[:100],
                "document": own.document.model_copy(update={"claim": text, "evidence": (text,)}),
            }
        )
        for number, (own, text) in enumerate(zip(base, texts, strict=True))
    ]
    renamed = [
        own.model_copy(update={"item_id": other.item_id, "document": other.document})
        for own, other in zip(checkpoint, hostile, strict=True)
    ]
    write.write_items(tmp_path / "items.parquet", compared(tmp_path, hostile, renamed))
    items = ItemsFile(tmp_path / "items.parquet")
    for number, text in enumerate(texts):
        item = items.item(number)
        assert (item.item_id, item.claim, item.evidence) == (f"{number}{text[:100]}", text, (text,))
        assert item.base.response == text
        assert items.find("fever", item.item_id) == number
        if text:
            assert number in [own.number for own in items.browse(ItemFilter(text=text[:200])).items]
            cluster = items.browse(ItemFilter(cluster=text[:100]))
            assert number in [own.number for own in cluster.items]


def test_a_connection_reads_its_own_file_and_nothing_else(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.parquet"
    parquet.write_table(pa.table({"x": [1]}), other)
    connection = Connection(path, QueryLimits())
    assert connection.fetch("select count(*) as n from items") == [{"n": 90}]
    for sql in (
        f"select * from read_parquet('{other}')",
        f"select * from '{other}'",
        "select * from read_csv('/etc/passwd')",
        "select * from read_text('/etc/hostname')",
        "select * from sniff_csv('/etc/passwd')",
        "select * from glob('/etc/*')",
        f"copy (select 1) to '{tmp_path / 'written.csv'}'",
        f"attach '{tmp_path / 'written.db'}'",
        f"export database '{tmp_path / 'written'}'",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "set allowed_paths = ['/etc/passwd']",
        "set threads = 64",
        "select * from read_parquet('https://example.org/x.parquet')",
    ):
        with pytest.raises(duckdb.Error):
            connection.fetch(sql)
    assert [own.name for own in tmp_path.iterdir()] == ["other.parquet"]


def test_what_takes_too_long_is_ended(path: Path) -> None:
    slow = "select count(*) from range(10000000000) as t(x) where hash(x) = 1"
    connection = Connection(path, QueryLimits(seconds=0.2))
    with pytest.raises(InputError, match=r"takes longer than 0\.2 seconds; narrow it"):
        connection.fetch(slow)
    with pytest.raises(InputError, match=r"takes longer than 0\.1 seconds"):
        connection.fetch_numbers(f"select 1 as number where ({slow}) = 0", (), seconds=0.1)
    assert connection.fetch("select count(*) as n from items") == [{"n": 90}]


def test_what_takes_too_much_memory_is_ended(path: Path) -> None:
    connection = Connection(path, QueryLimits(memory="50MB"))
    with pytest.raises(InputError, match="takes more than 50MB of memory; narrow it"):
        connection.fetch("select list(hash(range)) from range(100000000)")


def test_only_files_of_items_are_opened(tmp_path: Path, items: ItemsFile) -> None:
    parquet.write_table(pa.table({"x": [1]}), tmp_path / "other.parquet")
    with pytest.raises(InputError, match=r"not a file of schema saeval\.items/1"):
        ItemsFile(tmp_path / "other.parquet")
    selection = b"".join(EXPORTS["parquet"](items.read(ItemFilter())))
    (tmp_path / "selection.parquet").write_bytes(selection)
    with pytest.raises(InputError, match=r"not a file of schema saeval\.items/1"):
        ItemsFile(tmp_path / "selection.parquet")
    (tmp_path / "text.parquet").write_text("x")
    with pytest.raises(InputError, match="a Parquet file that is cut off or damaged"):
        ItemsFile(tmp_path / "text.parquet")


def test_pages_of_a_search_share_it(path: Path) -> None:
    items = ItemsFile(path, QueryLimits())
    wanted = ItemFilter(text="RIVER", base_confidence=Band(0.5))
    first = items.browse(wanted, 1, 5)
    items._connection.limits = QueryLimits(search_seconds=0)  # a new one would be ended
    assert items.browse(wanted, 2, 5).total == first.total > 5
    items.browse(ItemFilter(text="RIVER", base_confidence=Band(0.5), was="NA", sort="item"))
    assert open_items(path) is open_items(path)


def test_no_more_are_served_at_once_than_leave_room_for_others(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, go_on = Event(), Event()
    items = ItemsFile(path)
    fetch_numbers = Connection.fetch_numbers

    def slowly(self: Connection, *args: Any, **more: Any) -> Any:
        started.set()
        go_on.wait(10)
        return fetch_numbers(self, *args, **more)

    monkeypatch.setattr(items_file, "_SEARCHES_AT_ONCE", BoundedSemaphore(1))
    monkeypatch.setattr(Connection, "fetch_numbers", slowly)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(items.browse, ItemFilter(text="river"))
        assert started.wait(10)
        with pytest.raises(BusyError, match="others search through texts now"):
            items.browse(ItemFilter(text="other"))
        assert items.browse(ItemFilter(was="NA")).total  # which needs no search
        go_on.set()
        assert first.result().total
    assert items.browse(ItemFilter(text="other")).total == 0
    monkeypatch.setattr(connection_module, "_AT_ONCE", none_left := BoundedSemaphore(1))
    none_left.acquire()
    with pytest.raises(BusyError, match="many select items now"):
        items.item(3)
    none_left.release()
    assert items.item(3).number == 3


def test_searches_are_forgotten_but_the_last(path: Path) -> None:
    items = ItemsFile(path)
    for number in range(20):
        items.browse(ItemFilter(text=f"claim {number}"))
    assert len(items._searches) == items_file._SEARCHES_KEPT
