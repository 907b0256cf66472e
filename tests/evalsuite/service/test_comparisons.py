"""Comparisons and verdicts, computed by the real jobs process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pyarrow import parquet

import saeval
from saeval.evalsuite.client.wire import Scope
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.operations.check import referred_files
from saeval.evalsuite.service.settings import ServiceSettings

from .jobs_process import jobs_running, wait_for
from .pushed import answered_run, push

OPTIONS = {"n_resamples": 500}


def finished(http: TestClient, path: str) -> dict[str, Any]:
    """What is said of a comparison or verdict, once it is computed."""
    found: dict[str, Any] = {}

    def is_done() -> bool:
        answer = http.get(path)
        assert answer.status_code == 200, answer.text
        found.update(answer.json())
        return found["state"] not in ("queued", "running")

    wait_for(is_done)
    return found


def ask(http: TestClient, base: str, checkpoint: str, **more: Any) -> dict[str, Any]:
    body = {"base": base, "checkpoint": checkpoint, "options": OPTIONS, **more}
    answer = http.post("/api/comparisons", json=body)
    assert answer.status_code in (200, 202), answer.text
    return {"status": answer.status_code, **answer.json()}


def gate(http: TestClient, **body: Any) -> dict[str, Any]:
    answer = http.post("/api/verdicts", json=body)
    assert answer.status_code in (200, 202), answer.text
    return {"status": answer.status_code, **answer.json()}


def numbers(text: str) -> Any:
    """A comparison without what the two are called and where they are."""
    content = json.loads(text)
    for side in ("base", "checkpoint"):
        assert set(content[side]) >= {"name", "source", "facts"}
        content[side]["source"] = side
    return content


def test_the_numbers_are_those_of_the_command(
    http: TestClient, service: Service, settings: ServiceSettings, tmp_path: Path
) -> None:
    folders = [answered_run(tmp_path, "base"), answered_run(tmp_path, "tuned", accuracy=0.8)]
    base, checkpoint = (push(service, folder) for folder in folders)
    asked = ask(http, base, checkpoint)
    assert (asked["status"], asked["state"]) == (202, "queued")
    assert ask(http, f"runs/{base}", checkpoint)["status"] == 200
    with jobs_running(settings):
        info = finished(http, f"/api/comparisons/{asked['id']}")
    assert (info["state"], info["reason"], info["progress"]) == ("ready", None, None)
    assert info["answer"]
    metrics = {(own["task"], own["metric"]): own for own in info["metrics"]}
    assert metrics["fever", "accuracy"]["verdict"] == "better"
    local = saeval.compare(*folders, n_resamples=500, out=tmp_path / "local")
    for name in ("comparison.json", "metrics.csv"):
        ours = http.get(f"/api/comparisons/{asked['id']}/files/{name}").text
        theirs = (tmp_path / "local" / name).read_text()
        if name.endswith(".json"):
            assert numbers(ours) == numbers(theirs)
            for folder, run in zip(folders, (base, checkpoint), strict=True):
                theirs = theirs.replace(str(folder), f"{settings.url}/runs/{run}")
        assert ours == theirs
    report = http.get(f"/api/comparisons/{asked['id']}/files/report.html")
    assert report.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert set(info["files"]) >= {
        *("comparison.json", "report.html", "report.md", "metrics.csv"),
        *("items.parquet", "changed_items.parquet"),
    }
    items = service.blobs.local(info["files"]["items.parquet"])
    assert parquet.read_metadata(items).num_rows == local["fever"].items
    assert http.get(f"/api/comparisons/{asked['id']}/files/../x").status_code == 404
    assert http.get(f"/api/comparisons/{asked['id']}/files/other").status_code == 404


def test_a_pair_that_breaks_the_contract_is_refused_with_what_differs(
    http: TestClient, service: Service, settings: ServiceSettings, tmp_path: Path
) -> None:
    base = push(service, answered_run(tmp_path, "base", items=30))
    other = push(service, answered_run(tmp_path, "other", items=30, first=30))
    asked = ask(http, base, other)
    with jobs_running(settings):
        info = finished(http, f"/api/comparisons/{asked['id']}")
        verdict = gate(http, comparison=asked["id"])
        refused = finished(http, f"/api/verdicts/{verdict['id']}")
    assert info["state"] == "refused"
    with pytest.raises(saeval.PairingError) as error:
        saeval.compare(tmp_path / "base", tmp_path / "other")
    assert "no item" in info["reason"]
    assert info["mismatch"]["reason"] == info["reason"]
    assert str(error.value).split(":")[-1] == info["reason"].split(":")[-1]
    assert refused["state"] == "refused"
    assert info["reason"] in refused["reason"]


def test_a_verdict_is_that_of_the_command(
    http: TestClient,
    service: Service,
    settings: ServiceSettings,
    tmp_path: Path,
    token: Callable[[Scope], str],
) -> None:
    folders = [answered_run(tmp_path, "base"), answered_run(tmp_path, "worse", accuracy=0.2)]
    base, checkpoint = (push(service, folder) for folder in folders)
    policy = "rules:\n  - {metric: accuracy, not_worse_by: 0.05}\n"
    body = {"base": base, "checkpoint": checkpoint, "policy": policy, "options": OPTIONS}
    asked = gate(http, **body, policy_name="strict.yaml", among=2)
    assert gate(http, **body, policy_name="other.yaml", among=2)["id"] == asked["id"]
    assert gate(http, **body, among=3)["id"] != asked["id"]
    with jobs_running(settings):
        info = finished(http, asked["page"].replace("/verdicts", "/api/verdicts"))
    (tmp_path / "strict.yaml").write_text(policy)
    local = saeval.gate(
        *folders,
        policy=tmp_path / "strict.yaml",
        looks=tmp_path / "looks",
        among=2,
        n_resamples=500,
    )
    assert (info["result"], local.verdict) == ("REGRESSION", "REGRESSION")
    assert local.look is not None
    assert (info["look"], info["alpha"]) == (1, local.look.alpha)
    assert info["policy_name"] == "strict.yaml"
    ours = http.get(f"/api/verdicts/{info['id']}/files/gate.json").json()
    theirs = json.loads(saeval.reports.to_json(local))
    assert ours["results"] == [
        {**own, "rule": {**own["rule"], "source": own["rule"]["source"].split("/")[-1]}}
        for own in theirs["results"]
    ]
    assert set(info["files"]) == {"gate.json", "gate.md", "junit.xml"}
    with service.database.reading() as session:
        assert set(info["files"].values()) <= referred_files(session)

    overrides = f"/api/verdicts/{info['id']}/overrides"
    writer = {"Authorization": f"Bearer {token('write')}"}
    said = {"decision": "ship", "reason": "the regression is in a label that we drop"}
    assert http.post(overrides, json=said, headers=writer).status_code == 403
    assert http.post(overrides, json={**said, "reason": "  short    "}).status_code == 422
    assert http.post("/api/verdicts/0123456789/overrides", json=said).status_code == 404
    answer = http.post(overrides, json=said).json()
    assert answer["result"] == "REGRESSION"
    assert [own["decision"] for own in answer["overrides"]] == ["ship"]
    assert http.post("/api/verdicts", json=body, headers=writer).status_code == 403


def test_looks_of_one_checkpoint_share_what_may_be_spent(
    http: TestClient, service: Service, settings: ServiceSettings, tmp_path: Path
) -> None:
    base = push(service, answered_run(tmp_path, "base", items=200))
    small = answered_run(tmp_path / "small", "tuned", items=100)
    large = answered_run(tmp_path / "large", "tuned", items=200)
    ids = [
        gate(http, base=base, checkpoint=push(service, folder), options=OPTIONS)["id"]
        for folder in (small, large)
    ]
    with jobs_running(settings):
        found = [finished(http, f"/api/verdicts/{own}") for own in ids]
    assert sorted(own["look"] for own in found) == [1, 2]
    assert found[0]["alpha"] != found[1]["alpha"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"base": "nothing000", "checkpoint": "nothing000"}, 404, "there is no run 'nothing000'"),
        ({"base": "baselines/main", "checkpoint": "x"}, 404, "there is no baseline 'main'"),
        ({"comparison": "nothing000"}, 404, "there is no comparison 'nothing000'"),
        ({"base": "a"}, 422, "give a `comparison`, or a `base` and a `checkpoint`"),
        ({}, 422, "give a `comparison`, or a `base` and a `checkpoint`"),
        ({"policy": "rules: [&a {metric: x}, *a]"}, 422, "an alias; write the value out"),
        ({"policy": "rules: !!python/object:os.system []"}, 422, "policy.yaml:1: not YAML"),
        ({"policy": "[" * 50_000}, 422, "is nested too deeply"),
        ({"policy": "rules: []"}, 422, "the policy has no rules"),
        ({"policy": "rules: [{metric: accurcy, not_worse_by: 0.1}]"}, 422, "accurcy"),
    ],
)
def test_what_cannot_be_gated_is_one_sentence(
    http: TestClient, body: dict[str, Any], status: int, said: str
) -> None:
    answer = http.post("/api/verdicts", json=body)
    assert answer.status_code == status
    assert said in answer.json()["error"]["message"]
