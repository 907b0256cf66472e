"""What the joint bootstrap and the command cost, beside other ways to the same numbers.

    python tests/benchmarks/bench.py [--quick]

Every figure comes from a process of its own: CPU seconds (imports apart, but with loading the
compiled code) and peak memory. A method that is slow at some size is run on fewer replicates
and its time scaled up. Other packages come with `pip install -e '.[bench]'`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from bench_methods import LABELS, METHODS, simulated
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
REPLICATES = 10_000
PEERS = [name for name in METHODS if not name.startswith(("ours", "whole"))]
PACKAGES = {"arch, the same NumPy metrics": "arch", "confidenceinterval": "confidenceinterval"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="N = 1e3 and 1e4 only, under 2 min")
    parser.add_argument("--one", nargs=4, metavar=("METHOD", "ITEMS", "CONFIDENCE", "SECONDS"))
    arguments = parser.parse_args()
    if arguments.one:
        method, items, confidence, seconds = arguments.one
        print(json.dumps(measure(method, int(items), confidence, float(seconds))))
        return
    sizes = (1_000, 10_000) if arguments.quick else (1_000, 10_000, 100_000, 1_000_000)
    seconds = 1.5 if arguments.quick else 8
    console = Console(width=150)
    console.print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}; Python {platform.python_version()}, NumPy {version('numpy')}, "
        f"SciPy {version('scipy')}, Numba {version('numba')}; one thread"
    )
    first_compilation(console)
    console.print(others(sizes, seconds))
    console.print(own(sizes))
    commands(console)


def measure(method: str, items: int, confidence: str, seconds: float) -> dict[str, float | bool]:
    """In this process: CPU seconds of all replicates, if need be scaled, and peak memory."""
    data, run = simulated(items, continuous=confidence == "continuous"), METHODS[method]
    replicates = REPLICATES
    run(data, 2)
    if method in PEERS:
        start = time.process_time()
        run(data, 2)
        each = (time.process_time() - start) / 2
        replicates = max(2, min(REPLICATES, int(seconds / max(each, 1e-6))))
    start = time.process_time()
    run(data, replicates)
    used = (time.process_time() - start) * REPLICATES / replicates
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"cpu": used, "scaled": replicates < REPLICATES, "peak": peak}


def in_process(method: str, items: int, confidence: str, seconds: float) -> dict[str, float | bool]:
    arguments = ["--one", method, str(items), confidence, str(seconds)]
    found = subprocess.run(
        [sys.executable, __file__, *arguments], capture_output=True, text=True, check=True
    )
    return json.loads(found.stdout)


def first_compilation(console: Console) -> None:
    """Fills Numba's cache, so that no later figure has it, and says what an empty one costs."""
    with tempfile.TemporaryDirectory() as cache:
        os.environ["NUMBA_CACHE_DIR"] = cache
        empty = in_process("ours", 10_000, "verbal", 0)["cpu"]
        filled = in_process("ours", 10_000, "verbal", 0)["cpu"]
        del os.environ["NUMBA_CACHE_DIR"]
    console.print(
        f"The very first comparison of 10,000 items on a machine compiles: {empty:.1f} CPU-s "
        f"instead of {filled:.2f}."
    )
    for confidence in ("verbal", "continuous"):
        in_process("ours", 1_000_000 if confidence == "verbal" else 10_000, confidence, 0)


def others(sizes: tuple[int, ...], seconds: float) -> Table:
    table = Table(
        title=f"{REPLICATES:,} paired replicates of nine metrics, two models, 21 verbal levels: "
        "how many times our CPU time, CPU seconds, peak MB",
        caption="~ from fewer replicates, scaled. Ours has ten metrics more. confidenceinterval "
        "resamples anew for each metric and model, so it gives no difference.",
    )
    table.add_column("method")
    for items in sizes:
        table.add_column(f"N = {items:,}", justify="right")
    found = [in_process("ours", items, "verbal", seconds) for items in sizes]
    table.add_row("ours", *(_cell(each, each) for each in found))
    for method in PEERS:
        if method in PACKAGES and find_spec(PACKAGES[method]) is None:
            table.add_row(method, *["not installed"] * len(sizes))
            continue
        timed = [in_process(method, items, "verbal", seconds) for items in sizes]
        table.add_row(method, *(_cell(*both) for both in zip(timed, found, strict=True)))
    return table


def _cell(timed: dict[str, float | bool], ours: dict[str, float | bool]) -> str:
    sign = "~" if timed["scaled"] else ""
    ratio = timed["cpu"] / ours["cpu"]
    return f"{sign}{ratio:,.3g}×  {sign}{timed['cpu']:,.3g} s  {timed['peak']:.0f}"


def own(sizes: tuple[int, ...]) -> Table:
    table = Table(title="Ours in full: CPU seconds, peak MB")
    table.add_column("")
    for items in sizes:
        table.add_column(f"N = {items:,}", justify="right")
    for method, confidence in (
        ("ours", "verbal"),
        ("ours", "continuous"),
        ("ours, clusters", "verbal"),
        ("ours, clusters", "continuous"),
        ("whole comparison", "verbal"),
    ):
        timed = [in_process(method, items, confidence, 0) for items in sizes]
        cells = (f"{each['cpu']:.2f} s  {each['peak']:.0f}" for each in timed)
        table.add_row(f"{method}, {confidence} confidences", *cells)
    return table


def commands(console: Console) -> None:
    """Cold starts: help, and comparing two files of 1,000 answers."""
    with tempfile.TemporaryDirectory() as folder:
        files = [str(path) for path in prediction_files(Path(folder))]
        for name, arguments in (
            ("saeval --help", ["--help"]),
            (
                "saeval compare, two files of 1,000 items",
                ["compare", *files, "--out", f"{folder}/out"],
            ),
        ):
            code = "from saeval.evalsuite.cli.main import main; main()"
            start = time.perf_counter()
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(
                [sys.executable, "-c", code, *arguments], cwd=ROOT, check=True, capture_output=True
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            wall = time.perf_counter() - start
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            console.print(f"{name}: {wall:.2f} s wall, {cpu:.2f} s CPU")


def prediction_files(folder: Path) -> list[Path]:
    from saeval.evalsuite.store.hashing import hash_document, hash_text
    from saeval.evalsuite.store.prediction import Prediction

    data, paths = simulated(1_000), []
    for model, name in enumerate(("base", "checkpoint")):
        lines = []
        for item, target in enumerate(LABELS[t] for t in data.target):
            given = int(data.predicted[model][item])
            label = LABELS[given] if given < 3 else None
            stated = float(data.confidence[model][item])
            document = {"claim": f"Claim {item}.", "evidence": [f"Evidence {item}."]}
            lines.append(
                Prediction(
                    task="fever",
                    item_id=f"item-{item:04}",
                    cluster_id=None,
                    target=target,
                    prediction=label,
                    status={None: "invalid", "NA": "abstained"}.get(label, "answered"),
                    correct=label == target,
                    confidence=None if label is None else stated,
                    label_probabilities=None,
                    response=f"LABEL={label}\nCONF={stated:.2f}",
                    sample_index=0,
                    document=document,
                    document_hash=hash_document(document),
                    prompt_hash=hash_text(f"prompt {item}"),
                    target_hash=hash_text(target),
                ).to_line()
            )
        paths.append(folder / f"{name}.jsonl")
        paths[-1].write_text("".join(lines), encoding="utf-8")
    return paths


if __name__ == "__main__":
    main()
