"""The GitHub Action's steps, run in a shell as they are written."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import tomllib
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

    def run(first_in_path=SAEVAL.parent, **inputs):
        values = {name: spec.get("default", "") for name, spec in ACTION["inputs"].items()}
        values |= inputs
        files = {name: tmp_path / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        environment = {
            name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda m: values[m[1]], text)
            for name, text in GATE["env"].items()
        }
        path = os.pathsep.join([str(first_in_path), str(SAEVAL.parent), os.environ["PATH"]])
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


def test_a_job_on_more_answers_of_the_same_checkpoint_is_the_next_look(job, tmp_path, monkeypatch):
    monkeypatch.delenv("SAEVAL_LOOKS")
    found = [prediction(n, LABELS[n % 3]) for n in range(900)]
    for items in (300, 900):
        write_predictions(tmp_path / "grows.jsonl", found[:items])
        done, files = job(base="grows.jsonl", checkpoint="grows.jsonl", out=f"out{items}")
        assert done.returncode in (0, 3), done.stderr
    assert "Look 2 of this checkpoint" in files["GITHUB_STEP_SUMMARY"]
    assert (tmp_path / ".saeval-cache" / "looks.jsonl").is_file()


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


@pytest.mark.parametrize("planted", ["file", "folder", "link"])
def test_a_verdict_that_lies_there_already_is_none_of_this_run(job, tmp_path, planted):
    verdict = '{"schema": "saeval.gate/1", "verdict": "PASS"}'
    there, elsewhere = tmp_path / "saeval-gate" / "gate.json", tmp_path / "mine.json"
    there.parent.mkdir()
    elsewhere.write_text(verdict)
    if planted == "folder":
        there.mkdir()
    elif planted == "link":
        there.symlink_to(elsewhere)
    else:
        there.write_text(verdict)
    done, files = job(base="base.jsonl", checkpoint="none.jsonl")
    assert (done.returncode, files["GITHUB_OUTPUT"]) == (2, "")
    assert not there.exists()
    assert elsewhere.read_text() == verdict
    done, files = job(base="base.jsonl", checkpoint="worse.jsonl")
    assert (done.returncode, files["GITHUB_OUTPUT"]) == (1, "verdict=REGRESSION\n")


@pytest.mark.parametrize(
    ("written", "code", "output"),
    [
        ('{"verdict": "PASS"}', 0, "verdict=PASS\n"),
        ('{"verdict": "PASS"}', 1, ""),
        ('{"verdict": "PASS"}', 2, ""),
        ('{"verdict": "PASS"}', 70, ""),
        ('{"verdict": "REGRESSION"}', 0, ""),
        ('{"verdict": "PASS\\nowned=yes"}', 0, ""),
        ('{"verdict": "PASS<<END\\nEND"}', 0, ""),
        ('{"verdict": ["PASS"]}', 0, ""),
        ('{"verdict": "pass"}', 0, ""),
        ('["PASS"]', 0, ""),
        ("[" * 9999, 0, ""),
        ("\x00", 0, ""),
        ("", 0, ""),
    ],
)
def test_only_three_words_beside_their_exit_code_are_a_verdict(
    job, tmp_path, written, code, output
):
    (tmp_path / "bin").mkdir()
    (tmp_path / "content").write_text(written)
    fake = tmp_path / "bin" / "saeval"
    fake.write_text(
        f"#!/bin/sh\nmkdir -p saeval-gate\ncp content saeval-gate/gate.json\nexit {code}\n"
    )
    fake.chmod(0o755)
    (tmp_path / "json.py").write_text("raise SystemExit(print('PASS'))")
    done, files = job(tmp_path / "bin", base="base.jsonl", checkpoint="base.jsonl")
    assert (done.returncode, files["GITHUB_OUTPUT"]) == (code, output)


def test_an_empty_folder_for_reports_is_refused(job):
    done, files = job(base="base.jsonl", checkpoint="base.jsonl", out="")
    assert (done.returncode, files["GITHUB_OUTPUT"]) == (2, "")


def test_actions_are_pinned_by_commit_and_workflows_state_their_permissions():
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    assert len(workflows) >= 2
    used = []
    for path in (ROOT / "action.yml", *workflows):
        text = path.read_text()
        used += re.findall(r"^\s*-?\s*uses:\s*(.*)$", text, re.MULTILINE)
        if path in workflows:
            assert yaml.safe_load(text)["permissions"] == {"contents": "read"}
    assert len(used) >= 10
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v[\d.]+", action), action


def test_what_is_installed_has_hashes_and_the_versions_that_are_tested():
    text = (ROOT / "requirements-action.txt").read_text()
    blocks = re.findall(
        r"^([\w.-]+)==(\S+).*?\\\n((?:    --hash=sha256:[0-9a-f]{64}.*\n?)+)", text, re.M
    )
    pinned = {name: version for name, version, _ in blocks}
    assert len(blocks) == len(re.findall(r"^\S+==", text, re.MULTILINE))
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    tested = dict(line.lower().split("==") for line in lines if "==" in line)
    assert {name: v for name, v in pinned.items() if tested.get(name.lower(), v) != v} == {}
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    needed = {re.match(r"[\w.-]+", line)[0] for line in project["dependencies"]}
    assert needed <= pinned.keys()
    steps = "".join(step.get("run", "") for step in ACTION["runs"]["steps"])
    installs = [line for line in steps.splitlines() if "pip install" in line]
    assert len(installs) == 2
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs)


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
