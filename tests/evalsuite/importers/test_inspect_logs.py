"""Logs that Inspect itself writes in the test."""

from __future__ import annotations

import gc
import json
import sys
import warnings
import zipfile

import pytest

import saeval
from saeval.errors import InputError, MissingExtraError

pytest.importorskip("inspect_ai")


def evaluate(folder, model, n_right, log_format="eval", epochs=2, **options):
    """Run an evaluation whose answers are made up: the first `n_right` questions are right."""
    from inspect_ai import Task, eval
    from inspect_ai.dataset import Sample
    from inspect_ai.model import ModelOutput
    from inspect_ai.scorer import Score, match, mean, scorer
    from inspect_ai.solver import solver

    @solver
    def answer():
        async def solve(state, generate):
            number = int(state.sample_id)
            text = state.target.text if number < n_right else "no idea"
            if number == 7 and options.get("fails"):
                raise RuntimeError("broken")
            state.output = ModelOutput.from_content(model, text)
            return state

        return solve

    @scorer(metrics=[mean()])
    def graded():
        async def score(state, target):
            number = int(state.sample_id)
            value = "N" if number == 9 else ("C" if number < n_right else "P")
            return Score(value=value, metadata={"confidence": 0.1 * number})

        return score

    samples = [
        Sample(id=n, input=f"What is 7 × {n}?", choices=None, target=str(7 * n)) for n in range(10)
    ]
    task = Task(dataset=samples, solver=answer(), scorer=[match(), graded()], name="sevens")
    (log,) = eval(
        task, model=model, log_dir=str(folder), log_format=log_format, display="none",
        epochs=epochs, fail_on_error=False,
    )  # fmt: skip
    assert log.status == "success"
    return folder / log.location.rpartition("/")[2]


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inspect")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Inspect's evaluations leave streams open
        made = {
            "base": evaluate(folder / "base", "mockllm/base", 5),
            "tuned": evaluate(folder / "tuned", "mockllm/tuned", 8, "json"),
            "failing": evaluate(folder / "failing", "mockllm/failing", 5, epochs=1, fails=True),
        }
        gc.collect()
    return made


def test_a_log_is_read_as_inspect_means_it(logs):
    read = saeval.read_predictions(logs["base"])
    assert read.name == "mockllm/base"
    items = read.predictions["sevens"]
    assert len(items) == 20
    assert {sample for _, sample in items} == {0, 1}
    right, wrong, refused = items["3", 0], items["6", 1], items["9", 0]
    assert (right.correct, right.answer, right.document.answers) == (True, "21", ("21",))
    assert right.document.claim == "What is 7 × 3?"
    assert right.confidence == pytest.approx(0.3)
    assert [(n, s.value) for n, s in wrong.scores.items()] == [("match", 0), ("graded", 0.5)]
    assert refused.scores["graded"].value == 0
    assert right.prompt_hash is not None


def test_eval_and_json_are_paired_and_compared(logs):
    comparison = saeval.compare(str(logs["base"]), str(logs["tuned"]), n_resamples=1000)
    task = comparison["sevens"]
    assert (task.items, task.clusters) == (20, 10)
    assert (task["accuracy"].base, task["accuracy"].checkpoint) == (0.5, 0.8)
    assert not any("left out" in warning for warning in comparison.warnings)


def test_samples_that_ended_in_an_error_are_left_out_and_not_wrong(logs):
    read = saeval.read_predictions(logs["failing"])
    assert ("7", 0) not in read.predictions["sevens"]
    assert any("1 samples ended in an error" in caution for caution in read.cautions)


def test_a_folder_with_logs_of_two_models_asks_which(logs, tmp_path):
    for name in ("base", "tuned"):
        (tmp_path / logs[name].name).write_bytes(logs[name].read_bytes())
    (tmp_path / "notes.txt").write_text("remember the milk")
    with pytest.raises(InputError, match=r"2 models .*; say which: .*#mockllm/"):
        saeval.read_predictions(tmp_path)
    read = saeval.read_predictions(f"{tmp_path}#mockllm/tuned")
    assert read.name == "mockllm/tuned"
    assert len(read.files) == 1
    assert any("notes.txt: a text that begins 'remember the milk'" in c for c in read.cautions)
    assert any("an Inspect log, 20 predictions of sevens" in note for note in read.notes)


@pytest.mark.parametrize("keep", [0.2, 0.7, 0.99])
def test_a_log_that_is_cut_off_is_one_sentence(logs, keep, tmp_path):
    for name in ("base", "tuned"):
        content = logs[name].read_bytes()
        path = tmp_path / logs[name].name
        path.write_bytes(content[: int(len(content) * keep)])
        with pytest.raises(InputError, match="an Inspect log that is cut off or damaged") as error:
            saeval.read_predictions(path)
        assert "\n" not in str(error.value)


def test_an_epoch_that_is_missing_is_named(logs, tmp_path):
    content = json.loads(logs["tuned"].read_text())
    content["samples"] = [s for s in content["samples"] if (s["id"], s["epoch"]) != (4, 2)]
    path = tmp_path / "short.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="sample '4' has no epoch 2, and the log is of 2 epochs"):
        saeval.read_predictions(path)


def test_an_evaluation_that_did_not_end_is_not_compared(logs, tmp_path):
    content = json.loads(logs["tuned"].read_text()) | {"status": "cancelled"}
    path = tmp_path / "logs" / "unfinished.json"
    path.parent.mkdir()
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"did not end \(status cancelled\); run `inspect eval-r"):
        saeval.read_predictions(path)
    (path.parent / logs["tuned"].name).write_bytes(logs["tuned"].read_bytes())
    read = saeval.read_predictions(path.parent)
    assert any("unfinished.json: an Inspect log of an eval" in c for c in read.cautions)


def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("saeval.evalsuite.importers.inspect_logs.LARGEST_LOG", 2**22)
    path = tmp_path / "bomb.eval"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_journal/start.json", "{}")
        archive.writestr("header.json", "{}")
        archive.writestr("samples/1_epoch_1.json", b" " * 2**23)
    assert path.stat().st_size < 2**15
    with pytest.raises(InputError, match=r"unpacks to .* GiB; saeval reads Inspect logs of up to"):
        saeval.read_predictions(path)


def test_without_inspect_a_log_is_named_for_what_it_is(logs, monkeypatch):
    monkeypatch.setattr("saeval.extras.find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "inspect_ai", None)
    with pytest.raises(MissingExtraError, match=r"an Inspect log; pip install 'saeval\[inspect\]'"):
        saeval.read_predictions(logs["base"])
    with pytest.raises(saeval.SaevalError, match=r"an Inspect log; pip install 'saeval\[inspect\]"):
        saeval.read_predictions(logs["base"].parent)
