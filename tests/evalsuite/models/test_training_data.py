"""What a checkpoint was trained on, in a real comparison: by files, runs and folders."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from builders import prediction, write_predictions
from command_line import fails, typed
from mixtures import recipe_of, vitaminc, write_rows

from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.training_data import load_training_data
from saeval.evalsuite.models.types import LocalModel, SavedPredictions
from saeval.evalsuite.store.hashing import hash_document, hash_text
from saeval.evalsuite.store.manifest import RunManifest
from saeval.evalsuite.store.prediction import Prediction, ShownDocument, read_predictions
from saeval.reports import from_json
from saeval.tasks.data.loading import load_items
from saeval.tasks.registry import get_task
from saeval.trainer.data.mixture import build_mixture

TASK = get_task("vitaminc")


def answered(document, label: str) -> Prediction:
    row = document.as_row()
    return Prediction(
        task=TASK.name, item_id=document.id, cluster_id=document.cluster, target=document.target,
        prediction=label, status="abstained" if label == "NA" else "answered",
        correct=label == document.target, confidence=0.8, response=f"LABEL={label}\nCONF=0.8",
        document=ShownDocument.of(row), document_hash=hash_document(row),
        prompt_hash=hash_text(document.id), target_hash=hash_text(document.target),
    )  # fmt: skip


def trained_and_answered(folder: Path) -> tuple[Path, Path, int]:
    """Predictions on 120 items, of which a checkpoint beside its data.json was trained on 40."""
    rows = [vitaminc(n, page=f"P{n // 2}") for n in range(120)]
    data = write_rows(folder / "data", "vitaminc/test.jsonl", rows)
    recipe = recipe_of({"task": "vitaminc", "split": "test", "count": 40})
    mixture = build_mixture(recipe, data_dir=str(data))
    trained = {json.loads(row.item)["id"] for row in mixture.training}
    documents = load_items(TASK, data)
    base = [answered(d, "PASS") for d in documents]
    # It only knows what it was trained on.
    checkpoint = [answered(d, d.target if d.id in trained else "PASS") for d in documents]
    home = folder / "checkpoint"
    home.mkdir()
    (home / "data.json").write_text(json.dumps(mixture.manifest))
    mates = sum(
        d.id not in trained and any(f"{int(d.id.split('_')[0]) ^ 1}_1" == t for t in trained)
        for d in documents
    )
    return (
        write_predictions(folder / "base.jsonl", base),
        write_predictions(home / "vitaminc.jsonl", checkpoint),
        mates,
    )


def test_a_gain_on_what_was_trained_on_is_told_from_one_beyond_it(tmp_path, capsys):
    base, checkpoint, mates = trained_and_answered(tmp_path)
    out = tmp_path / "out"
    code, printed, _ = typed(
        capsys, "compare", base, checkpoint, "--out", out, "--replicates", "1000"
    )
    assert code == 0
    task = from_json((out / "comparison.json").read_text()).tasks[0]
    found = task.overlap
    assert (found.by_id, found.by_text, found.by_cluster) == (40, 0, mates)
    assert mates > 0
    assert found.clean_items == 80 - mates
    assert task.metric("accuracy").difference > 0.2
    assert {row.metric: row.difference for row in found.metrics}["accuracy"] == 0
    said = (
        f"vitaminc: {40 + mates} of 120 items share id, wording or cluster with what the "
        f"checkpoint was trained on (40 the id and {mates} the cluster); on the {80 - mates} "
        "others accuracy changes by 0.0 pp"
    )
    for text in (" ".join(printed.split()), (out / "report.md").read_text()):
        assert said in text
        assert "Before believing a gain" in text
    page = (out / "report.html").read_text()
    assert "Without the items that were trained on" in page
    assert f"On the other {80 - mates} items:\n\n| Metric |" in (out / "report.md").read_text()


def test_nothing_shared_is_said_once_and_no_caution(tmp_path, capsys):
    base, checkpoint, _ = trained_and_answered(tmp_path)
    manifest = json.loads((checkpoint.parent / "data.json").read_text())
    manifest["training"] = {"ids": ["0" * 16], "texts": [], "clusters": []}
    (checkpoint.parent / "data.json").write_text(json.dumps(manifest))
    out = tmp_path / "out"
    _, printed, _ = typed(capsys, "compare", base, checkpoint, "--out", out, "--replicates", "1000")
    assert "trained on" not in printed
    said = "No item shares id, wording or cluster with what the checkpoint was trained on"
    assert (out / "report.md").read_text().count(said) == 1
    assert (out / "report.html").read_text().count(said) == 1


def test_all_trained_on_leaves_nothing_to_believe(tmp_path, capsys):
    base, checkpoint, _ = trained_and_answered(tmp_path)
    lines = checkpoint.read_text().splitlines(keepends=True)
    documents = load_items(TASK, tmp_path / "data")
    recipe = recipe_of({"task": "vitaminc", "split": "test"}, evaluation={"items": 1})
    known = build_mixture(recipe, data_dir=str(tmp_path / "data"))
    trained = {json.loads(row.item)["id"] for row in known.training}
    (checkpoint.parent / "data.json").write_text(json.dumps(known.manifest))
    kept = [line for line, d in zip(lines, documents, strict=True) if d.id in trained]
    checkpoint.write_text("".join(kept))
    _, printed, _ = typed(
        capsys, "compare", base, checkpoint, "--out", tmp_path / "out", "--replicates", "1000"
    )
    assert "no clean item is left" in " ".join(printed.split())


def test_wording_is_enough(tmp_path):
    checkpoint = trained_and_answered(tmp_path)[1]
    training = load_training_data(SavedPredictions(str(checkpoint), "c", (checkpoint,), {}))
    documents = load_items(TASK, tmp_path / "data")
    known = next(d for d in documents if training.shared(TASK, answered(d, "NA")) == "id")
    fever = get_task("fever")
    other = answered(known, "NA").model_copy(update={"cluster_id": None})
    assert training.shared(fever, other) == "text"
    shouted = other.document.model_copy(update={"claim": known.claim.upper() + "!"})
    assert training.shared(fever, other.model_copy(update={"document": shouted})) == "text"
    new = other.document.model_copy(update={"claim": "Something else."})
    assert training.shared(fever, other.model_copy(update={"document": new})) is None


def test_it_is_found_by_adapter_folder_and_run(tmp_path):
    _, checkpoint, _ = trained_and_answered(tmp_path)
    home = checkpoint.parent
    assert load_training_data(LocalModel("c", tmp_path, home)) is not None
    assert load_training_data(LocalModel("c", home, None)) is not None
    assert load_training_data(LocalModel("c", home, tmp_path)) is None, "of its base, not its own"
    source = {"argument": "c", "folder": "/none", "adapter": str(home)}
    manifest = RunManifest(schema=RunManifest.SCHEMA, kind="run", identity={}, model=source)
    assert load_training_data(SavedPredictions("r", "c", (), {}, manifest)) is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", r"data\.json: not JSON .*remove it to compare without that check"),
        ('{"schema": "satrain.data/9"}', r"schema 'satrain\.data/9' is not 'satrain\.data/1'"),
        ('{"schema": "satrain.data/1"}', "data.json: field `training` is missing"),
        (
            '{"schema": "satrain.data/1", "training": {"ids": 3, "texts": [], "clusters": []}}',
            "data.json: .*training.ids",
        ),
    ],
)
def test_a_spoilt_manifest_is_named_before_anything_is_written(tmp_path, capsys, text, said):
    base, checkpoint, _ = trained_and_answered(tmp_path)
    (checkpoint.parent / "data.json").write_text(text)
    out = tmp_path / "out"
    message = fails(capsys, "compare", base, checkpoint, "--out", out)
    assert re.search(said, message), message
    assert not out.exists()


def test_a_file_of_that_name_that_is_something_else_is_left_alone(tmp_path):
    path = write_predictions(tmp_path / "c.jsonl", [prediction(1)])
    saved = SavedPredictions(str(path), "c", (path,), {})
    assert load_training_data(saved) is None
    for text in ("[1, 2]", '{"rows": []}', '{"schema": 3}'):
        (tmp_path / "data.json").write_text(text)
        assert load_training_data(saved) is None


def test_the_gate_judges_items_that_were_not_trained_on(tmp_path, capsys):
    base, checkpoint, mates = trained_and_answered(tmp_path)
    policy = tmp_path / "gate.yaml"
    policy.write_text("rules:\n  - {metric: accuracy, must_improve: true}\n")
    out = tmp_path / "out"
    command = ("gate", base, checkpoint, "--policy", policy, "--out", out)
    code, printed, _ = typed(capsys, *command)
    # On all 120 items it improved by what it had learnt by heart; on the others by nothing.
    assert code == 3
    found = json.loads((out / "gate.json").read_text())
    left = 120 - 40 - mates
    assert found["tasks"] == [
        {"task": "vitaminc", "asked": left, "planned": left, "trained_on": 40 + mates}
    ]
    (result,) = found["results"]
    assert (result["items"], result["estimate"]) == (left, 0)
    said = f"vitaminc: {40 + mates} of 120 answers are left out, because their items share an id"
    assert said in " ".join(printed.split())
    for name in ("gate.md", "junit.xml"):
        assert "answers are left out" in (out / name).read_text()
    (checkpoint.parent / "data.json").unlink()
    assert typed(capsys, *command[:-1], tmp_path / "all")[0] == 0


def test_a_gate_on_nothing_but_trained_items_is_refused(tmp_path, capsys):
    base, checkpoint, _ = trained_and_answered(tmp_path)
    known = load_training_data(resolve_model(str(checkpoint)))
    trained = [p for p in read_predictions(base) if known.shared(TASK, p)]
    write_predictions(base, trained)
    err = fails(capsys, "gate", base, checkpoint, "--out", tmp_path / "out")
    assert "task vitaminc: the checkpoint was trained on every item; gate it on others" in err
