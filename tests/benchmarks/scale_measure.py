"""What a command costs with all its processes, and what others cost, for `bench_scale.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

REPLICATES = 10_000
COMPILED = Path(tempfile.gettempdir()) / "saeval-bench-compiled"
_EVERY = 0.1


class Cost(NamedTuple):
    """Seconds on the clock and of all processors, and the most memory at once, in MB."""

    wall: float
    cpu: float
    peak: float
    processes: int = 1


def cost_of(command: Sequence[str], *, codes: Sequence[int] = (0,)) -> Cost:
    """Run a command; memory of several processes is their sum, what they share counted once."""
    start = time.perf_counter()
    with (
        open(os.devnull) as nothing,
        subprocess.Popen(
            command,
            env=_environment(),
            stdin=nothing,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as process,
    ):
        assert process.stderr is not None
        os.set_blocking(process.stderr.fileno(), False)
        peak, most, said = 0.0, 1, b""
        others: dict[int, float] = {}
        while True:
            ended, status, used = os.wait4(process.pid, os.WNOHANG)
            said = (said + (process.stderr.read() or b""))[-2000:]
            if ended:
                break
            together, used_by = _tree(process.pid)
            others |= used_by
            peak, most = max(peak, together, _peak(process.pid)), max(most, 1 + len(used_by))
            time.sleep(_EVERY if used_by else _EVERY / 10)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in codes:
        sys.exit(f"{' '.join(command)}\nended with {process.returncode}: {said.decode()}")
    cpu = used.ru_utime + used.ru_stime + sum(others.values())
    return Cost(wall, cpu, peak, most)


def _peak(pid: int) -> float:
    """Of one process since it began; what the kernel says at its end counts what forked it, too."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0


def _environment() -> dict[str, str]:
    """With compiled modules, as an installed package has them."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(COMPILED)}


def _tree(pid: int) -> tuple[float, dict[int, float]]:
    """Memory of a process and the others that it started to compute, and their processor time.

    Time of those that it waited for is known to the kernel: they are none of these others.
    """
    try:
        root = psutil.Process(pid)
        others = [
            process
            for process in root.children(recursive=True)
            if "multiprocessing" in str(process.cmdline())
            and "resource_tracker" not in str(process.cmdline())
        ]
    except psutil.Error:
        return 0.0, {}
    if not others:
        return 0.0, {}
    total, used = 0.0, {}
    for process in (root, *others):
        try:
            total += process.memory_full_info().pss
            if process != root:
                used[process.pid] = sum(process.cpu_times()[:2])
        except psutil.Error:
            continue
    return total / 2**20, used


def fastest(run: Callable[[], Cost], runs: int, seconds: float = 20.0) -> Cost:
    """The best of some runs, or the only one of what takes long."""
    found = [run()]
    while len(found) < runs and sum(each.wall for each in found) < seconds:
        found.append(run())
    return min(found)


def json_loads(paths: Sequence[Path]) -> Cost:
    """Every line of the files through `json.loads`, and forgotten."""
    code = "import json, sys\nfor f in sys.argv[1:]:\n  for line in open(f, 'rb'): json.loads(line)"
    return cost_of([sys.executable, "-c", code, *map(str, paths)])


def by_hand(paths: Sequence[Path]) -> Cost:
    """What a user would write: pandas reads and merges, scikit-learn in a loop of replicates."""
    found = subprocess.run(
        [sys.executable, __file__, *map(str, paths)], capture_output=True, text=True, check=True
    )
    return Cost(*json.loads(found.stdout))


def evalsig(python: str, paths: Sequence[Path]) -> Cost | None:
    """The packaged gate on the same files: one difference of accuracy, by McNemar's test."""
    if subprocess.run([python, "-c", "import evalsig"], capture_output=True).returncode:
        return None
    return cost_of(
        [
            *(python, "-m", "evalsig.cli.main", "compare", "--metric", "correct"),
            *("--baseline", str(paths[0]), "--candidate", str(paths[1]), "--format", "lm_eval"),
        ]
    )


def _merge_and_resample(base: str, checkpoint: str) -> Cost:
    """Six metrics of both models; a few replicates are timed, and their time is scaled up."""
    import resource

    import numpy as np
    import pandas as pd
    from sklearn.metrics import brier_score_loss, f1_score, recall_score, roc_auc_score

    start, started = time.perf_counter(), time.process_time()
    keys = ["item_id", "sample_index"]
    read = [pd.read_json(path, lines=True, dtype=False) for path in (base, checkpoint)]
    both = read[0].merge(read[1], on=keys, validate="one_to_one", suffixes=("_base", "_new"))
    assert (both["target_hash_base"] == both["target_hash_new"]).all()
    target = both["target_base"].to_numpy()
    models = [
        (both[f"prediction_{side}"].fillna("INVALID").to_numpy(), both[f"confidence_{side}"])
        for side in ("base", "new")
    ]
    models = [(given, stated.fillna(0.5).to_numpy(float)) for given, stated in models]

    def metrics(rows: np.ndarray) -> list[float]:
        found = []
        for given, stated in models:
            right = given[rows] == target[rows]
            options = {"labels": ["PASS", "FAIL", "NA"], "average": None, "zero_division": 0}
            found += [
                right.mean(),
                f1_score(target[rows], given[rows], **options).mean(),
                recall_score(target[rows], given[rows], **options)[2],
                roc_auc_score(right, stated[rows]),
                brier_score_loss(right, stated[rows]),
                stated[rows].std(),
            ]
        return found

    rng, n = np.random.default_rng(0), len(both)
    metrics(np.arange(n))
    read_wall, read_cpu = time.perf_counter() - start, time.process_time() - started
    start, started, done = time.perf_counter(), time.process_time(), 0
    while done < 2 or time.perf_counter() - start < 5:
        metrics(rng.integers(0, n, n))
        done += 1
    scale = REPLICATES / done
    return Cost(
        read_wall + (time.perf_counter() - start) * scale,
        read_cpu + (time.process_time() - started) * scale,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


if __name__ == "__main__":
    print(json.dumps(_merge_and_resample(*sys.argv[1:])))
