"""Names of folders: readable, and the same whenever the same command is given again."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from saeval.evalsuite.store.hashing import hash_text

RUNS = Path("saeval-runs")
"""Where results go that were given no folder."""
TRAINING_DATA = "data.json"
"""In a checkpoint's folder: what it was trained on, as `satrain run` writes it."""


def readable(name: str) -> str:
    """`name` as the name of a file or folder."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")[:80] or "model"


def folder_name(title: str, identity: Mapping[str, Any]) -> str:
    """A readable name that is the same whenever the same command is given again."""
    return f"{readable(title)}-{hash_text(json.dumps(identity, sort_keys=True))[:8]}"
