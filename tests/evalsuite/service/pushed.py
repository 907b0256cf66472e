"""Runs of models that are right now and then, put into a record."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from builders import LABELS, prediction, run_folder

import saeval
from saeval.evalsuite.client.wire import RunUpload
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.record.runs import create_run
from saeval.evalsuite.service.record.uploads import keep_file


def answered_run(
    folder: Path, name: str, *, accuracy: float = 0.6, items: int = 200, first: int = 0
) -> Path:
    """A finished run of a model, with its answers in Parquet."""
    source = run_folder(folder / f"lines-{name}", name=name, items=items)
    rng = np.random.default_rng(list(name.encode()))
    answers = [
        prediction(
            number,
            LABELS[number % 3 if rng.random() < accuracy else rng.integers(3)],
            confidence=float(rng.choice([0.5, 0.7, 0.9])),
        )
        for number in range(first, first + items)
    ]
    lines = "".join(answer.to_line() for answer in answers)
    (source / "predictions" / "fever.jsonl").write_text(lines, encoding="utf-8")
    manifest = source / "manifest.json"
    content = hashlib.sha256(name.encode()).hexdigest()
    manifest.write_text(manifest.read_text().replace("c" * 64, content))
    return saeval.convert(source, folder / name, to="parquet")


def push(service: Service, folder: Path, who: str = "tester") -> str:
    """Put a run into the record, to be checked; its id."""
    files = {
        str(path.relative_to(folder)): keep_file(service, path, who)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(".lock")
    }
    return create_run(service, RunUpload(name=folder.name, files=files), who)[0].id
