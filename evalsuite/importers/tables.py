"""Tables of predictions: CSV, JSON and JSON lines, Parquet, saved data sets, data frames.

Which columns are read, `saeval.evalsuite.importers.columns` says, and how a row is,
`saeval.evalsuite.importers.rows`. A table in CSV::

    task,id,target,prediction,confidence
    claims,q1,Supports,Supports,0.9
    claims,q2,NEI,Refutes,0.6
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saeval.errors import InputError
from saeval.evalsuite.importers.columns import NAMES, SCORE, Columns
from saeval.evalsuite.importers.imported import NotReadError
from saeval.evalsuite.importers.kinds import (
    ARROW,
    ARROW_STREAM,
    PARQUET,
    describe_file,
    head_text,
    read_head,
)
from saeval.evalsuite.importers.parquet import (
    arrow_columns,
    parquet_columns,
    read_arrow,
    read_parquet,
)
from saeval.evalsuite.importers.rows import FRAME, Row, predictions_by_model
from saeval.evalsuite.store.table import PredictionTable
from saeval.json_source import open_file, parse_json, parse_object, read_bytes, read_lines
from saeval.terminal_text import one_line, quoted

_LONGEST_CELL = 2**24
_OURS = {"document", "document_hash", "target_hash"}
"""A line that has two of these is meant to be one of saeval's own."""
_LISTED = 200


@dataclass(frozen=True)
class Table:
    """The names of a table's columns, and its rows with only those that are asked for."""

    columns: list[str]
    rows: Callable[[list[str]], Iterable[Row]]


def read_table(path: Path, columns: Columns) -> dict[str, PredictionTable]:
    """The predictions of each model in a file or a saved data set.

    Raises
    ------
    InputError
        If it is no table, or a column or value is not what it should be.
    """
    table = _open_folder(path) if path.is_dir() else _open_file(path)
    bound = columns.bind(table.columns, str(path))
    wanted = list(dict.fromkeys(bound.named.values()))
    return predictions_by_model(lambda: table.rows(wanted), bound, str(path), path.stem)


def is_frame(value: object) -> bool:
    """Whether it is a data frame of pandas or Polars."""
    return hasattr(value, "columns") and (hasattr(value, "to_dicts") or hasattr(value, "to_dict"))


def read_frame(frame: Any, columns: Columns, name: str) -> dict[str, PredictionTable]:
    """The predictions of each model in a data frame of pandas or Polars."""
    bound = columns.bind([str(column) for column in frame.columns], FRAME)
    records = frame.to_dicts() if hasattr(frame, "to_dicts") else frame.to_dict("records")
    rows = [(f"row {n}", {str(k): v for k, v in row.items()}) for n, row in enumerate(records)]
    return predictions_by_model(lambda: rows, bound, FRAME, name)


def is_saved_dataset(folder: Path) -> bool:
    """Whether ``datasets`` saved it: one data set, or one for each split."""
    return (folder / "state.json").is_file() or (folder / "dataset_dict.json").is_file()


def is_table(path: Path, line: str) -> bool:
    """Whether a file is a table, by its beginning."""
    head = read_head(path)
    if head.startswith((PARQUET, ARROW, ARROW_STREAM)):
        return True
    if line.startswith("["):
        return (head_text(head) or "").lstrip("[ \t\r\n").startswith("{")
    if not line.startswith("{"):
        cells = [cell.strip(' "') for cell in line.split(max(",;\t", key=line.count))]
        return len(cells) > 1 and (path.suffix in (".csv", ".tsv") or len(_usual(cells)) > 1)
    try:
        keys = parse_object(line, "", nan=True).keys()
    except InputError:
        return False
    return bool(_usual(keys)) and len(keys & _OURS) < 2


def is_ours(line: str) -> bool:
    """Whether a line is meant to be a prediction as saeval writes it."""
    try:
        return len(parse_object(line, "", nan=True).keys() & _OURS) > 1
    except InputError:
        return False


def _usual(names: Iterable[str]) -> set[str]:
    usual = {name for key, others in NAMES.items() for name in (key, *others)}
    return {name for name in names if name in usual or name.startswith(SCORE)}


def _open_file(path: Path) -> Table:
    head = read_head(path)
    if head.startswith(PARQUET):
        return Table(parquet_columns(path), lambda wanted: read_parquet(path, wanted))
    if head.startswith((ARROW, ARROW_STREAM)):
        return Table(arrow_columns(path), lambda wanted: read_arrow(path, wanted))
    text = head_text(head)
    if text is None:
        raise NotReadError(f"{path}: {describe_file(head)}")
    start = text.lstrip()[:1]
    if not start:
        raise InputError(f"{path}: the file is empty; expected predictions")
    if start == "[":
        rows = list(_records(path))
        return _of_records(lambda: rows)
    if start == "{":
        try:
            next(_json_lines(path))
        except InputError as error:
            raise NotReadError(str(error)) from error
        return _of_records(lambda: _json_lines(path))
    return _open_csv(path)


def _of_records(rows: Callable[[], Iterable[Row]]) -> Table:
    first = itertools.islice(rows(), _LISTED)
    names = list(dict.fromkeys(str(name) for _, row in first for name in row))
    return Table(names, lambda wanted: rows())


def _records(path: Path) -> Iterator[Row]:
    rows = parse_json(read_bytes(path), str(path), nan=True)
    if not isinstance(rows, list):
        raise InputError(f"{path}: expected a list of rows")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise InputError(f"{path}: row {number}: expected an object, found {quoted(row, 40)}")
        yield f"{path}: row {number}", row


def _json_lines(path: Path) -> Iterator[Row]:
    for where, line in read_lines(path):
        yield where, parse_object(line, where, nan=True)


def _open_csv(path: Path) -> Table:
    _, header = next(_csv_lines(path), ("", []))
    names = [name.strip() for name in header]
    if len(names) < 2:
        raise NotReadError(
            f"{path}: {describe_file(read_head(path))}; a table in CSV begins with a line of at "
            "least two names of columns"
        )
    return Table(
        names, lambda wanted: _csv_rows(itertools.islice(_csv_lines(path), 1, None), names)
    )


def _csv_rows(lines: Iterator[tuple[str, list[str]]], names: list[str]) -> Iterator[Row]:
    for where, cells in lines:
        if len(cells) != len(names):
            raise InputError(
                f"{where}: has {len(cells)} cells, and the header names {len(names)} columns"
            )
        yield where, {name: cell or None for name, cell in zip(names, cells, strict=True)}


def _csv_lines(path: Path) -> Iterator[tuple[str, list[str]]]:
    """The cells of each line that is not blank, with the place where it ends."""
    csv.field_size_limit(_LONGEST_CELL)
    with open_file(path) as file:
        lines = (line for line in _decoded(file, path))
        first = next(lines, "")
        delimiter = max(",;\t", key=first.count)
        reader = csv.reader(itertools.chain([first], lines), delimiter=delimiter, strict=True)
        try:
            for cells in reader:
                if any(cells):
                    yield f"{path}:{reader.line_num}", cells
        except csv.Error as error:
            raise InputError(
                f"{path}:{reader.line_num}: not CSV ({one_line(str(error), 100)})"
            ) from error


def _decoded(file: Iterable[bytes], path: Path) -> Iterator[str]:
    for number, line in enumerate(file, 1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                f"{path}:{number}: not UTF-8 text ({error.reason}); save the table as UTF-8"
            ) from error


def _open_folder(folder: Path) -> Table:
    if (folder / "dataset_dict.json").is_file():
        content = parse_object(read_bytes(folder / "dataset_dict.json"), f"{folder}")
        splits = [name for name in _names(content.get("splits")) if (folder / name).is_dir()]
        if len(splits) != 1:
            raise InputError(
                f"{folder}: a saved data set with {len(splits)} splits "
                f"({', '.join(map(quoted, splits)) or 'none'}); name the folder of one"
            )
        folder = folder / splits[0]
    state = parse_object(read_bytes(folder / "state.json"), str(folder / "state.json"))
    files = state.get("_data_files")
    listed = _names([file.get("filename") for file in files if isinstance(file, dict)]
                    if isinstance(files, list) else [])  # fmt: skip
    if not listed:
        raise InputError(f"{folder / 'state.json'}: names no file of data")
    paths = [folder / name for name in listed]
    return Table(
        arrow_columns(paths[0]),
        lambda wanted: itertools.chain.from_iterable(read_arrow(path, wanted) for path in paths),
    )


def _names(names: Any) -> list[str]:
    """Those that name something in the folder itself."""
    if not isinstance(names, list):
        return []
    return [
        name
        for name in names
        if isinstance(name, str) and name not in ("", ".", "..") and not set(name) & set("/\\\0")
    ]
