"""Rewards of shipped recipes on one tiny base: the same data, settings and steps, three seeds each.

::

    $ make recipes-compared

Data, sizes, temperature and learning rate are the demo recipe's, with fewer steps and prompts; the
reward is each recipe's own with its constants. All checkpoints are compared with the base by
`saeval compare` on the same items. The same command resumes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from statistics import fmean
from typing import Any

import click

RECIPES = ("recommended-verification", "fever-only", "balanced")
SEEDS = (0, 1, 2)
STEPS, PROMPTS, ITEMS = 25, 16, 500
TASK = "factworld"
METRICS = (
    ("accuracy", None),
    ("recall", "NA"),
    ("false_abstention_rate", None),
    ("invalid_rate", None),
    ("brier", None),
    ("auroc", None),
)


def train(base: Path, out: Path, recipe: str, seed: int) -> None:
    """`satrain run` with a recipe's reward and the demo's everything else."""
    from trainer.recipe_files import load_recipe

    demo = load_recipe("demo").model_dump(mode="json", exclude_none=True)
    optimisation = {**demo["optimisation"], "steps": STEPS, "prompts_per_step": PROMPTS}
    evaluation = {"every": 0, "items": 50, "tasks": [TASK]}
    parts = {"data": demo["data"], "optimisation": optimisation, "evaluation": evaluation}
    changes = [f"{name}={json.dumps(part)}" for name, part in parts.items()]
    command = ["run", recipe, "--base", str(base), "--out", str(out), f"seed={seed}", *changes]
    subprocess.run([sys.executable, "-m", "trainer.cli", *command], check=True)


def compare(base: Path, checkpoints: list[Path], out: Path) -> None:
    """`saeval compare` of all of them."""
    command = ["compare", str(base), *map(str, checkpoints), "--tasks", TASK]
    command += ["--limit", str(ITEMS), "--out", str(out)]
    code = "from evalsuite.cli import main; main()"
    subprocess.run([sys.executable, "-c", code, *command], check=True)


def metrics(comparison: Path) -> dict[tuple[str, str | None], dict[str, Any]]:
    """By name and label."""
    (task,) = json.loads(comparison.read_text(encoding="utf-8"))["tasks"]
    return {(row["metric"], row["label"]): row for row in task["metrics"]}


def cell(rows: list[dict[str, Any]]) -> str:
    """Mean of the seeds, and the lowest and highest where they differ."""
    values = [row["checkpoint"] for row in rows]
    mean, low, high = (f"{value:.3f}" for value in (fmean(values), min(values), max(values)))
    return mean if low == high else f"{mean} ({low} to {high})"


@click.command()
@click.option("--base", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(base: Path, out: Path) -> None:
    """Train, compare and print a Markdown table with one row for each recipe."""
    checkpoints = {f"{recipe}-{seed}": (recipe, seed) for recipe in RECIPES for seed in SEEDS}
    for name, (recipe, seed) in checkpoints.items():
        train(base, out / name, recipe, seed)
    compare(base, [out / name for name in checkpoints], out / "comparison")
    found = {name: metrics(out / "comparison" / name / "comparison.json") for name in checkpoints}
    before = next(iter(found.values()))
    named = [" ".join(filter(None, (label, metric))).replace("_", " ") for metric, label in METRICS]
    table = [["reward of", *named], [":--", *["--:"] * len(METRICS)]]
    table.append(["the base", *(f"{before[key]['base']:.3f}" for key in METRICS)])
    for recipe in RECIPES:
        of_seeds = [found[f"{recipe}-{seed}"] for seed in SEEDS]
        table.append([f"`{recipe}`", *(cell([rows[key] for rows in of_seeds]) for key in METRICS)])
    click.echo("\n".join(f"| {' | '.join(cells)} |" for cells in table))


if __name__ == "__main__":
    main()
