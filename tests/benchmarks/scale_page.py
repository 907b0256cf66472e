"""The table, the picture and the page of `bench_scale.py`."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.table import Table
from scale_measure import REPLICATES, Cost

HEADINGS = ("", "goal", "seen", "met", "json.loads of the files")


class Seen(NamedTuple):
    """A row of goals, what it was measured on, and what it and others cost."""

    name: str
    title: str
    goal_pairs: int
    pairs: int
    seconds: float
    megabytes: float
    cost: Cost
    of_json: Cost | None
    others: Mapping[str, Cost | None]

    @property
    def met(self) -> str:
        if self.pairs != self.goal_pairs:
            return f"at {self.pairs:,} only"
        return (
            "yes" if self.cost.wall <= self.seconds and self.cost.peak <= self.megabytes else "no"
        )


class Point(NamedTuple):
    """Cost of one way at one size."""

    name: str
    pairs: int
    cost: Cost


@dataclass
class Figures:
    """What was measured so far, kept in a file."""

    path: Path
    seen: dict[str, Seen] = field(default_factory=dict)
    points: dict[tuple[str, int], Point] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Figures:
        found = cls(path)
        if path.is_file():
            content = json.loads(path.read_text(encoding="utf-8"))
            for *head, cost, of_json, others in content["seen"]:
                costs = {name: own and Cost(*own) for name, own in others.items()}
                seen = Seen(*head, Cost(*cost), of_json and Cost(*of_json), costs)
                found.seen[seen.name] = seen
            for name, pairs, cost in content["points"]:
                found.points[name, pairs] = Point(name, pairs, Cost(*cost))
        return found

    @property
    def all_points(self) -> list[Point]:
        return sorted(self.points.values())

    def keep(self, figure: Seen | Point) -> None:
        if isinstance(figure, Seen):
            self.seen[figure.name] = figure
        else:
            self.points[figure.name, figure.pairs] = figure
        content = {"seen": list(self.seen.values()), "points": list(self.points.values())}
        self.path.write_text(json.dumps(content), encoding="utf-8")


def rows(seen: Sequence[Seen]) -> list[tuple[str, ...]]:
    return [
        (
            each.title,
            f"≤ {each.seconds:g} s, ≤ {each.megabytes:,.0f} MB",
            text_of(each.cost),
            each.met,
            "" if each.of_json is None else text_of(each.of_json),
        )
        for each in seen
    ]


def text_of(cost: Cost) -> str:
    text = f"{cost.wall:,.3g} s, {cost.cpu:,.3g} CPU-s, {cost.peak:,.0f} MB"
    return text if cost.processes == 1 else f"{text} in {cost.processes} processes"


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    packages = ("numpy", "pandas", "pyarrow", "scikit-learn", "numba")
    return (
        f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}; Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in packages)
    )


def console_table(seen: Sequence[Seen]) -> Table:
    table = Table(*HEADINGS, title=machine(), show_lines=True)
    for row, each in zip(rows(seen), seen, strict=True):
        table.add_row(*row)
        for name, cost in each.others.items():
            table.add_row(f"  {name}", "", "not installed" if cost is None else text_of(cost))
    return table


def draw(points: Sequence[Point], path: Path) -> dict[str, tuple[float, float]]:
    """Time and memory over size on logarithmic axes; both slopes by name, over the last two sizes.

    The smaller sizes cost little more than to start.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    axes = figure.subplots(1, 2)
    slopes = {}
    for name in dict.fromkeys(point.name for point in points):
        own = [point for point in points if point.name == name]
        sizes = np.array([point.pairs for point in own])
        values = [np.array([p.cost.wall for p in own]), np.array([p.cost.peak for p in own])]
        slopes[name] = tuple(
            float(np.diff(np.log(value))[-1] / np.diff(np.log(sizes))[-1])
            if len(own) > 1
            else np.nan
            for value in values
        )
        for axis, value, slope in zip(axes, values, slopes[name], strict=True):
            axis.loglog(sizes, value, marker="o", label=f"{name} (slope {slope:.2f})")
    for axis, what in zip(axes, ("wall time, s", "peak memory, MB"), strict=True):
        axis.set(xlabel="pairs", ylabel=what)
        axis.yaxis.set_major_formatter("{x:,g}")
        axis.yaxis.set_minor_formatter(NullFormatter())
        axis.grid(visible=True, which="major", alpha=0.3)
        axis.legend(fontsize=8, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    return slopes


def write_page(
    path: Path,
    seen: Sequence[Seen],
    points: Sequence[Point],
    slopes: Mapping[str, tuple[float, float]],
) -> None:
    lines = [
        "# Scale: what a comparison costs",
        "",
        "`make bench-scale` measures this page anew: every row is the command itself, with its "
        "pages and in a process of its own, on predictions that the benchmark makes. "
        "The fastest of three runs where one is short; memory is the peak of all its processes "
        f"together. {machine()}.",
        "",
        *table(HEADINGS, rows(seen)),
        "",
        "## Beside others, on the same files",
        "",
        "*By hand*: pandas reads and merges the two files, and scikit-learn computes accuracy, "
        f"macro-F1, NA recall, AUROC, Brier score and standard deviation in {REPLICATES:,} "
        "replicates (some are timed, and scaled up). evalsig reads the same files and tests one "
        "difference of accuracy by McNemar's test, without a bootstrap.",
        "",
    ]
    others = [
        (each.title, name, "not installed" if cost is None else text_of(cost))
        for each in seen
        for name, cost in {"saeval": each.cost, **each.others}.items()
        if each.others
    ]
    lines += [*table(("", "way", "cost"), others), "", "## Over size", ""]
    lines += ["![Wall time and peak memory over the number of pairs](pictures/scale.png)", ""]
    lines += table(
        ("way", "pairs", "cost"), [(p.name, f"{p.pairs:,}", text_of(p.cost)) for p in points]
    )
    lines += [""]
    lines += [
        f"{name}: over its last two sizes time grows as the size to the power of {time:.2f}, "
        f"memory of {memory:.2f}.  "
        for name, (time, memory) in slopes.items()
    ]
    path.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def table(headings: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(headings)} |",
        f"|{'|'.join([':--'] * len(headings))}|",
        *(f"| {' | '.join(row)} |" for row in cells),
    ]
