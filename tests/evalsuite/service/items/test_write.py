"""Files of items: every pair, as it was compared."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hostile import TEXTS
from paired_items import compared, generated, of_scores, of_several_tasks
from pyarrow import parquet

import saeval
from saeval.errors import InputError
from saeval.evalsuite.models.training_data import TrainingData
from saeval.evalsuite.service.items import rows as items_rows
from saeval.evalsuite.service.items import spooled
from saeval.evalsuite.service.items.schema import SCHEMA
from saeval.evalsuite.service.items.write import write_items
from saeval.evalsuite.store.parquet_predictions import write_rows
from saeval.evalsuite.store.parquet_rows import rows_of
from saeval.evalsuite.store.prediction import Prediction, read_predictions
from saeval.evalsuite.store.texts import encodable
from saeval.tasks.data.fingerprint import fingerprint_item
from saeval.tasks.registry import get_task


def rows(path: Path, comparison: saeval.Comparison) -> list[dict[str, Any]]:
    assert write_items(path, comparison) == parquet.read_metadata(path).num_rows
    table = parquet.read_table(path)
    assert table.schema.equals(SCHEMA)
    found: list[dict[str, Any]] = table.to_pylist()
    assert [row["number"] for row in found] == list(range(len(found)))
    return found


def test_the_cells_are_those_of_the_transition_tables(tmp_path: Path) -> None:
    comparison = of_several_tasks(tmp_path)
    found = rows(tmp_path / "items.parquet", comparison)
    assert {row["task"] for row in found} == {"fever", "vitaminc"}
    for task in comparison.tasks:
        cells = Counter(
            (row["base_label"], row["checkpoint_label"])
            for row in found
            if row["task"] == task.task
        )
        assert task.transitions is not None
        labels = task.transitions.labels
        assert cells == +Counter(
            {
                (labels[i], labels[j]): count
                for i, own in enumerate(task.transitions.counts)
                for j, count in enumerate(own)
            }
        )
        changed = [row for row in found if row["task"] == task.task and row["changed"]]
        assert len(changed) == task.n_changed_items
        accuracy = task.metric("accuracy")
        for side in ("base", "checkpoint"):
            right = [row[f"{side}_correct"] for row in found if row["task"] == task.task]
            assert sum(right) / len(right) == pytest.approx(getattr(accuracy, side))


@pytest.mark.parametrize("shuffle", [None, 3])
@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_every_value_is_that_of_the_predictions(
    tmp_path: Path, shuffle: int | None, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(items_rows, "_AT_A_TIME", 7)
    monkeypatch.setattr(spooled, "_AT_A_TIME", 5)
    base, checkpoint = generated(4)
    texts = [text for text in TEXTS if encodable(text) == text]
    hostile = [p.model_copy(update={"response": texts[n % len(texts)]}) for n, p in enumerate(base)]
    comparison = compared(tmp_path, hostile, checkpoint, shuffle=shuffle)
    if kind == "parquet":
        paths = []
        for name in ("base", "checkpoint"):
            listed = list(read_predictions(tmp_path / f"{name}.jsonl"))
            paths.append(tmp_path / f"{name}.parquet")
            write_rows(paths[-1], [rows_of(listed[:20]), rows_of(listed[20:])])
        comparison = saeval.compare(*paths, n_resamples=100)
    found = rows(tmp_path / "items.parquet", comparison)
    assert [row["item_id"] for row in found] == [p.item_id for p in base]
    for row, *sides in zip(found, hostile, checkpoint, strict=True):
        assert row["claim"] == sides[0].document.claim
        assert row["evidence"] == list(sides[0].document.evidence)
        assert row["cluster_id"] == sides[0].cluster_id
        assert row["trained_on"] is None
        for side, p in zip(("base", "checkpoint"), sides, strict=True):
            _check_side({k.removeprefix(f"{side}_"): v for k, v in row.items()}, p)


def _check_side(row: dict[str, Any], p: Prediction) -> None:
    assert row["label"] == (p.prediction or "INVALID")
    assert row["status"] == p.status
    assert row["correct"] == p.correct == (row["outcome"] == "right")
    names = {"answered": "wrong", "abstained": "abstained", "invalid": "invalid"}
    assert p.correct or row["outcome"] == names[p.status]
    assert row["confidence"] == p.confidence
    assert row["lacks_confidence"] == (p.confidence is None)
    probed = p.label_probabilities
    assert row["probabilities"] == (None if probed is None else list(probed.items()))
    assert row["probability"] == (probed or {}).get(p.prediction or "")
    assert row["response"] == p.response


def test_items_with_scores_alone_have_no_label(tmp_path: Path) -> None:
    for row in rows(tmp_path / "items.parquet", of_scores(tmp_path)):
        assert row["base_label"] is None
        assert row["checkpoint_label"] is None
        assert row["base_outcome"] == row["checkpoint_outcome"] == "scored"
        assert not row["changed"]
        assert 0 <= row["base_score"] <= 1
        assert row["base_score"] != row["checkpoint_score"]


def test_items_say_what_the_checkpoint_was_trained_on(tmp_path: Path) -> None:
    base, checkpoint = generated(5, 12)
    data = [
        fingerprint_item(
            get_task("fever"),
            {
                "id": p.item_id,
                "cluster": p.cluster_id,
                "claim": p.document.claim,
                "evidence": p.document.evidence,
            },
        )
        for p in base
    ]
    training = TrainingData(
        frozenset({data[0].id}), frozenset({data[1].text}), frozenset(data[9].clusters)
    )
    content = {"ids": list(training.ids), "texts": list(training.texts),
               "clusters": list(training.clusters)}  # fmt: skip
    manifest = json.dumps({"schema": "satrain.data/1", "training": content})
    (tmp_path / "data.json").write_text(manifest)
    found = rows(tmp_path / "items.parquet", compared(tmp_path, base, checkpoint))
    shared = [training.shared(get_task("fever"), p) for p in base]
    assert [row["trained_on"] for row in found] == shared
    assert {"id", "text", "cluster", None} == set(shared)


def test_without_predictions_nothing_is_written(tmp_path: Path) -> None:
    comparison = replace(of_scores(tmp_path), predictions=None)
    with pytest.raises(InputError, match="predictions of this comparison are not at hand"):
        write_items(tmp_path / "items.parquet", comparison)
    assert not (tmp_path / "items.parquet").exists()
