"""The template for SkyPilot, read by SkyPilot (`make test-cluster`)."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import sky
import yaml

TEMPLATE = Path(__file__).parents[2] / "docs/how-to/cluster/saeval.sky.yaml"


def main() -> None:
    """Stop unless it is taken, and the same with a field that no task has is not."""
    task = sky.Task.from_yaml(str(TEMPLATE))
    if task.num_nodes != 4 or not task.resources or "/results" not in task.storage_mounts:
        sys.exit(f"{TEMPLATE}: is read as {task}, with {task.storage_mounts}")
    content = yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(content | {"nodes": 4}, file)
        file.flush()
        try:
            sky.Task.from_yaml(file.name)
        except ValueError:
            print(f"{TEMPLATE.name}: {task} is what SkyPilot {sky.__version__} reads")
            return
    sys.exit("a field that no task has was taken: nothing is checked here")


if __name__ == "__main__":
    main()
