"""Trackio's local store, read by its own API."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from exported import SECRET, tracked_numbers

pytest.importorskip("trackio")

READ = """
import json, sys, trackio
from trackio.sqlite_storage import SQLiteStorage
found = {}
for run in trackio.Api().runs("saeval"):
    found[run.name] = [run.config, SQLiteStorage.get_logs("saeval", run.name, run_id=run.id)]
json.dump(found, sys.stdout)
"""


def run(*words, home, **variables):
    """A process of its own: Trackio reads once where its store is."""
    environment = {**os.environ, "TRACKIO_DIR": str(home), **variables}
    found = subprocess.run(
        [sys.executable, *map(str, words)], env=environment, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_its_store_holds_every_number_to_the_digit(gated, tmp_path):
    home = tmp_path / "store"
    secret = {"HF_TOKEN": SECRET, "TRACKIO_SPACE_ID": "somebody/space"}
    export = ("-m", "saeval", "export", gated, "--to", "trackio", "--out", home)
    said = run(*export, home=tmp_path / "elsewhere", **secret)
    assert said.splitlines()[0] == f"Exported to {home}"
    assert "Trackio project" not in said
    assert run(*export, home=home).startswith("Is there already")
    found = json.loads(run("-c", READ, home=home))
    assert len(found) == 3
    verdict = json.loads((gated / "gate.json").read_text())["verdict"]
    for name, (config, logs) in found.items():
        assert config["saeval.verdict"] == verdict
        expected = tracked_numbers(gated)[config.get("role", "comparison")]
        kept = {key: value for entry in logs for key, value in entry.items()}
        assert {key: kept[key] for key in expected} == expected, name
        assert kept["saeval/complete"] == 1
    answers = next(
        entry["tables/answers"]
        for config, logs in found.values()
        for entry in logs
        if config.get("role") == "base" and "tables/answers" in entry
    )
    lines = (gated.parent / "base.jsonl").read_text().splitlines()
    assert len(answers["_value"]) == len(lines)
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or SECRET.encode() not in path.read_bytes(), path
    assert run(*export, "--replace", home=home).startswith("Exported")
    assert len(json.loads(run("-c", READ, home=home))) == 3
