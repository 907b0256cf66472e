"""The curves of a run, as ``curves.png`` and in ``run.html``, drawn from the files beside them."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saeval.files import write_atomic
from saeval.trainer.recipe.load import recipe_to_yaml
from saeval.trainer.recipe.schema import Recipe
from saeval.trainer.run.folder import EVALUATION, METRICS, read_rows
from saeval.trainer.run.manifest import TrainingManifest

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PICTURE, PAGE = "curves.png", "run.html"

_COLOURS = (
    "#0072b2",
    "#c44e00",
    "#00805e",
    "#c9679b",
    "#7a5ca8",
    "#b58900",
    "#1c1e21",
    "#6a6f76",
)
_LINES = ("-", "--", ":")
_HELD_OUT = ("accuracy", "abstention_recall", "false_abstention", "invalid")
_OUTCOMES = {
    "right": "right",
    "wrong": "wrong",
    "declined": "wrongly declined",
    "invalid": "invalid",
}
_COLUMNS = (
    "accuracy",
    "abstention_recall",
    "false_abstention",
    "invalid",
    "brier",
    "confidence_spread",
)

Rows = Sequence[Mapping[str, Any]]


def write_run_page(folder: Path, recipe: Recipe, training: TrainingManifest) -> None:
    """Draw the curves of the run in `folder` anew.

    Parameters
    ----------
    folder
        With ``metrics.jsonl`` and ``evaluation.jsonl``.
    recipe
        Of the run.
    training
        What its ``training.json`` says.
    """
    import matplotlib
    from jinja2 import Environment, PackageLoader

    steps, evaluations = read_rows(folder / METRICS), read_rows(folder / EVALUATION)
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "run", "font.size": 8}):
        figure = _figure(recipe, steps, evaluations)
        png, drawing = io.BytesIO(), io.StringIO()
        figure.savefig(png, format="png", dpi=144)
        figure.savefig(drawing, format="svg", metadata={"Date": None, "Creator": None})
    svg = drawing.getvalue()
    environment = Environment(loader=PackageLoader("saeval.trainer"), autoescape=True)
    environment.filters["number"] = lambda value: "–" if value is None else f"{value:.3f}"
    page = environment.get_template("run.html").render(
        training=training,
        recipe=recipe,
        recipe_text=recipe_to_yaml(recipe),
        evaluations=evaluations,
        columns=_COLUMNS,
        svg=re.sub(r"<style.*?</style>", "", svg[svg.index("<svg") :], flags=re.DOTALL),
    )
    write_atomic(folder / PICTURE, png.getvalue())
    write_atomic(folder / PAGE, page)


def _figure(recipe: Recipe, steps: Rows, evaluations: Rows) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7.2))
    figure.subplots_adjust(left=0.06, right=0.98, top=0.96, bottom=0.13, wspace=0.14, hspace=0.42)
    accuracy, reward, outcomes, components = figure.subplots(2, 2).flat
    _lines(accuracy, "Accuracy", steps, {"accuracy": "accuracy, training"}, faint=True)
    _lines(
        accuracy,
        "Accuracy",
        evaluations,
        {name: f"{name.replace('_', ' ')}, held out" for name in _HELD_OUT},
        marker="o",
    )
    accuracy.set_ylim(-0.03, 1.03)
    if recipe.supervised:
        _lines(reward, "Loss", steps, {"loss": "of the targets, nats per token"})
        confidence = {"brier": "Brier score, held out", "confidence_spread": "spread, held out"}
        _lines(outcomes, "Stated confidence", evaluations, confidence, marker="o")
        predicted = {"mean_token_accuracy": "share predicted rightly, training"}
        _lines(components, "Tokens of the targets", steps, predicted)
        return figure
    paid = [row for row in steps if "reward" in row]
    sums = accumulate(row["reward"] for row in paid)
    summed = [{"step": row["step"], "sum": value} for row, value in zip(paid, sums, strict=True)]
    _lines(reward, "Cumulative reward", summed, {"sum": "sum of the mean rewards"})
    _lines(
        outcomes,
        "Reward by outcome",
        steps,
        {f"reward_when/{name}": words for name, words in _OUTCOMES.items()},
    )
    weights = {f"rewards/{term.name}/mean": term.weight for term in recipe.terms}
    weighted = [
        {
            "step": row["step"],
            **{name: row[name] * weights[name] for name in weights if name in row},
        }
        for row in steps
    ]
    _lines(
        components,
        "What each component contributes",
        weighted,
        {name: name.split("/")[1] for name in weights},
    )
    return figure


def _lines(
    axes: Axes,
    title: str,
    rows: Rows,
    names: Mapping[str, str],
    *,
    marker: str = "",
    faint: bool = False,
) -> None:
    """One line for each name that any row has."""
    axes.set_title(title, loc="left", fontweight="bold")
    axes.grid(color="#d8dbdf", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("step", loc="right", fontsize=7)
    for number, (name, words) in enumerate(names.items()):
        points = [(row["step"], row[name]) for row in rows if row.get(name) is not None]
        if points:
            axes.plot(
                *zip(*points, strict=True),
                _LINES[number // len(_COLOURS)],
                color="#6a6f76" if faint else _COLOURS[number % len(_COLOURS)],
                linewidth=0.8 if faint else 1.4,
                marker=marker if len(points) > 1 or marker else "o",
                markersize=3,
                label=words,
            )
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            frameon=False, fontsize=7, ncols=3, loc="upper left", bbox_to_anchor=(-0.02, -0.1)
        )
