"""Offline runs of Weights & Biases: the records that `wandb sync` sends, by its own definitions."""

from __future__ import annotations

import json
import struct

import pytest
from exported import SECRET, tracked_numbers

import saeval

pytest.importorskip("wandb")

from wandb.proto import wandb_internal_pb2

from saeval.evalsuite.export import wandb_runs


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))


HEADER, BLOCK = 7, 32768


def records(folder):
    """The records of a run's file: a log in the format of LevelDB behind a header of 7 bytes."""
    (path,) = folder.glob("*.wandb")
    data, at, parts = path.read_bytes(), HEADER, b""
    assert data.startswith(b":W&B")
    while at < len(data):
        if BLOCK - at % BLOCK < HEADER:  # too little room for a record's header
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        parts += data[at + HEADER : at + HEADER + length]
        at += HEADER + length
        if kind in (1, 4):  # a whole record, or the last part of one
            record = wandb_internal_pb2.Record()
            record.ParseFromString(parts)
            yield record
            parts = b""


def summary_of(folder):
    found = {}
    for record in records(folder):
        for item in record.summary.update:
            name = item.key or "/".join(item.nested_key)
            found[name] = json.loads(item.value_json)
    return found


def config_of(folder):
    return {
        item.key: json.loads(item.value_json)
        for record in records(folder)
        for item in record.run.config.update
    }


def test_the_reader_finds_every_number_to_the_digit(gated, tmp_path):
    found = saeval.export(gated, "wandb", out=tmp_path / "out")
    expected = tracked_numbers(gated)
    assert len(found.entries) == 3
    for entry in found.entries:
        folder = tmp_path / "out" / "wandb" / entry
        summary = summary_of(folder)
        role = entry.rsplit("-", 1)[1]
        assert {key: summary[key] for key in expected[role]} == expected[role]
        config = config_of(folder)
        gate = json.loads((gated / "gate.json").read_text())
        assert config["saeval.verdict"] == gate["verdict"]
        names = {record.artifact.type for record in records(folder) if record.artifact.type}
        assert ("saeval" in names) == (role == "comparison")
    home = tmp_path / "out" / "wandb"
    (table,) = home.glob("*-base/files/media/table/tables/answers_*.json")
    answers = json.loads(table.read_text())
    column = answers["columns"].index("confidence")
    lines = (gated.parent / "base.jsonl").read_text().splitlines()
    assert [row[column] for row in answers["data"]] == [json.loads(x)["confidence"] for x in lines]


def test_a_second_export_adds_nothing_and_a_broken_one_is_replaced(gated, tmp_path):
    first = saeval.export(gated, "wandb", out=tmp_path / "out")
    again = saeval.export(gated, "wandb", out=tmp_path / "out")
    assert (again.written, again.entries) == (False, first.entries)
    home = tmp_path / "out" / "wandb"
    (home / first.entries[1] / wandb_runs.COMPLETE).unlink()
    assert saeval.export(gated, "wandb", out=tmp_path / "out").written
    assert len(list(home.glob("offline-run-*"))) == 3


def test_nothing_of_the_machine_and_no_keys_are_kept(gated, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", SECRET)
    monkeypatch.setenv("HF_TOKEN", SECRET)
    saeval.export(gated, "wandb", out=tmp_path / "out")
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path
    assert not list(tmp_path.rglob("requirements.txt"))
    assert not list(tmp_path.rglob("wandb-metadata.json"))
