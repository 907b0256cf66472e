"""The figures of `bench_service.py`, and their page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scale_page import machine, table

if TYPE_CHECKING:
    from service_load import Answered

MEDIAN_GOAL, P99_GOAL, FILTER_GOAL, UPLOAD_GOAL = 100, 300, 500, 60
_WAYS = {
    ("first", False): "each page for the first time, one after the other",
    ("paced", False): "20 people, a click a second each",
    ("paced", True): "the same, while runs are uploaded",
    ("closed", True): "20 readers without pause, while runs are uploaded",
}


@dataclass(frozen=True)
class Latency:
    """Milliseconds of each kind of page under one load."""

    way: str
    seconds: float
    uploads: int
    pages: dict[str, tuple[int, float, float, float]]
    """Requests, median, 99th percentile, slowest."""
    failed: int

    @classmethod
    def of(cls, way: str, seconds: float, seen: Iterable[Answered]) -> Latency:
        """What was seen, summed up."""
        kinds: dict[str, list[float]] = {}
        failed = 0
        for each in seen:
            kinds.setdefault(each.kind, []).append(each.milliseconds)
            failed += each.status not in (200, 202)
        uploads = len(kinds.pop("upload", []))
        kinds["all pages"] = [took for of_kind in kinds.values() for took in of_kind]
        pages = {
            kind: (len(took), *(float(np.percentile(took, p)) for p in (50, 99, 100)))
            for kind, took in kinds.items()
        }
        return cls(way, seconds, uploads, pages, failed)  # type: ignore[arg-type]

    @property
    def title(self) -> str:
        """What was going on."""
        return _WAYS[self.way, self.uploads > 0]


@dataclass(frozen=True)
class Sent:
    """A large run that was uploaded: seconds until it was there, and until it was checked."""

    items: int
    bytes: int
    sent: float
    ready: float


@dataclass(frozen=True)
class Filter:
    """Filters over one file of items: matches, milliseconds of the first time and after."""

    items: int
    bytes: int
    seen: dict[str, tuple[int, float, float]]


@dataclass(frozen=True)
class Memory:
    """MB of the web and the jobs process: after a quarter of the load, at its end, MB per hour."""

    minutes: float
    first: tuple[float, ...]
    last: tuple[float, ...]
    slope: tuple[float, ...]


@dataclass(frozen=True)
class Seen:
    """Every figure."""

    runs: int
    first: Latency
    loads: Sequence[Latency]
    sent: Sent
    filtered: Filter
    memory: Memory


def page_of(seen: Seen) -> str:
    """Markdown."""
    return "\n".join(
        [
            "# The service under load",
            "",
            "`make bench-service` measures this page anew: a record of "
            f"{seen.runs:,} runs of 1,000 items in SQLite, served by `saeval serve` with its jobs "
            "process. Readers, uploader and server share the cores of this machine. "
            f"{machine()}.",
            "",
            *_lines(seen),
        ]
    )


def text_of(seen: Seen) -> str:
    """The same for a terminal."""
    return "\n".join([machine(), "", *_lines(seen)])


def _lines(seen: Seen) -> list[str]:
    rows = [
        (load.title, kind, f"{n:,}", f"{median:,.0f} ms", f"{p99:,.0f} ms", f"{slowest:,.0f} ms")
        for load in (seen.first, *seen.loads)
        for kind, (n, median, p99, slowest) in load.pages.items()
    ]
    lines = [
        "## Pages",
        "",
        f"Goals: {MEDIAN_GOAL} ms at the median and {P99_GOAL} ms at the 99th percentile, for 20 "
        "concurrent readers while uploads go on. A person who reads clicks now and then: the goal "
        "is read as 20 people with a click a second each, until the whole page is there. Readers "
        "without pause show the most that the server can do: there, time is what 20 requests at "
        "once wait for each other. The report of a comparison is rendered when it is computed; of "
        "those that came into this record otherwise, when somebody first opens it.",
        "",
        *table(("load", "page", "requests", "median", "99th percentile", "slowest"), rows),
        "",
        *(
            f"{load.title}: {load.seconds:.0f} s, "
            f"{load.pages['all pages'][0] / load.seconds:,.0f} pages a second, {load.uploads} runs "
            f"uploaded, {load.failed} requests failed.  "
            for load in seen.loads
        ),
        "",
        "## A run of a million items",
        "",
        f"{seen.sent.items:,} items, {seen.sent.bytes / 1e6:,.0f} MB: uploaded in "
        f"{seen.sent.sent:,.1f} s (goal: {UPLOAD_GOAL} s); checked, and ready to be compared, "
        f"after {seen.sent.ready:,.1f} s.",
        "",
        "## Filters over a million items",
        "",
        f"The first page with the number of all matches, of a file of {seen.filtered.items:,} "
        f"items ({seen.filtered.bytes / 1e6:,.0f} MB). Goal: {FILTER_GOAL} ms.",
        "",
        *table(
            ("filter", "matches", "first time", "then"),
            [
                (name, f"{n:,}", f"{first:,.0f} ms", f"{then:,.0f} ms")
                for name, (n, first, then) in seen.filtered.seen.items()
            ],
        ),
        "",
        "## Memory",
        "",
        f"Resident memory under the second load for {seen.memory.minutes:,.0f} minutes; the slope "
        "is that of a line through the last three quarters.",
        "",
        *table(
            ("process", "after a quarter", "at the end", "slope"),
            [
                (name, f"{first:,.0f} MB", f"{last:,.0f} MB", f"{slope:+,.0f} MB an hour")
                for name, first, last, slope in zip(
                    ("web", "jobs"),
                    seen.memory.first,
                    seen.memory.last,
                    seen.memory.slope,
                    strict=True,
                )
            ],
        ),
        "",
    ]
    return lines
