"""A comparison that is ready, with its items, put into a record without computing anything."""

from __future__ import annotations

import tempfile
from pathlib import Path

import saeval
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import Comparison, Model, Run
from saeval.evalsuite.service.items.write import write_items
from saeval.evalsuite.service.record.uploads import keep_file


def keep_comparison(
    service: Service,
    comparison: saeval.Comparison,
    *,
    names: tuple[str, str] = ("base run", "checkpoint run"),
    number: int = 0,
) -> str:
    """Put the items of a comparison into the record; the id of the comparison there."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "items.parquet"
        write_items(path, comparison)
        sha256 = keep_file(service, path, "tester")
    comparison_id = f"comparison{number:04}"
    with service.database.writing() as session:
        for side, name in zip(("base", "checkpoint"), names, strict=True):
            known = f"{side}{number:06}"
            session.add(Model(id=known, name=name))
            session.flush()
            session.add(
                Run(
                    id=known, name=name, state="ready", model_id=known, settings_hash="",
                    settings={}, engine={}, files={}, created_by="tester",
                )
            )  # fmt: skip
        session.flush()
        session.add(
            Comparison(
                id=comparison_id, state="ready", base_id=f"base{number:06}",
                checkpoint_id=f"checkpoint{number:06}", options={}, options_hash=str(number),
                code_version="0", files={"items.parquet": sha256}, created_by="tester",
            )
        )  # fmt: skip
    return comparison_id
