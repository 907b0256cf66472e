"""A built distribution and a fresh environment to install it into."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def build_distributions(folder: Path) -> tuple[Path, Path]:
    """Build the sdist, and from it the wheel; return both."""
    _run([sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT])
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


def install_fresh(folder: Path, wheel: Path, extras: str = "") -> Path:
    """Install a wheel into a new environment at its pinned versions; return its ``bin``."""
    _run([sys.executable, "-m", "venv", folder])
    requirement = f"{wheel}[{extras}]" if extras else str(wheel)
    python = folder / "bin" / "python"
    _run([python, "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", requirement])
    return folder / "bin"


def _run(command: list[str | Path]) -> None:
    # With PYTHONPATH=. pip would take the metadata of the source tree for an installation.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    finished = subprocess.run(command, env=environment, capture_output=True, text=True)
    if finished.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{finished.stdout}{finished.stderr}")
