"""``saeval view``: finished folders in a browser, by the real command."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

import saeval

from .pushed import answered_run

COMMAND = (sys.executable, "-W", "ignore", "-m", "saeval", "view", "--no-browser")


@dataclass
class Viewed:
    address: str
    client: httpx.Client
    process: subprocess.Popen[str]


@contextmanager
def viewed(*folders: Path, temporary: Path) -> Iterator[Viewed]:
    temporary.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [*COMMAND, *map(str, folders)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+/\S+", line)
        assert found is not None, (line, process.stderr and process.stderr.read())
        with httpx.Client(follow_redirects=True, timeout=30) as client:
            yield Viewed(found[0], client, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def state_of(folder: Path) -> dict[str, tuple[int, float]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime)
        for path in folder.rglob("*")
    }


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("viewed")
    answered_run(folder, "base", accuracy=0.3)
    answered_run(folder, "better", accuracy=0.9)
    shutil.rmtree(folder / "lines-base")
    shutil.rmtree(folder / "lines-better")
    arguments = (str(folder / "base"), str(folder / "better"))
    saeval.compare(*arguments, out=folder / "comparison")
    saeval.gate(*arguments, out=folder / "gated", looks=folder / "looks.jsonl")
    return folder


def test_a_comparison_is_shown_with_all_its_items_and_its_folder_is_left(
    runs: Path, tmp_path: Path
) -> None:
    before = state_of(runs)
    with viewed(runs / "comparison", temporary=tmp_path / "t") as shown:
        page = shown.client.get(shown.address)
        assert page.status_code == 200
        assert re.fullmatch(r"/comparisons/[0-9a-z]+", page.url.path)
        assert "better" in page.text
        report = shown.client.get(f"{shown.address.partition('/signin')[0]}/api/comparisons")
        assert len(report.json()["comparisons"]) == 1
        assert list((tmp_path / "t").iterdir()) != []
    assert shown.process.returncode == 143
    assert state_of(runs) == before
    assert list((tmp_path / "t").iterdir()) == []


def test_the_link_signs_in_once_and_nothing_can_be_written(runs: Path, tmp_path: Path) -> None:
    with viewed(runs / "base", temporary=tmp_path / "t") as shown:
        assert shown.client.get(shown.address).status_code == 200
        with httpx.Client() as other:
            assert other.get(shown.address).status_code == 401
        server = shown.address.partition("/signin")[0]
        refused = shown.client.post(f"{server}/api/runs", json={})
        assert refused.status_code == 403


def test_a_folder_of_folders_shows_runs_comparisons_and_verdicts(
    runs: Path, tmp_path: Path
) -> None:
    with viewed(runs, temporary=tmp_path / "t") as shown:
        home = shown.client.get(shown.address)
        assert home.url.path == "/"
        server = shown.address.partition("/signin")[0]
        (verdict,) = shown.client.get(f"{server}/api/verdicts").json()["verdicts"]
        gated = json.loads((runs / "gated" / "gate.json").read_text())
        assert verdict["result"] == gated["verdict"]
        assert (verdict["base_name"], verdict["checkpoint_name"]) == ("base", "better")
        assert shown.client.get(f"{server}{verdict['page']}").status_code == 200
        assert len(shown.client.get(f"{server}/api/comparisons").json()["comparisons"]) == 2
        assert len(shown.client.get(f"{server}/api/runs").json()["runs"]) == 2


def test_numbers_are_shown_though_the_answers_are_gone(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "comparison", tmp_path / "comparison")
    folder = tmp_path / "comparison"
    text = (folder / "comparison.json").read_text()
    (folder / "comparison.json").write_text(text.replace(str(runs), str(tmp_path / "gone")))
    with viewed(folder, temporary=tmp_path / "t") as shown:
        page = shown.client.get(shown.address)
        assert page.status_code == 200
        server = shown.address.partition("/signin")[0]
        for run in shown.client.get(f"{server}/api/runs").json()["runs"]:
            assert run["state"] == "refused"
            assert "not at hand" in run["reason"]
        assert shown.client.get(f"{page.url}/items").status_code in (404, 409)


@pytest.mark.parametrize("what", ["nothing", "empty", "unfinished"])
def test_what_cannot_be_shown_is_a_sentence(runs: Path, tmp_path: Path, what: str) -> None:
    place = tmp_path / what
    if what == "empty":
        place.mkdir()
    if what == "unfinished":
        shutil.copytree(runs / "base", place)
        (place / "predictions" / "fever.parquet").unlink()
    ended = subprocess.run(
        [*COMMAND, str(place)], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2
    assert str(place) in ended.stderr.replace("\n", "")
    assert "Traceback" not in ended.stderr
