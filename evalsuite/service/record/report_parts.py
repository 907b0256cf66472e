"""The parts of a comparison's report, rendered once and kept on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from saeval.errors import InputError
from saeval.evalsuite.service.context import Service
from saeval.files import make_folder, write_atomic
from saeval.reports import to_html_parts
from saeval.reports.document import ContentsEntry, Links
from saeval.reports.render.html import style_sheet
from saeval.reports.render.json import from_json, gate_from_json

COMPARISON = "comparison.json"
GATE_FORM = "hold"
"""Anchor of the form that asks for a verdict."""
FOLDER = "reports"


@dataclass(frozen=True)
class Report:
    """A report as HTML of ours.

    Attributes
    ----------
    lead, body
        The first screen, and the rest.
    contents
        What the body has.
    key
        Of what it was made of.
    """

    lead: bytes
    body: bytes
    contents: tuple[ContentsEntry, ...]
    key: str

    @property
    def size(self) -> int:
        """About the bytes that it takes in memory."""
        return len(self.lead) + len(self.body) + 2000


def report_key(comparison_id: str, files: Mapping[str, str], gate: str | None) -> str | None:
    """Of what a report is made of; None for a comparison without its numbers."""
    numbers = files.get(COMPARISON)
    if numbers is None:
        return None
    decides = (comparison_id, numbers, gate or "", version("saeval"), style_digest())
    return hashlib.sha256(" ".join(decides).encode()).hexdigest()


def find_report(
    service: Service, comparison_id: str, files: Mapping[str, str], gate: str | None
) -> Report | None:
    """The report of a comparison, as it was held to a policy last; None without its numbers.

    Parameters
    ----------
    service
        Of the record.
    comparison_id
        Of the comparison.
    files
        SHA-256 of its files by their names.
    gate
        SHA-256 of what held it to a policy, if anything did.
    """
    key = report_key(comparison_id, files, gate)
    if key is None:
        return None
    path = service.settings.cache / FOLDER / key[:2] / f"{key}.json"
    try:
        return _of_json(json.loads(path.read_text(encoding="utf-8")), key)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass
    try:
        comparison = from_json(service.blobs.read(files[COMPARISON]).decode())
        held = None if gate is None else gate_from_json(service.blobs.read(gate).decode())
    except (FileNotFoundError, InputError):
        return None
    parts = to_html_parts(comparison, gate=held, links=_links(comparison_id))
    report = Report(_encode(parts.lead), _encode(parts.body), parts.contents, key)
    make_folder(path.parent)
    write_atomic(path, json.dumps(_to_json(report)))
    return report


@cache
def style_digest() -> str:
    """Of the style sheet of reports."""
    return hashlib.sha256(style_sheet().encode()).hexdigest()[:12]


def _encode(text: str) -> bytes:
    return text.encode(errors="replace")


def _links(comparison_id: str) -> Links:
    return Links(
        statistics=lambda name: f"/statistics/{quote(name)}",
        items=lambda task: f"/comparisons/{comparison_id}/items?task={quote(task, safe='')}",
        ask_gate=f"#{GATE_FORM}",
    )


def _to_json(report: Report) -> dict[str, Any]:
    contents = [_entry(entry) for entry in report.contents]
    return {"lead": report.lead.decode(), "body": report.body.decode(), "contents": contents}


def _entry(entry: ContentsEntry) -> dict[str, Any]:
    children = [_entry(child) for child in entry.children]
    return {"title": entry.title, "anchor": entry.anchor, "children": children}


def _of_json(content: Mapping[str, Any], key: str) -> Report:
    contents = tuple(_read_entry(entry) for entry in content["contents"])
    return Report(_encode(content["lead"]), _encode(content["body"]), contents, key)


def _read_entry(content: Mapping[str, Any]) -> ContentsEntry:
    children = tuple(_read_entry(child) for child in content["children"])
    return ContentsEntry(content["title"], content["anchor"], children)
