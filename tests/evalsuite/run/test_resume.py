"""Real runs of the installed command, killed and resumed."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command_line import SAEVAL


def lines_of(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.xdist_group("tiny-models")
def test_killed_at_several_points_and_run_again_it_ends_with_the_same_bytes(
    tiny_base, tiny_adapter, tmp_path
):
    """SIGKILL while the base answers, while the checkpoint answers, and SIGINT in between."""

    def command(out: str) -> list[str]:
        return [
            str(SAEVAL), "compare", str(tiny_base), str(tiny_adapter), "--tasks", "factworld",
            "--limit", "24", "--batch-size", "1", "--gen-kwargs", "max_gen_toks=24",
            "--replicates", "1000", "--out", str(tmp_path / out),
        ]  # fmt: skip

    subprocess.run(command("whole"), check=True, capture_output=True)
    for model, lines, how in (
        ("base", 4, signal.SIGKILL), ("base", 12, signal.SIGINT), ("checkpoint", 8, signal.SIGKILL)
    ):  # fmt: skip
        process = subprocess.Popen(
            command("killed"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        answers = tmp_path / "killed" / model / "predictions" / "factworld.jsonl"
        while lines_of(answers) < lines and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(how)
        _, message = process.communicate(timeout=60)
        assert lines <= lines_of(answers) < 24, "the kill came too late to mean anything"
        if how == signal.SIGINT:
            assert process.returncode == 130
            assert "run the same command again to resume" in message
    subprocess.run(command("killed"), check=True, capture_output=True)

    def content(out: str) -> dict[str, bytes]:
        return {
            str(path.relative_to(tmp_path / out)): path.read_bytes()
            for path in sorted((tmp_path / out).rglob("*"))
            if path.is_file() and path.name not in ("manifest.json", ".lock")
        }

    whole, killed = content("whole"), content("killed")
    assert whole.keys() == killed.keys()
    assert {"comparison.json", "report.html", "base/predictions/factworld.jsonl"} <= whole.keys()
    assert [name for name in whole if whole[name] != killed[name]] == []


@pytest.mark.xdist_group("tiny-models")
def test_a_full_disk_is_one_sentence_and_what_is_finished_is_kept(tiny_base, tmp_path):
    """A limit on the size of a file stands for the disk: the system refuses to write more."""
    command = [
        str(SAEVAL), "run", str(tiny_base), "--tasks", "factworld", "--limit", "40",
        "--batch-size", "4", "--gen-kwargs", "max_gen_toks=8", "--out", str(tmp_path / "out"),
    ]  # fmt: skip
    limit = 16_000
    full = subprocess.run(
        command,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert full.returncode == 2
    message = full.stderr.strip().splitlines()[-1]
    assert "factworld.jsonl: cannot be written: File too large. What is finished is kept" in message
    answers = tmp_path / "out" / "predictions" / "factworld.jsonl"
    kept = answers.read_bytes()
    assert 0 < kept.count(b"\n") < 40
    assert subprocess.run(command, capture_output=True).returncode == 0
    assert lines_of(answers) == 40
    assert answers.read_bytes().startswith(kept[: kept.rfind(b"\n") + 1])


@pytest.mark.xdist_group("tiny-models")
def test_real_data_with_tiny_models_end_to_end(tiny_base, tiny_adapter, real_data, tmp_path):
    command = [
        str(SAEVAL), "compare", str(tiny_base), str(tiny_adapter),
        "--tasks", "fever,vitaminc,climatefever", "--data-dir", str(real_data), "--limit", "4",
        "--gen-kwargs", "max_gen_toks=8", "--replicates", "1000", "--out", str(tmp_path / "out"),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, env=os.environ)
    found = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert [task["task"] for task in found["tasks"]] == ["fever", "vitaminc", "climatefever"]
    assert found["pooled"]["items"] == 12
