"""Files of runs: whole or not at all, appended to, locked, and described."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path
from typing import Any, ClassVar

import pytest

from saeval.errors import InputError, RunFolderError
from saeval.files import AppendOnlyLog, Manifest, lock_folder, replace_file, write_atomic


def test_a_file_is_replaced_whole_and_is_as_readable_as_others(tmp_path):
    path = tmp_path / "report.md"
    path.write_text("old")
    assert write_atomic(path, "new é\n") == path
    assert path.read_bytes() == "new é\n".encode()
    other = tmp_path / "other"
    other.touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(other.stat().st_mode)
    write_atomic(path, b"\x00\r\n")
    assert path.read_bytes() == b"\x00\r\n"


def test_a_file_written_in_pieces_is_replaced_when_all_are_there(tmp_path):
    path = write_atomic(tmp_path / "big", b"old")
    with replace_file(path) as file:
        file.write(b"ne")
        assert path.read_bytes() == b"old"
        file.write(b"w")
    assert path.read_bytes() == b"new"

    def half() -> None:
        with replace_file(path) as file:
            file.write(b"half")
            raise RuntimeError("in between")

    with pytest.raises(RuntimeError, match="in between"):
        half()
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path, monkeypatch):
    path = tmp_path / "report.md"
    path.write_text("old")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        write_atomic(path, "new")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("report.md", "old")]


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("torn", ["", "thi", "third"])
def test_a_torn_end_is_cut_before_reading_and_before_appending(tmp_path, shared, torn):
    path = tmp_path / "made" / "log.jsonl"
    log = AppendOnlyLog(path, shared=shared)
    assert log.read() == []
    log.append(["first\n", "second\n"], first="head\n")
    path.write_bytes(path.read_bytes() + torn.encode())
    log.append(["third\n"], first="head\n")
    assert log.read() == [b"head", b"first", b"second", b"third"]
    path.write_bytes(path.read_bytes() + torn.encode())
    assert log.read() == [b"head", b"first", b"second", b"third"]
    with log.open() as append:
        append(["fourth\n"])
        assert path.read_bytes().endswith(b"third\nfourth\n"), "with the system at once"
    assert log.read()[-1] == b"fourth"


def test_a_file_that_is_nothing_but_a_torn_line_is_empty(tmp_path):
    log = AppendOnlyLog(tmp_path / "log")
    log.path.write_bytes(b"torn")
    assert log.read() == []
    assert log.path.read_bytes() == b""


def lock(folder: Path, **changes: Any) -> Any:
    words = {"manifest": "m.json", "what": "a run", "busy": "another process is writing here"}
    return lock_folder(folder, **(words | changes))


def test_a_folder_is_made_and_one_at_a_time_may_write(tmp_path):
    folder = tmp_path / "a" / "b"
    with lock(folder):
        (folder / "m.json").touch()
        with pytest.raises(RunFolderError, match="b: another process is writing here; wait"):
            lock(folder).__enter__()
    with lock(folder):
        pass


def test_what_is_something_else_is_left_alone(tmp_path):
    (tmp_path / "data.json").touch()
    with pytest.raises(RunFolderError, match=r"that is not a run \(data.json\)"), lock(tmp_path):
        pass
    with lock(tmp_path, may_hold=["data.json"]):
        pass
    with pytest.raises(RunFolderError, match="is no folder"), lock(tmp_path / "data.json"):
        pass


class Described(Manifest):
    """Version 2 calls `colour` what version 1 called `color`."""

    SCHEMA: ClassVar[str] = "thing/2"

    colour: str
    size: int = 1

    @classmethod
    def upgrade(cls, content: dict[str, Any]) -> dict[str, Any]:
        if content.get("schema") != "thing/1":
            return content
        renamed = {"color": "colour"}
        return {renamed.get(k, k): v for k, v in content.items()} | {"schema": "thing/2"}


def test_a_manifest_keeps_what_it_does_not_know_and_adds_nothing():
    text = '{\n  "schema": "thing/2",\n  "colour": "grün",\n  "later": [\n    1\n  ]\n}\n'
    manifest = Described.parse(text.encode(), "m.json")
    assert manifest.size == 1
    assert manifest.to_json() == text
    assert "later" not in manifest.to_json(leave_out=["later"])


def test_an_older_schema_is_upgraded():
    manifest = Described.parse(b'{"schema": "thing/1", "color": "red"}', "m.json")
    assert manifest == Described(schema="thing/2", colour="red")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", r"^m\.json: not JSON"),
        (b"\xff", r"^m\.json: not UTF-8 text"),
        (b"[]", r"^m\.json: not a manifest of schema thing/2"),
        (b'{"schema": "thing/3"}', r"^m\.json: not a manifest of schema thing/2"),
        (b'{"schema": "thing/2"}', r"^m\.json: field `colour` is missing"),
        (b'{"schema": "thing/2", "colour": 3}', r"^m\.json: `colour`: .*found 3"),
    ],
)
def test_a_bad_manifest_is_named(content, message):
    with pytest.raises(InputError, match=message):
        Described.parse(content, "m.json")


def test_what_killed_processes_left_is_swept_and_what_is_being_written_is_not(tmp_path):
    left = [tmp_path / f".m.json.{number:08x}.tmp" for number in range(3)]
    others = [tmp_path / name for name in (".m.json.tmp", "m.json.00000000.tmp", ".x.0000000.tmp")]
    for path in (*left, *others):
        path.write_text("half")
    with left[0].open("rb") as living:
        fcntl.flock(living, fcntl.LOCK_EX)
        write_atomic(tmp_path / "other.json", "whole")
        assert all(path.exists() for path in left), "they are of another file"
        write_atomic(tmp_path / "m.json", "whole")
        assert [path.exists() for path in left] == [True, False, False]
    with lock(tmp_path, may_hold=["other.json"]):
        assert not left[0].exists()
    assert all(path.exists() for path in others)
