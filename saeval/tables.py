"""Rows of tables from outside: CSV, JSON, Parquet, a saved `datasets` folder, a hub data set.

Each row comes with its place, ``file:line`` or ``file row n``, for messages. Nothing in a file is
run: there are no pickles, and no code of a data set is loaded.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from saeval.errors import DataError
from saeval.extras import require_extra
from saeval.json_source import decode, parse_json, read_bytes, read_lines
from saeval.terminal_text import one_line, quoted

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".parquet")
"""Of the files that hold rows."""

PlacedRow = tuple[str, Mapping[str, Any]]
"""Where a row stands, and the row."""


def read_rows(path: Path, split: str | None = None) -> Iterator[PlacedRow]:
    """The rows of a file, or of a folder that `datasets` saved.

    Parameters
    ----------
    path
        A file with one of `SUFFIXES` (any other is read as lines of JSON), or a folder.
    split
        Of a folder that holds several.

    Raises
    ------
    DataError
        If it is not there or cannot be read; the message begins with the place.
    """
    if path.is_dir():
        yield from _saved_rows(path, split)
        return
    read = {
        ".csv": _csv_rows,
        ".tsv": _csv_rows,
        ".json": _json_rows,
        ".parquet": _parquet_rows,
    }.get(path.suffix.lower(), _json_lines)
    try:
        for place, row in read(path):
            if not isinstance(row, dict):
                raise DataError(f"{place}: expected an object, found {quoted(row, 40)}")
            yield place, row
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except csv.Error as error:
        raise DataError(f"{path}: cannot be read as {path.suffix[1:]} ({error})") from error


def read_hub_rows(
    path: str, config: str | None = None, split: str | None = None, files: str | None = None
) -> Iterator[PlacedRow]:
    """The rows of a data set of the hub, as `datasets.load_dataset` takes its arguments.

    Raises
    ------
    DataError
        If it cannot be loaded.
    """
    require_extra("run", "datasets")
    import datasets

    try:
        loaded = datasets.load_dataset(path, config, split=split, data_files=files)
    except Exception as error:  # the hub client raises many kinds; all mean "cannot be loaded"
        raise DataError(
            f"cannot load {path} from the hub "
            f"({type(error).__name__}: {(str(error).splitlines() or [''])[0]})"
        ) from error
    yield from _dataset_rows(loaded, path, split)


def _json_lines(path: Path) -> Iterator[tuple[str, Any]]:
    for where, line in read_lines(path, DataError):
        yield where, parse_json(line, where, DataError, nan=True)


def _json_rows(path: Path) -> Iterator[tuple[str, Any]]:
    """Rows of one JSON list, which may stand under ``example``."""
    content = parse_json(read_bytes(path, DataError), str(path), DataError, nan=True)
    rows = content.get("example") if isinstance(content, dict) else content
    if not isinstance(rows, list):
        raise DataError(f"{path}: expected a list of rows, or an object with one under `example`")
    for number, row in enumerate(rows, start=1):
        yield f"{path} row {number}", row


def _csv_rows(path: Path) -> Iterator[tuple[str, Any]]:
    text = decode(read_bytes(path, DataError), str(path), DataError)
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    names = list(reader.fieldnames or ())
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise DataError(f"{path}:1: two columns are named {quoted(repeated, 40)}")
    for row in reader:
        place = f"{path}:{reader.line_num}"
        if None in row or None in row.values():
            found = len(names) + len(row[None]) if None in row else list(row.values()).index(None)
            raise DataError(
                f"{place}: this row has {found} values, and the header {len(names)}; put text "
                'that holds commas between "…"'
            )
        yield place, row


def _parquet_rows(path: Path) -> Iterator[tuple[str, Any]]:
    require_extra("run", "pyarrow")
    import pyarrow
    from pyarrow import parquet

    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches():
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path} row {number}", row
    except FileNotFoundError:
        raise
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise DataError(
            f"{path}: cannot be read as Parquet ({one_line(str(error), 100)})"
        ) from error


def _saved_rows(folder: Path, split: str | None) -> Iterator[PlacedRow]:
    if not any((folder / name).is_file() for name in ("state.json", "dataset_dict.json")):
        raise DataError(
            f"{folder}: is no folder that `datasets` saved (save_to_disk); give a file "
            f"({', '.join(SUFFIXES)}) in it"
        )
    require_extra("run", "datasets")
    import datasets

    try:
        loaded = datasets.load_from_disk(folder)
    except Exception as error:  # whatever half a folder makes of its reader
        raise DataError(
            f"{folder}: cannot be read as a folder of `datasets` "
            f"({type(error).__name__}: {one_line(str(error), 100)})"
        ) from error
    yield from _dataset_rows(loaded, str(folder), split)


def _dataset_rows(loaded: Any, where: str, split: str | None) -> Iterator[PlacedRow]:
    """Of a data set, or of the split that is named of several."""
    if hasattr(loaded, "keys"):
        splits = sorted(loaded)
        name = splits[0] if split is None and len(splits) == 1 else split
        if name not in splits:
            what = "which is not named" if name is None else f"and no {quoted(name, 40)}"
            raise DataError(
                f"{where}: holds the splits {', '.join(splits)}, {what}; name one (--split, or "
                "`split:` in the task file)"
            )
        loaded = loaded[name]
    try:
        for number, row in enumerate(loaded, start=1):
            yield f"{where} row {number}", dict(row)
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{where}: cannot be read ({one_line(str(error), 100)})") from error
