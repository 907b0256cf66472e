"""Files sent in parts: whatever the order, the right file is there in the end, or an error."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saeval.evalsuite.service.app import create_app
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.errors import ConflictError
from saeval.evalsuite.service.record.uploads import open_part, upload_state
from saeval.evalsuite.service.settings import Limits

CONTENT = bytes(range(256)) * 4


def name_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def patch(http: TestClient, sha256: str, part: bytes, offset: int, length: int) -> int:
    headers = {"Upload-Offset": str(offset), "Upload-Length": str(length)}
    return http.patch(f"/api/blobs/{sha256}", content=part, headers=headers).status_code


def test_a_file_comes_in_parts(http: TestClient, service: Service) -> None:
    name = name_of(CONTENT)
    assert http.head(f"/api/blobs/{name}").status_code == 404
    assert http.get(f"/api/blobs/{name}").status_code == 404
    assert patch(http, name, CONTENT[:100], 0, 1024) == 204
    state = http.head(f"/api/blobs/{name}")
    assert (state.status_code, state.headers["upload-offset"]) == (200, "100")
    assert http.get(f"/api/blobs/{name}").status_code == 404
    assert patch(http, name, CONTENT[:100], 0, 1024) == 409
    assert patch(http, name, CONTENT[100:], 100, 1024) == 201
    assert patch(http, name, CONTENT[100:], 100, 1024) == 201
    assert http.head(f"/api/blobs/{name}").headers["upload-offset"] == "1024"
    assert http.get(f"/api/blobs/{name}").content == CONTENT
    part = http.get(f"/api/blobs/{name}", headers={"Range": "bytes=1000-"})
    assert (part.status_code, part.content) == (206, CONTENT[1000:])
    assert list(service.settings.uploads.iterdir()) == []


def test_an_empty_file_is_a_file(http: TestClient) -> None:
    assert patch(http, name_of(b""), b"", 0, 0) == 201
    assert http.get(f"/api/blobs/{name_of(b'')}").content == b""


def test_a_forged_hash_is_found_out(http: TestClient, service: Service) -> None:
    name = name_of(b"another")
    headers = {"Upload-Offset": "0", "Upload-Length": "1024"}
    answer = http.patch(f"/api/blobs/{name}", content=CONTENT, headers=headers)
    assert answer.status_code == 422
    assert name_of(CONTENT) in answer.json()["error"]["message"]
    assert http.get(f"/api/blobs/{name}").status_code == 404
    assert http.head(f"/api/blobs/{name}").status_code == 404
    assert not service.blobs.has(name)
    assert patch(http, name, b"another", 0, 7) == 201


def test_a_wrong_length_keeps_nobody_out(http: TestClient) -> None:
    name = name_of(CONTENT)
    assert patch(http, name, b"x" * 10, 0, 5000) == 204
    assert patch(http, name, CONTENT[10:], 10, 1024) == 409
    assert patch(http, name, CONTENT, 0, 1024) == 201


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "x" * 64, "A" * 64, "0" * 63, "0" * 64 + "%0a"]
)
def test_other_names_are_no_files(http: TestClient, service: Service, name: str) -> None:
    assert patch(http, name, b"x", 0, 1) in (404, 405, 422)
    assert list(service.settings.uploads.iterdir()) == []


@pytest.mark.parametrize(
    ("offset", "length"), [("-1", "4"), ("x", "4"), ("0", "-4"), ("0", str(2**70)), ("5", "4")]
)
def test_bad_numbers_are_refused(http: TestClient, offset: str, length: str) -> None:
    headers = {"Upload-Offset": offset, "Upload-Length": length}
    answer = http.patch(f"/api/blobs/{name_of(b'data')}", content=b"data", headers=headers)
    assert answer.status_code in (409, 422)


def test_more_than_the_limits_is_refused(service: Service, http: TestClient) -> None:
    small = replace(service.settings, limits=Limits(part_bytes=100, blob_bytes=500))
    token = {"Authorization": http.headers["authorization"]}
    with TestClient(create_app(replace(service, settings=small)), headers=token) as client:
        assert patch(client, name_of(CONTENT), CONTENT, 0, 1024) == 413
        content = CONTENT[:300]
        assert patch(client, name_of(content), content, 0, 300) == 413
        assert patch(client, name_of(content), content[:100], 0, 300) == 204

        def lie() -> object:  # without Content-Length
            yield content[100:]

        headers = {"Upload-Offset": "100", "Upload-Length": "300"}
        answer = client.patch(f"/api/blobs/{name_of(content)}", content=lie(), headers=headers)
        assert answer.status_code == 413
        state = upload_state(service, name_of(content))
        assert state is not None
        assert state.offset == 100


def test_one_at_a_time_writes_a_file(service: Service) -> None:
    name = name_of(CONTENT)
    part = open_part(service, name, 0, 1024, "one")
    assert part is not None
    with pytest.raises(ConflictError, match="somebody else is sending it"):
        open_part(service, name, 0, 1024, "two")
    part.write(CONTENT[:5])
    part.close()
    again = open_part(service, name, 5, 1024, "two")
    assert again is not None
    again.write(CONTENT[5:])
    assert again.finish()
    again.close()
    assert open_part(service, name, 0, 1024, "one") is None


def test_many_senders_of_one_file_corrupt_nothing(http: TestClient, service: Service) -> None:
    names = [name_of(CONTENT + bytes([n])) for n in range(4)]
    start = threading.Barrier(4)

    def send(_: int) -> None:
        start.wait()
        for number, name in enumerate(names):
            content = CONTENT + bytes([number])
            for _ in range(200):
                state = http.head(f"/api/blobs/{name}")
                offset = int(state.headers["upload-offset"]) if state.status_code == 200 else 0
                if offset == len(content):
                    break
                patch(http, name, content[offset : offset + 300], offset, len(content))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, range(4)))
    for number, name in enumerate(names):
        assert http.get(f"/api/blobs/{name}").content == CONTENT + bytes([number])
        assert service.blobs.read(name) == CONTENT + bytes([number])


PARTS = st.lists(
    st.tuples(
        st.integers(0, 40), st.integers(0, 40), st.sampled_from([40, 40, 40, 39, 41]), st.booleans()
    ),
    max_size=12,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(parts=PARTS, salt=st.binary(max_size=4))
def test_any_parts_end_in_the_right_file(
    service: Service, http: TestClient, parts: list[tuple[int, int, int, bool]], salt: bytes
) -> None:
    content = (salt + CONTENT)[:40]
    name = name_of(content)
    for offset, end, length, is_forged in parts:
        part = content[offset:end]
        if is_forged:
            part = part[::-1]
        assert patch(http, name, part, offset, length) in (201, 204, 409, 413, 422)
        if service.blobs.has(name):
            assert service.blobs.read(name) == content
    for _ in range(3):  # as a client goes on: from where the server is, and once from the start
        state = http.head(f"/api/blobs/{name}")
        offset, length = 0, 40
        if state.status_code == 200:
            offset, length = (int(state.headers[f"upload-{of}"]) for of in ("offset", "length"))
        if length != 40:
            offset = 0
        if patch(http, name, content[offset:], offset, 40) == 201:
            break
    assert http.get(f"/api/blobs/{name}").content == content


def test_a_file_on_another_file_system_is_copied(tmp_path: Path, service: Service) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    service.blobs.take(tmp_path / "file", name_of(CONTENT))
    assert not (tmp_path / "file").exists()
    (tmp_path / "file").write_bytes(CONTENT)
    service.blobs.take(tmp_path / "file", name_of(CONTENT))
    assert not (tmp_path / "file").exists()
    assert service.blobs.read(name_of(CONTENT)) == CONTENT
