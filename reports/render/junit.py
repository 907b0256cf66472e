"""A gate as JUnit XML."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from saeval.reports.text import gate as words
from saeval.stats.gate.results import Gate, RuleResult
from saeval.stats.gate.rules import Rule
from saeval.terminal_text import one_line


def to_junit(gate: Gate, *, allow_inconclusive: bool) -> str:
    """A test suite per task and a test case per rule.

    REGRESSION is a failure, and so is INCONCLUSIVE, or a skipped test where it is allowed; a rule
    that a task cannot be held to is skipped in any case.
    """
    root = ET.Element("testsuites", name="saeval gate")
    for task in gate.tasks:
        cases = [result for result in gate.results if result.task == task.task]
        left_out = [skipped for skipped in gate.skipped if skipped.task == task.task]
        failing = [result for result in cases if fails(result, allow_inconclusive)]
        n_open = sum(r.verdict == "INCONCLUSIVE" for r in cases) if allow_inconclusive else 0
        suite = ET.SubElement(
            root,
            "testsuite",
            name=one_line(task.task),
            tests=str(len(cases) + len(left_out)),
            failures=str(len(failing)),
            errors="0",
            skipped=str(n_open + len(left_out)),
            time="0",
        )
        for result in cases:
            case = _case(suite, task.task, result.rule)
            if fails(result, allow_inconclusive):
                failure = ET.SubElement(case, "failure", type=result.verdict)
                failure.set("message", one_line(f"{result.verdict}: {words.finding(result)}"))
                failure.text = one_line(f"{words.finding(result)} ({result.rule.source})")
            elif result.verdict == "INCONCLUSIVE":
                message = one_line(f"INCONCLUSIVE: {words.finding(result)}")
                ET.SubElement(case, "skipped", message=message)
            ET.SubElement(case, "system-out").text = one_line(words.finding(result))
        for skipped in left_out:
            case = _case(suite, task.task, skipped.rule)
            ET.SubElement(case, "skipped", message=one_line(f"not held to: {skipped.reason}"))
        if text := words.trained_on(gate).get(task.task):
            ET.SubElement(suite, "system-out").text = one_line(text)
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ET.Element, task: str, rule: Rule) -> ET.Element:
    name = f"{words.rule_name(rule)} {words.demand(rule)}"
    return ET.SubElement(
        suite, "testcase", classname=one_line(f"saeval.{task}"), name=name, time="0"
    )


def fails(result: RuleResult, allow_inconclusive: bool) -> bool:
    """Whether a rule fails the build."""
    return result.verdict == "REGRESSION" or (
        result.verdict == "INCONCLUSIVE" and not allow_inconclusive
    )
