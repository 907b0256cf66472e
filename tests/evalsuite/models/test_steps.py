"""Which checkpoints are of one run, and the report over its steps."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from builders import LABELS, prediction, write_predictions
from command_line import fails, typed

from saeval.evalsuite.models.steps import sort_by_step
from saeval.evalsuite.models.types import LocalModel, SavedPredictions, ServedModel
from saeval.evalsuite.store.manifest import RunManifest


def model(path: Path, **files: object) -> LocalModel:
    """A folder with such files of JSON; nothing in it is loaded."""
    path.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (path / f"{name}.json").write_text(json.dumps(content))
    return LocalModel(str(path), path, None)


def training(step: int, **changed: object) -> dict[str, object]:
    run = {"recipe": "demo", "seed": 0, "base": {"content": "b"}, "data": {"content": "d"}}
    return {"schema": "satrain.run/1", "step": step, **run, **changed}


@pytest.mark.parametrize(
    ("names", "steps"),
    [
        (("checkpoint-1000", "checkpoint-200", "checkpoint-400"), (200, 400, 1000)),
        (("step_20", "step_3"), (3, 20)),
        (("mine-ckpt-000200", "mine-ckpt-000100"), (100, 200)),
        (("global_step_7", "global_step_5"), (5, 7)),
        (("epoch3", "epoch1"), (1, 3)),
        (("200", "100"), (100, 200)),
        (("Step-2", "Step-1"), (1, 2)),
        (("seed-2", "seed-1"), None),
        (("llama-7", "llama-13"), None),
        (("misstep2", "misstep1"), None),
        (("checkpoint-2", "step-1"), None),
        (("a-step-2", "b-step-1"), None),
        (("step-1", "step-01"), None),
        (("step-1", "final"), None),
        (("step-1",), None),
    ],
)
def test_steps_by_name(names, steps, tmp_path):
    models = [model(tmp_path / name) for name in names]
    ordered, found = sort_by_step(models)
    assert found == steps
    if steps is None:
        assert ordered == models
    else:
        assert sorted(models, key=ordered.index) == ordered
        assert len({*names}) == len(ordered)


def test_names_alike_in_other_places_are_other_runs(tmp_path):
    models = [model(tmp_path / run / f"checkpoint-{step}") for run, step in (("a", 1), ("b", 2))]
    assert sort_by_step(models) == (models, None)


def test_the_step_is_what_the_files_say(tmp_path):
    models = [
        model(tmp_path / f"epoch-{epoch}", trainer_state={"global_step": 500 * epoch})
        for epoch in (2, 1)
    ]
    assert sort_by_step(models) == (models[::-1], (500, 1000))
    for step in (True, -1, "7", None):
        (tmp_path / "epoch-2" / "trainer_state.json").write_text(json.dumps({"global_step": step}))
        assert sort_by_step(models)[1] == (2, 500)


def test_a_run_of_satrain_and_its_history_are_one_run(tmp_path):
    last = model(tmp_path / "mine", training=training(40))
    first = model(tmp_path / "mine" / "history" / "step-20", training=training(20))
    assert sort_by_step([last, first]) == ([first, last], (20, 40))


@pytest.mark.parametrize(
    "changed", [{"recipe": "x"}, {"seed": 1}, {"base": {}}, {"data": {}}, {"schema": "x/1"}]
)
def test_runs_of_other_recipes_seeds_bases_or_data_are_not(changed, tmp_path):
    models = [
        model(tmp_path / "one", training=training(20)),
        model(tmp_path / "two", training=training(40, **changed)),
    ]
    assert sort_by_step(models) == (models, None)


def test_models_of_a_server_and_earlier_runs_have_their_names(tmp_path):
    served = [ServedModel(f"http://h/v1#step-{n}", "http://h/v1", f"step-{n}") for n in (9, 10)]
    assert sort_by_step(served)[1] == (9, 10)
    elsewhere = ServedModel("http://other/v1#step-11", "http://other/v1", "step-11")
    assert sort_by_step([*served, elsewhere])[1] is None
    runs = []
    for step in (20, 3):
        argument = f"http://h/v1#step-{step}"
        manifest = RunManifest(
            schema=RunManifest.SCHEMA, kind="run", identity={}, model={"argument": argument}
        )
        runs.append(SavedPredictions(f"runs/{step}x", "m", (), {}, manifest))
    assert sort_by_step(runs) == (runs[::-1], (3, 20))


def test_a_file_that_is_no_json_says_nothing(tmp_path):
    models = [model(tmp_path / f"step-{n}") for n in (2, 1)]
    (tmp_path / "step-2" / "training.json").write_text("{")
    (tmp_path / "step-1" / "trainer_state.json").write_text("[1]")
    assert sort_by_step(models)[1] == (1, 2)


ITEMS = 60


def history(folder: Path) -> tuple[Path, list[Path]]:
    """A base and three checkpoints that decline more and more; the second is right most often."""

    def label(item: int, step: int) -> str:
        right = LABELS[item % 3]
        if right == "NA":
            return "NA" if item % 5 < step // 100 * 2 else "PASS"
        return "NA" if step == 300 and item % 2 else right

    files = [
        write_predictions(
            folder / f"answers-step-{step}.jsonl",
            [prediction(i, label(i, step), confidence=0.5 + i % 4 / 10) for i in range(ITEMS)],
        )
        for step in (0, 300, 100, 200)
    ]
    base = files[0].rename(folder / "base.jsonl")
    return base, files[1:]


def test_checkpoints_of_one_run_are_reported_over_its_steps(tmp_path, capsys):
    base, checkpoints = history(tmp_path)
    out = tmp_path / "out"
    code, printed, _ = typed(capsys, "compare", base, *checkpoints, "--out", out)
    assert code == 0
    index = json.loads((out / "family.json").read_text())
    assert index["steps"] == [100, 200, 300]
    assert [name.rpartition("-")[2] for name in index["comparisons"]] == ["100", "200", "300"]
    assert index["best"]["chosen"] == "answers-step-200"
    assert index["best"]["metric"] == "accuracy"
    text = " ".join((out / "report.md").read_text().split())
    assert "answers-step-200 is the best on fever: 66.7% →" in text
    assert "NA recall, fever: better from step" in text or "NA recall, fever: better at" in text
    assert "Best checkpoint (Accuracy)" in printed
    page = (out / "report.html").read_text()
    assert page.count('aria-label="') > 4
    assert "Over the steps" in page
    before = {p: p.read_bytes() for p in out.rglob("*") if p.suffix in (".html", ".json", ".csv")}
    (out / "report.html").unlink()
    assert typed(capsys, "report", out)[0] == 0
    assert {p: p.read_bytes() for p in before} == before
    index["steps"] = [100, 300, 200]
    (out / "family.json").write_text(json.dumps(index))
    assert "family.json: `steps` must be one for each" in fails(capsys, "report", out)


def test_the_order_given_changes_nothing(tmp_path, capsys):
    base, checkpoints = history(tmp_path)
    for name, given in (("one", checkpoints), ("two", checkpoints[::-1])):
        assert typed(capsys, "compare", base, *given, "--out", tmp_path / name)[0] == 0
    for file in ("report.html", "report.md", "metrics.csv", "family.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_another_metric_chooses_another_checkpoint(tmp_path, capsys):
    base, checkpoints = history(tmp_path)
    chosen = {}
    for metric in ("NA recall", "abstention recall@fever", "false_abstention_rate", "auroc"):
        out = tmp_path / "out"
        code, _, _ = typed(capsys, "compare", base, *checkpoints, "--best", metric, "--out", out)
        assert code == 0
        chosen[metric] = json.loads((out / "family.json").read_text())["best"]["chosen"]
    assert chosen["NA recall"] == chosen["abstention recall@fever"] == "answers-step-300"
    assert chosen["false_abstention_rate"] == "answers-step-100"


def test_checkpoints_of_no_one_run_have_no_curve_and_a_best_one_only_if_asked(tmp_path, capsys):
    base, checkpoints = history(tmp_path)
    others = [
        path.rename(path.with_name(f"{word}.jsonl"))
        for path, word in zip(checkpoints, "abc", strict=True)
    ]
    assert typed(capsys, "compare", base, *others, "--out", tmp_path / "out")[0] == 0
    index = json.loads((tmp_path / "out" / "family.json").read_text())
    assert (index["steps"], index["best"]) == (None, None)
    arguments = ("--best", "accuracy", "--out", tmp_path / "best")
    assert typed(capsys, "compare", base, *others, *arguments)[0] == 0
    index = json.loads((tmp_path / "best" / "family.json").read_text())
    assert (index["steps"], index["best"]["chosen"]) == (None, "c")


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("acuracy", r"--best: unknown metric 'acuracy'; did you mean accuracy\?"),
        ("recall", r"--best: recall of which label\?"),
        ("abstention_rate", r"--best: abstention_rate has no good direction"),
        ("aurc", r"--best: aurc is not resampled"),
        ("negative_flip_rate", r"--best: negative_flip_rate is not resampled"),
        ("accuracy@popqa", r"--best: task popqa is not compared; compared: fever"),
        ("f_score", r"--best: f score is no metric with a good direction on fever"),
    ],
)
def test_what_cannot_be_chosen_by_is_refused_before_anything_is_written(
    metric, message, tmp_path, capsys
):
    base, checkpoints = history(tmp_path)
    arguments = ("--best", metric, "--out", tmp_path / "out")
    assert re.search(message, fails(capsys, "compare", base, *checkpoints, *arguments))
    assert not (tmp_path / "out").exists()


def test_one_checkpoint_leaves_nothing_to_choose(tmp_path, capsys):
    base, checkpoints = history(tmp_path)
    said = fails(capsys, "compare", base, checkpoints[0], "--best", "accuracy")
    assert "--best: there is one checkpoint only" in said


def test_too_few_items_name_no_best_and_say_why(tmp_path, capsys):
    files = [
        write_predictions(tmp_path / f"{name}.jsonl", [prediction(i, label) for i in range(12)])
        for name, label in (("base", "PASS"), ("step-1", "NA"), ("step-2", "FAIL"))
    ]
    code, printed, _ = typed(capsys, "compare", *files, "--out", tmp_path / "out")
    assert code == 0
    assert "No best checkpoint is named: no task has a value of the base on 20 items" in printed
    assert json.loads((tmp_path / "out" / "family.json").read_text())["best"] is None


def test_tasks_that_ask_the_same_have_no_mean_to_choose_by(tmp_path, capsys):
    base, checkpoints = history(tmp_path)
    for path in (base, *checkpoints):
        path.write_text(path.read_text() + path.read_text().replace('"fever"', '"vitaminc"'))
    out = tmp_path / "out"
    code, printed, _ = typed(capsys, "compare", base, *checkpoints, "--out", out)
    assert code == 0
    assert "tasks fever and vitaminc ask some items in common" in " ".join(printed.split())
    arguments = ("--best", "accuracy@vitaminc", "--out", out)
    assert typed(capsys, "compare", base, *checkpoints, *arguments)[0] == 0
    best = json.loads((out / "family.json").read_text())["best"]
    assert (best["chosen"], best["tasks"]) == ("answers-step-200", ["vitaminc"])


def test_items_that_one_checkpoint_lacks_are_left_out_of_the_choice(tmp_path, capsys):
    base, checkpoints = history(tmp_path)
    lines = checkpoints[0].read_text().splitlines(keepends=True)
    checkpoints[0].write_text("".join(lines[:-10]))
    assert typed(capsys, "compare", base, *checkpoints, "--out", tmp_path / "out")[0] == 0
    assert json.loads((tmp_path / "out" / "family.json").read_text())["best"]["items"] == 50
