"""`saeval gate --until-decided` on real tiny models: where it stops, resumes and what it saves."""

from __future__ import annotations

import itertools
import json

import pytest
from command_line import typed

from saeval.evalsuite.config import RunConfig
from saeval.evalsuite.run.tasks import load_tasks
from saeval.evalsuite.store.prediction import read_predictions

TASKS = ("factworld_measures", "factworld_residents")
ASK = ("--limit", 300, "--gen-kwargs", "max_gen_toks=4", "--replicates", 1000, "--until-decided")


@pytest.fixture
def gate(tiny_base, tiny_adapter, tmp_path, capsys):
    """Run a policy and give the exit code, what was printed and gate.json."""

    def run(rules, *options):
        path = tmp_path / "gate.yaml"
        path.write_text("rules:\n" + "".join(f"  - {{{rule}}}\n" for rule in rules))
        out = tmp_path / "out"
        arguments = ["--policy", path, "--out", out, *ASK, *options]
        code, printed, err = typed(
            capsys, "gate", tiny_base, tiny_adapter, "--tasks", ",".join(TASKS), *arguments
        )
        assert (out / "gate.json").is_file(), err
        return code, printed, json.loads((out / "gate.json").read_text())

    return run


def asked(tmp_path, task):
    path = tmp_path / "out" / "checkpoint" / "predictions" / f"{task}.jsonl"
    return list(read_predictions(path)) if path.is_file() else []


def test_a_clear_regression_stops_everything(gate, tmp_path):
    code, printed, found = gate(["metric: invalid_rate, at_most: 0.5"])
    assert code == 1
    assert len(asked(tmp_path, TASKS[0])) < 150
    assert asked(tmp_path, TASKS[1]) == []
    assert found["results"][0]["decided_after"] <= len(asked(tmp_path, TASKS[0]))
    assert found["results"][1]["note"] == "not asked"
    assert "saved." in printed
    report = (tmp_path / "out" / "report.md").read_text()
    assert "The run stopped early: the intervals and p values here take no account" in report


def test_the_same_command_again_stops_at_the_same_place(gate, tmp_path):
    _, first, _ = gate(["metric: invalid_rate, at_most: 0.5"])
    before = asked(tmp_path, TASKS[0])
    _, again, _ = gate(["metric: invalid_rate, at_most: 0.5"])
    assert asked(tmp_path, TASKS[0]) == before
    assert again == first


def test_a_clear_pass_stops_each_task(gate, tmp_path):
    code, _, found = gate(["metric: accuracy, not_worse_by: 0.5"])
    assert code == 0
    assert found["verdict"] == "PASS"
    for task in TASKS:
        assert 0 < len(asked(tmp_path, task)) < 150


def test_a_rule_that_is_no_mean_is_decided_at_the_full_size(gate, tmp_path):
    code, _, found = gate(
        ["metric: accuracy, not_worse_by: 0.5", "metric: macro_f1, not_worse_by: 0.5"]
    )
    assert code == 0
    for task in TASKS:
        assert len(asked(tmp_path, task)) == 300
    after = {r["rule"]["metric"]: r["decided_after"] for r in found["results"]}
    assert after["accuracy"] < 150
    assert after["macro_f1"] is None


def test_samples_of_an_item_are_decided_together(gate, tmp_path):
    drawn = "max_gen_toks=2,do_sample=true,temperature=1.0"
    code, _, found = gate(
        ["metric: accuracy, not_worse_by: 0.5"], "--samples", 2, "--gen-kwargs", drawn
    )
    assert code == 0
    assert found["tasks"][0]["planned"] == 600
    assert 0 < found["tasks"][0]["asked"] < 300
    for task in TASKS:
        samples = [answer.sample_index for answer in asked(tmp_path, task)]
        assert samples.count(0) == samples.count(1)


def test_the_order_has_nothing_to_do_with_the_sample_and_clusters_are_whole():
    config = RunConfig(tasks=(TASKS[0],), limit=200)
    (plain,) = load_tasks(config)
    (shuffled,) = load_tasks(RunConfig(tasks=(TASKS[0],), limit=200, shuffled=True))
    assert sorted(shuffled.ids) == sorted(plain.ids)
    assert shuffled.ids != plain.ids
    clusters = [document["cluster"] for document in shuffled.documents]
    runs = sum(one != other for one, other in itertools.pairwise(clusters)) + 1
    assert runs == len(set(clusters)) < len(clusters)
    assert config.identity() == RunConfig(tasks=(TASKS[0],), limit=200).identity()
