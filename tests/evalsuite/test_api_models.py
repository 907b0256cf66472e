"""The public functions that ask models, on real tiny ones."""

from __future__ import annotations

import pytest

import saeval

ASK = {"tasks": "factworld", "limit": 20, "generation": {"max_gen_toks": 4}}


@pytest.fixture(scope="module")
def runs(tiny_base, tiny_adapter, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return [
        saeval.run(model, **ASK, out=folder / name)
        for name, model in (("base", tiny_base), ("checkpoint", tiny_adapter))
    ]


def test_a_run_is_predictions_that_can_be_compared(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    base, checkpoint = runs
    assert base.manifest.tasks["factworld"].items == 20
    comparison = saeval.compare(base, checkpoint, n_resamples=1000)
    by_folder = saeval.compare(base.folder, str(checkpoint.folder), n_resamples=1000)
    assert comparison == by_folder
    assert list(tmp_path.iterdir()) == [], "nothing is written where nothing is asked"


def test_a_base_that_was_asked_is_not_asked_again(runs, tiny_adapter, tmp_path, capfd):
    comparison = saeval.compare(runs[0], tiny_adapter, **ASK, n_resamples=1000, out=tmp_path / "o")
    assert comparison.folder == tmp_path / "o"
    assert (tmp_path / "o" / "checkpoint" / "manifest.json").is_file()
    assert not (tmp_path / "o" / "base").exists()
    assert capfd.readouterr().out == ""
    loaded = saeval.load_comparison(tmp_path / "o")
    assert loaded == comparison
    assert loaded.predictions is not None


def test_what_was_asked_otherwise_is_refused(runs, tiny_adapter):
    with pytest.raises(saeval.PairingError, match="10 of 30 items of task factworld are not there"):
        saeval.compare(runs[0], tiny_adapter, **{**ASK, "limit": 30})
    with pytest.raises(saeval.InputError, match="--tasks is needed to ask a model"):
        saeval.run(tiny_adapter)
    with pytest.raises(saeval.InputError, match="these are predictions; `run` needs a model"):
        saeval.run(runs[0], **ASK)


def test_a_gate_stops_once_it_is_decided(tiny_base, tiny_adapter, tmp_path):
    policy = tmp_path / "gate.yaml"
    policy.write_text("rules:\n  - {metric: invalid_rate, at_most: 0.5}\n")
    asking = {**ASK, "limit": 300}
    gate = saeval.gate(
        tiny_base, tiny_adapter, policy=policy, until_decided=True, out=tmp_path / "out", **asking
    )
    assert gate.verdict == "REGRESSION"
    assert gate.tasks[0].answers < 150
    assert len(gate.comparison.predictions.checkpoint["factworld"]) == gate.tasks[0].answers


def test_a_frontier_takes_prompts_by_name(tiny_base, tmp_path):
    result = saeval.frontier(
        tiny_base,
        task="factworld",
        systems={"careful": "Answer only if you are sure."},
        out=tmp_path / "out",
        **{name: value for name, value in ASK.items() if name != "tasks"},
    )
    assert [point.system for point in result.points] == ["none", "careful"]
    assert (tmp_path / "out" / "frontier.json").is_file()
    with pytest.raises(saeval.InputError, match="'none' is the run without one"):
        saeval.frontier(tiny_base, task="factworld", systems={"none": "Hm."})


def test_metacognition_refuses_predictions_and_other_tasks(runs, tiny_base):
    with pytest.raises(saeval.InputError, match="asks a model about its own answers"):
        saeval.metacognition(runs[0], tasks="popqa")
    with pytest.raises(saeval.InputError, match="no task of open questions"):
        saeval.metacognition(tiny_base, tasks="factworld")
