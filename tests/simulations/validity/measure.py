"""Runs the cases in blocks of data sets, in several processes, and keeps every finished block."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import signal
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path

import numpy as np

import saeval
from saeval.files import AppendOnlyLog
from validity.promises import Case, Family, Measured, Tally

FAMILIES = Path(__file__).with_name("families")
BLOCK = 20
Key = tuple[str, str]
Counts = list[tuple[str, str, int, float, float]]
_LOADED: dict[Key, Case] = {}


def load_families(folder: Path = FAMILIES) -> dict[str, Family]:
    """The family of every module in a folder, by its file's name."""
    families = {}
    for path in sorted(folder.glob("[!_]*.py")):
        name = f"validity.families.{path.stem}"
        if name not in sys.modules:
            spec = importlib.util.spec_from_file_location(name, path)
            if spec is None or spec.loader is None:
                raise ImportError(f"{path} cannot be loaded")
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            spec.loader.exec_module(module)
        family = families[path.stem] = sys.modules[name].FAMILY
        if len({case.key for case in family.cases}) < len(family.cases):
            raise ValueError(f"{path}: two cases have the same name and subject")
    return families


def simulate_block(key: Key, case: Case, block: int) -> Counts:
    """One block of data sets of a case; each data set has a seed of its own."""
    tallies: dict[tuple[str, str], Tally] = {}
    for number in range(block * BLOCK, (block + 1) * BLOCK):
        rng = np.random.default_rng([number, zlib.crc32("/".join(key).encode())])
        for outcome, value in case.simulate(rng).items():
            if value is not None:
                tallies.setdefault(outcome, Tally()).add(float(value))
    return [(*outcome, t.count, t.total, t.squares) for outcome, t in tallies.items()]


class FinishedBlocks:
    """Blocks that were measured with exactly this code, on disk: an interrupted run goes on."""

    def __init__(self, folder: Path) -> None:
        self._log = AppendOnlyLog(folder / f"{_fingerprint()}.jsonl")
        self._counts: dict[tuple[Key, int], Counts] = {}
        for line in self._log.read():
            family, name, block, counts = json.loads(line)
            self._counts[(family, name), block] = counts

    def find(self, key: Key, block: int) -> Counts | None:
        """None if it has to be measured."""
        return self._counts.get((key, block))

    def keep(self, key: Key, block: int, counts: Counts) -> None:
        """On disk."""
        self._log.append([json.dumps([*key, block, counts]) + "\n"])


def measure(
    cases: dict[Key, Case],
    datasets: int,
    *,
    jobs: int,
    folder: Path,
    finished: FinishedBlocks | None,
    advance: Callable[[], None] = lambda: None,
) -> Iterator[dict[Key, Measured]]:
    """Yields the same growing results after each block, the cases in turn.

    So all cases have about as many data sets when a run is interrupted.
    """
    results = {key: Measured(case) for key, case in cases.items()}

    def count(key: Key, counts: Counts) -> None:
        results[key].datasets += BLOCK
        for what, quantity, *sums in counts:
            results[key].tallies.setdefault((what, quantity), Tally()).merge(*sums)
        advance()

    waiting = []
    for key, block in planned(cases, datasets):
        found = None if finished is None else finished.find(key, block)
        if found is None:
            waiting.append((key, block))
        else:
            count(key, found)
    yield results
    for key, block, counts in _simulated(cases, waiting, jobs, folder):
        if finished is not None:
            finished.keep(key, block, counts)
        count(key, counts)
        yield results


def planned(cases: dict[Key, Case], datasets: int) -> list[tuple[Key, int]]:
    """The blocks of all cases, the first ones first."""
    blocks = {key: max(1, round(datasets * case.share / BLOCK)) for key, case in cases.items()}
    longest = max(blocks.values())
    placed = [
        ((block + 0.5) / total * longest, key, block)
        for key, total in blocks.items()
        for block in range(total)
    ]
    return [(key, block) for _, key, block in sorted(placed)]


def _simulated(
    cases: dict[Key, Case], blocks: Sequence[tuple[Key, int]], jobs: int, folder: Path
) -> Iterator[tuple[Key, int, Counts]]:
    if jobs <= 1:
        for key, block in blocks:
            yield key, block, simulate_block(key, cases[key], block)
        return
    waiting = iter(blocks)
    running: dict[Future[Counts], tuple[Key, int]] = {}
    with ProcessPoolExecutor(jobs, initializer=_load, initargs=(folder,)) as pool:
        try:
            while True:
                while len(running) < 2 * jobs and (following := next(waiting, None)):
                    running[pool.submit(_block_in_worker, *following)] = following
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    key, block = running.pop(future)
                    yield key, block, future.result()
        except (KeyboardInterrupt, GeneratorExit):
            pool.shutdown(cancel_futures=True)
            raise


def _load(folder: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops its workers
    for name, family in load_families(folder).items():
        for case in family.cases:
            _LOADED[name, case.key] = case


def _block_in_worker(key: Key, block: int) -> Counts:
    return simulate_block(key, _LOADED[key], block)


def _fingerprint() -> str:
    """Of the code that is measured and of the code that measures."""
    digest = hashlib.sha256()
    rooms = [path.resolve() for path in Path(str(saeval.__file__)).parent.iterdir()]
    for folder in (*sorted(path for path in rooms if path.is_dir()), Path(__file__).parent):
        for path in sorted((*folder.rglob("*.py"), *folder.rglob("*.yaml"))):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
