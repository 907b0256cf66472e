"""`saeval gate` on answers that exist: verdicts, exit codes and files."""

from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as ET

import pytest
from builders import LABELS, prediction, write_predictions
from command_line import SAEVAL, fails, typed

ITEMS = 900


def answers(folder, name, *, wrong=0, items=ITEMS, **changed):
    """A model that is right but on its first `wrong` items."""
    found = []
    for number in range(items):
        target = LABELS[number % 3]
        label = LABELS[(number + 1) % 3] if number < wrong else target
        found.append(prediction(number, label, **changed))
    return write_predictions(folder / f"{name}.jsonl", found)


def failures(folder):
    return int(ET.parse(folder / "out" / "junit.xml").getroot().get("failures"))


@pytest.fixture
def policy(tmp_path):
    def write(*rules, tasks=""):
        path = tmp_path / "gate.yaml"
        path.write_text("rules:\n" + "".join(f"  - {{{rule}}}\n" for rule in rules) + tasks)
        return path

    return write


def gate(capsys, tmp_path, base, checkpoint, *options):
    code, out, err = typed(
        capsys, "gate", base, checkpoint, "--out", tmp_path / "out", "--replicates", 1000, *options
    )
    assert "Traceback" not in err
    return code, out


def test_an_equal_checkpoint_passes_the_built_in_policy(tmp_path, capsys):
    base = answers(tmp_path, "base", wrong=300)
    checkpoint = answers(tmp_path, "checkpoint", wrong=300)
    code, out = gate(capsys, tmp_path, base, checkpoint)
    assert code == 0
    assert "PASS: 9 of 9 rules passed." in out
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"gate.json", "gate.md", "junit.xml", "comparison.json", "report.html"} <= names
    found = json.loads((tmp_path / "out" / "gate.json").read_text())
    assert (found["schema"], found["verdict"]) == ("saeval.gate/1", "PASS")
    reports = {
        name: (tmp_path / "out" / name).read_bytes() for name in ("report.md", "report.html")
    }
    assert b"PASS: 9 of 9 rules passed." in reports["report.md"]
    assert typed(capsys, "report", tmp_path / "out")[0] == 0
    assert {name: (tmp_path / "out" / name).read_bytes() for name in reports} == reports
    assert found["tasks"] == [{"task": "fever", "asked": ITEMS, "planned": ITEMS, "trained_on": 0}]


def test_a_worse_checkpoint_is_a_regression(tmp_path, capsys):
    base, checkpoint = answers(tmp_path, "base"), answers(tmp_path, "checkpoint", wrong=200)
    code, out = gate(capsys, tmp_path, base, checkpoint)
    assert code == 1
    assert " ".join(out.split()).endswith(
        "REGRESSION: 6 of 9 rules broken (Accuracy, NA recall, False-abstention rate and 3 more), "
        "3 passed."
    )


def test_a_checkpoint_that_refuses_more_is_not_excused_by_anything(tmp_path, capsys):
    """Right and calibrated where it answers, NA on a tenth of what can be answered."""
    wrong = {"PASS": "FAIL", "FAIL": "PASS", "NA": "PASS"}
    right = [LABELS[number % 3] for number in range(ITEMS)]
    labels = [wrong[label] if number < 300 else label for number, label in enumerate(right)]
    base = write_predictions(
        tmp_path / "base.jsonl",
        [prediction(number, label, confidence=0.6) for number, label in enumerate(labels)],
    )
    found = []
    for number in range(ITEMS):
        label = "NA" if number % 10 == 1 else LABELS[number % 3]
        found.append(prediction(number, label, confidence=0.95))
    checkpoint = write_predictions(tmp_path / "checkpoint.jsonl", found)
    code, _ = gate(capsys, tmp_path, base, checkpoint)
    assert code == 1
    rows = json.loads((tmp_path / "out" / "gate.json").read_text())["results"]
    by_metric = {row["rule"]["metric"]: row["verdict"] for row in rows}
    assert by_metric.pop("false_abstention_rate") == "REGRESSION"
    assert set(by_metric.values()) == {"PASS"}


def test_a_class_that_pays_for_another_is_a_regression(tmp_path, capsys):
    """FAIL recall falls by 25 points while NA gains: accuracy and abstention alone look better."""
    found: dict[str, list] = {"base": [], "checkpoint": []}
    for number in range(ITEMS):
        target = LABELS[number % 3]
        turn = number // 3
        base = "PASS" if target == "NA" and turn % 10 < 6 else target
        after = "NA" if target == "FAIL" and turn % 4 == 0 else target
        found["base"].append(prediction(number, base))
        found["checkpoint"].append(prediction(number, after))
    files = [write_predictions(tmp_path / f"{name}.jsonl", rows) for name, rows in found.items()]
    code, _ = gate(capsys, tmp_path, *files)
    assert code == 1
    rows = json.loads((tmp_path / "out" / "gate.json").read_text())["results"]
    by_key = {(r["rule"]["metric"], r["rule"]["label"]): r for r in rows}
    assert by_key["accuracy", None]["verdict"] == by_key["recall", "NA"]["verdict"] == "PASS"
    fell = by_key["recall", "FAIL"]
    assert (fell["verdict"], fell["estimate"]) == ("REGRESSION", -0.25)


def test_too_few_items_are_inconclusive_and_fail_unless_that_is_allowed(tmp_path, capsys):
    base = answers(tmp_path, "base", items=120, wrong=10)
    checkpoint = answers(tmp_path, "checkpoint", items=120, wrong=12)
    for options in ((), ("--strict",)):
        code, out = gate(capsys, tmp_path, base, checkpoint, *options)
        assert code == 3
        assert "INCONCLUSIVE: 1 of 9 rules passed, none is broken, 8 are undecided (Acc" in out
        assert "items would decide it." in out
        assert failures(tmp_path) > 0
    code, _ = gate(capsys, tmp_path, base, checkpoint, "--allow-inconclusive")
    assert code == 0
    assert failures(tmp_path) == 0


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("metric: acuracy, at_least: 0.5", "unknown metric 'acuracy'; did you mean accuracy?"),
        ("metric: accuracy, not_worse_by: 7", "not_worse_by must lie between 0 and 1"),
    ],
)
def test_a_bad_policy_is_refused_before_anything_is_written(
    tmp_path, capsys, policy, rule, message
):
    base = answers(tmp_path, "base", items=30)
    path = policy(rule)
    out = tmp_path / "out"
    found = fails(capsys, "gate", base, base, "--policy", path, "--out", out)
    assert f"{path}:2: {message}" in found
    assert not out.exists()


def test_a_task_of_the_policy_that_is_not_compared_is_refused(tmp_path, capsys, policy):
    base = answers(tmp_path, "base", items=30)
    path = policy(
        "metric: accuracy, at_least: 0.5",
        tasks="tasks:\n  vitaminc:\n    rules: [{metric: accuracy, at_least: 0.1}]\n",
    )
    found = fails(capsys, "gate", base, base, "--policy", path, "--out", tmp_path / "out")
    assert f"{path}:4: task vitaminc is not run" in found
    assert not (tmp_path / "out").exists()


def test_rules_that_a_task_cannot_be_held_to_are_said_and_not_counted(tmp_path, capsys, policy):
    base = answers(tmp_path, "base", confidence=None)
    path = policy(
        "metric: accuracy, not_worse_by: 0.03",
        "metric: hallucination_rate, not_worse_by: 0.03",
        "metric: brier, not_worse_by: 0.03",
    )
    code, out = gate(capsys, tmp_path, base, base, "--policy", path)
    assert code == 0
    assert "fever, Hallucination rate: not held to, the task has no hallucination rate" in out
    assert "fever, Brier score: not held to, the base states no confidence" in out
    suite = ET.parse(tmp_path / "out" / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("skipped"), suite.get("failures")) == ("3", "2", "0")


def test_a_checkpoint_that_stops_stating_confidence_does_not_pass(tmp_path, capsys, policy):
    base = answers(tmp_path, "base")
    checkpoint = answers(tmp_path, "checkpoint", confidence=None)
    path = policy("metric: brier, not_worse_by: 0.03")
    code, out = gate(capsys, tmp_path, base, checkpoint, "--policy", path)
    assert code == 3
    assert "No item has a stated confidence from both models." in out


def test_a_policy_about_nothing_that_is_there_is_refused(tmp_path, capsys, policy):
    base = answers(tmp_path, "base", items=30)
    path = policy("metric: hallucination_rate, not_worse_by: 0.03")
    found = fails(capsys, "gate", base, base, "--policy", path, "--out", tmp_path / "out")
    assert "none of its rules is about fever; nothing is checked" in found
    assert not (tmp_path / "out" / "gate.json").exists()


def test_annotations_and_job_summary_of_github(tmp_path, capsys, monkeypatch):
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    base, checkpoint = answers(tmp_path, "base"), answers(tmp_path, "checkpoint", wrong=200)
    code, out = gate(capsys, tmp_path, base, checkpoint, "--github")
    assert code == 1
    commands = [line for line in out.splitlines() if line.startswith("::")]
    assert commands[0].startswith("::error title=saeval gate%3A fever%2C REGRESSION::Accuracy ")
    assert "%25" not in commands[0]
    text = summary.read_text()
    assert text.startswith("before\n## ❌ saeval gate: REGRESSION")
    assert text.removeprefix("before\n") == (tmp_path / "out" / "gate.md").read_text()


def test_early_stop_needs_a_checkpoint_to_ask(tmp_path, capsys):
    base = answers(tmp_path, "base", items=30)
    found = fails(capsys, "gate", base, base, "--until-decided", "--out", tmp_path / "out")
    assert "give a CHECKPOINT that can be asked, not predictions" in found
    assert not (tmp_path / "out").exists()


def test_both_arguments_are_needed(capsys):
    code, _, err = typed(capsys, "gate")
    assert code == 2
    assert "BASE and CHECKPOINT are needed" in err


def test_every_rule_is_explained_with_its_guarantee(capsys, policy):
    path = policy(
        "metric: accuracy, not_worse_by: 0.02",
        "metric: NA recall, must_improve: true",
        "metric: invalid_rate, at_most: 0.05",
        "metric: auroc, at_least: 0.6",
    )
    code, out, _ = typed(capsys, "gate", "--explain", "--policy", path)
    assert code == 0
    for text in (
        f"- Accuracy not worse by 2 pp  ({path}:2)",
        "PASS if checkpoint − base lies above −2.0 pp with 95% confidence",
        "- NA recall must improve",
        "PASS if checkpoint − base lies above 0.0 pp with 95% confidence",
        "- Invalid rate at most 5%",
        "PASS if the checkpoint's value lies below 5.0% with 95% confidence",
        "- AUROC at least 0.6",
        "is called a REGRESSION in about 5% of cases at most",
        "A checkpoint that breaks any rule passes in about 5% of cases at most",
    ):
        assert text in out


def test_a_rule_on_another_programs_score_is_explained(capsys, policy):
    path = policy(
        "metric: accuracy, not_worse_by: 0.03",
        'task: gsm8k, metric: "exact_match,strict-match", not_worse_by: 0.02',
        "task: mmlu, metric: acc, must_improve: true",
        "task: wer, metric: wer, at_most: 0.3",
    )
    code, out, _ = typed(capsys, "gate", "--explain", "--policy", path)
    out = " ".join(out.split())
    assert code == 0
    assert "exact_match,strict-match not worse by 0.02" in out
    assert "Its direction and its range are known only with the answers" in out
    assert "PASS if the checkpoint is shown to be no worse by more than 0.02" in out
    assert "PASS if the checkpoint is shown to be better with 95% confidence" in out
    assert "PASS if the checkpoint's value lies below 0.3" in out


def _without_mistakes(path, name):
    """The same answers without the lines of the first 60 items, which are wrong."""
    chosen = path.with_name(f"{name}.jsonl")
    chosen.write_text("".join(path.read_text().splitlines(keepends=True)[60:]))
    return chosen


@pytest.mark.parametrize("side", ["base", "checkpoint"])
def test_answers_that_one_side_leaves_out_pass_nothing(tmp_path, capsys, policy, side):
    whole = answers(tmp_path, "whole", wrong=60)
    chosen = _without_mistakes(answers(tmp_path, "all", wrong=60), "chosen")
    both = (whole, chosen) if side == "checkpoint" else (chosen, whole)
    rules = ("--policy", policy("metric: invalid_rate, at_most: 0.05"))
    code, out = gate(capsys, tmp_path, *both, *rules, "--github")
    sentence = f"The {side} lacks 60 of the {'base' if side == 'checkpoint' else 'checkpoint'}'s"
    assert code == 3
    assert "INCONCLUSIVE: 1 of 1 rule passed, 60 items answered by one model only." in out
    assert f"::{sentence} 900 items of task fever" in out.replace("\n", " ")
    folder = tmp_path / "out"
    (missing,) = json.loads((folder / "gate.json").read_text())["missing"]
    assert (missing["task"], missing["model"], missing["items"]) == ("fever", side, 60)
    assert sentence in (folder / "gate.md").read_text()
    assert sentence in (folder / "junit.xml").read_text()
    assert failures(tmp_path) == 1
    code, out = gate(capsys, tmp_path, *both, *rules, "--allow-missing")
    assert (code, failures(tmp_path)) == (0, 0)
    assert sentence in " ".join(out.split()), "allowed, and said all the same"


def test_a_broken_rule_stays_broken_whatever_is_missing(tmp_path, capsys, policy):
    base = answers(tmp_path, "base")
    chosen = _without_mistakes(answers(tmp_path, "all", wrong=400), "chosen")
    code, out = gate(
        capsys, tmp_path, base, chosen, "--policy", policy("metric: accuracy, not_worse_by: 0.02")
    )
    assert code == 1
    assert "REGRESSION: 1 of 1 rule broken" in out


def test_a_task_that_the_checkpoint_lacks_passes_nothing(tmp_path, capsys, policy):
    checkpoint = answers(tmp_path, "checkpoint")
    base = answers(tmp_path, "base")
    more = answers(tmp_path, "more", items=30, task="vitaminc")
    base.write_text(base.read_text() + more.read_text())
    rules = ("--policy", policy("metric: invalid_rate, at_most: 0.05"))
    code, out = gate(capsys, tmp_path, base, checkpoint, *rules)
    out = " ".join(out.split())
    assert code == 3
    assert "The checkpoint lacks task vitaminc, of which the base has 30 items" in out
    assert failures(tmp_path) == 1
    code, _ = gate(capsys, tmp_path, base, checkpoint, *rules, "--tasks", "fever")
    assert code == 0, "a task that is not chosen is not missed"


def test_the_built_in_policy_is_explained(capsys):
    code, out, _ = typed(capsys, "gate", "--explain")
    assert code == 0
    assert "- Abstention recall not worse by 5 pp  (default_policy.yaml:10)" in out
    assert "Of the items NA or UNKNOWN, those answered NA or UNKNOWN." in out


def test_verdicts_of_the_published_checkpoint(real_data, tmp_path):
    """As docs/how-to/gate.md argues them: calibration on fever alone stands in the way."""
    folder = real_data / "predictions" / "fever_only"
    out = tmp_path / "out"
    arguments = [SAEVAL, "gate", f"{folder}/*_base.json", f"{folder}/*_grpo.json", "--out", out]
    found = subprocess.run(arguments, capture_output=True, text=True)
    assert found.returncode == 3, found.stderr
    gate = json.loads((out / "gate.json").read_text())
    measured = {
        (r["task"], " ".join(filter(None, (r["rule"]["label"], r["rule"]["metric"])))): r
        for r in gate["results"]
    }
    open_ones = [key for key, result in measured.items() if result["verdict"] != "PASS"]
    assert open_ones == [("fever", "ece_squared_debiased")]
    calibration = measured[open_ones[0]]
    assert calibration["verdict"] == "INCONCLUSIVE"
    assert calibration["interval"]["low"] > 0.02
    assert calibration["p_holm"] > 0.05
    said = "confidence is missing on 4.7% of the base's and 3.6% of the checkpoint's answers"
    assert said in calibration["note"]
    assert measured["fever", "accuracy"]["estimate"] == pytest.approx(0.080, abs=5e-4)
    assert measured["fever", "NA recall"]["estimate"] == pytest.approx(0.164, abs=5e-4)
    worst = measured["climatefever", "accuracy"]
    assert -0.03 < worst["interval"]["low"] < -0.02, "a margin of two points would not be passed"
