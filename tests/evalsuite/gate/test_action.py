"""The GitHub Action's steps, run in a shell as they are written."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from builders import LABELS, prediction, run_folder, write_predictions
from command_line import SAEVAL

ROOT = Path(__file__).parents[3]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
(GATE,) = [step for step in ACTION["runs"]["steps"] if step.get("id") == "gate"]


@pytest.fixture
def job(tmp_path):
    """Run the gate's step as a runner does: inputs in the environment, bash with -e."""
    for name, wrong in (("base", 0), ("worse", 250)):
        found = [
            prediction(n, LABELS[(n + (n < wrong)) % 3], item_id=f"item {n}") for n in range(900)
        ]
        write_predictions(tmp_path / f"{name}.jsonl", found)

    def run(**inputs):
        values = {name: spec.get("default", "") for name, spec in ACTION["inputs"].items()}
        values |= inputs
        files = {name: tmp_path / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        environment = {
            name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda m: values[m[1]], text)
            for name, text in GATE["env"].items()
        }
        path = os.pathsep.join([str(SAEVAL.parent), os.environ["PATH"]])
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", GATE["run"]],
            cwd=tmp_path,
            env=os.environ
            | environment
            | {name: str(file) for name, file in files.items()}
            | {"PATH": path},
            capture_output=True,
            text=True,
        )
        return done, {name: f.read_text() if f.exists() else "" for name, f in files.items()}

    return run


def test_a_passing_job(job, tmp_path):
    done, files = job(base="base.jsonl", checkpoint="base.jsonl")
    assert done.returncode == 0, done.stderr
    assert files["GITHUB_OUTPUT"] == "verdict=PASS\n"
    assert files["GITHUB_STEP_SUMMARY"].startswith("## ✅ saeval gate: PASS")
    assert (tmp_path / "saeval-gate" / "junit.xml").is_file()


def test_a_committed_baseline_is_the_base(job, tmp_path):
    run = run_folder(tmp_path / "run", items=900)
    store = tmp_path / "saeval-baselines"
    save = [SAEVAL, "baseline", "save", "main", run, "--store", store]
    subprocess.run(save, check=True, capture_output=True)
    done, files = job(base="baseline:main", checkpoint="run")
    assert done.returncode == 0, done.stderr
    assert files["GITHUB_OUTPUT"] == "verdict=PASS\n"
    answers = store / "main" / "predictions" / "fever.jsonl"
    answers.write_text(answers.read_text().replace("PASS", "FAIL", 1))
    done, files = job(base="baseline:main", checkpoint="run", out="other")
    assert done.returncode == 2
    assert "saeval-baselines/main/predictions/fever.jsonl: is not what was saved" in done.stderr
    assert files["GITHUB_OUTPUT"] == "verdict=PASS\n", "that of the first job"


def test_an_inconclusive_job_fails_unless_that_is_allowed(job, tmp_path):
    found = [prediction(n, LABELS[n % 3]) for n in range(60)]
    write_predictions(tmp_path / "few.jsonl", found)
    done, files = job(base="few.jsonl", checkpoint="few.jsonl")
    assert done.returncode == 3, done.stderr
    assert files["GITHUB_OUTPUT"] == "verdict=INCONCLUSIVE\n"
    assert "::error" in done.stdout
    done, _ = job(**{"base": "few.jsonl", "checkpoint": "few.jsonl", "allow-inconclusive": "true"})
    assert done.returncode == 0
    assert "::error" not in done.stdout


def test_a_job_that_fails_and_says_why(job):
    done, files = job(base="base.jsonl", checkpoint="worse.jsonl")
    assert done.returncode == 1
    assert files["GITHUB_OUTPUT"] == "verdict=REGRESSION\n"
    assert "::error title=saeval gate%3A fever%2C REGRESSION::" in done.stdout


def test_policy_and_options_arrive(job, tmp_path):
    policy = tmp_path / "a policy.yaml"
    policy.write_text("rules:\n  - {metric: accuracy, at_least: 0.1}\n")
    done, files = job(
        base="base.jsonl",
        checkpoint="worse.jsonl",
        policy="a policy.yaml",
        options="--replicates=1000\n--seed=7\n",
        out="other folder",
    )
    assert done.returncode == 0, done.stderr
    assert "Accuracy at least 10%" in files["GITHUB_STEP_SUMMARY"]
    assert '"replicates": 1000' in (tmp_path / "other folder" / "comparison.json").read_text()


def test_a_missing_file_is_bad_input(job):
    done, files = job(base="base.jsonl", checkpoint="none.jsonl")
    assert done.returncode == 2
    assert files["GITHUB_OUTPUT"] == ""
    assert "none.jsonl: no such file" in done.stderr


def test_no_input_is_read_as_a_command(job, tmp_path):
    evil = "base.jsonl; touch owned; $(touch owned) `touch owned`"
    done, _ = job(
        base="base.jsonl", checkpoint=evil, options="$(touch owned)", tasks="; touch owned"
    )
    assert done.returncode == 2
    assert not (tmp_path / "owned").exists()
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


def test_every_input_is_used_and_every_used_one_is_there():
    text = (ROOT / "action.yml").read_text()
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == set(ACTION["inputs"])
