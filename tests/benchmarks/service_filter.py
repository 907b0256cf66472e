"""Filters over a million paired items, as the item browser asks them."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median

from scale_parquet import make_parquet_pair
from service_figures import Filter

import saeval
from saeval.evalsuite.service.items.filter import Band, ItemFilter
from saeval.evalsuite.service.items.items_file import open_items
from saeval.evalsuite.service.items.write import write_items

FILTERS = {
    "none": ItemFilter(),
    "was NA, now wrong, confidence from .8": ItemFilter(
        was="NA", checkpoint=("wrong",), checkpoint_confidence=Band(low=0.8)
    ),
    "wrong on both sides, surest first": ItemFilter(
        base=("wrong",), checkpoint=("wrong",), sort="checkpoint_confidence", descending=True
    ),
    "a text that is nowhere": ItemFilter(text="zzz no such text"),
}
TIMES = 7


def time_filters(path: Path, n_items: int) -> Filter:
    """Milliseconds of the first page of each filter: the first time, and the median of the next."""
    if not path.exists():
        _make(path, n_items)
    seen = {}
    for name, wanted in FILTERS.items():
        took = []
        for _ in range(TIMES):
            begun = time.perf_counter()
            page = open_items(path).browse(wanted)
            took.append((time.perf_counter() - begun) * 1000)
        seen[name] = (page.total, took[0], median(took[1:]))
    return Filter(n_items, path.stat().st_size, seen)


def _make(path: Path, n_items: int) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as name:
        pair = make_parquet_pair(Path(name), n_items)
        comparison = saeval.compare(*pair, n_resamples=1000)
        made = Path(name) / "items.parquet"
        write_items(made, comparison)
        made.rename(path)
