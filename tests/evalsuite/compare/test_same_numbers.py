"""The same numbers, to the last digit, by rows and by columns, from JSON lines and from Parquet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from builders import LABELS, prediction, write_predictions
from general_tasks import lines

import saeval
from saeval.evalsuite.store import json_lines, parquet_predictions
from saeval.evalsuite.store.parquet_rows import rows_of
from saeval.evalsuite.store.prediction import Prediction, Score
from saeval.reports import to_csv

N = 90
Made = Callable[[np.random.Generator], list[Prediction]]


def _verbal(rng: np.random.Generator, **more: object) -> list[Prediction]:
    found = []
    for number in range(N):
        label = [*LABELS, None][rng.integers(0, 4)] if rng.random() < 0.5 else LABELS[number % 3]
        confidence = None if label is None else round(float(rng.random()), 1)
        found.append(prediction(number, label, confidence=confidence, **more))
    return found


def _probed(rng: np.random.Generator) -> list[Prediction]:
    shares = rng.dirichlet([1, 1, 1], N)
    return [
        own.model_copy(
            update={
                "label_probabilities": dict(zip(LABELS, share.tolist(), strict=True)),
                "confidence": None if own.prediction is None else float(rng.random()),
            }
        )
        for own, share in zip(_verbal(rng), shares, strict=True)
    ]


def _clustered(rng: np.random.Generator) -> list[Prediction]:
    return [
        own.model_copy(update={"cluster_id": f"page-{number % 20}"})
        for number, own in enumerate(_verbal(rng))
    ]


def _sampled(rng: np.random.Generator) -> list[Prediction]:
    return [own.model_copy(update={"sample_index": sample})
            for sample in range(3) for own in _verbal(rng)]  # fmt: skip


def _general(rng: np.random.Generator) -> list[Prediction]:
    found = []
    for task in ("mmlu_physics", "mmlu_law"):
        scores = [
            {
                "acc": float(rng.random() < 0.6),
                "f1": Score(value=float(rng.random() * 100), range=(0, 100)),
                "perplexity": Score(value=float(rng.random()), range=None, higher_is_better=False),
            }
            for _ in range(N)
        ]
        confidence = rng.random(N).tolist()
        found += lines(task, scores, group="mmlu", confidence=confidence)
    return found


def _mixed(rng: np.random.Generator) -> list[Prediction]:
    return [*_probed(rng), *lines("gsm8k", [{"em": float(rng.random() < 0.5)} for _ in range(N)])]


DATA: dict[str, Made] = {
    "verbal": _verbal,
    "label probabilities": _probed,
    "clusters": _clustered,
    "samples": _sampled,
    "scores and groups": _general,
    "two kinds of tasks": _mixed,
}


@pytest.mark.parametrize("kind", DATA)
def test_every_way_gives_the_same_metrics(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = [DATA[kind](np.random.default_rng(seed)) for seed in (1, 2)]
    from_lines = [
        write_predictions(tmp_path / f"{side}.jsonl", own)
        for side, own in zip(("base", "checkpoint"), models, strict=True)
    ]
    converted = [saeval.convert(path, path.with_suffix(".parquet")) for path in from_lines]
    shuffled = []
    for path, own in zip(converted, models, strict=True):
        # The first row stays, since tasks are in the order of their first rows.
        order = np.append(0, 1 + np.random.default_rng(3).permutation(len(own) - 1))
        shuffled.append(path.with_name(f"shuffled-{path.name}"))
        parquet_predictions.write_rows(shuffled[-1], [rows_of(own).take(pa.array(order))])
    expected = _metrics(*from_lines)
    assert _metrics(*converted) == expected
    assert _metrics(from_lines[0], converted[1]) == expected
    # Tasks stand in the order of their first answers.
    assert sorted(_metrics(*shuffled).splitlines()) == sorted(expected.splitlines())
    monkeypatch.setattr(json_lines, "_read_certain", lambda *_: None)
    monkeypatch.setattr(parquet_predictions, "is_certain", lambda _: False)
    assert _metrics(*from_lines) == expected
    assert _metrics(*converted) == expected


def _metrics(base: Path, checkpoint: Path) -> str:
    return to_csv(saeval.compare(str(base), str(checkpoint), n_resamples=1000))
