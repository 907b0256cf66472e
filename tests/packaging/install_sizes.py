"""What each install weighs: ``make install-sizes``.

Makes a fresh environment for each set of extras, at the pinned versions, and prints the size of
what pip put into it (pip itself left out).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from fresh_environment import build_distributions, install_fresh

EXTRAS = ("", "fast", "serve", "run", "train", "all")
NOT_OURS = ("pip", "pip-*", "setuptools", "setuptools-*", "_distutils_hack")


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def installed_size(environment: Path) -> tuple[int, int]:
    """Bytes in site-packages without pip, and the number of distributions."""
    (packages,) = environment.glob("lib/python3.*/site-packages")
    left_out = [path for pattern in NOT_OURS for path in packages.glob(pattern)]
    size = size_of(packages) - sum(size_of(path) for path in left_out if path.is_dir())
    ours = set(packages.glob("*.dist-info")) - set(left_out)
    return size, len(ours)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("extras", nargs="*", default=list(EXTRAS), help="'' is no extra")
    arguments = parser.parse_args()
    print(f"{'install':<20} {'packages':>8} {'MB':>7} {'seconds':>8}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        _, wheel = build_distributions(Path(scratch) / "dist")
        for extras in arguments.extras:
            environment = Path(scratch) / (extras or "core")
            start = time.monotonic()
            install_fresh(environment, wheel, extras)
            seconds = time.monotonic() - start
            size, packages = installed_size(environment)
            name = f"saeval[{extras}]" if extras else "saeval"
            print(f"{name:<20} {packages:>8} {size / 1e6:>7.0f} {seconds:>8.0f}", flush=True)


if __name__ == "__main__":
    main()
