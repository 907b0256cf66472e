"""A gate as annotations of a GitHub workflow."""

from __future__ import annotations

from collections.abc import Iterator

from saeval.reports.render.junit import fails
from saeval.reports.text.gate import finding
from saeval.stats.gate.results import Gate
from saeval.terminal_text import one_line


def github_annotations(
    gate: Gate, *, allow_inconclusive: bool, address: str | None = None
) -> Iterator[str]:
    """Workflow commands that GitHub shows on a run: an error or a warning per rule not passed.

    `address` is that of the verdict's page in a record, if there is one.

    Values are escaped as the toolkit does (`@actions/core`, command.ts), so that no name can end a
    command or begin another.
    """
    for result in gate.results:
        if result.verdict == "PASS":
            continue
        level = "error" if fails(result, allow_inconclusive) else "warning"
        title = f"saeval gate: {result.task}, {result.verdict}"
        message = one_line(finding(result))
        yield f"::{level} title={_property(one_line(title))}::{_data(message)}"
    for missing in gate.missing:
        level = "warning" if missing.allowed or allow_inconclusive else "error"
        title = f"saeval gate: {missing.task}, items of one model only"
        yield f"::{level} title={_property(one_line(title))}::{_data(one_line(missing.reason))}"
    if address is not None:
        title = f"saeval gate: {gate.verdict}"
        yield f"::notice title={_property(title)}::{_data(one_line(address, 500))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
