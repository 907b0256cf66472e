"""Every command killed before every file event: the table of docs/evidence/kill-points.md."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from kill_points import kill_everywhere
from killed_commands import saeval_commands, satrain_command

from saeval.trainer.demo.tiny_model import build_random_adapter, build_tiny_model


def main() -> int:
    """Kill, print a row for each command, and say by the exit code whether all is well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="commands, as the table names them; else all")
    parser.add_argument("--at-most", type=int, help="events to try of each command; else all")
    given = parser.parse_args()
    with TemporaryDirectory() as aside:
        models = Path(aside) / "models"
        base = Path(build_tiny_model(models / "base"))
        adapter = Path(build_random_adapter(base, models / "adapter", scale=0.3))
        is_well = True
        print("| command | file events | killed before | left lying about | files that differ |")
        print("|:--|--:|--:|--:|--:|", flush=True)
        commands = [*saeval_commands(base, adapter), satrain_command(base)]
        for number, killed in enumerate(commands):
            if given.names and killed.name not in given.names:
                continue
            outcome = kill_everywhere(
                killed, Path(aside) / str(number), at_most=given.at_most, tell=_tell
            )
            print(outcome.row, flush=True)
            is_well &= not (outcome.litter or outcome.differing)
    return 0 if is_well else 1


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
