"""A baseline is the old one or the new one, whole, for whoever reads it and whatever is killed."""

from __future__ import annotations

import os
import shutil
import signal
import time
from itertools import count
from pathlib import Path

import pytest
from builders import run_folder
from command_line import typed
from forked import Forked

from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.store.baseline_stores import open_store
from saeval.evalsuite.store.baselines import Baseline, pin_run
from saeval.evalsuite.store.run_folder import read_run

SMALL, LARGE = 5, 40


def pinned(folder: Path, items: int) -> Baseline:
    run = read_run(run_folder(folder / f"run-{items}", items=items))
    return pin_run("main", run.manifest, run.predictions)


@pytest.fixture(params=["folder", "URL"])
def address(request, tmp_path, monkeypatch):
    address = {"folder": str(tmp_path / "store"), "URL": f"file://{tmp_path}/store"}[request.param]
    monkeypatch.setenv("SAEVAL_BASELINES", address)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return address


def test_whoever_reads_while_it_is_replaced_again_and_again_sees_one_of_the_two(address, tmp_path):
    small, large = pinned(tmp_path, SMALL), pinned(tmp_path, LARGE)
    store = open_store(address)
    store.put(small)

    def replace_on_and_on(arguments: list[str]) -> None:
        for number in count():
            baseline = (large, small)[number % 2]
            saved = {"saved": f"2026-01-01T00:00:00+00:00 {number}"}
            record = baseline.record.model_copy(update=saved)
            store.put(Baseline(record, baseline.contents))
            time.sleep(0.05)

    writer = Forked((), tmp_path / "log", command=replace_on_and_on)
    sizes = []
    try:
        ways = ["baseline:main"]
        if "://" not in address:
            ways.append(str(tmp_path / "store" / "main"))
        end = time.monotonic() + 3
        while time.monotonic() < end or len(sizes) < 20 or len(set(sizes)) < 2:
            for way in ways:
                sizes.append(len(resolve_model(way).predictions["fever"]))
            assert open_store(address).names() == ["main"]
    finally:
        writer.signal(signal.SIGKILL)
        assert writer.wait() == -signal.SIGKILL, (tmp_path / "log").read_text()
    assert set(sizes) == {SMALL, LARGE}


def test_two_that_save_the_same_name_leave_one_of_the_two_whole(address, tmp_path):
    baselines = [pinned(tmp_path, SMALL), pinned(tmp_path, LARGE)]

    def save(baseline: Baseline) -> None:
        for _ in range(10):
            open_store(address).put(baseline)

    writers = [
        Forked((), tmp_path / f"log-{number}", command=lambda _, it=baseline: save(it))
        for number, baseline in enumerate(baselines)
    ]
    codes = [writer.wait() for writer in writers]
    assert codes == [0, 0], [(tmp_path / f"log-{n}").read_text() for n in (0, 1)]
    found = resolve_model("baseline:main")
    assert len(found.predictions["fever"]) in (SMALL, LARGE)


def test_a_url_of_saeval_0_1_is_read_and_replaced(tmp_path, monkeypatch, capsys):
    """There the files lie beside the record."""
    old = Path(__file__).parents[2] / "data" / "folders-0.1.0" / "baselines"
    shutil.copytree(old, tmp_path / "store")
    monkeypatch.setenv("SAEVAL_BASELINES", f"file://{tmp_path}/store")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert "factworld" in typed(capsys, "baseline", "list")[1]
    code, shown, _ = typed(capsys, "baseline", "show", "main")
    assert code == 0
    assert "CHANGED" not in shown
    run = run_folder(tmp_path / "run", items=SMALL)
    assert typed(capsys, "baseline", "save", "main", run, "--replace")[0] == 0
    assert f"{SMALL} items" in typed(capsys, "baseline", "show", "main")[1]
    there = {path.name for path in (tmp_path / "store" / "main").iterdir()}
    assert len(there) == 2
    assert there > {"baseline.json"}


def test_what_another_save_may_be_writing_is_left_for_an_hour(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    store = open_store(f"file://{tmp_path}/store")
    begun = tmp_path / "store" / "main" / "0123456789abcdef" / "manifest.json"
    begun.parent.mkdir(parents=True)
    begun.write_text("half")
    store.put(pinned(tmp_path, SMALL))
    assert begun.exists()
    an_hour_ago = time.time() - 3700
    os.utime(begun, (an_hour_ago, an_hour_ago))
    store.put(pinned(tmp_path, LARGE))
    assert not begun.parent.exists()
    assert len(list((tmp_path / "store" / "main").iterdir())) == 2


def test_hidden_folders_that_are_not_ours_stay(tmp_path):
    home = tmp_path / "store"
    for name in (".git", ".main.old", ".main.new", ".saeval-old"):
        (home / name).mkdir(parents=True)
    open_store(str(home)).put(pinned(tmp_path, SMALL))
    names = {path.name for path in home.iterdir()}
    assert names - {".lock"} == {".git", ".main.old", ".main.new", ".saeval-old", "main"}
