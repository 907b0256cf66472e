"""Commands that are killed, interrupted or out of room, and run again."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
from pathlib import Path

import pytest
from command_line import SAEVAL, typed
from forked import Forked, die_while_writing


def n_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.robustness
def test_killed_at_several_points_and_run_again_it_ends_with_the_same_bytes(
    tiny_base, tiny_adapter, tmp_path, capsys
):
    """In the middle of a line of the base, again, then of the checkpoint; Ctrl-C in between."""

    def command(out: str) -> tuple[object, ...]:
        return (
            "compare", tiny_base, tiny_adapter, "--tasks", "factworld", "--limit", "12",
            "--batch-size", "1", "--gen-kwargs", "max_gen_toks=8", "--replicates", "1000",
            "--out", tmp_path / out,
        )  # fmt: skip

    assert typed(capsys, *command("whole"))[0] == 0
    for model, line, kept, number, code in (
        ("base", 3, 2, signal.SIGKILL, -signal.SIGKILL),
        ("base", 4, 5, signal.SIGINT, 130),
        ("checkpoint", 1, 0, signal.SIGTERM, 143),
        ("checkpoint", 7, 6, signal.SIGKILL, -signal.SIGKILL),
    ):
        die = die_while_writing(model, line, number)
        process = Forked(command("killed"), tmp_path / "log", die)
        assert process.wait() == code
        answers = tmp_path / "killed" / model / "predictions" / "factworld.jsonl"
        assert n_lines(answers) == kept
        assert not answers.read_bytes().endswith(b"\n"), "a line was torn"
        if number != signal.SIGKILL:
            assert "run the same command again to resume" in process.log.read_text()
    assert typed(capsys, *command("killed"))[0] == 0

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


def test_a_full_disk_is_one_sentence_and_what_is_finished_is_kept(tiny_base, tmp_path, capsys):
    """A limit on the size of a file stands for the disk: the system refuses to write more."""
    command = (
        "run", tiny_base, "--tasks", "factworld", "--limit", "40", "--batch-size", "4",
        "--gen-kwargs", "max_gen_toks=8", "--out", tmp_path / "out",
    )  # fmt: skip
    limit = 16_000
    full = Forked(
        command,
        tmp_path / "log",
        lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert full.wait() == 74
    message = full.log.read_text().strip().splitlines()[-1]
    assert message.startswith("Error: disk full: ")
    assert "factworld.jsonl (File too large). What is finished is kept" in message
    answers = tmp_path / "out" / "predictions" / "factworld.jsonl"
    kept = answers.read_bytes()
    assert 0 < kept.count(b"\n") < 40
    assert typed(capsys, *command)[0] == 0
    assert n_lines(answers) == 40
    assert answers.read_bytes().startswith(kept[: kept.rfind(b"\n") + 1])


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
