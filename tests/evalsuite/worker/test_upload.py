"""A run folder that grows, shrinks and is torn, and a server that has it in the end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saeval.evalsuite.client.connection import Connection
from saeval.evalsuite.client.evaluations import take_lease
from saeval.evalsuite.client.wire import LeaseRequest
from saeval.evalsuite.worker.answering import Order
from saeval.evalsuite.worker.process import AnsweringProcess
from saeval.evalsuite.worker.upload import AnswerUpload

from .conftest import Listening

TASKS = ("fever", "vitaminc")


def manifest(number: int) -> str:
    identity = {"model": {"name": f"model {number}"}}
    tasks = {task: {"items": 10} for task in TASKS}
    content = {"schema": "saeval.run/1", "kind": "run", "identity": identity, "tasks": tasks}
    return json.dumps(content)


step = st.one_of(
    st.tuples(st.just("append"), st.sampled_from(TASKS), st.binary(min_size=1, max_size=30)),
    st.tuples(st.just("cut"), st.sampled_from(TASKS), st.integers(0, 60)),
    st.tuples(st.just("manifest"), st.integers(0, 3)),
    st.tuples(st.just("send")),
    st.tuples(st.just("restart")),
    st.tuples(st.just("tear"), st.integers(0, 1), st.integers(0, 60)),
)


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(steps=st.lists(step, max_size=15))
def test_the_server_has_the_whole_lines_of_the_folder_in_the_end(
    server: Listening, tmp_path: Path, steps: list[tuple[object, ...]]
) -> None:
    """Whatever this side does to its files, and whatever a crash tears on the other."""
    folder = tmp_path / "run"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "predictions").mkdir(parents=True)
    (folder / "manifest.json").write_text(manifest(0))
    identifier = server.client.evaluate("m", TASKS).id
    with Connection(server.url, server.token) as connection:
        held = take_lease(connection, LeaseRequest(worker="w"))
        assert held is not None
        upload = AnswerUpload(held, folder)
        place = server.service.settings.uploads / "evaluations" / identifier
        for what, *given_ in [*steps, ("send",)]:
            if what == "append":
                with (folder / "predictions" / f"{given_[0]}.jsonl").open("ab") as file:
                    file.write(given_[1])  # type: ignore[arg-type]
            elif what == "cut":
                path = folder / "predictions" / f"{given_[0]}.jsonl"
                if path.exists():
                    path.write_bytes(path.read_bytes()[: given_[1]])  # type: ignore[misc]
                    upload.send()
            elif what == "manifest":
                (folder / "manifest.json").write_text(manifest(given_[0]))  # type: ignore[arg-type]
            elif what == "restart":
                upload = AnswerUpload(held, folder)
            elif what == "tear":
                path = place / f"{given_[0]}.jsonl"
                if path.exists():
                    path.write_bytes(path.read_bytes()[: given_[1]])  # type: ignore[misc]
                    upload = AnswerUpload(held, folder)
            else:
                upload.send()
        for number, task in enumerate(TASKS):
            path = folder / "predictions" / f"{task}.jsonl"
            local = path.read_bytes() if path.exists() else b""
            assert server.lines(identifier, number) == local[: local.rfind(b"\n") + 1]
        assert (place / "manifest.json").read_text() == (folder / "manifest.json").read_text()
    server.client.cancel(identifier)


def test_a_line_longer_than_a_part_is_sent_whole(server: Listening, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    (folder / "predictions").mkdir(parents=True)
    (folder / "manifest.json").write_text(manifest(0))
    content = b"a" * 3_000_000 + b"\n" + b"b\n" * 1_000_000 + b"c" * 100
    (folder / "predictions" / "fever.jsonl").write_bytes(content)
    identifier = server.client.evaluate("m", TASKS).id
    with Connection(server.url, server.token) as connection:
        held = take_lease(connection, LeaseRequest(worker="w"))
        assert held is not None
        AnswerUpload(held, folder).send()
    assert server.lines(identifier) == content[:-100]


def test_a_process_that_dies_without_a_word_may_be_tried_again(tmp_path: Path) -> None:
    order = Order(
        model="m", tasks=TASKS, settings={}, folder=tmp_path, cache=None, outcome=tmp_path / "x"
    )
    with AnsweringProcess(order) as process:
        process.stop()
        outcome = process.outcome()
    assert (outcome.kind, outcome.may_retry) == ("Exception", True)
    assert "was killed" in outcome.message
