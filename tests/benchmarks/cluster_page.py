"""The page and the picture of `bench_cluster.py`."""
# ruff: noqa: E501  # lines of Markdown

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from scale_page import machine, table

if TYPE_CHECKING:
    from bench_cluster import Point

GOAL = 5_000
MILLION, GPUS = 1_000_000, 64


def page_of(points: Sequence[Point], batch: int, ray_call: float, rate: float, price: float) -> str:
    """What was measured, and what a million items cost by it."""
    rows = [
        [
            f"{p.count}",
            f"{p.items / p.wall:,.0f}",
            f"{p.items / p.cpu:,.0f}",
            f"{1e6 * p.cpu / p.items:,.0f}",
            f"{p.peak_mb:,.0f} MB",
            f"{p.peak_mb - p.begun_mb:,.0f} MB",
            f"{p.simulated:,.1f} s",
            f"{p.utilisation:.0%}",
        ]
        for p in points
    ]
    headings = [
        "replicas",
        "answers a second",
        "answers a CPU-second",
        "µs CPU per answer",
        "peak memory",
        "of it while answering",
        "the run would take",
        "replicas busy",
    ]
    slowest = min(point.items / point.cpu for point in points)
    with_ray = 1 / (1 / slowest + ray_call / batch)
    reached = [point.items / point.cpu >= GOAL for point in points]
    met = "met" if all(reached) else f"met by {sum(reached)} of {len(reached)} rows"
    hours = MILLION / (GPUS * rate) / 3600
    driver = MILLION / with_ray
    return f"""# A cluster: what the driver of many replicas can do

`make bench-cluster` measures this page anew. Replicas are simulated: each takes a drawn time per batch of {batch} (25 items a second, standard deviation a third) and answers the same. All else is what `saeval run --replicas N` does for each item: build its requests from the task, pack them, hand them to the least busy replica, unpack what comes back, parse it, and append it to the run folder. What is sent is pickled both ways. The clock leaps where the driver would wait, so *answers a second* is the most that it can do. {machine()}.

Goal: {GOAL:,} answers a second of a core at every number of replicas: **{met}**. By the clock they are fewer where other processes ran on the same cores: see the load above.

{chr(10).join(table(headings, rows))}

![Answers a CPU-second and peak memory of the driver over the number of replicas](pictures/cluster.png)

Where the driver is the bottleneck, replicas wait for it: their proportion of time at work falls, and the run takes as long as the driver does.

Ray itself costs the driver {1e6 * ray_call:,.0f} µs CPU for a batch to a real actor and back, its threads counted ({1e6 * ray_call / batch:,.0f} µs an item). With it, the slowest row above comes to **{with_ray:,.0f} answers a CPU-second**.

## A million items on {GPUS} GPUs

Computed, not measured, from: {rate:g} items a second of one GPU (`--rate`; measure yours with `saeval run` on a few hundred items), {GPUS} replicas of one GPU each, ${price:g} for a GPU and hour (`--price`).

| | |
|:--|--:|
| GPUs at work | {hours * 60:,.1f} minutes ({MILLION:,} / ({GPUS} × {rate:g})) |
| what the driver needs for it | {driver / 60:,.1f} minutes of one core, {GPUS * rate / with_ray:.0%} of it at that rate |
| so the run takes | {max(hours * 60, driver / 60):,.1f} minutes, and the time to load the model |
| price | ${hours * GPUS * price:,.0f} |
| the driver can keep busy | {with_ray / rate:,.0f} such GPUs |

Assumed: one reading of every prompt, no replica lost (one that is costs what it had under way and the loading of its model), a driver on a core of its own. Not in it: the network, which carries some kilobytes an item.
"""


def picture_of(points: Sequence[Point], path: Path) -> None:
    """Throughput and memory over the number of replicas."""
    counts = [point.count for point in points]
    figure, (speed, memory) = plt.subplots(1, 2, figsize=(9, 3.4), constrained_layout=True)
    speed.plot(counts, [p.items / p.cpu for p in points], marker="o", label="a CPU-second")
    speed.plot(counts, [p.items / p.wall for p in points], marker="s", label="a second")
    speed.axhline(GOAL, color="grey", linestyle="--", linewidth=1, label="goal")
    speed.set(ylabel="answers of the driver", ylim=(0, None))
    speed.legend(frameon=False)
    memory.plot(counts, [p.peak_mb for p in points], marker="o", label="peak")
    memory.plot(counts, [p.begun_mb for p in points], marker="s", label="before the first answer")
    memory.set(ylabel="memory of the driver, MB", ylim=(0, None))
    memory.legend(frameon=False)
    for axes in (speed, memory):
        axes.set_xscale("log", base=2)
        axes.set(xlabel="replicas")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    plt.close(figure)
