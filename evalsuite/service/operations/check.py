"""Whether every file that the record refers to is there, and is what its name says."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from saeval.errors import InputError
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import (
    Blob,
    Comparison,
    ItemSet,
    Run,
    RunTask,
    Verdict,
)

_BLOCK = 2**20


@dataclass(frozen=True)
class FileProblem:
    """What is wrong with a file of the record."""

    sha256: str
    problem: Literal["missing", "changed", "not recorded"]


def check_files(service: Service) -> Iterator[FileProblem]:
    """Read every file of the record, and give those that are not what they should be."""
    with service.database.reading() as session:
        recorded = set(session.scalars(select(Blob.sha256)))
        referred = referred_files(session)
    for sha256 in sorted(referred - recorded):
        yield FileProblem(sha256, "not recorded")
    for sha256 in sorted(recorded):
        try:
            is_right = _hash(service, sha256) == sha256
        except FileNotFoundError:
            yield FileProblem(sha256, "missing")
        except InputError:
            yield FileProblem(sha256, "changed")
        else:
            if not is_right:
                yield FileProblem(sha256, "changed")


def referred_files(
    session: Session,
    *,
    without_runs: Collection[str] = (),
    without_comparisons: Collection[str] = (),
) -> set[str]:
    """The SHA-256 of each file that a row refers to, but for those of some runs and comparisons."""
    found = {file for file in session.scalars(select(Verdict.gate_file)) if file is not None}
    item_sets: dict[str, str] = {
        name: blob for name, blob in session.execute(select(ItemSet.hash, ItemSet.blob))
    }
    tasks = select(RunTask.run_id, RunTask.blob, RunTask.items_hash)
    for run_id, blob, items_hash in session.execute(tasks):
        if run_id not in without_runs:
            found.update((blob, item_sets[items_hash]))
    for run_id, files in session.execute(select(Run.id, Run.files)):
        found.update(() if run_id in without_runs else files.values())
    for comparison, files in session.execute(select(Comparison.id, Comparison.files)):
        found.update(() if comparison in without_comparisons else files.values())
    for files in session.scalars(select(Verdict.files)):
        found.update((files or {}).values())
    return found


def _hash(service: Service, sha256: str) -> str:
    digest = hashlib.sha256()
    with service.blobs.local(sha256).open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
