"""A real MLflow server over its SQLite store: its client, its database and its page."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from command_line import fails
from exported import SECRET, numbers, tracked_numbers

import saeval
from saeval.errors import InputError

mlflow = pytest.importorskip("mlflow")

from saeval.evalsuite.export import mlflow_runs  # noqa: E402

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address and the folder of a server."""
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
        "--backend-store-uri", f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination", str(folder / "artifacts"), "--workers", "1",
    ]  # fmt: skip
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment) as process,
    ):
        address = f"http://127.0.0.1:{port}"
        try:
            wait_for(address, process, folder / "log")
            yield address, folder
        finally:
            process.terminate()


def wait_for(address, process, log):
    """Until the server answers; a busy machine needs minutes to start it."""
    end = time.monotonic() + 300
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(f"{address}/health", timeout=5).close()
            return
        except OSError:
            time.sleep(0.3)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def exported(server, gated):
    address, folder = server
    assert saeval.export(gated, "mlflow", out=address, project="study").written
    client = mlflow.MlflowClient(tracking_uri=address)
    return client, runs_of(client, "study"), folder


def runs_of(client, project):
    """The runs of a project by their roles."""
    experiment = client.get_experiment_by_name(project).experiment_id
    return {run.data.tags["saeval.role"]: run for run in client.search_runs([experiment])}


def table(client, run, name):
    """A table that was logged."""
    return json.loads(Path(client.download_artifacts(run.info.run_id, f"{name}.json")).read_text())


def test_the_client_and_the_database_hold_every_number_to_the_digit(exported, gated):
    _, runs, folder = exported
    expected = tracked_numbers(gated)
    assert set(runs) == {"comparison", "base", "checkpoint"}
    database = sqlite3.connect(folder / "mlflow.db")
    for role, run in runs.items():
        assert run.data.metrics == expected[role]
        rows = database.execute(
            "SELECT key, value FROM latest_metrics WHERE run_uuid = ?", [run.info.run_id]
        )
        assert dict(rows.fetchall()) == expected[role]
        assert run.info.status == "FINISHED"
    database.close()


def test_verdict_pages_and_answers_go_along(exported, gated):
    client, runs, _ = exported
    gate = json.loads((gated / "gate.json").read_text())
    comparison = runs["comparison"]
    assert comparison.data.tags["saeval.verdict"] == gate["verdict"]
    assert comparison.data.tags["saeval.headline"] == gate["in_words"]["headline"]
    for name in ("report.html", "comparison.json", "junit.xml"):
        path = client.download_artifacts(comparison.info.run_id, name)
        assert Path(path).read_bytes() == (gated / name).read_bytes()
    rules = table(client, comparison, "rules")
    column = rules["columns"].index("pvalue_pass")
    assert [row[column] for row in rules["data"]] == [r["p_pass"] for r in gate["results"]]
    model = runs["checkpoint"]
    assert model.data.tags["mlflow.parentRunId"] == comparison.info.run_id
    answers = table(client, model, "answers")
    confidence = answers["columns"].index("confidence")
    lines = (gated.parent / "checkpoint.jsonl").read_text().splitlines()
    assert [row[confidence] for row in answers["data"]] == [
        json.loads(line)["confidence"] for line in lines
    ]


def test_a_second_export_adds_nothing_and_replace_leaves_one(exported, server, gated):
    client, _, _ = exported
    address, _ = server
    experiment = client.get_experiment_by_name("study").experiment_id
    before = {run.info.run_id for run in client.search_runs([experiment])}
    assert not saeval.export(gated, "mlflow", out=address, project="study").written
    assert {run.info.run_id for run in client.search_runs([experiment])} == before
    assert saeval.export(gated, "mlflow", out=address, project="study", replace=True).written
    after = {run.info.run_id for run in client.search_runs([experiment])}
    assert len(after) == len(before) == 3
    assert not after & before


def test_what_a_killed_export_left_goes(server, gated, monkeypatch):
    address, _ = server
    with monkeypatch.context() as killed:
        killed.setattr(mlflow_runs, "_delete", lambda client, identifiers: None)
        killed.setattr(mlflow_runs, "_COMPLETE", "unset")
        saeval.export(gated, "mlflow", out=address, project="killed")
    assert saeval.export(gated, "mlflow", out=address, project="killed").written
    client = mlflow.MlflowClient(tracking_uri=address)
    experiment = client.get_experiment_by_name("killed").experiment_id
    assert len(client.search_runs([experiment])) == 3


def test_an_export_that_fails_leaves_no_run(server, gated, monkeypatch):
    address, _ = server
    real = mlflow_runs._log

    def fail(client, experiment, run, begun):
        real(client, experiment, run, begun)
        if len(begun) == 2:
            raise OSError("the network went away")

    monkeypatch.setattr(mlflow_runs, "_log", fail)
    with pytest.raises(InputError, match="the network went away"):
        saeval.export(gated, "mlflow", out=address, project="failed")
    client = mlflow.MlflowClient(tracking_uri=address)
    experiment = client.get_experiment_by_name("failed").experiment_id
    assert not client.search_runs([experiment])


def test_scores_of_other_programs_are_there_under_names_that_mlflow_takes(server, general):
    address, _ = server
    saeval.export(general, "mlflow", out=address, project="general")
    client = mlflow.MlflowClient(tracking_uri=address)
    runs = runs_of(client, "general")
    rows = [(task, row) for task, _, _, row in numbers(general) if row["base"] is not None]
    values = runs["base"].data.metrics
    kept = [v for k, v in values.items() if not k.endswith((".low", ".high", ".items"))]
    assert sorted(kept) == sorted(row["base"] for _, row in rows)


def test_the_store_itself_can_be_named_by_its_file(gated, tmp_path):
    found = saeval.export(gated, "mlflow", out=tmp_path / "mlflow.db")
    assert found.place == f"sqlite:///{tmp_path}/mlflow.db"
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db", "mlartifacts"}


def test_keys_are_not_sent(gated, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", SECRET)
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    saeval.export(gated, "mlflow", out=tmp_path / "mlflow.db")
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or SECRET.encode() not in path.read_bytes(), path


def test_a_server_that_nobody_runs_is_one_sentence_within_seconds(capsys, gated):
    began = time.monotonic()
    message = fails(capsys, "export", gated, "--to", "mlflow", "--out", "http://127.0.0.1:9")
    assert "http://127.0.0.1:9: the MLflow store or server cannot be used" in message
    assert "Connection refused" in message
    assert time.monotonic() - began < 30


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
def test_its_page_shows_the_run_with_verdict_and_numbers(exported, server, gated, tmp_path):
    client, _, _ = exported
    address, _ = server
    experiment = client.get_experiment_by_name("study").experiment_id
    runs = client.search_runs([experiment])
    (run,) = (run for run in runs if run.data.tags["saeval.role"] == "comparison")
    page = subprocess.run(
        [
            BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000",
            f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom",
            f"{address}/#/experiments/{experiment}/runs/{run.info.run_id}",
        ],
        capture_output=True, text=True, timeout=90, check=True,
    ).stdout  # fmt: skip
    verdict = json.loads((gated / "gate.json").read_text())["verdict"]
    assert "saeval.verdict" in page
    assert verdict in page
    assert "fever/accuracy.difference" in page
