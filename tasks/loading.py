"""Documents of a task from the hub, from local files in the same schema, or generated."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tasks.documents import DataError, Document, unique_ids
from tasks.factworld.world import generate
from tasks.registry import GeneratedSource, HubSource, Task

DATA_VARIABLE = "SAEVAL_DATA"


def data_folder(given: str | Path | None = None) -> Path | None:
    """The folder of local data: as given, else the environment's ``SAEVAL_DATA``, else None."""
    chosen = given or os.environ.get(DATA_VARIABLE)
    if not chosen:
        return None
    folder = Path(chosen)
    if not folder.is_dir():
        raise DataError(f"data folder {folder} does not exist or is no folder")
    return folder


def load_documents(task: Task, data_dir: str | Path | None = None) -> list[Document]:
    """All documents of a task in the order of their source.

    Raises
    ------
    DataError
        If the data cannot be found, or a row lacks a field or has an unknown label.
    """
    if isinstance(task.source, GeneratedSource):
        return generate("test", task.source.size, domains=task.source.domains)
    folder = data_folder(data_dir)
    if folder is None:
        return _from_hub(task.name, task.source)
    return _from_files(task.name, task.source, folder)


def _from_files(name: str, source: HubSource, folder: Path) -> list[Document]:
    files = sorted(folder.glob(source.files))
    if not files:
        raise DataError(
            f"task {name}: no file matches {folder / source.files}; put rows of "
            f"{source.path} there as JSON lines, or leave out --data-dir to load it from the hub"
        )
    rows = ((f"{path}:{number}", row) for path in files for number, row in _json_lines(path))
    return _documents(name, source, rows, ", ".join(map(str, files)))


def _json_lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise DataError(f"{path}:{number}: not JSON ({error})") from error
            if not isinstance(row, dict):
                raise DataError(f"{path}:{number}: expected an object, found {str(row)[:40]}")
            yield number, row


def _from_hub(name: str, source: HubSource) -> list[Document]:
    import datasets

    try:
        rows = datasets.load_dataset(source.path, split=source.split)
    except Exception as error:  # the hub client raises many kinds; all mean "cannot be loaded"
        raise DataError(
            f"task {name}: cannot load {source.path} from the hub "
            f"({type(error).__name__}: {str(error).splitlines()[0]}); "
            "give local files with --data-dir or SAEVAL_DATA"
        ) from error
    numbered = ((f"{source.path} row {index}", row) for index, row in enumerate(rows))
    return _documents(name, source, numbered, source.path)


def _documents(
    name: str, source: HubSource, rows: Iterable[tuple[str, Mapping[str, Any]]], where: str
) -> list[Document]:
    documents = []
    for place, row in rows:
        try:
            documents.append(source.to_document(row))
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise DataError(
                f"{place}: not a row of {source.path}: {type(error).__name__} {error}"
            ) from error
    if not documents:
        raise DataError(f"task {name}: the data set is empty ({where})")
    return unique_ids(documents)
