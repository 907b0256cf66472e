"""The benchmark measures real predictions: its lines are those that a run writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from scale_data import TASKS, kept, make_pair, make_series
from scale_parquet import make_parquet_pair

from saeval.evalsuite.store.parquet_predictions import read_rows
from saeval.evalsuite.store.prediction import Prediction, read_predictions


@pytest.mark.parametrize(
    "options",
    [{}, {"continuous": True}, {"continuous": True, "probabilities": True, "n_clusters": 20}],
)
def test_lines_are_those_of_a_run(tmp_path: Path, options: dict[str, object]) -> None:
    for path in make_pair(tmp_path, 200, **options):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        assert [prediction.to_line() for prediction in read_predictions(path)] == lines
        assert len(lines) == 200


def test_rows_of_parquet_are_whole_predictions_that_fit_together(tmp_path: Path) -> None:
    sides = [[p for _, p in read_rows(path)] for path in make_parquet_pair(tmp_path, 300)]
    for predictions in sides:
        assert [Prediction.model_validate(p.model_dump()) for p in predictions] == predictions
        assert {p.status for p in predictions} == {"answered", "abstained", "invalid"}
    for one, other in zip(*sides, strict=True):
        assert (one.item_id, one.document, one.prompt_hash, one.target) == (
            *(other.item_id, other.document, other.prompt_hash, other.target),
        )
        assert one.label_probabilities is None


def test_a_series_asks_every_model_the_same(tmp_path: Path) -> None:
    asked = [
        [(p.task, p.item_id, p.document_hash, p.target) for p in read_predictions(path)]
        for path in make_series(tmp_path, 2, 30)
    ]
    assert asked[0] == asked[1] == asked[2]
    assert {task for task, *_ in asked[0]} == set(TASKS)


def test_a_torn_folder_is_made_again(tmp_path: Path) -> None:
    def fails(folder: Path) -> list[Path]:
        make_pair(folder, 10)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        kept(tmp_path / "data", fails)
    base, _ = kept(tmp_path / "data", lambda folder: make_pair(folder, 20))
    assert len(base.read_text(encoding="utf-8").splitlines()) == 20
