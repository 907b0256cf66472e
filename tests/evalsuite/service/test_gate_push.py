"""``saeval gate --push`` and the GitHub Action, against a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from saeval.evalsuite.client.wire import Scope
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import LookRow, Verdict
from saeval.evalsuite.service.settings import ServiceSettings

from .jobs_process import ENVIRONMENT, jobs_running
from .pushed import answered_run

POLICY = "rules:\n  - {metric: accuracy, not_worse_by: 0.1}\n"


@pytest.fixture
def gate(
    settings: ServiceSettings,
    live: str,
    token: Callable[[Scope], str],
    tmp_path: Path,
) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Runs ``saeval gate … --push``, with a jobs process at work."""
    (tmp_path / "gate.yaml").write_text(POLICY)

    def run(
        *arguments: object, scope: Scope = "gate", looks: str = "looks.jsonl"
    ) -> subprocess.CompletedProcess[str]:
        environment = ENVIRONMENT | {
            "SAEVAL_TOKEN": token(scope),
            "SAEVAL_LOOKS": str(tmp_path / looks),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        }
        return subprocess.run(
            [sys.executable, "-m", "saeval", "gate", *map(str, arguments), f"--push={live}"],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment,
        )

    with jobs_running(settings):
        yield run


@pytest.mark.service
def test_the_record_gives_the_verdict(
    gate: Callable[..., subprocess.CompletedProcess[str]],
    service: Service,
    live: str,
    tmp_path: Path,
) -> None:
    base = answered_run(tmp_path, "base", items=300)
    worse = answered_run(tmp_path, "worse", items=300, accuracy=0.1)
    options = ("--policy=gate.yaml", "--replicates=1000", "--out=out")
    done = gate(base, worse, *options, "--github")
    assert done.returncode == 1, done.stderr
    with service.database.reading() as session:
        (verdict,) = session.scalars(select(Verdict))
        assert (verdict.state, verdict.result, verdict.look) == ("ready", "REGRESSION", 1)
        assert (verdict.policy.text, verdict.policy.name) == (POLICY, "gate.yaml")
        address = f"{live}/verdicts/{verdict.id}"
    assert f"REGRESSION: {address}\n" in done.stdout
    assert f"::notice title=saeval gate%3A REGRESSION::{address}\n" in done.stdout
    assert f"[The verdict in the record]({address})" in (tmp_path / "summary.md").read_text()
    said = json.loads((tmp_path / "out" / "verdict.json").read_text())
    assert said == {
        "verdict": "REGRESSION",
        "address": address,
        "look": 1,
        "verdict_here": "REGRESSION",
    }
    kept = json.loads(service.blobs.read(verdict.files["gate.json"]))
    ours = json.loads((tmp_path / "out" / "gate.json").read_text())
    assert (kept["results"], kept["look"]) == (ours["results"], ours["look"])

    again = gate(base, worse, *options, "--json")
    assert (again.returncode, json.loads(again.stdout)["verdict"]) == (1, "REGRESSION")
    assert f"REGRESSION: {address}\n" in again.stderr
    with service.database.reading() as session:
        assert session.scalar(select(func.count(LookRow.id))) == 1


@pytest.mark.service
def test_the_record_knows_the_looks_of_others(
    gate: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    base = answered_run(tmp_path, "base", items=1200)
    parts = [answered_run(tmp_path / str(items), "tuned", items=items) for items in (150, 300, 600)]
    options = ("--policy=gate.yaml", "--replicates=1000", "--quiet")
    for number, part in enumerate(parts, start=1):
        done = gate(base, part, *options, f"--out=out-{number}", looks=f"looks-{number}")
        assert done.returncode in (0, 3), done.stderr
        said = json.loads((tmp_path / f"out-{number}" / "verdict.json").read_text())
        here = json.loads((tmp_path / f"out-{number}" / "gate.json").read_text())
        assert (said["look"], here["look"]["number"]) == (number, 1)
        assert done.returncode == {"PASS": 0, "INCONCLUSIVE": 3}[said["verdict"]]
        if said["verdict"] != said["verdict_here"]:
            assert f"it is look {number} at this checkpoint and here look 1" in done.stderr


def test_what_the_record_cannot_do_is_refused_before_anything_is_asked(
    gate: Callable[..., subprocess.CompletedProcess[str]], service: Service, tmp_path: Path
) -> None:
    base = answered_run(tmp_path, "base", items=60)
    done = gate(base, base, "--until-decided", "--out=out")
    assert done.returncode == 2
    assert "--push and --until-decided: give one of them" in done.stderr
    done = gate(base, base, "--out=out", scope="write")
    assert done.returncode == 2
    assert "has the scope write, and a verdict needs gate" in done.stderr
    assert done.stderr.count("\n") == 1
    with service.database.reading() as session:
        assert list(session.scalars(select(Verdict))) == []
    assert not (tmp_path / "out").exists()


@pytest.mark.service
def test_the_action_links_the_verdict(
    settings: ServiceSettings, live: str, token: Callable[[Scope], str], tmp_path: Path
) -> None:
    yaml = pytest.importorskip("yaml")
    action = yaml.safe_load((Path(__file__).parents[3] / "action.yml").read_text())
    (step,) = [step for step in action["runs"]["steps"] if step.get("id") == "gate"]
    base = answered_run(tmp_path, "base", items=900)
    (tmp_path / "gate.yaml").write_text(POLICY)
    values = {name: spec.get("default", "") for name, spec in action["inputs"].items()}
    values |= {"base": str(base), "checkpoint": str(base), "policy": "gate.yaml"}
    values |= {"server": live, "token": token("gate")}
    environment = {
        name: values[text.partition("inputs.")[2].partition(" ")[0]]
        for name, text in step["env"].items()
    }
    output, summary = tmp_path / "output", tmp_path / "summary"
    here = Path(sys.executable).parent
    with jobs_running(settings):
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=tmp_path,
            env=ENVIRONMENT
            | environment
            | {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)}
            | {"PATH": os.pathsep.join([str(here), os.environ["PATH"]])},
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    verdict, url = output.read_text().splitlines()
    assert verdict == "verdict=PASS"
    assert url.startswith(f"verdict-url={live}/verdicts/")
    assert f"]({url.partition('=')[2]})" in summary.read_text()
    assert values["token"] not in done.stdout + done.stderr
