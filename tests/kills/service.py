"""The service killed a hundred times: the table of docs/evidence/kill-points.md.

python tests/kills/service.py [--kills 100] [--seed 0]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from service_kills import Outcome, kill_jobs, kill_upgrades, kill_uploads, own_postgresql

SHARES = (0.3, 0.2, 0.1, 0.15, 0.1, 0.15)
HEADING = "| killed | kills | in the middle of something | acknowledged | lost or half-written |"


def main() -> int:
    """Kill, print a row for each kind, and say by the exit code whether all is well."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    counts = [max(1, round(share * given.kills)) for share in SHARES]
    print(f"{HEADING}\n|:--|--:|--:|--:|--:|", flush=True)
    is_well = True
    with TemporaryDirectory() as name:
        for outcome in _outcomes(Path(name), counts, given.seed):
            print(outcome.row, flush=True)
            for problem in outcome.problems:
                print(problem, file=sys.stderr, flush=True)
            is_well &= not outcome.problems
    return 0 if is_well else 1


def _outcomes(folder: Path, counts: list[int], seed: int) -> Iterator[Outcome]:
    kinds = (kill_uploads, kill_jobs, kill_upgrades)
    for number, kill in enumerate(kinds):
        yield kill(folder / f"sqlite-{number}", counts[number], seed, None)
    with own_postgresql() as server:
        for number, kill in enumerate(kinds):
            yield kill(folder / f"postgresql-{number}", counts[3 + number], seed, server)


if __name__ == "__main__":
    sys.exit(main())
