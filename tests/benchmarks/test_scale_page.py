"""What is measured is kept, judged against its goal, and written down."""

from __future__ import annotations

from pathlib import Path

import pytest
from scale_measure import Cost, cost_of
from scale_page import Figures, Point, Seen, draw, write_page

QUICK, SLOW = Cost(2.0, 2.5, 400.0), Cost(2.0, 2.5, 600.0, 3)
JSON = Cost(1.0, 1.0, 20.0)


def seen(name: str, cost: Cost, pairs: int = 1000) -> Seen:
    return Seen(name, name.title(), 1000, pairs, 3, 500, cost, JSON, {"evalsig": None})


def test_figures_are_read_as_they_were_kept(tmp_path: Path) -> None:
    kept = Figures(tmp_path / "figures.json")
    figures = [seen("one", SLOW), seen("other", QUICK), Point("saeval", 10, QUICK)]
    for figure in figures:
        kept.keep(figure)
    assert Figures.read(kept.path) == kept
    assert list(kept.seen.values()) + kept.all_points == figures


@pytest.mark.parametrize(
    ("cost", "pairs", "met"), [(QUICK, 1000, "yes"), (SLOW, 1000, "no"), (QUICK, 10, "at 10 only")]
)
def test_a_goal_is_met_in_time_and_memory_at_its_size(cost: Cost, pairs: int, met: str) -> None:
    assert seen("row", cost, pairs).met == met


def test_slopes_and_the_page(tmp_path: Path) -> None:
    points = [Point("saeval", n, Cost(n / 100, 1, 50 + n**0.5)) for n in (10**4, 10**5, 10**6)]
    slopes = draw(points, tmp_path / "scale.png")
    assert slopes["saeval"][0] == pytest.approx(1)
    assert slopes["saeval"][1] < 0.5
    write_page(tmp_path / "scale.md", [seen("row", SLOW)], points, slopes)
    page = (tmp_path / "scale.md").read_text(encoding="utf-8")
    assert "| Row | ≤ 3 s, ≤ 500 MB | 2 s, 2.5 CPU-s, 600 MB in 3 processes | no |" in page
    assert (tmp_path / "scale.png").read_bytes().startswith(b"\x89PNG")


def test_the_cost_of_a_command_is_that_of_its_process() -> None:
    found = cost_of(["python", "-c", "x = b'x' * 200_000_000; sum(range(3_000_000))"])
    assert 200 < found.peak < 230
    assert 0 < found.cpu < found.wall + 0.5
    assert found.processes == 1
