"""Many checkpoints in several processes: the same numbers and pages, and nothing torn."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import LABELS, prediction, write_predictions

from saeval.errors import InputError
from saeval.evalsuite.compare.checkpoints import compare_checkpoints
from saeval.evalsuite.compare.comparison import compare


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


def test_nothing_depends_on_the_number_of_processes(tmp_path):
    base, checkpoints = series(tmp_path)
    found = {
        jobs: compare_checkpoints(
            base, checkpoints, jobs=jobs, out=tmp_path / str(jobs), n_resamples=1000
        )
        for jobs in (1, 3)
    }
    assert found[1].comparisons == found[3].comparisons
    one, other = (
        {
            path.relative_to(folder): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and path.name != "manifest.json"
        }
        for folder in (tmp_path / "1", tmp_path / "3")
    )
    assert len(one) > 4 * 4
    assert one == other


def test_jobs_must_be_a_whole_number():
    with pytest.raises(InputError, match="`jobs` must be a whole number of 1 or more, found 0"):
        compare("base.jsonl", "checkpoint.jsonl", jobs=0)
