"""Many checkpoints in several processes: the same numbers and pages, and nothing torn."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest
from builders import LABELS, prediction, write_predictions

from saeval.errors import InputError, PairingError
from saeval.evalsuite.compare.checkpoints import compare_checkpoints
from saeval.evalsuite.compare.comparison import compare
from saeval.evalsuite.compare.folder import UNFINISHED, load_comparison
from saeval.progress import SILENT


def series(folder: Path, n: int = 4, items: int = 30) -> tuple[Path, list[Path]]:
    """A base and checkpoints of one run on two tasks, each better than the one before."""

    def answers(right_every: int) -> list:
        return [
            prediction(i, LABELS[(i + (i % right_every == 0)) % 3], task=task)
            for task in ("fever", "vitaminc")
            for i in range(items)
        ]

    base = write_predictions(folder / "base.jsonl", answers(2))
    return base, [
        write_predictions(folder / f"checkpoint-{step}.jsonl", answers(2 + step))
        for step in range(1, n + 1)
    ]


def pages(folder: Path) -> dict[Path, bytes]:
    """All that is written but when it was."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }


@contextmanager
def interrupting(out: Path, *, after: int) -> Iterator[None]:
    """Ctrl-C as soon as so many checkpoints are done."""
    ended = Event()

    def watch() -> None:
        while not ended.wait(0.002):
            note = out / UNFINISHED
            if note.exists() and len(json.loads(note.read_text())["compared"]) >= after:
                os.kill(os.getpid(), signal.SIGINT)
                return

    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


class Logged(type(SILENT)):
    """Remembers the lines that stay."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def log(self, message: str) -> None:
        self.said.append(message)


def test_nothing_depends_on_the_number_of_processes(tmp_path):
    base, checkpoints = series(tmp_path)
    found = {
        jobs: compare_checkpoints(
            base, checkpoints, jobs=jobs, out=tmp_path / str(jobs), n_resamples=1000
        )
        for jobs in (1, 3)
    }
    assert found[1].comparisons == found[3].comparisons
    one, other = pages(tmp_path / "1"), pages(tmp_path / "3")
    assert len(one) > 4 * 4
    assert one == other


def test_jobs_must_be_a_whole_number():
    with pytest.raises(InputError, match="`jobs` must be a whole number of 1 or more, found 0"):
        compare("base.jsonl", "checkpoint.jsonl", jobs=0)


def test_what_is_done_at_an_interrupt_is_kept_and_not_computed_again(tmp_path):
    base, checkpoints = series(tmp_path, n=6)
    options = {"n_resamples": 20_000}
    whole = compare_checkpoints(base, checkpoints, out=tmp_path / "whole", **options)
    out = tmp_path / "interrupted"
    with interrupting(out, after=2), pytest.raises(KeyboardInterrupt):
        compare_checkpoints(base, checkpoints, out=out, **options)
    done = json.loads((out / UNFINISHED).read_text())["compared"]
    assert 2 <= len(done) < 6
    assert not (out / "family.json").exists()
    for name in done:
        assert "corrected over this one alone" in load_comparison(out / name).warnings[0]
        mark(out / name / "comparison.json")
    progress = Logged()
    resumed = compare_checkpoints(base, checkpoints, out=out, progress=progress, **options)
    assert f"{len(done)} of 6 checkpoints were compared before" in progress.said[0]
    for own, expected in zip(resumed.comparisons, whole.comparisons, strict=True):
        marked = (*expected.warnings, "Kept.") if own.checkpoint.name in done else expected.warnings
        assert own == replace(expected, warnings=marked)
    for name in ("family.json", "metrics.csv", "checkpoint-6/report.html"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not (out / UNFINISHED).exists()


def mark(path: Path) -> None:
    """Change a file so that a reader of it is known."""
    content = json.loads(path.read_text(encoding="utf-8"))
    content["warnings"].append("Kept.")
    path.write_text(json.dumps(content), encoding="utf-8")


def test_other_settings_take_nothing_from_what_is_kept(tmp_path):
    base, checkpoints = series(tmp_path, n=3)
    out = tmp_path / "out"
    with interrupting(out, after=1), pytest.raises(KeyboardInterrupt):
        compare_checkpoints(base, checkpoints, out=out, n_resamples=20_000)
    progress = Logged()
    found = compare_checkpoints(base, checkpoints, out=out, n_resamples=1000, progress=progress)
    assert not any("compared before" in line for line in progress.said)
    assert {c.settings.n_resamples for c in found.comparisons} == {1000}
    assert not (out / UNFINISHED).exists()


@pytest.mark.parametrize("content", [b"\xff\x00", b'{"settings": 1, "compared": 2}'])
def test_a_torn_or_hostile_note_of_what_is_done_is_worth_nothing(tmp_path, content):
    base, checkpoints = series(tmp_path, n=2, items=9)
    first = compare_checkpoints(base, checkpoints, out=tmp_path / "out", n_resamples=1000)
    (tmp_path / "out" / UNFINISHED).write_bytes(content)
    again = compare_checkpoints(base, checkpoints, out=tmp_path / "out", n_resamples=1000)
    assert again.comparisons == first.comparisons


def test_checkpoints_that_do_not_fit_together_leave_no_folder(tmp_path):
    base, checkpoints = series(tmp_path, n=3)
    other = prediction(0, target="FAIL", correct=False, target_hash="x" * 64)
    write_predictions(checkpoints[2], [other])
    with pytest.raises(PairingError, match="targets differ"):
        compare_checkpoints(base, checkpoints, out=tmp_path / "out", n_resamples=1000)
    assert not (tmp_path / "out").exists()
