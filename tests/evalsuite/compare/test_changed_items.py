"""The file of changed items beside a comparison: whole, of another, damaged, hostile, or gone."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pytest
from builders import LABELS, prediction, write_predictions
from command_line import typed
from pages import Page
from pyarrow import parquet

import saeval
from saeval.evalsuite.compare import changed_items, changed_items_file
from saeval.evalsuite.compare.changed_items import COLUMNS, find_changed_predictions
from saeval.evalsuite.compare.changed_items_file import CHANGED_ITEMS, read_shown, read_task
from saeval.evalsuite.compare.pairing import pair
from saeval.evalsuite.store.table import PredictionTable
from saeval.stats.compare.changed_items import ITEMS_SHOWN
from saeval.tasks.registry import get_task

FEW = {"n_resamples": 1000}
ITEMS = 150


def answers(shift: int, **changed) -> list:
    return [prediction(i, LABELS[(i // 2 + shift * (i % 3)) % 3], **changed) for i in range(ITEMS)]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A comparison in a folder, beside its two files."""
    home: Path = tmp_path_factory.mktemp("changed")
    base = write_predictions(home / "base.jsonl", answers(0))
    checkpoint = write_predictions(home / "checkpoint.jsonl", answers(1))
    saeval.compare(base, checkpoint, **FEW, out=home / "out")
    return home


@pytest.fixture
def alone(made, tmp_path) -> Path:
    """The folder alone, without what was compared."""
    for model in ("base.jsonl", "checkpoint.jsonl"):
        (made / model).rename(made / f"{model}.away")
    shutil.copytree(made / "out", tmp_path / "out")
    yield tmp_path / "out"
    for model in ("base.jsonl", "checkpoint.jsonl"):
        (made / f"{model}.away").rename(made / model)


def page(folder: Path) -> Page:
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_the_file_gives_the_frame_that_the_predictions_give(made, alone):
    with_predictions = saeval.compare(
        write_predictions(alone.parent / "base.jsonl", answers(0)),
        write_predictions(alone.parent / "checkpoint.jsonl", answers(1)),
        **FEW,
    )
    loaded = saeval.load_comparison(alone)
    assert loaded.predictions is None
    for kind in ("all", "broken", "fixed"):
        kept, computed = (
            found.changed_items("fever", kind=kind) for found in (loaded, with_predictions)
        )
        assert len(kept) > 0
        assert kept.equals(computed)
    assert len(loaded.changed_items("fever")) == loaded["fever"].n_changed_items > ITEMS_SHOWN
    assert loaded["fever"].changed_items == with_predictions["fever"].changed_items
    with pytest.raises(saeval.InputError, match="no task 'popqa' was compared"):
        loaded.changed_items("popqa")


def test_the_result_holds_no_item_and_the_page_says_how_many_there_are(made):
    text = (made / "out" / "comparison.json").read_text()
    assert "Claim 2." not in text
    total = json.loads(text)["tasks"][0]["flips_total"]
    shown = page(made / "out")
    assert f"fever: {ITEMS_SHOWN} of {total} changed items" in shown.text
    counts = saeval.load_comparison(made / "out")["fever"].mcnemar
    assert f"Broken: 20 of {counts.base_only}" in shown.text
    file = parquet.ParquetFile(made / "out" / CHANGED_ITEMS)
    assert file.metadata.row_group(0).num_rows == ITEMS_SHOWN
    assert file.metadata.num_rows == total
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"


def test_reports_are_rendered_again_from_the_folder_alone(alone, capsys):
    before = {path.name: path.read_bytes() for path in alone.iterdir() if path.is_file()}
    for name in ("report.html", "report.md"):
        (alone / name).unlink()
    assert typed(capsys, "report", alone)[0] == 0
    assert before == {path.name: path.read_bytes() for path in alone.iterdir() if path.is_file()}


def of_another(path: Path) -> None:
    other = path.parent.parent / "other"
    other.mkdir()
    base, checkpoint = (
        write_predictions(other / f"{name}.jsonl", answers(shift))
        for name, shift in (("base", 0), ("checkpoint", 2))
    )
    saeval.compare(base, checkpoint, **FEW, out=other / "out")
    shutil.copy(other / "out" / CHANGED_ITEMS, path)


def with_rows(path: Path, table: pa.Table) -> None:
    about = parquet.read_schema(path).metadata
    parquet.write_table(table.replace_schema_metadata(about), path)


def without_a_column(path: Path) -> None:
    with_rows(path, parquet.read_table(path).drop_columns("claim"))


def with_numbers_for_texts(path: Path) -> None:
    table = parquet.read_table(path)
    with_rows(path, table.set_column(9, "claim", pa.array(range(table.num_rows))))


def without_items(path: Path) -> None:
    table = parquet.read_table(path)
    with_rows(path, table.set_column(1, "item_id", pa.nulls(table.num_rows, pa.string())))


def with_too_much_confidence(path: Path) -> None:
    table = parquet.read_table(path)
    field = COLUMNS.field("base_confidence")
    with_rows(path, table.set_column(7, field, pa.array([float("nan")] * table.num_rows)))


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def rotten(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for place in range(200, len(data) // 2, 97):
        data[place] ^= 0x55
    path.write_bytes(bytes(data))


def nested(path: Path) -> None:
    path.unlink()
    path.mkdir()


SPOILT = {
    "gone": (Path.unlink, "is missing"),
    "a folder": (nested, "is missing"),
    "empty": (lambda path: path.write_bytes(b""), "cut off or damaged"),
    "text": (lambda path: path.write_text('{"schema": "saeval.comparison/3"}'), "damaged"),
    "torn": (torn, "cut off or damaged"),
    "rotten": (rotten, "cut off or damaged"),
    "of another comparison": (of_another, "of another comparison"),
    "without metadata": (lambda path: parquet.write_table(
        parquet.read_table(path).replace_schema_metadata(None), path), "of another comparison"),
    "any table": (lambda path: parquet.write_table(pa.table({"a": [1]}), path), "not a file of"),
    "a column less": (without_a_column, "not a file of schema"),
    "other types": (with_numbers_for_texts, "not a file of schema"),
    "no items": (without_items, "not a file of schema"),
    "no probabilities": (with_too_much_confidence, r"`base_confidence` must be in \[0, 1\]"),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILT)
def test_a_file_that_cannot_be_used_is_one_sentence_and_a_page_without_items(name, alone, capsys):
    spoil, message = SPOILT[name]
    spoil(alone / CHANGED_ITEMS)
    code, _, err = typed(capsys, "report", alone)
    assert code == 0
    assert "Traceback" not in err
    assert f"The page shows no changed items: {alone / CHANGED_ITEMS}: " in err
    assert "They are not shown: changed_items.parquet is not at hand" in page(alone).text
    assert "Claim " not in page(alone).text
    loaded = saeval.load_comparison(alone)
    assert loaded["fever"].changed_items == ()
    with pytest.raises(saeval.InputError, match=message):
        loaded.changed_items("fever")


@pytest.mark.parametrize("name", ["gone", "torn", "of another comparison"])
def test_what_cannot_be_used_is_written_again_where_the_predictions_are_there(
    name, made, tmp_path, capsys
):
    folder = tmp_path / "out"
    shutil.copytree(made / "out", folder)
    whole = (folder / CHANGED_ITEMS).read_bytes()
    SPOILT[name][0](folder / CHANGED_ITEMS)
    assert typed(capsys, "report", folder)[0] == 0
    assert (folder / CHANGED_ITEMS).read_bytes() == whole
    assert (folder / "report.html").read_bytes() == (made / "out" / "report.html").read_bytes()


def test_a_page_is_not_made_of_items_without_texts(alone, capsys):
    path = alone / CHANGED_ITEMS
    table = parquet.read_table(path)
    with_rows(path, table.set_column(9, "claim", pa.nulls(table.num_rows, pa.string())))
    code, _, err = typed(capsys, "report", alone)
    assert code == 0
    assert "texts are missing in its first row group" in err
    assert "They are not shown" in page(alone).text
    assert set(saeval.load_comparison(alone).changed_items("fever")["claim"]) == {None}


def test_texts_are_kept_of_the_first_items_and_the_rest_of_all(made, tmp_path, monkeypatch):
    monkeypatch.setattr(changed_items_file, "TEXTS_KEPT", 60)
    both = (made / "base.jsonl", made / "checkpoint.jsonl")
    comparison = saeval.compare(*both, **FEW, out=tmp_path / "out")
    kept = read_task(tmp_path / "out" / CHANGED_ITEMS, comparison, "fever").to_pandas()
    whole = comparison.changed_items("fever")
    assert len(kept) == len(whole) > 60
    assert kept["claim"].notna().sum() == kept["checkpoint_response"].notna().sum() == 60
    with_texts = kept["claim"].notna()
    assert kept["claim"][with_texts].tolist() == whole["claim"][with_texts].tolist()
    numbers = ["item_id", "change", "target", "base_label", "checkpoint_label", "base_confidence"]
    assert kept[numbers].equals(whole[numbers])
    changed = kept["change"]
    assert (changed[with_texts] == "broken").sum() >= min(30, (changed == "broken").sum())


def test_every_byte_that_is_lost_or_altered_is_noticed_or_harmless(alone):
    """Cut anywhere, or a bit turned over anywhere: an error of ours or the very same rows."""
    path, loaded = alone / CHANGED_ITEMS, saeval.load_comparison(alone)
    whole, rows = path.read_bytes(), loaded.changed_items("fever")
    places = [*range(0, len(whole), len(whole) // 60), len(whole) - 1]
    for place in places:
        for content in (
            whole[:place],
            whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :],
        ):
            path.write_bytes(content)
            with suppress(saeval.InputError):
                assert loaded.changed_items("fever").equals(rows), place
                read_shown(path, loaded)  # a page is not made of what a user could not read


def test_an_earlier_version_kept_the_first_items_in_its_result(alone, capsys):
    """They are shown, and kept in the file; that they are not all is said where all are wanted."""
    loaded = saeval.load_comparison(alone)
    tree = json.loads((alone / "comparison.json").read_text())
    tree["schema"] = "saeval.comparison/2"
    kept = [asdict(item) for item in loaded["fever"].changed_items[:25]]
    tree["tasks"][0]["flips"] = [{k: v for k, v in i.items() if k != "sample_index"} for i in kept]
    (alone / "comparison.json").write_text(json.dumps(tree))
    (alone / CHANGED_ITEMS).unlink()
    code, _, err = typed(capsys, "report", alone)
    assert code == 0
    assert "shows no changed items" not in err
    total = loaded["fever"].n_changed_items
    for _ in range(2):
        assert f"fever: 25 of {total} changed items" in page(alone).text
        assert 'flips"' not in (alone / "comparison.json").read_text()
        assert typed(capsys, "report", alone)[0] == 0
    with pytest.raises(saeval.InputError, match=f"holds 25 of the {total} changed items of task"):
        saeval.load_comparison(alone).changed_items("fever")


def test_rows_are_written_a_few_at_a_time(made, tmp_path, monkeypatch):
    """However many there are, no more are made at once, and the rows are the same."""
    sizes: list[int] = []
    read, write = PredictionTable.read_texts, parquet.ParquetWriter.write_table

    def counted(table, rows):
        sizes.append(len(rows))
        return read(table, rows)

    def noted(writer, table, **how):
        sizes.append(-len(table))
        return write(writer, table, **how)

    monkeypatch.setattr(changed_items, "_AT_A_TIME", 8)
    monkeypatch.setattr(changed_items_file, "_GROUP_ROWS", 20)
    monkeypatch.setattr(PredictionTable, "read_texts", counted)
    monkeypatch.setattr(parquet.ParquetWriter, "write_table", noted)
    comparison = saeval.compare(
        made / "base.jsonl", made / "checkpoint.jsonl", **FEW, out=tmp_path / "out"
    )
    assert max(sizes) <= 8
    read_last = max(place for place, size in enumerate(sizes) if size > 0)
    assert sum(size < 0 for size in sizes[:read_last]) >= 2  # row groups go before the last is read
    path = tmp_path / "out" / CHANGED_ITEMS
    file = parquet.ParquetFile(path)
    assert file.num_row_groups > 3
    assert read_task(path, comparison, "fever").equals(
        read_task(made / "out" / CHANGED_ITEMS, comparison, "fever")
    )
    assert parquet.read_table(path).num_rows == comparison["fever"].n_changed_items


HOSTILE = "\x1b[31m</script><script>alert(1)</script>\u202e::error::x\x00"


def test_hostile_texts_are_kept_as_they_are_and_shown_as_text(tmp_path):
    def hostile(shift):
        document = {"claim": HOSTILE, "evidence": [HOSTILE]}
        return [
            prediction(i, LABELS[(i + shift) % 3], response=HOSTILE, document=document)
            for i in range(30)
        ]

    base = write_predictions(tmp_path / "base.jsonl", hostile(0))
    checkpoint = write_predictions(tmp_path / "checkpoint.jsonl", hostile(1))
    comparison = saeval.compare(base, checkpoint, **FEW, out=tmp_path / "out")
    shown = page(tmp_path / "out")
    assert "<script>alert(1)</script>" in shown.text
    assert not {"\x1b", "\x00", "\u202e"} & set(shown.text)
    frame = comparison.changed_items("fever")
    assert set(frame["base_response"]) == {HOSTILE}
    base.unlink()
    assert saeval.load_comparison(tmp_path / "out").changed_items("fever").equals(frame)


def test_half_a_surrogate_pair_is_replaced_since_no_file_holds_it():
    whole, half = (prediction(0, label, response="a\ud800b") for label in ("PASS", "FAIL"))
    pairs = pair(get_task("fever"), PredictionTable.of([whole]), PredictionTable.of([half]))
    (item,) = find_changed_predictions(pairs).read_shown()
    assert (item.base_response, item.change) == ("a\ufffdb", "broken")


def test_two_tasks_share_the_file(tmp_path):
    both = ("fever", "vitaminc")

    def two(shift):
        return [p for task in both for p in answers(shift + (task == "fever"), task=task)]

    paths = (
        write_predictions(tmp_path / "base.jsonl", two(0)),
        write_predictions(tmp_path / "checkpoint.jsonl", two(4)),
    )
    comparison = saeval.compare(*paths, **FEW, out=tmp_path / "out")
    again = read_shown(tmp_path / "out" / CHANGED_ITEMS, comparison)
    for task in both:
        assert again[task].changed_items == comparison[task].changed_items != ()
        kept = read_task(tmp_path / "out" / CHANGED_ITEMS, comparison, task)
        assert set(kept["task"].to_pylist()) == {task}
        assert kept["item_id"].to_pylist() == list(comparison.changed_items(task)["item_id"])
