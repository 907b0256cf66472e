"""The templates for schedulers: linted by their own schemas, their commands run as processes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from command_line import typed

import saeval
from saeval.evalsuite.store.shards import find_shards
from saeval.trainer.demo.tiny_model import build_random_adapter, build_tiny_model

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/how-to/use-more-machines.md"
SBATCH, SKY, JOB = (
    ROOT / "docs/how-to/cluster" / name
    for name in ("saeval.sbatch", "saeval.sky.yaml", "saeval-job.yaml")
)
_OF_SBATCH = {
    "job-name": r"[\w-]+",
    "array": r"1-\d+",
    "ntasks": r"1",
    "cpus-per-task": r"\d+",
    "mem": r"\d+[KMGT]",
    "gres": r"gpu:\d+",
    "time": r"\d\d:\d\d:\d\d",
    "requeue": None,
    "open-mode": r"append|truncate",
    "output": r"[\w.-]*%A\S*%a\S*",
}
"""Options of sbatch by its manual, and what their values look like."""


def job() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(JOB.read_text(encoding="utf-8"))
    return content


def sky_task() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(SKY.read_text(encoding="utf-8"))
    return content


def test_the_slurm_script_is_linted() -> None:
    tool = shutil.which("shellcheck", path=str(Path(sys.executable).parent))
    if tool is None:
        pytest.skip("shellcheck is not installed")
    subprocess.run([tool, "--severity=style", SBATCH], check=True)


def test_options_of_the_slurm_script_are_read_by_slurm() -> None:
    """Those before the first command are: sbatch stops there."""
    lines = SBATCH.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("#!")
    first = next(n for n, line in enumerate(lines) if line and not line.startswith("#"))
    options = [line for line in lines[:first] if line.startswith("#SBATCH")]
    assert [line for line in lines[first:] if line.startswith("#SBATCH")] == []
    read = {}
    for line in options:
        match = re.fullmatch(r"#SBATCH --([a-z-]+)(?:=(\S+))?", line)
        assert match, line
        expected = _OF_SBATCH[match[1]]
        assert (match[2] is None) if expected is None else re.fullmatch(expected, match[2]), line
        read[match[1]] = match[2]
    assert {"array", "gres", "requeue"} <= read.keys()


def test_the_job_is_what_its_schema_says() -> None:
    kubernetes_validate.validate(job(), kubernetes_validate.latest_version(), strict=True)
    broken = job()
    broken["spec"]["completionmode"] = "Indexed"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, kubernetes_validate.latest_version(), strict=True)


def test_the_job_has_as_many_shards_as_indices() -> None:
    spec = job()["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    values = {own["name"]: own["value"] for own in container["env"]}
    assert spec["completionMode"] == "Indexed"
    assert values["SHARDS"] == str(spec["completions"])
    (mount,) = container["volumeMounts"]
    assert values["OUT"].startswith(f"{mount['mountPath']}/")
    (rule,) = spec["podFailurePolicy"]["rules"]
    assert rule["onExitCodes"] == {"containerName": container["name"], "operator": "In",
                                   "values": [saeval.InputError.exit_code]}  # fmt: skip


class Cluster:
    """Jobs as plain processes, in a folder of their own, with the environment of a scheduler."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.base = Path(build_tiny_model(folder / "base"))
        self.checkpoint = Path(build_random_adapter(self.base, folder / "checkpoint", scale=0.3))
        programs = folder / "bin"
        programs.mkdir()
        (programs / "saeval").write_text(f'#!/bin/sh\nexec {sys.executable} -m saeval "$@"\n')
        (programs / "saeval").chmod(0o755)

    def run(self, command: list[str], environment: Mapping[str, object]) -> str:
        """What a job says; it must end well."""
        values = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT),
            "HOME": str(self.folder), "OMP_NUM_THREADS": "1",
            **{name: str(value) for name, value in environment.items()},
        }  # fmt: skip
        done = subprocess.run(
            command, env=values, cwd=self.folder, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return done.stderr


OPTIONS = ("--limit", "8", "--gen-kwargs", "max_gen_toks=4", "--batch-size", "1")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    saeval.run(made.base, tasks="factworld", limit=8, generation={"max_gen_toks": 4},
               batch_size=1, out=made.folder / "runs/base")  # fmt: skip
    return made


def compare_as_the_page_says(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (command,) = re.findall(r"^saeval (compare runs/base runs/mine)$", PAGE.read_text(), re.M)
    monkeypatch.chdir(cluster.folder)
    code, _, said = typed(capsys, *command.split(), "--replicates", "1000", "--out", "report")
    assert code == 0, said
    assert [task.items for task in saeval.load_comparison("report").tasks] == [8]
    for place in ("report", "runs/mine"):
        shutil.rmtree(cluster.folder / place)


@pytest.mark.cluster
def test_jobs_of_a_slurm_array(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"MODEL": cluster.checkpoint, "TASKS": "factworld", "OPTIONS": " ".join(OPTIONS)}
    for number in (1, 2):
        array = {"ID": number, "MIN": 1, "MAX": 2, "COUNT": 2, "STEP": 1}
        environment = {f"SLURM_ARRAY_TASK_{name}": value for name, value in array.items()}
        said = cluster.run(["bash", str(SBATCH)], settings | environment)
        assert f"This is shard {number} of 2, by SLURM_ARRAY_TASK_ID={number}" in said
    shutil.rmtree(cluster.folder / "runs/mine/shard-2-of-2")  # handed in once more, alone
    array = {"ID": 2, "MIN": 2, "MAX": 2, "COUNT": 1, "STEP": 1}
    environment = {f"SLURM_ARRAY_TASK_{name}": value for name, value in array.items()}
    with pytest.raises(AssertionError, match=r"no whole array .* --shard 3/4 for a job"):
        cluster.run(["bash", str(SBATCH)], settings | environment)
    cluster.run(["bash", str(SBATCH)], settings | environment | {"SHARD": "2/2"})
    compare_as_the_page_says(cluster, monkeypatch, capsys)


@pytest.mark.cluster
def test_nodes_of_a_sky_task(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each node has a disk of its own, and the bucket is a folder that all see."""
    settings = sky_task()["envs"] | {
        "MODEL": cluster.checkpoint, "TASKS": "factworld", "OPTIONS": " ".join(OPTIONS),
        "RESULTS": cluster.folder / "runs/mine", "SKYPILOT_NUM_NODES": 2,
    }  # fmt: skip
    for rank in (1, 0):
        home = cluster.folder / f"node-{rank}"
        home.mkdir()
        node = {"SKYPILOT_NODE_RANK": rank, "HOME": home}
        cluster.run(["bash", "-c", sky_task()["run"]], settings | node)
        assert len(find_shards(home / "shards")) == 1
    compare_as_the_page_says(cluster, monkeypatch, capsys)


@pytest.mark.cluster
def test_indices_of_a_kubernetes_job(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (container,) = job()["spec"]["template"]["spec"]["containers"]
    settings = {own["name"]: own["value"] for own in container["env"]} | {
        "MODEL": cluster.checkpoint, "TASKS": "factworld", "OPTIONS": " ".join(OPTIONS),
        "OUT": cluster.folder / "runs/mine", "SHARDS": 2,
    }  # fmt: skip
    for index in (0, 1):
        cluster.run(
            [*container["command"], *container["args"]], settings | {"JOB_COMPLETION_INDEX": index}
        )
    compare_as_the_page_says(cluster, monkeypatch, capsys)
