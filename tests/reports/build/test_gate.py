"""A gate's files: they hold what was found, and names in them can do no harm."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from comparisons import comparison, task
from pages import Page
from rich.console import Console

from saeval.reports import (
    print_result,
    report_files,
    to_brief,
    to_csv,
    to_html,
    to_json,
    to_junit,
    to_markdown,
)
from saeval.reports.render.github import github_annotations
from saeval.stats._core.interval import Interval
from saeval.stats.gate.looks import Look
from saeval.stats.gate.results import Gate, RuleResult, SkippedRule, TaskCoverage
from saeval.stats.gate.rules import Rule

HOSTILE = 'x|<img src=a onerror=b>\n::error::owned\x1b[31m @everyone "]]>&'


def result(verdict, **changed) -> RuleResult:
    fields = {
        "task": "fever",
        "rule": Rule("accuracy", None, "not_worse_by", 0.02, "gate.yaml:3"),
        "estimate": -0.013,
        "interval": Interval(-0.03, 0.004, "tango-score"),
        "pvalue_pass": 0.2,
        "pvalue_regression": 0.8,
        "pvalue_holm": 1.0,
        "verdict": verdict,
        "items": 1000,
        "method": "tango-score",
    }
    return RuleResult(**fields | changed)


def gate(**changed) -> Gate:
    fields = {
        "schema": "saeval.gate/1",
        "saeval_version": "1",
        "base": "base",
        "checkpoint": "checkpoint",
        "policy": "gate.yaml",
        "confidence_level": 0.95,
        "sequential": False,
        "verdict": "REGRESSION",
        "tasks": (TaskCoverage("fever", 1000, 1000), TaskCoverage("vitaminc", 500, 1000)),
        "results": (
            result("PASS", pvalue_pass=0.004),
            result("REGRESSION", pvalue_holm=0.01),
            result("INCONCLUSIVE", task="vitaminc", items_to_decide=12345),
            result(
                "INCONCLUSIVE",
                task="vitaminc",
                rule=Rule("recall", "NA", "must_improve", 0.0, "gate.yaml:4"),
                interval=None,
                note="it rests on 3 items; fewer than 20 are not tested",
            ),
        ),
        "skipped": (SkippedRule("fever", Rule("aurc", None, "not_worse_by", 0.1), "it has none"),),
    }
    return Gate(**fields | changed)


def printed(found: Gate, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    print_result(found, console)
    return console.file.getvalue()


def test_junit_holds_a_suite_per_task_and_a_case_per_rule():
    root = ET.fromstring(to_junit(gate(), allow_inconclusive=True))
    assert {key: root.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "5",
        "failures": "1",
        "errors": "0",
        "skipped": "3",
    }
    fever, vitaminc = root
    assert (fever.get("name"), fever.get("tests"), fever.get("skipped")) == ("fever", "3", "1")
    failure = fever.findall("testcase")[1].find("failure")
    assert failure.get("type") == "REGRESSION"
    assert "Holm p 0.010" in failure.get("message")
    assert "gate.yaml:3" in failure.text
    skipped = vitaminc.findall("testcase")[0].find("skipped")
    assert "About 13,000 items would decide it." in skipped.get("message")


def test_what_is_inconclusive_is_a_failure_unless_allowed():
    root = ET.fromstring(to_junit(gate(), allow_inconclusive=False))
    assert (root.get("failures"), root.get("skipped")) == ("3", "1")


@pytest.mark.parametrize("allowed", [False, True])
def test_junit_is_as_its_schema_says(allowed):
    """What Jenkins' and GitLab's readers demand: elements, their order and their attributes."""
    root = ET.fromstring(to_junit(gate(), allow_inconclusive=allowed))
    assert root.tag == "testsuites"
    for suite in root:
        assert suite.tag == "testsuite"
        assert {"name", "tests", "failures", "errors", "skipped", "time"} == set(suite.attrib)
        assert int(suite.get("tests")) == len(suite)
        for kind, plural in (("failure", "failures"), ("skipped", "skipped")):
            assert int(suite.get(plural)) == len(suite.findall(f"testcase/{kind}"))
        for case in suite:
            assert {"name", "classname", "time"} == set(case.attrib)
            order = [part.tag for part in case]
            assert order == sorted(order, key=["skipped", "failure", "system-out"].index)
            assert len(set(order)) == len(order)


def test_junit_is_read_by_a_parser_that_ci_tools_use(tmp_path):
    junitparser = pytest.importorskip("junitparser")
    (tmp_path / "junit.xml").write_text(report_files(gate())["junit.xml"], encoding="utf-8")
    found = junitparser.JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    assert (found.tests, found.failures, found.skipped) == (5, 3, 1)
    cases = [case for suite in found for case in suite]
    assert [case.is_passed for case in cases] == [True, False, False, False, False]
    assert [case.is_failure for case in cases] == [False, True, False, True, True]


def test_names_in_junit_are_text():
    text = to_junit(
        replace(gate(), tasks=(TaskCoverage(HOSTILE, 1, 1),), results=(), skipped=()),
        allow_inconclusive=True,
    )
    assert "\x1b" not in text
    assert ET.fromstring(text)[0].get("name").startswith("x|<img src=a")


def test_no_name_can_begin_a_command_of_the_workflow():
    found = replace(gate(), results=(result("REGRESSION", task=HOSTILE, note=HOSTILE),))
    (line,) = github_annotations(found, allow_inconclusive=True)
    assert line.startswith("::error title=")
    assert "\n" not in line
    assert line.count("::") == 2 + line.split("::", 2)[2].count("::")
    title = line[len("::error title=") : line.index("::", 2)]
    assert not re.search("[:,\n\r]", title)


def test_annotations_are_errors_where_they_fail():
    levels = [line.split(" ")[0] for line in github_annotations(gate(), allow_inconclusive=True)]
    assert levels == ["::error", "::warning", "::warning"]
    failing = github_annotations(gate(), allow_inconclusive=False)
    assert [line.split(" ")[0] for line in failing] == ["::error"] * 3


def test_markdown_escapes_names():
    found = replace(gate(), base=HOSTILE, checkpoint=HOSTILE, policy=HOSTILE)
    text = to_markdown(found)
    assert "<img" not in text.replace(r"\<img", "")
    assert "\n::error" not in text
    assert "@everyone" not in text
    for line in text.splitlines():
        if line.startswith("| "):
            assert len(re.findall(r"(?<!\\)\|", line)) == 5


def test_json_is_complete():
    tree = json.loads(to_json(gate()))
    assert tree["schema"] == "saeval.gate/1"
    assert tree["results"][2]["items_to_decide"] == 12345
    assert tree["results"][0]["rule"] == {
        "metric": "accuracy",
        "label": None,
        "kind": "not_worse_by",
        "limit": 0.02,
        "source": "gate.yaml:3",
    }


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_console_says_every_verdict_and_the_last_line_is_the_whole(width):
    text = printed(gate(), width)
    last = (
        "REGRESSION: 1 of 4 rules broken (Accuracy on fever), 2 are undecided (Accuracy on "
        "vitaminc and NA recall on vitaminc), 1 passed, 1 not held to."
    )
    assert " ".join(text.split()).endswith(last)
    for word in ("PASS", "REGRESSION", "INCONCLUSIVE"):
        assert word in text
    assert "fewer than 20" in " ".join(text.split())
    assert "not held to, it has none" in " ".join(text.split())


def test_markup_in_names_is_printed_as_it_is():
    assert "[red]x[/red]" in printed(replace(gate(), base="[red]x[/red]"))


def test_saved_items_are_said():
    text = printed(replace(gate(), sequential=True))
    assert "Asked the checkpoint 1,500 of 2,000 items: 25% saved." in text


def test_a_gate_has_a_page_and_a_table_too():
    page = Page(to_html(gate()))
    assert "❌ saeval gate: REGRESSION" in page.text
    rows = list(csv.DictReader(io.StringIO(to_csv(gate()))))
    assert [row["verdict"] for row in rows] == [result.verdict for result in gate().results]
    assert (rows[0]["metric"], rows[0]["limit"]) == ("accuracy", "0.02")


def test_brief_counts_what_blocks_and_marks_what_only_advises():
    advice = Rule("accuracy", None, "not_worse_by", 0.005, "gate.yaml:5", tier="advisory")
    broken = result("REGRESSION", pvalue_holm=0.01, rule=advice)
    found = gate(
        verdict="INCONCLUSIVE",
        results=(result("INCONCLUSIVE"), broken, replace(broken, task="vitaminc")),
        skipped=(),
    )
    whole, fever, vitaminc = to_brief(found).splitlines()
    assert whole.startswith("INCONCLUSIVE: 0 of 1 rule passed, none is broken, 1 is undecided")
    assert fever == (
        "fever: 0 of 1 rule passed; broken: Accuracy −1.3 pp [−3.0, +0.4] (advisory); "
        "undecided: Accuracy −1.3 pp [−3.0, +0.4]"
    )
    assert vitaminc == (
        "vitaminc: advisory rules; broken: Accuracy −1.3 pp [−3.0, +0.4] (advisory)"
    )


def test_brief_names_the_look_from_the_second():
    first, second = (
        to_brief(replace(gate(), look=Look(number, alpha))).splitlines()[0]
        for number, alpha in ((1, 0.04), (2, 0.008))
    )
    assert "ook" not in first
    assert second == f"{first} Look 2, at α = 0.008 of 0.05."


def test_the_comparison_says_first_what_its_gate_decided():
    compared, found = comparison(task()), gate()
    text = report_files(compared, gate=found)["report.md"]
    assert text.splitlines()[2].startswith("**❌ saeval gate:** REGRESSION: 1 of 4 rules broken (")
    assert text.splitlines()[2].endswith("gate.md.")
    page = report_files(compared, gate=found)["report.html"]
    assert 0 < page.index("REGRESSION: 1 of 4 rules broken") < page.index("<h1>")
    assert "gate" not in report_files(compared)["report.md"]
    hostile = report_files(compared, gate=replace(found, policy=HOSTILE))
    assert "<img" not in hostile["report.html"]
    assert "\n::error" not in hostile["report.md"]


def test_the_same_gate_gives_the_same_text():
    assert report_files(gate()) == report_files(gate())
    assert list(report_files(gate())) == ["gate.json", "gate.md", "junit.xml"]
