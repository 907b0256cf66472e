"""The whole study, on a base of a second and on made-up tasks: every step runs, and resumes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from question_base import make
from rich.progress import Progress

pytestmark = pytest.mark.study
ROOT = Path(__file__).parents[2]


def study(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "SAEVAL_DATA"}
    paths = f"{ROOT}{os.pathsep}{ROOT / 'tests' / 'simulations'}"
    command = [sys.executable, "-m", "study", "--size", "smoke", "--out", "study", *options]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={**kept, "PYTHONPATH": paths}
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    # Of the least that answers in the format now and then, so that something is rewarded.
    with Progress(disable=True) as progress:
        make(folder / "tiny", progress, steps=150)
    done = study(folder, "--base", "tiny")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_page_shows_every_part_with_its_command(finished: Path) -> None:
    page = (finished / "study" / "study.md").read_text()
    for heading in (
        "## In short",
        "## Where the base knows anything",
        "## Training",
        "## Against the base",
        "## What GRPO added to the format",
        "## Could a prompt have bought it?",
        "## Does it know its own answers?",
    ):
        assert heading in page
    for command in ("satrain run format-warm-up", "satrain run recommended-questions"):
        assert command in page
    for name in ("compare", "power", "frontier", "metacognition"):
        assert f"\nsaeval {name} " in page
    assert "all tasks are made up" in page
    assert str(finished) not in page
    for picture in ("study-forest.png", "study-training.png", "study-frontier.svg"):
        assert f"(pictures/{picture})" in page
        assert (finished / "study" / "pictures" / picture).stat().st_size > 1000


def test_nothing_is_done_twice(finished: Path) -> None:
    noted = {path: path.read_bytes() for path in (finished / "study" / "steps").iterdir()}
    again = study(finished, "--base", "tiny")
    assert again.returncode == 0, again.stderr
    assert "== " not in again.stdout
    assert {path: path.read_bytes() for path in noted} == noted


def test_a_step_whose_note_is_gone_is_done_again(finished: Path) -> None:
    note = finished / "study" / "steps" / "power.json"
    note.unlink()
    again = study(finished, "--base", "tiny")
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("\n== ") == 2
    assert json.loads(note.read_text())["exit_code"] == 0


def test_another_study_in_its_folder_is_refused(finished: Path) -> None:
    refused = study(finished)
    assert refused.returncode == 2
    assert "is a study of size smoke on cpu with other settings" in refused.stderr
