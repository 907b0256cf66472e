"""What becomes of an evaluation whose answers are all there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builders import run_folder

import saeval
from saeval.evalsuite.client.wire import EvaluationRequest, LeaseRequest, Progress
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import Evaluation, Run
from saeval.evalsuite.service.errors import RefusedError
from saeval.evalsuite.service.record import evaluations, leases
from saeval.evalsuite.service.record.evaluation_lines import write_part
from saeval.evalsuite.service.record.evaluation_runs import (
    compute_evaluation_run,
    finish_evaluation_run,
    sweep_evaluation_files,
)
from saeval.evalsuite.service.settings import ServiceSettings

from .jobs_process import jobs_running, wait_for
from .pushed import answered_run, push


def report(_: Progress) -> None:
    pass


def answered(service: Service, folder: Path, **request: Any) -> str:
    """An evaluation that a worker has answered with the lines of a run folder."""
    asked = EvaluationRequest(model="org/model", tasks=("fever",), **request)
    with service.database.writing() as session:
        identifier = evaluations.create_evaluation(session, asked, "poster").id
    lease = leases.take_lease(service, LeaseRequest(worker="one"), "worker")
    assert lease is not None
    for name in ("manifest.json", "predictions/fever.jsonl"):
        content = (folder / name).read_bytes()
        write_part(service, identifier, lease.token, name, 0, content)
    leases.finish(service, identifier, lease.token, "worker")
    return identifier


def row_of(service: Service, identifier: str) -> Evaluation:
    with service.database.reading() as session:
        return evaluations.get_evaluation(session, identifier)


@pytest.mark.service
def test_its_lines_become_a_run_that_is_compared_and_gated(
    service: Service, settings: ServiceSettings, tmp_path: Path
) -> None:
    """By the real jobs process; the answers are those of the lines."""
    base = push(service, answered_run(tmp_path, "base"))
    checkpoint = saeval.convert(answered_run(tmp_path, "better", accuracy=0.9), tmp_path / "lines")
    identifier = answered(
        service, checkpoint, base=base, policy=POLICY, recipe="grpo", step=7, name="Mine"
    )
    with jobs_running(settings):
        wait_for(lambda: row_of(service, identifier).verdict_id, 120)
        with service.database.reading() as session:
            wait_for(lambda: _verdict(service, identifier).state in ("ready", "failed"), 120)
    row = row_of(service, identifier)
    assert (row.state, row.reason) == ("finished", None)
    verdict = _verdict(service, identifier)
    assert (verdict.reason, verdict.result) == (None, "PASS")
    assert (verdict.comparison.base_id, verdict.comparison.checkpoint_id) == (base, row.run_id)
    with service.database.reading() as session:
        run = session.get(Run, row.run_id)
        assert run is not None
        assert (run.name, run.recipe, run.step, run.created_by) == ("Mine", "grpo", 7, "poster")
    folder = tmp_path / "back"
    (folder / "predictions").mkdir(parents=True)
    for name, sha256 in run.files.items():
        (folder / name).write_bytes(service.blobs.read(sha256))
    back = saeval.convert(folder, tmp_path / "back-lines")
    name = "predictions/fever.jsonl"
    assert (back / name).read_bytes() == (checkpoint / name).read_bytes()


def _verdict(service: Service, identifier: str) -> Any:
    from saeval.evalsuite.service.database.tables import Verdict

    with service.database.reading() as session:
        return session.get(Verdict, row_of(service, identifier).verdict_id)


def test_it_is_the_same_run_however_often_it_is_made(service: Service, tmp_path: Path) -> None:
    identifier = answered(service, run_folder(tmp_path / "run"))
    first = compute_evaluation_run(service, identifier, report)
    assert compute_evaluation_run(service, identifier, report) == first
    with service.database.writing() as session:
        finish_evaluation_run(session, identifier, first)
    assert compute_evaluation_run(service, identifier, report) == first
    sweep_evaluation_files(service)
    assert not [*(service.settings.uploads / "evaluations").iterdir()]
    assert {path.name for path in service.settings.uploads.iterdir()} == {"evaluations"}


def test_files_of_evaluations_under_way_are_not_swept(service: Service, tmp_path: Path) -> None:
    identifier = answered(service, run_folder(tmp_path / "run"))
    sweep_evaluation_files(service)
    assert (service.settings.uploads / "evaluations" / identifier / "0.jsonl").is_file()


def _change_manifest(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def mend(folder: Path) -> None:
        path = folder / "manifest.json"
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return mend


def _change_lines(change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    def mend(folder: Path) -> None:
        path = folder / "predictions" / "fever.jsonl"
        path.write_text("".join(change(path.read_text().splitlines(keepends=True))))

    return mend


POLICY = "rules:\n  - {metric: accuracy, not_worse_by: 0.05}\n"
PROOF = {"prompts": "x", "scores": [], "base_moved": {}, "floor": 1e-5, "ended": False}


@pytest.mark.parametrize(
    ("mend", "sentence"),
    [
        (_change_manifest(lambda own: own.update(checksums="sha256")), "checksum does not fit"),
        (_change_manifest(lambda own: own.update(proof=PROOF)), "cut short"),
        (
            _change_manifest(lambda own: own["tasks"].update(popqa={"items": 0})),
            "the manifest is of fever, popqa, not of fever",
        ),
        (_change_lines(lambda own: ["no\n", *own[1:]]), "not JSON"),
    ],
)
def test_what_is_no_finished_run_is_refused(
    service: Service, tmp_path: Path, mend: Callable[[Path], None], sentence: str
) -> None:
    folder = run_folder(tmp_path / "run")
    mend(folder)
    identifier = answered(service, folder)
    with pytest.raises(saeval.SaevalError, match=sentence) as caught:
        compute_evaluation_run(service, identifier, report)
    assert str(service.settings.data) not in str(caught.value)
    assert not [path for path in service.settings.uploads.iterdir() if path.name != "evaluations"]


def test_a_server_that_lost_the_lines_says_so(service: Service, tmp_path: Path) -> None:
    identifier = answered(service, run_folder(tmp_path / "run"))
    (service.settings.uploads / "evaluations" / identifier / "0.jsonl").unlink()
    with pytest.raises(RefusedError, match="0 of 30 answers of task fever"):
        compute_evaluation_run(service, identifier, report)
