"""What people ask for on pages: only with the scope for it, and what only our pages carry."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from service_record import BASE, Filled, finish_jobs
from sqlalchemy import func, select

from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import (
    Audit,
    BaselineRow,
    Comparison,
    Override,
    Verdict,
)

Browser = tuple[TestClient, str]
SignIn = Callable[..., Browser]
CHECKPOINT = "qwen3-8b-grpo-800"


def count(service: Service, table: type[object]) -> int:
    with service.database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_comparison_is_asked_for_and_followed(
    filled: Filled, browser: Browser, module_service: Service
) -> None:
    http, csrf = browser
    form = {
        "csrf": csrf, "run": filled.runs["qwen3-8b-sft-s0"], "other": filled.runs[CHECKPOINT],
        "side": "base",
    }  # fmt: skip
    answer = http.post("/comparisons", data=form)
    assert answer.status_code == 303
    page = http.get(answer.headers["location"]).text
    assert "It waits for its turn." in page
    assert "qwen3-8b-sft-s0 → qwen3-8b-grpo-800" in page
    assert "<noscript><meta" in page
    finish_jobs(module_service)
    assert "May it ship?" in http.get(answer.headers["location"]).text


def test_a_verdict_by_a_policy_of_the_form(
    filled: Filled, browser: Browser, module_service: Service
) -> None:
    http, csrf = browser
    path = f"/comparisons/{filled.comparisons[CHECKPOINT]}/verdicts"
    text = "rules:\r\n  - {metric: accuracy, not_worse_by: 0.5}\r\n"
    answer = http.post(path, data={"csrf": csrf, "policy": "text", "text": text, "among": "2"})
    assert answer.status_code == 303
    finish_jobs(module_service)
    page = http.get(answer.headers["location"]).text
    assert "not worse by 50 pp" in page
    assert "2 checkpoints, which share α" in page


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"policy": "text", "text": "rules: 3"}, 422),
        ({"policy": "", "text": "rules: 3"}, 422),
        ({"policy": "f" * 64, "text": "rules: 3"}, 422),
        ({"policy": "f" * 64}, 404),
        ({"among": "0"}, 422),
        ({"among": "many"}, 422),
    ],
)
def test_a_verdict_that_cannot_be_asked_for(
    filled: Filled, browser: Browser, module_service: Service, form: dict[str, str], status: int
) -> None:
    http, csrf = browser
    before = count(module_service, Verdict)
    path = f"/comparisons/{filled.comparisons[CHECKPOINT]}/verdicts"
    answer = http.post(path, data={"csrf": csrf, **form})
    assert answer.status_code == status
    assert "<h1>" in answer.text
    assert count(module_service, Verdict) == before


def test_an_override_is_shown_with_its_reason_and_who(
    filled: Filled, browser: Browser, module_service: Service
) -> None:
    http, csrf = browser
    path = f"/verdicts/{filled.verdicts['qwen3-8b-sft-s2']}"
    reason = "Shown to the <b>customer</b> on Friday,\r\nand nowhere else."
    form = {"csrf": csrf, "decision": "ship", "reason": reason}
    assert http.post(f"{path}/overrides", data=form).status_code == 303
    page = http.get(path).text
    assert "Shown to the &lt;b&gt;customer&lt;/b&gt; on Friday,\nand nowhere else." in page
    assert "shipped by override" in http.get("/").text
    with module_service.database.reading() as session:
        query = select(Audit).where(Audit.action == "verdict.override").order_by(Audit.id.desc())
        entry = session.scalars(query).first()
    assert entry is not None
    assert entry.who == "ana"


@pytest.mark.parametrize(
    "form",
    [
        {"decision": "ship", "reason": "short"},
        {"decision": "burn", "reason": "A reason of enough words."},
        {"decision": "ship", "reason": "          \r\n      "},
    ],
)
def test_an_override_needs_a_decision_and_a_reason(
    filled: Filled, browser: Browser, module_service: Service, form: dict[str, str]
) -> None:
    http, csrf = browser
    before = count(module_service, Override)
    path = f"/verdicts/{filled.verdicts[CHECKPOINT]}/overrides"
    assert http.post(path, data={"csrf": csrf, **form}).status_code == 422
    assert count(module_service, Override) == before


def test_a_name_stands_for_a_run(filled: Filled, browser: Browser, module_service: Service) -> None:
    http, csrf = browser
    form = {"csrf": csrf, "name": "main", "reason": "First base of the team."}
    answer = http.post(f"/runs/{filled.runs[BASE.name]}/baseline", data=form)
    assert answer.headers["location"] == "/baselines/main"
    assert "First base of the team." in http.get("/baselines/main").text
    assert "/baselines/main" in http.get(f"/runs/{filled.runs[BASE.name]}").text
    bad = http.post(f"/runs/{filled.runs[BASE.name]}/baseline", data={**form, "name": "../x"})
    assert bad.status_code == 422
    assert count(module_service, BaselineRow) == 1


WRITES = [
    ("/comparisons", "write"),
    ("/comparisons/{comparison}/verdicts", "gate"),
    ("/verdicts/{verdict}/overrides", "gate"),
    ("/runs/{run}/baseline", "gate"),
]


@pytest.mark.parametrize(("path", "scope"), WRITES)
def test_nothing_is_written_without_the_scope_or_the_form(
    filled: Filled, module_service: Service, sign_in: SignIn, path: str, scope: str
) -> None:
    address = path.format(
        comparison=filled.comparisons[CHECKPOINT],
        verdict=filled.verdicts[CHECKPOINT],
        run=filled.runs[BASE.name],
    )
    form = {
        "run": filled.runs[BASE.name], "other": filled.runs[BASE.name], "decision": "hold",
        "reason": "A reason of enough words.", "name": "mine", "policy": "",
    }  # fmt: skip
    tables = (Comparison, Verdict, Override, BaselineRow)
    before = [count(module_service, table) for table in tables]
    weaker = {"write": "read", "gate": "write"}[scope]
    http, csrf = sign_in(module_service, weaker)
    assert http.post(address, data={**form, "csrf": csrf}).status_code == 403
    http, _ = sign_in(module_service, "admin")
    assert http.post(address, data=form).status_code == 403
    assert http.post(address, data={**form, "csrf": "0" * 64}).status_code == 403
    assert [count(module_service, table) for table in tables] == before


def test_who_may_not_is_shown_no_form(
    filled: Filled, module_service: Service, sign_in: SignIn
) -> None:
    http, _ = sign_in(module_service, "read")
    for path in (
        f"/runs/{filled.runs[BASE.name]}",
        f"/comparisons/{filled.comparisons[CHECKPOINT]}",
        f"/verdicts/{filled.verdicts[CHECKPOINT]}",
    ):
        page = http.get(path).text
        assert page.count('method="post"') == 1, path  # signing out
