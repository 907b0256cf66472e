"""The pictures of a study's page, by the product's own drawing."""

from __future__ import annotations

import shutil
from pathlib import Path

from saeval import load_comparison
from saeval.reports.plots import plot_forest


def draw_pictures(out: Path, folder: Path) -> dict[str, str]:
    """Draw or copy what there is; the name of each picture's file."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {}
    comparison = out / "against-warm-up"
    if (comparison / "comparison.json").is_file():
        plot_forest(load_comparison(comparison)).savefig(
            folder / "study-forest.png", dpi=100, bbox_inches="tight"
        )
        names["forest"] = "study-forest.png"
    for name, drawn, kept in (
        ("training", out / "grpo" / "curves.png", "study-training.png"),
        ("frontier", out / "frontier" / "frontier.svg", "study-frontier.svg"),
    ):
        if drawn.is_file():
            shutil.copyfile(drawn, folder / kept)
            names[name] = kept
    return names
