from __future__ import annotations

import json
import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from service_record import RUNS, fill
from service_rows import all_rows
from sqlalchemy import select

from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import (
    Audit,
    BaselineRow,
    Blob,
    Comparison,
    Evaluation,
    ItemSet,
    Model,
    Policy,
    Run,
    RunTask,
    SignIn,
    Upload,
    Verdict,
    now,
)
from saeval.evalsuite.service.operations.check import check_files, referred_files
from saeval.evalsuite.service.operations.retention import retain

OLD, YOUNG = now() - timedelta(days=40), now() - timedelta(days=2)


class Record:
    """A record to which old and young things are added."""

    def __init__(self, service: Service) -> None:
        self.service = service
        with service.database.writing() as session:
            session.add(Model(id="m", name="m"))
            session.add(Policy(hash="p", name="p", text=""))

    def add(self, *rows: Any) -> None:
        with self.service.database.writing() as session:
            session.add_all(rows)

    def file(self, content: str, created: Any = OLD) -> str:
        sha256 = self.service.blobs.put_bytes(content.encode())
        path = self.service.blobs.local(sha256)
        os.utime(path, (created.timestamp(), created.timestamp()))
        with self.service.database.writing() as session:
            if session.get(Blob, sha256) is None:
                session.add(Blob(sha256=sha256, bytes=len(content), created=created))
        return sha256

    def run(self, name: str, created: Any = OLD, items: str = "items") -> None:
        answers, manifest = self.file(f"answers {name}"), self.file(f"manifest {name}")
        item_file = self.file(items)
        with self.service.database.writing() as session:
            if session.get(ItemSet, items) is None:
                session.add(ItemSet(hash=items, task="t", items=1, blob=item_file))
            session.flush()
            session.add(
                Run(
                    id=name,
                    name=name,
                    state="ready",
                    model_id="m",
                    settings_hash="",
                    settings={},
                    engine={},
                    files={"manifest.json": manifest},
                    created=created,
                    created_by="test",
                    tasks=[
                        RunTask(
                            task="t",
                            position=0,
                            items=1,
                            answers=1,
                            items_hash=items,
                            blob=answers,
                            bytes=1,
                        )
                    ],
                )
            )

    def compare(self, base: str, checkpoint: str, created: Any = OLD) -> str:
        name = f"{base}-{checkpoint}"
        report = self.file(f"report {name}")
        self.add(
            Comparison(
                id=name,
                state="ready",
                base_id=base,
                checkpoint_id=checkpoint,
                options={},
                options_hash="",
                code_version="",
                files={"report.html": report},
                created=created,
                created_by="test",
            )
        )
        return name

    def ids(self, kind: Any) -> set[str]:
        with self.service.database.reading() as session:
            return set(session.scalars(select(kind)))


@pytest.fixture
def record(service: Service) -> Record:
    return Record(service)


def evaluation(**given: Any) -> Evaluation:
    fields = {"id": "e", "state": "finished", "request": {}, "attempts": 1, "created_by": "test"}
    return Evaluation(**{**fields, **given})


def test_an_old_run_of_nothing_goes_with_its_comparisons_and_files(record: Record) -> None:
    for name in ("a", "b"):
        record.run(name)
    record.run("young", YOUNG, items="other items")
    record.compare("a", "b")
    kept = {record.file("answers young"), record.file("manifest young"), record.file("other items")}
    planned = retain(record.service, 30, "test", dry_run=True)
    assert record.ids(Run.id) == {"a", "b", "young"}
    removed = retain(record.service, 30, "test")
    assert removed == planned
    assert (removed.runs, removed.comparisons) == (["a", "b"], ["a-b"])
    assert record.ids(Run.id) == {"young"}
    assert record.ids(Comparison.id) == set()
    assert record.ids(ItemSet.hash) == {"other items"}
    assert record.ids(Blob.sha256) == kept
    assert set(record.service.blobs.names()) == kept
    assert list(check_files(record.service)) == []
    with record.service.database.reading() as session:
        entry = session.scalars(select(Audit).where(Audit.action == "record.retain")).one()
    assert entry.detail["runs"] == ["a", "b"]


def test_what_is_needed_stays(record: Record) -> None:
    names = ["verdict-base", "verdict-checkpoint", "baseline", "evaluated", "base-to-come"]
    names += ["compared-base", "compared-lately", "of-evaluation-1", "of-evaluation-2"]
    for name in [*names, "nothing"]:
        record.run(name)
    judged = record.compare("verdict-base", "verdict-checkpoint")
    gate = record.file("gate.json")
    record.add(
        Verdict(
            id="v",
            state="ready",
            comparison_id=judged,
            policy_hash="p",
            gate_file=gate,
            created_by="test",
        ),
        BaselineRow(name="main", version=1, run_id="baseline", created_by="test"),
        evaluation(id="done", run_id="evaluated"),
        evaluation(id="waits", state="queued", request={"base": "base-to-come"}),
        evaluation(
            id="compared", comparison_id=record.compare("of-evaluation-1", "of-evaluation-2")
        ),
    )
    record.compare("compared-base", "compared-lately", YOUNG)
    record.compare("nothing", "baseline")
    removed = retain(record.service, 30, "test")
    assert removed.runs == ["nothing"]
    assert removed.comparisons == ["nothing-baseline"]
    assert record.ids(Run.id) == set(names)
    assert gate in record.ids(Blob.sha256)
    assert list(check_files(record.service)) == []


def test_files_of_uploads_under_way_stay(record: Record) -> None:
    uploads = record.service.settings.uploads
    lately, given_up = "1" * 64, "2" * 64
    (uploads / "run-left").mkdir()
    (uploads / "run-left" / "file").write_bytes(b"of a process that was killed")
    os.utime(uploads / "run-left", (OLD.timestamp(), OLD.timestamp()))
    (uploads / "run-under-way").mkdir()
    for name, created in ((lately, YOUNG), (given_up, OLD)):
        (uploads / name).write_bytes(b"a part")
        os.utime(uploads / name, (created.timestamp(), created.timestamp()))
        record.add(Upload(sha256=name, bytes=100, created=created, created_by="test"))
    not_yet_of_a_run = record.file("just uploaded", now() - timedelta(hours=20))
    forgotten = record.file("forgotten", OLD)
    removed = retain(record.service, 30, "test")
    assert (removed.uploads, removed.files) == ([given_up], [forgotten])
    assert {path.name for path in uploads.iterdir()} == {lately, "run-under-way"}
    assert record.ids(Blob.sha256) == {not_yet_of_a_run}


def test_a_file_that_is_sent_again_meanwhile_stays(record: Record) -> None:
    """Its row is gone; whoever sends it again finds the file, and adds a row a moment later."""
    sha256 = record.file("sent again")
    orphan = record.file("orphan")
    with record.service.database.writing() as session:
        for name in (sha256, orphan):
            session.delete(session.get(Blob, name))
    assert record.service.blobs.put_bytes(b"sent again") == sha256
    retain(record.service, 30, "test")
    assert set(record.service.blobs.names()) == {sha256}


def test_browsers_that_are_signed_out_are_forgotten(record: Record) -> None:
    def sign_in(name: str, expires: Any) -> SignIn:
        return SignIn(hash=name, kind="cookie", who="a", scope="read", expires=expires)

    record.add(sign_in("past", YOUNG), sign_in("now", now() + timedelta(hours=1)))
    retain(record.service, 30, "test")
    assert record.ids(SignIn.hash) == {"now"}


def test_many_runs_go_at_once(record: Record) -> None:
    with record.service.database.writing() as session:
        session.add_all(
            Run(
                id=f"{number}",
                name="r",
                state="ready",
                model_id="m",
                settings_hash="",
                settings={},
                engine={},
                files={},
                created=OLD,
                created_by="test",
            )
            for number in range(1200)
        )
    begun = time.monotonic()
    assert len(retain(record.service, 30, "test").runs) == 1200
    assert time.monotonic() - begun < 20
    assert record.ids(Run.id) == set()


def test_every_file_that_a_row_names_is_known_to_be_needed(
    service: Service, tmp_path: Path
) -> None:
    """Whatever column names it: a column that is forgotten would lose what it names."""
    fill(service, tmp_path / "runs", RUNS[:2], items=30)
    with service.database.engine.connect() as connection:
        rows = all_rows(connection)
    blobs = {row["sha256"] for row in rows.pop("blob")}
    text = json.dumps([rows[name] for name in rows if name not in ("audit", "upload")])
    named = {sha256 for sha256 in blobs if sha256 in text}
    with service.database.reading() as session:
        assert referred_files(session) == named
    assert len(named) > 8
