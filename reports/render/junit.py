"""A gate as JUnit XML."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

from saeval.reports.text import gate as words
from saeval.reports.text.answers import both_answers
from saeval.reports.text.knowledge import knowledge
from saeval.reports.text.summary import in_words
from saeval.stats.gate.results import Gate, RuleResult
from saeval.stats.gate.rules import Rule
from saeval.terminal_text import one_line


def to_junit(gate: Gate, *, allow_inconclusive: bool) -> str:
    """A test suite per task, with what became of knowledge as properties, a test case per rule.

    REGRESSION is a failure, and so is INCONCLUSIVE, or a skipped test where it is allowed or the
    rule is advisory; a rule
    that a task cannot be held to is skipped in any case. Items that one model did not answer are a
    test case of their own.
    """
    root = ET.Element("testsuites", name="saeval gate")
    names = dict.fromkeys([t.task for t in gate.tasks] + [part.task for part in gate.missing])
    for name in names:
        missing = [part for part in gate.missing if part.task == name]
        n_missing = sum(not (part.allowed or allow_inconclusive) for part in missing)
        cases = [result for result in gate.results if result.task == name]
        left_out = [skipped for skipped in gate.skipped if skipped.task == name]
        failing = [result for result in cases if fails(result, allow_inconclusive)]
        n_open = sum(r.verdict != "PASS" and r not in failing for r in cases)
        suite = ET.SubElement(
            root,
            "testsuite",
            name=one_line(name),
            tests=str(len(cases) + len(left_out) + len(missing)),
            failures=str(len(failing) + n_missing),
            errors="0",
            skipped=str(n_open + len(left_out) + len(missing) - n_missing),
            time="0",
        )
        _answers(suite, gate, name)
        for result in cases:
            case = _case(suite, name, result.rule)
            if fails(result, allow_inconclusive):
                failure = ET.SubElement(case, "failure", type=result.verdict)
                failure.set("message", one_line(f"{result.verdict}: {words.finding(result)}"))
                failure.text = one_line(f"{words.finding(result)} ({result.rule.source})")
            elif result.verdict != "PASS":
                message = one_line(f"{result.verdict}: {words.finding(result)}")
                ET.SubElement(case, "skipped", message=message)
            ET.SubElement(case, "system-out").text = one_line(words.finding(result))
        for skipped in left_out:
            case = _case(suite, name, skipped.rule)
            ET.SubElement(case, "skipped", message=one_line(f"not held to: {skipped.reason}"))
        for part in missing:
            case = ET.SubElement(
                suite,
                "testcase",
                classname=one_line(f"saeval.{name}"),
                name=f"Items that the {part.model} lacks",
                time="0",
            )
            if part.allowed or allow_inconclusive:
                ET.SubElement(case, "skipped", message=one_line(part.reason))
            else:
                ET.SubElement(case, "failure", type="INCONCLUSIVE", message=one_line(part.reason))
        if text := words.trained_on(gate).get(name):
            ET.SubElement(suite, "system-out").text = one_line(text)
    for count in ("tests", "failures", "errors", "skipped"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _answers(suite: ET.Element, gate: Gate, task: str) -> None:
    """What became of knowledge and what it cost, as properties of the suite."""
    comparison = gate.compared
    compared = [t for t in ([] if comparison is None else comparison.tasks) if t.task == task]
    if comparison is None or not compared:
        return
    alone = replace(comparison, tasks=tuple(compared), pooled=None)
    properties = ET.SubElement(suite, "properties")
    level = comparison.settings.confidence_level
    values = {
        "headline": in_words(alone).headline,
        "knows_better": knowledge(compared[0], level).answer,
    }
    for name, answered in zip(("knows_better", "cost"), both_answers(alone), strict=True):
        values.setdefault(name, answered.answer)
        values[f"{name}.evidence"] = " ".join(answered.evidence)
    for name, value in values.items():
        ET.SubElement(properties, "property", name=name, value=one_line(value))


def _case(suite: ET.Element, task: str, rule: Rule) -> ET.Element:
    name = f"{words.rule_name(rule)} {words.demand(rule)}"
    return ET.SubElement(
        suite, "testcase", classname=one_line(f"saeval.{task}"), name=name, time="0"
    )


def fails(result: RuleResult, allow_inconclusive: bool) -> bool:
    """Whether a rule fails the build; an advisory one never does."""
    if not result.rule.is_blocking:
        return False
    return result.verdict == "REGRESSION" or (
        result.verdict == "INCONCLUSIVE" and not allow_inconclusive
    )
