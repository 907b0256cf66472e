"""Rewards of shipped recipes on tiny bases: the same data, steps and seeds; ours beside each other.

::

    $ make recipes-compared

Each recipe keeps its reward with its constants, group size, scaling, clipping and KL; data, steps,
temperature and learning rate are those at which a tiny model learns. `saeval compare` asks the base
and all checkpoints the same items, and compares our recipe's checkpoint with each other one of the
same seed. Items that a checkpoint was trained on, or whose subject it was, are left out first.
The same command resumes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import click

from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.training_data import load_training_data
from saeval.evalsuite.store.prediction import read_predictions
from saeval.tasks.registry import get_task
from saeval.trainer.checks.check import check
from saeval.trainer.recipe.load import load_recipe

Key = tuple[str, str | None]
SEEDS = (0, 1, 2)
VARIANTS = {
    "recommended-verification-scaled": (
        "recommended-verification",
        "optimisation.scale_rewards=group",
    )
}
"""Recipes with a change."""
ALPHA = 0.05


@dataclass(frozen=True)
class Family:
    """A kind of task: our recipe, the others, and what all are trained on and asked."""

    task: str
    items: int
    ours: str
    others: tuple[str, ...]
    metrics: tuple[Key, ...]
    changes: tuple[str, ...]

    @property
    def recipes(self) -> tuple[str, ...]:
        """Ours first."""
        return (self.ours, *self.others)


_TINY = (
    "optimisation.prompts_per_step=16",
    "optimisation.temperature=1",
    "optimisation.learning_rate=1e-3",
    "evaluation.every=0",
    "evaluation.items=50",
)
FAMILIES = {
    "verification": Family(
        "factworld",
        500,
        "recommended-verification",
        ("recommended-verification-scaled", "fever-only", "balanced"),
        (
            ("accuracy", None),
            ("recall", "NA"),
            ("false_abstention_rate", None),
            ("brier", None),
            ("ece_squared_debiased", None),
            ("auroc", None),
        ),
        (
            *_TINY,
            "data.sources=["
            "{task: factworld_residents, per_label: {NA: 500, PASS: 500, FAIL: 500}},"
            "{task: factworld_collections, per_label: {NA: 500, PASS: 500, FAIL: 500}}]",
            "evaluation.tasks=[factworld]",
            "optimisation.steps=25",
            "optimisation.max_completion_length=12",
        ),
    ),
    "questions": Family(
        "factworld_questions",
        1500,
        "recommended-questions",
        ("ternary", "qa-both", "qa-fact-then-caution", "qa-caution-only", "qa-fact-only"),
        (
            ("accuracy", None),
            ("correct_rate", None),
            ("incorrect_rate", None),
            ("hallucination_rate", None),
            ("false_abstention_rate", None),
            ("brier", None),
            ("auroc", None),
        ),
        (
            *_TINY,
            "data.sources=[{task: factworld_questions, split: test, count: 700}]",
            "evaluation.tasks=[factworld_questions]",
            "optimisation.steps=80",
            "optimisation.max_completion_length=20",
        ),
    ),
}


def train(family: Family, base: Path, out: Path, recipe: str, seed: int) -> None:
    """`satrain run` with a recipe's reward and the family's everything else."""
    name, *changes = VARIANTS.get(recipe, (recipe,))
    command = ["run", name, "--base", str(base), "--out", str(out), f"seed={seed}", *changes]
    subprocess.run(
        [sys.executable, "-m", "saeval.trainer.cli", *command, *family.changes], check=True
    )


def compare(*arguments: str | Path) -> None:
    """`saeval compare`."""
    code = "from saeval.evalsuite.cli.main import main; main()"
    command = [sys.executable, "-c", code, "compare", *map(str, arguments)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def leave_out_trained(family: Family, answers: Path, checkpoint: Path, file: Path) -> None:
    """Of a run's answers those that a checkpoint's training has nothing in common with."""
    training, task = load_training_data(resolve_model(str(checkpoint))), get_task(family.task)
    if training is None:
        raise click.ClickException(f"{checkpoint}: does not say what it was trained on")
    path = answers / "predictions" / f"{family.task}.jsonl"
    kept = [p for p in read_predictions(path) if training.shared(task, p) is None]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(prediction.to_line() for prediction in kept), encoding="utf-8")


def found(comparison: Path) -> dict[Key, dict[str, Any]]:
    """Rows of a comparison by metric and label."""
    (task,) = json.loads((comparison / "comparison.json").read_text(encoding="utf-8"))["tasks"]
    return {(row["metric"], row["label"]): row for row in task["metrics"]}


def spread(values: Sequence[float | None]) -> str:
    """Mean of the seeds, and the lowest and highest where they differ; – if one has none."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return "–"
    mean, low, high = (f"{value:.3f}" for value in (fmean(known), min(known), max(known)))
    return mean if low == high else f"{mean} ({low} to {high})"


def gain(rows: Sequence[dict[str, Any]]) -> str:
    """Mean difference, and in how many seeds ours is better, or worse, after correction.

    Where neither direction is good in itself, none is.
    """
    if any(row["difference"] is None for row in rows):
        return "–"
    better = worse = 0
    for row in rows:
        known = row["higher_is_better"] is not None and row["p_holm"] is not None
        if known and row["p_holm"] < ALPHA:
            good = (row["difference"] > 0) == row["higher_is_better"]
            better, worse = better + good, worse + (not good)
    signs = [f"{n} {word}" for n, word in ((better, "better"), (worse, "worse")) if n]
    mean = fmean(row["difference"] for row in rows)
    return f"{mean:+.3f}" + (f" ({', '.join(signs)})" if signs else "")


def warnings(recipe: str) -> str:
    """Codes of what `satrain check` warns of."""
    name, *changes = VARIANTS.get(recipe, (recipe,))
    found = check(load_recipe(name, changes))
    codes = [finding.code for finding in found if finding.severity == "warning"]
    return ", ".join(codes) or "nothing"


def alarms(checkpoints: Sequence[Path]) -> str:
    """Names of those that went off in any seed's training, and from which step on."""
    first: dict[str, int] = {}
    for checkpoint in checkpoints:
        text = (checkpoint / "training.json").read_text(encoding="utf-8")
        for alarm in json.loads(text)["alarms"]:
            name = alarm["name"]
            first[name] = min(alarm["step"], first.get(name, alarm["step"]))
    return ", ".join(f"{name} from step {step}" for name, step in first.items()) or "none"


def tables(family: Family, out: Path) -> Iterator[str]:
    """Every recipe's values, then what ours gains over each other one."""
    named = [
        " ".join(filter(None, (label, metric))).replace("_", " ")
        for metric, label in family.metrics
    ]
    header = ["| " + " | ".join(["reward of", *named]) + " |", "|:--" + "|--:" * len(named) + "|"]
    of_base = {
        recipe: [found(out / "to-base" / f"{recipe}-{seed}") for seed in SEEDS]
        for recipe in family.recipes
    }
    yield from header
    first = of_base[family.ours]
    cells = [spread([rows[key]["base"] for rows in first]) for key in family.metrics]
    yield f"| the base | {' | '.join(cells)} |"
    for recipe, seeds in of_base.items():
        cells = [spread([rows[key]["checkpoint"] for rows in seeds]) for key in family.metrics]
        yield f"| `{recipe}` | {' | '.join(cells)} |"
    yield ""
    yield header[0].replace("reward of", f"`{family.ours}` −")
    yield header[1]
    for recipe in family.others:
        seeds = [found(out / "to-ours" / f"{recipe}-{seed}") for seed in SEEDS]
        cells = [gain([rows[key] for rows in seeds]) for key in family.metrics]
        yield f"| `{recipe}` | {' | '.join(cells)} |"
    yield ""
    yield "| reward of | `satrain check` warns before of | alarms while it trains |"
    yield "|:--|:--|:--|"
    for recipe in family.recipes:
        trained = [out / "checkpoints" / f"{recipe}-{seed}" for seed in SEEDS]
        yield f"| `{recipe}` | {warnings(recipe)} | {alarms(trained)} |"


@click.command()
@click.argument("name", type=click.Choice(list(FAMILIES)))
@click.option("--base", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(name: str, base: Path, out: Path) -> None:
    """Train, compare and print three Markdown tables."""
    family = FAMILIES[name]
    checkpoints = {
        f"{recipe}-{seed}": (recipe, seed) for seed in SEEDS for recipe in family.recipes
    }
    for label, (recipe, seed) in checkpoints.items():
        train(family, base, out / "checkpoints" / label, recipe, seed)
    together = out / "together"
    trained = [out / "checkpoints" / label for label in checkpoints]
    asked = ["--tasks", family.task, "--limit", str(family.items), "--out", together]
    compare(base, *trained, *asked)
    for label, (recipe, seed) in checkpoints.items():
        checkpoint, answers = out / "checkpoints" / label, out / "answers"
        ours, mine = (answers / f"{r}-{seed}.jsonl" for r in (family.ours, recipe))
        before = answers / f"base-{seed}.jsonl"
        leave_out_trained(family, together / label / "checkpoint", checkpoint, mine)
        leave_out_trained(family, together / "base", checkpoint, before)
        compare(before, mine, "--out", out / "to-base" / label)
        if recipe != family.ours:
            compare(mine, ours, "--out", out / "to-ours" / label)
    click.echo("\n".join(tables(family, out)))


if __name__ == "__main__":
    main()
