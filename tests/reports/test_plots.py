from __future__ import annotations

import io

import pytest
from comparisons import comparison, simulated, task
from frontiers import case
from matplotlib.figure import Figure
from series import of_a_run

from saeval.reports import (
    plot_confidence,
    plot_forest,
    plot_frontier,
    plot_reliability,
    plot_risk_coverage,
    plot_steps,
    plot_transitions,
)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plot_forest(comparison()),
        lambda: plot_forest(comparison(), "score"),
        lambda: plot_reliability(comparison(), "fever"),
        lambda: plot_confidence(comparison(), "fever"),
        lambda: plot_risk_coverage(comparison(), "fever"),
        lambda: plot_transitions(comparison(), "fever"),
        lambda: plot_frontier(case("base and checkpoint")),
        lambda: plot_steps(of_a_run()),
        lambda: plot_steps(of_a_run(), "auroc"),
    ],
)
def test_a_plot_is_a_figure_that_can_be_saved(draw):
    figure = draw()
    assert isinstance(figure, Figure)
    image = io.BytesIO()
    figure.savefig(image, format="png")
    assert len(image.getvalue()) > 2000


def test_what_cannot_be_drawn_is_said():
    with pytest.raises(ValueError, match="has no 'popqa'; known: fever"):
        plot_reliability(comparison(), "popqa")
    with pytest.raises(ValueError, match="'f1' is not drawn over the steps; known: accuracy"):
        plot_steps(of_a_run(), "f1")
    silent = comparison(task("fever", simulated(confident=False)))
    with pytest.raises(ValueError, match="no headline metric has a difference on the scale"):
        plot_forest(silent, "score")
