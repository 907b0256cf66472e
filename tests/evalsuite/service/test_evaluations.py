"""Evaluations on the server: leases, heartbeats, and files that are appended to by offset."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from saeval.evalsuite.client.wire import EvaluationRequest, LeaseRequest, Scope
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import Evaluation, now
from saeval.evalsuite.service.errors import ConflictError
from saeval.evalsuite.service.record import evaluations, leases
from saeval.evalsuite.service.record.evaluation_files import EvaluationFiles
from saeval.evalsuite.service.settings import ServiceSettings

REQUEST: dict[str, Any] = {"model": "org/model", "tasks": ["fever", "vitaminc"]}
LINES = "predictions/fever.jsonl"
MANIFEST = {
    "schema": "saeval.run/1",
    "kind": "run",
    "identity": {"model": {"name": "model"}, "samples": 2},
    "tasks": {"fever": {"items": 2}, "vitaminc": {"items": 1}},
}


def post(http: TestClient, **changed: Any) -> str:
    answer = http.post("/api/evaluations", json=REQUEST | changed)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def lease(http: TestClient, worker: str = "one", declined: tuple[str, ...] = ()) -> Any:
    answer = http.post("/api/evaluations/lease", json={"worker": worker, "declined": declined})
    assert answer.status_code in (200, 204), answer.text
    return answer.json() if answer.status_code == 200 else None


class Holder:
    """A worker that has a lease."""

    def __init__(self, http: TestClient, worker: str = "one") -> None:
        self.http, self.lease = http, lease(http, worker)
        self.at = f"/api/evaluations/{self.lease['evaluation']['id']}"
        self.headers = {"X-Lease": self.lease["token"]}

    def put(self, content: bytes, offset: int = 0, name: str = LINES) -> Any:
        headers = self.headers | {"Upload-Offset": str(offset)}
        return self.http.patch(f"{self.at}/files/{name}", content=content, headers=headers)

    def manifest(self, **changed: Any) -> Any:
        return self.put(json.dumps(MANIFEST | changed).encode(), name="manifest.json")

    def post(self, what: str, body: Any = None) -> Any:
        return self.http.post(f"{self.at}/{what}", json=body, headers=self.headers)

    def info(self) -> Any:
        return self.http.get(self.at).json()


def let_lease_end(service: Service) -> None:
    with service.database.writing() as session:
        session.execute(update(Evaluation).values(lease_until=now() - timedelta(seconds=1)))


def test_the_oldest_is_leased_first_and_each_once(http: TestClient) -> None:
    first, second = post(http), post(http)
    assert [lease(http)["evaluation"]["id"] for _ in range(2)] == [first, second]
    assert lease(http) is None


def test_a_lease_that_ended_goes_to_the_next_worker_and_its_holder_is_refused(
    http: TestClient, service: Service
) -> None:
    post(http)
    late = Holder(http)
    late.manifest()
    assert late.put(b"a\n").headers["upload-offset"] == "2"
    assert lease(http) is None
    let_lease_end(service)
    assert late.put(b"b\n", 2).status_code == 204, "nobody has taken it: it goes on"
    let_lease_end(service)
    following = Holder(http, "two")
    assert following.lease["files"] == {
        "manifest.json": len(json.dumps(MANIFEST)),
        LINES: 4,
    }
    assert following.lease["evaluation"]["progress"] == {"done": 2, "total": 6, "what": "answers"}
    for answer in (
        late.put(b"c\n", 4),
        late.manifest(),
        late.post("heartbeat"),
        late.post("finish"),
        late.post("fail", {"reason": "no"}),
        late.post("release", {}),
        http.delete(f"{late.at}/files", headers=late.headers),
    ):
        assert (answer.status_code, answer.json()["error"]["kind"]) == (409, "LeaseLostError")
    assert following.put(b"c\n", 4).status_code == 204
    assert following.info()["worker"] == "two"


def test_a_heartbeat_and_every_part_prolong_the_lease(http: TestClient, service: Service) -> None:
    post(http)
    holder = Holder(http)
    for word in (
        lambda: holder.post("heartbeat"),
        holder.manifest,
        lambda: holder.put(b"a\n"),
        lambda: holder.put(b"a\n"),
    ):
        let_lease_end(service)
        assert word().status_code in (200, 204)
        assert lease(http) is None


def test_a_lease_lasts_as_long_as_the_settings_say(settings: ServiceSettings) -> None:
    service = Service.open(replace(settings, lease_seconds=7.0))
    with service.database.writing() as session:
        request = EvaluationRequest.model_validate(REQUEST)
        evaluations.create_evaluation(session, request, "test")
    taken = leases.take_lease(service, LeaseRequest(worker="one"), "test")
    service.close()
    assert taken is not None
    assert taken.seconds == 7
    assert taken.evaluation.lease_until is not None
    assert 5 < (taken.evaluation.lease_until - now()).total_seconds() <= 7


def test_workers_that_ask_at_once_never_hold_the_same(service: Service) -> None:
    with service.database.writing() as session:
        request = EvaluationRequest.model_validate(REQUEST)
        for _ in range(12):
            evaluations.create_evaluation(session, request, "test")

    def work(number: int) -> list[str]:
        held = []
        while taken := leases.take_lease(service, LeaseRequest(worker=f"w{number}"), "test"):
            held.append(taken.evaluation.id)
        return held

    with ThreadPoolExecutor(8) as pool:
        taken = [own for held in pool.map(work, range(8)) for own in held]
    assert len(taken) == 12
    assert set(Counter(taken).values()) == {1}


def test_a_lease_that_ended_is_taken_over_by_one_of_many(service: Service) -> None:
    with service.database.writing() as session:
        request = EvaluationRequest.model_validate(REQUEST)
        row = evaluations.create_evaluation(session, request, "test")
    for _ in range(3):
        leases.take_lease(service, LeaseRequest(worker="dead"), "test")
        let_lease_end(service)
        with ThreadPoolExecutor(8) as pool:
            tries = [
                pool.submit(leases.take_lease, service, LeaseRequest(worker=f"w{number}"), "test")
                for number in range(8)
            ]
        held = [lease for own in tries if (lease := own.result()) is not None]
        assert len(held) == 1
        leases.prolong(service, row.id, held[0].token)
        leases.release(service, row.id, held[0].token, None, "test")


def test_what_cannot_be_answered_is_given_up_after_some_attempts(
    http: TestClient, service: Service
) -> None:
    post(http)
    for _ in range(service.settings.evaluation_attempts - 1):
        assert Holder(http).post("fail", {"reason": "lost", "retry": True}).json()["state"] == (
            "queued"
        )
    last = Holder(http).post("fail", {"reason": "out of memory", "retry": True}).json()
    assert (last["state"], last["reason"]) == ("failed", "out of memory")
    assert lease(http) is None


def test_a_model_that_kills_its_workers_is_given_up(http: TestClient, service: Service) -> None:
    at = post(http)
    for _ in range(service.settings.evaluation_attempts):
        assert lease(http) is not None
        let_lease_end(service)
    assert lease(http) is None
    info = http.get(f"/api/evaluations/{at}").json()
    assert (info["state"], info["reason"]) == ("failed", "5 workers vanished without an answer")


def test_workers_that_bring_it_on_may_die_as_often_as_they_do(
    http: TestClient, service: Service
) -> None:
    post(http)
    for number in range(8):
        assert Holder(http).put(b"a\n" * (number + 1)).status_code == 204
        let_lease_end(service)
    assert lease(http) is not None


def test_what_is_given_back_is_free_at_once_and_counts_no_attempt(http: TestClient) -> None:
    at = post(http)
    for _ in range(10):
        Holder(http).post("release", {"reason": "not a model of mine"})
    info = http.get(f"/api/evaluations/{at}").json()
    assert (info["state"], info["attempts"], info["worker"]) == ("queued", 0, None)
    assert info["reason"] == "not a model of mine"
    assert lease(http, declined=(at,)) is None
    assert lease(http) is not None


def test_a_failure_that_no_other_worker_can_mend_is_the_end(http: TestClient) -> None:
    post(http)
    assert Holder(http).post("fail", {"reason": "no such model"}).json()["state"] == "failed"
    assert lease(http) is None


def test_a_cancelled_evaluation_stops_its_worker_and_its_files_go(
    http: TestClient, service: Service
) -> None:
    at = f"/api/evaluations/{post(http)}"
    holder = Holder(http)
    holder.put(b"a\n")
    assert http.delete(at).json()["state"] == "cancelled"
    assert holder.put(b"a\n").status_code == 409
    assert not [*(service.settings.uploads / "evaluations").iterdir()]
    assert http.delete(at).status_code == 409


def test_it_is_finished_when_all_answers_are_there(http: TestClient) -> None:
    post(http)
    holder = Holder(http)
    assert holder.post("finish").status_code == 409
    holder.manifest()
    holder.put(b"a\nb\nc\nd\n")
    assert holder.post("finish").json()["error"]["message"] == "4 of 6 answers are there"
    holder.put(b"e\nf\n", name="predictions/vitaminc.jsonl")
    for _ in range(2):  # the answer to the first may be lost
        assert holder.post("finish").json()["state"] == "finished"
    assert holder.put(b"g\n", 8).status_code == 409
    assert lease(http) is None


def test_a_worker_with_another_engine_starts_afresh(http: TestClient) -> None:
    post(http)
    holder = Holder(http)
    holder.manifest()
    holder.put(b"a\n")
    assert http.delete(f"{holder.at}/files", headers=holder.headers).status_code == 204
    assert holder.info()["progress"] == {"done": 0, "total": None, "what": "answers"}
    holder.put(b"b\n")
    assert http.get(f"{holder.at}/files/{LINES}").content == b"b\n"


@pytest.mark.parametrize(
    "name",
    [
        "predictions/popqa.jsonl",
        "predictions/..%2F..%2Fx.jsonl",
        "../manifest.json",
        "predictions/fever.parquet",
        ".lock",
        "0.jsonl",
        "%2Fetc%2Fpasswd",
        "predictions/fever.jsonl%00",
    ],
)
def test_there_are_no_other_files(http: TestClient, service: Service, name: str) -> None:
    post(http)
    holder = Holder(http)
    assert holder.put(b"a\n", name=name).status_code in (404, 405)
    assert http.get(f"{holder.at}/files/{name}").status_code == 404
    folder = service.settings.uploads / "evaluations"
    assert {path.name for path in folder.rglob("*") if path.is_file()} == {".lock"}


@pytest.mark.parametrize(
    ("content", "offset", "status"),
    [(b"", 0, 422), (b"half", 0, 422), (b"a\nhalf", 0, 422), (b"a\n", 1, 409), (b"a\n", -1, 422)],
)
def test_what_is_no_whole_line_at_its_place_is_refused(
    http: TestClient, content: bytes, offset: int, status: int
) -> None:
    post(http)
    holder = Holder(http)
    assert holder.put(content, offset).status_code == status
    assert http.get(f"{holder.at}/files/{LINES}").status_code == 404 or status == 409


def test_other_lines_at_the_same_place_are_refused(http: TestClient) -> None:
    post(http)
    holder = Holder(http)
    holder.put(b"abc\n")
    answer = holder.put(b"xbc\nd\n")
    assert (answer.status_code, answer.json()["error"]["detail"]["same"]) == (409, False)
    assert http.get(f"{holder.at}/files/{LINES}").content == b"abc\n"


@pytest.mark.parametrize("content", [b"{}", b"no", b'{"schema": "saeval.run/1"}'])
def test_what_is_no_manifest_of_a_run_is_refused(http: TestClient, content: bytes) -> None:
    post(http)
    assert Holder(http).put(content, name="manifest.json").status_code == 422


def test_limits_of_a_part_and_of_a_file(settings: ServiceSettings, http: TestClient) -> None:
    post(http)
    holder = Holder(http)
    service: Service = http.app.state.service  # type: ignore[attr-defined]
    limits = replace(service.settings.limits, part_bytes=10, blob_bytes=15)
    object.__setattr__(service.settings, "limits", limits)
    assert holder.put(b"123456789\n").status_code == 204
    assert holder.put(b"1234567890\n", 10).status_code == 413
    assert holder.put(b"12345\n", 10).status_code == 413
    assert holder.put(b"1234\n", 10).status_code == 204


def test_a_line_that_the_server_tore_is_cut_off_for_the_next_worker(
    http: TestClient, service: Service
) -> None:
    at = post(http)
    Holder(http).put(b"abc\ndef\n")
    path = service.settings.uploads / "evaluations" / at / "0.jsonl"
    path.write_bytes(b"abc\nde")
    let_lease_end(service)
    following = Holder(http)
    assert following.lease["files"][LINES] == 4
    assert following.put(b"def\n", 4).status_code == 204
    assert path.read_bytes() == b"abc\ndef\n"


def test_a_line_that_the_server_tore_is_completed_by_its_worker(
    http: TestClient, service: Service
) -> None:
    at = post(http)
    holder = Holder(http)
    path = service.settings.uploads / "evaluations" / at / "0.jsonl"
    path.write_bytes(b"abc\nde")
    assert holder.put(b"abc\ndef\nghi\n").headers["upload-offset"] == "12"
    assert path.read_bytes() == b"abc\ndef\nghi\n"


line = st.binary(max_size=6).map(lambda own: own.replace(b"\n", b"") + b"\n")


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(lines=st.lists(line, min_size=1, max_size=12), data=st.data())
def test_parts_sent_again_out_of_order_or_by_turns_leave_every_line_once(
    service: Service, lines: list[bytes], data: st.DataObject
) -> None:
    """Whole lines from any place, torn by crashes in between: the file is always a prefix."""
    whole = b"".join(lines)
    starts = [sum(map(len, lines[:count])) for count in range(len(lines) + 1)]
    request = EvaluationRequest.model_validate(REQUEST)
    files = EvaluationFiles(service, "hypothesis", request)
    with files.locked():
        files.clear()
        path, counted = files.path(LINES), 0
        for _ in range(data.draw(st.integers(1, 25))):
            first = data.draw(st.integers(0, len(lines) - 1))
            last = data.draw(st.integers(first + 1, len(lines)))
            size = path.stat().st_size if path.exists() else 0
            part = whole[starts[first] : starts[last]]
            if starts[first] > size:
                with pytest.raises(ConflictError):
                    files.append(LINES, starts[first], part)
            else:
                counted += files.append(LINES, starts[first], part)
            kept = path.read_bytes()
            assert whole.startswith(kept)
            assert counted == kept.count(b"\n")
            if kept and data.draw(st.booleans()):
                path.write_bytes(kept[: data.draw(st.integers(0, len(kept)))])
                counted = files.mend().done
                assert path.read_bytes() in [whole[:start] for start in starts]
        size = path.stat().st_size if path.exists() else 0
        files.append(LINES, size, whole[size:]) if size < len(whole) else None
        assert path.read_bytes() == whole


@pytest.mark.parametrize(
    "settings_",
    [
        {"out": "/tmp/x"},
        {"cache": "/tmp/x"},
        {"data_dir": "/etc"},
        {"include_path": "/etc"},
        {"model_args": {"trust_remote_code": True}},
        {"generation": {"custom_generate": "org/repo"}},
        {"run_config": "x"},
        {"engine": "mine"},
        {"file_format": "parquet"},
        {"limit": 0},
        {"limit": "5"},
        {"limit": True},
        {"per_label": "x"},
        {"generation": {"temperature": 0.7}},
        {"samples": 10**9},
    ],
)
def test_settings_that_no_worker_takes_are_refused(http: TestClient, settings_: Any) -> None:
    answer = http.post("/api/evaluations", json=REQUEST | {"settings": settings_})
    assert answer.status_code == 422
    assert http.get("/api/evaluations").json()["evaluations"] == []


@pytest.mark.parametrize(
    "changed", [{"policy": "x"}, {"tasks": ["fever", "fever"]}, {"tasks": ["../x"]}, {"extra": 1}]
)
def test_a_request_that_contradicts_itself_is_refused(http: TestClient, changed: Any) -> None:
    assert http.post("/api/evaluations", json=REQUEST | changed).status_code == 422


def test_a_base_that_is_not_there_is_refused(http: TestClient) -> None:
    for base in ("baselines/none", "0" * 20):
        answer = http.post("/api/evaluations", json=REQUEST | {"base": base})
        assert answer.status_code == 404


def test_whoever_may_not_gate_gets_no_verdict_by_a_worker(
    http: TestClient, token: Callable[[Scope], str]
) -> None:
    http.headers["Authorization"] = f"Bearer {token('write')}"
    body = REQUEST | {"base": "baselines/none", "policy": "rules: []"}
    assert http.post("/api/evaluations", json=body).status_code == 403
    body = {"key": "a" * 64, "request": body}
    assert http.post("/api/evaluations/follow", json=body).status_code == 403


def test_evaluations_are_listed_in_pages_the_newest_first(http: TestClient) -> None:
    ids = [post(http) for _ in range(5)][::-1]
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = http.get("/api/evaluations", params={"limit": "2", **after}).json()
        seen += [own["id"] for own in page["evaluations"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert seen == ids
    lease(http)
    leased = http.get("/api/evaluations", params={"state": "leased"}).json()["evaluations"]
    assert [own["id"] for own in leased] == [ids[-1]]


def test_a_run_that_its_owner_answers_is_given_to_no_worker(http: TestClient) -> None:
    body = {"key": "a" * 64, "request": REQUEST}
    first = http.post("/api/evaluations/follow", json=body).json()
    assert lease(http) is None
    again = http.post("/api/evaluations/follow", json=body).json()
    assert again["evaluation"]["id"] == first["evaluation"]["id"]
    at = f"/api/evaluations/{first['evaluation']['id']}/heartbeat"
    assert http.post(at, headers={"X-Lease": first["token"]}).status_code == 409
    assert http.post(at, headers={"X-Lease": again["token"]}).status_code == 200
    http.delete(at.removesuffix("/heartbeat"))
    fresh = http.post("/api/evaluations/follow", json=body).json()
    assert fresh["evaluation"]["id"] != first["evaluation"]["id"]


def test_who_may_only_read_changes_nothing(http: TestClient, token: Callable[[Scope], str]) -> None:
    post(http)
    holder = Holder(http)
    http.headers["Authorization"] = f"Bearer {token('read')}"
    for answer in (
        http.post("/api/evaluations", json=REQUEST),
        http.post("/api/evaluations/lease", json={"worker": "x"}),
        http.post("/api/evaluations/follow", json={"key": "a" * 64, "request": REQUEST}),
        http.delete(holder.at),
        holder.put(b"a\n"),
        holder.post("heartbeat"),
        holder.post("finish"),
        holder.post("fail", {"reason": "x"}),
        holder.post("release", {}),
        http.delete(f"{holder.at}/files", headers=holder.headers),
    ):
        assert answer.status_code == 403
    assert holder.info()["state"] == "leased"


def test_a_lease_token_is_not_in_the_database(http: TestClient, service: Service) -> None:
    post(http)
    holder = Holder(http)
    with service.database.reading() as session:
        row = evaluations.get_evaluation(session, holder.lease["evaluation"]["id"])
        assert holder.lease["token"] not in str(row.__dict__)
    assert holder.lease["token"] not in http.get(holder.at).text
    assert "lease_hash" not in http.get(holder.at).text


def test_workers_that_find_nothing_write_nothing(http: TestClient, service: Service) -> None:
    before = service.database.revision()
    assert lease(http) is None
    post(http)
    holder = Holder(http)
    counted = service.database.revision()
    holder.put(b"a\n")
    assert service.database.revision() == counted == before + 2
