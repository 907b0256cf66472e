"""The questions that were asked of a run, as a file: ids with hashes, in the order of the ids."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.parquet_file import open_parquet
from saeval.evalsuite.store.parquet_rows import as_ours
from saeval.files import replace_file

_COLUMNS = ("item_id", "document_hash", "target_hash", "prompt_hash")
_SCHEMA = pa.schema([(name, pa.string()) for name in _COLUMNS])
_BATCH = 2**16


@dataclass(frozen=True)
class Items:
    """How many questions there are, and the SHA-256 of them with the task and its version."""

    n: int
    hash: str


def write_items(answers: Path, task: str, version: str | None, target: Path) -> Items:
    """Write the questions of a checked file of answers to one task.

    Parameters
    ----------
    answers
        In Parquet.
    task, version
        What they are questions of.
    target
        The file to write, of Parquet with the columns ``item_id``, ``document_hash``,
        ``target_hash`` and ``prompt_hash``. Where another program gave no hash of a document, it
        is that of what is shown of it.
    """
    table = _first_answers(_read(answers))
    ids = table["item_id"].chunk(0)
    order = np.asarray(pc.sort_indices(ids), dtype=np.int64)
    digest = hashlib.sha256(json.dumps([task, version], ensure_ascii=False).encode())
    with (
        replace_file(target) as file,
        parquet.ParquetWriter(file, _SCHEMA, compression="zstd", write_statistics=False) as writer,
    ):
        for start in range(0, len(order), _BATCH):
            part = table.take(pa.array(order[start : start + _BATCH])).cast(_SCHEMA)
            part = part.combine_chunks()
            for name in _COLUMNS:
                _update(digest, part[name].chunk(0))
            writer.write_table(part, row_group_size=_BATCH)
    return Items(len(order), digest.hexdigest())


def _read(path: Path) -> pa.Table:
    joined = _columns(path, _COLUMNS)
    if joined["document_hash"].null_count:
        joined = _with_documents_hashed(path, joined)
    wide = pa.schema([(name, pa.large_string()) for name in _COLUMNS])
    return joined.select(_COLUMNS).cast(wide).combine_chunks()


def _columns(path: Path, names: Sequence[str]) -> pa.Table:
    with open_parquet(path) as file:
        batches = file.iter_batches(_BATCH, columns=list(names))
        return pa.concat_tables([as_ours(pa.Table.from_batches([batch])) for batch in batches])


def _with_documents_hashed(path: Path, table: pa.Table) -> pa.Table:
    hashes: list[str] = []
    with open_parquet(path) as file:
        for batch in file.iter_batches(_BATCH, columns=["document"]):
            shown = as_ours(pa.Table.from_batches([batch]))["document"].to_pylist()
            hashes += [hash_text(json.dumps(own, sort_keys=True)) for own in shown]
    filled = pc.coalesce(table["document_hash"], pa.chunked_array([pa.array(hashes)]))
    place = table.schema.get_field_index("document_hash")
    return table.set_column(place, "document_hash", filled)


def _first_answers(table: pa.Table) -> pa.Table:
    """One row for each item, whatever number of answers it has."""
    encoded = table["item_id"].chunk(0).dictionary_encode()
    if len(encoded.dictionary) == len(encoded):
        return table
    _, first = np.unique(np.asarray(encoded.indices), return_index=True)
    return table.take(pa.array(first)).combine_chunks()


def _update(digest: Any, strings: Any) -> None:
    """Of lengths (−1 for null) and bytes: no two columns are the same to it."""
    lengths = pc.fill_null(pc.cast(pc.binary_length(strings), pa.int64()), -1)
    digest.update(np.asarray(lengths, dtype="<i8").tobytes())
    digest.update("".join(text for text in strings.to_pylist() if text is not None).encode())
