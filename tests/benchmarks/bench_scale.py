"""What a comparison costs from ten thousand pairs to ten million, against its goals.

    python tests/benchmarks/bench_scale.py [--quick] [--only ROW]... [--sizes 10000,100000]

Every figure is of the command itself with its pages, of the fastest of three runs where one is
short. The predictions are made once and kept in `bench-data/`, as are the figures of each row: once
all of them are there at full size, `docs/evidence/scale.md` and its picture are written.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import scale_data as data
from rich.console import Console
from scale_measure import Cost, by_hand, cost_of, evalsig, fastest, json_loads
from scale_page import Figures, Point, Seen, console_table, draw, write_page
from scale_parquet import make_parquet_pair

ROOT = Path(__file__).parents[2]
DATA = ROOT / "bench-data"
PUBLISHED = Path(os.environ.get("SAEVAL_TEST_DATA", ROOT.parent / "shared" / "data"))
PUBLISHED = PUBLISHED / "predictions" / "fever_only"
SAEVAL = [sys.executable, "-m", "saeval"]
QUICK = 100_000


class Row(NamedTuple):
    """A row of the table of goals: how many pairs of what, by which command, within what."""

    name: str
    title: str
    pairs: int
    make: Callable[[Path, int], list[Path]]
    seconds: float
    megabytes: float
    command: str = "compare"


def _pair(**options: object) -> Callable[[Path, int], list[Path]]:
    return lambda folder, n: data.make_pair(folder, n, **options)  # type: ignore[arg-type]


def _clusters(folder: Path, n: int) -> list[Path]:
    return data.make_pair(folder, n, n_clusters=n // 10)


def _series(folder: Path, n: int) -> list[Path]:
    return data.make_series(folder, n // 3000, 1000)


def _published(_: Path, __: int) -> list[Path]:
    return [PUBLISHED / "*_base.json", PUBLISHED / "*_grpo.json"]


ROWS = (
    Row("verbal-1e5", "10⁵ pairs, JSONL, verbal confidence", 10**5, _pair(), 3, 500),
    Row("verbal-1e6", "10⁶ pairs, JSONL, verbal confidence", 10**6, _pair(), 20, 1500),
    Row("continuous-1e6", "10⁶, continuous confidence", 10**6, _pair(continuous=True), 40, 2000),
    Row("clusters-1e6", "10⁶, 10⁵ clusters", 10**6, _clusters, 40, 2000),
    Row("parquet-1e7", "10⁷, Parquet, verbal confidence", 10**7, make_parquet_pair, 90, 4000),
    Row("gate-1e6", "10⁶, gate with the built-in policy", 10**6, _pair(), 15, 1500, "gate"),
    Row("checkpoints", "50 checkpoints × 3 tasks × 1,000", 150_000, _series, 60, 1000),
    Row("published", "three published pairs, cold", 3000, _published, 2.5, 300),
)

PARQUET = next(row for row in ROWS if row.make is make_parquet_pair)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="nothing above 100,000 pairs")
    parser.add_argument("--only", action="append", choices=[row.name for row in ROWS], default=[])
    parser.add_argument(
        "--sizes",
        type=lambda text: [int(float(size)) for size in text.split(",") if size],
        default=[10**4, 10**5, 10**6, 10**7],
        help="pairs of the picture of cost over size; empty for none",
    )
    parser.add_argument("--peers", default=sys.executable, help="a Python that has evalsig")
    arguments = parser.parse_args()
    limit = QUICK if arguments.quick else 10**9
    compared(files(ROWS[0], 1000), runs=1)  # compiles what is imported, and fills Numba's cache
    console = Console(width=140)
    kept = Figures.read(DATA / ("quick.json" if arguments.quick else "figures.json"))
    for row in ROWS:
        if not arguments.only or row.name in arguments.only:
            kept.keep(measure(row, min(row.pairs, limit), arguments.peers))
    console.print(console_table([kept.seen[row.name] for row in ROWS if row.name in kept.seen]))
    for name, row, cost in (
        ("saeval, JSONL", ROWS[0], compared),
        ("saeval, Parquet", PARQUET, compared),
        ("json.loads of the files", ROWS[0], json_loads),
    ):
        for size in () if arguments.only else arguments.sizes:
            if size <= (limit if row is PARQUET else min(limit, 10**6)):
                kept.keep(Point(name, size, cost(files(row, size))))
    if arguments.quick or len(kept.seen) < len(ROWS) or not kept.points:
        return
    slopes = draw(kept.all_points, ROOT / "docs/evidence/pictures/scale.png")
    for name, (time, memory) in slopes.items():
        console.print(f"{name}: time grows as size to the {time:.2f}, memory to the {memory:.2f}")
    write_page(
        ROOT / "docs/evidence/scale.md",
        [kept.seen[row.name] for row in ROWS],
        kept.all_points,
        slopes,
    )


def files(row: Row, pairs: int) -> list[Path]:
    kind = {"gate-1e6": "verbal"}.get(row.name, row.name.split("-")[0])
    if row.make is _published:
        return _published(DATA, 0)
    return data.kept(DATA / f"{kind}-{pairs}", lambda folder: row.make(folder, pairs))


def compared(paths: Sequence[Path], command: str = "compare", runs: int = 3) -> Cost:
    """The command with all that it writes, into an empty folder."""
    out = DATA / "out"
    codes = (0, 1, 3) if command == "gate" else (0,)

    def once() -> Cost:
        shutil.rmtree(out, ignore_errors=True)
        return cost_of([*SAEVAL, command, *map(str, paths), "--out", str(out)], codes=codes)

    return fastest(once, runs)


def measure(row: Row, pairs: int, peers: str) -> Seen:
    """A row beside `json.loads` and, of the plainest kind, beside what others do."""
    paths = files(row, pairs)
    print(f"{row.name}: {pairs:,} pairs", file=sys.stderr)
    cost = compared(paths, row.command)
    is_json = row.make not in (_published, make_parquet_pair)
    of_json = json_loads(paths) if is_json else None
    others: dict[str, Cost | None] = {}
    if row.name == "verbal-1e5":  # both need 10 GB for ten times as many
        others = {"by hand": by_hand(paths), "evalsig": evalsig(peers, paths)}
    return Seen(
        row.name, row.title, row.pairs, pairs, row.seconds, row.megabytes, cost, of_json, others
    )


if __name__ == "__main__":
    main()
