from __future__ import annotations

from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from service_rows import fill_tables

from saeval.evalsuite.service.context import Service


def scraped(http: TestClient) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = http.get("/metrics").text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_are_counted_by_route_and_never_by_what_a_user_chose(http: TestClient) -> None:
    for path in ("/api/runs/aaaaaaaaaaaa", "/api/runs/bbbbbbbbbbbb", "/made-up", "/static/none"):
        http.get(path)
    http.request("MADEUP", "/health")
    http.get("/health", headers={"Host": "elsewhere.example"})
    http.get("/api/runs", params={"q": "made-up-too"})
    found = scraped(http)
    counts = {
        tuple(value for _, value in labels): count
        for (name, labels), count in found.items()
        if name == "saeval_requests_total"
    }
    assert counts["GET", "/api/runs/{run_id}", "404"] == 2
    assert counts["GET", "none", "404"] == 1
    assert counts["GET", "/static", "404"] == 1
    assert counts["GET", "none", "421"] == 1
    assert counts["other", "/health", "405"] == 1
    assert not any(word in str(found) for word in ("aaaa", "made-up", "MADEUP", "elsewhere"))


def test_rows_by_state_and_files(http: TestClient, service: Service) -> None:
    before = scraped(http)
    assert before["saeval_files", ()] == 0
    with service.database.engine.begin() as connection:
        fill_tables(connection)
    after = scraped(http)
    assert after["saeval_files", ()] == after["saeval_uploads", ()] == 3
    assert after["saeval_files_bytes", ()] > 2**40
    kinds = {dict(labels)["kind"] for name, labels in after if name == "saeval_jobs"}
    assert kinds == {"run", "comparison", "verdict", "evaluation"}


def test_metrics_need_a_token(http: TestClient) -> None:
    assert http.get("/metrics", headers={"Authorization": ""}).status_code == 401
