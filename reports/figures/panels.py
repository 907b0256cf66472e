"""A plotting area drawn straight onto a figure.

A matplotlib `Axes` with its two axes and ticks takes 30 to 50 ms to build and draw, ten times what
its lines and text take themselves; a report has dozens. A `Panel` draws only what is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from saeval.reports.figures.svg import GRID, INK, MUTED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SMALL = 7.5
NORMAL = 8.5
POINTS_PER_INCH = 72


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many points, which are also the units of its SVG."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width / POINTS_PER_INCH, height / POINTS_PER_INCH), dpi=POINTS_PER_INCH)


class Panel:
    """One plotting area.

    Parameters
    ----------
    figure
        From `new_figure`.
    box
        Left, bottom, width and height in points from the figure's lower left corner.
    x, y
        Data limits.
    """

    def __init__(
        self,
        figure: Figure,
        box: tuple[float, float, float, float],
        x: tuple[float, float] = (0, 1),
        y: tuple[float, float] = (0, 1),
    ) -> None:
        from matplotlib.transforms import Affine2D

        left, bottom, width, height = box
        self.figure, self.x, self.y = figure, x, y
        self._box = box
        self._scale = (width / (x[1] - x[0]), height / (y[1] - y[0]))
        self._data = Affine2D().translate(-x[0], -y[0]).scale(*self._scale).translate(left, bottom)

    def line(
        self,
        xs: Sequence[float],
        ys: Sequence[float],
        colour: str,
        *,
        width: float = 1.4,
        clip: bool = False,
        **kw: Any,
    ) -> None:
        """A line through the points; `clip` cuts off what leaves the panel."""
        from matplotlib.lines import Line2D
        from matplotlib.transforms import Bbox

        line = Line2D(xs, ys, color=colour, linewidth=width, transform=self._data, **kw)
        self.figure.add_artist(line, clip=False)
        if clip:
            line.set_clip_box(Bbox.from_bounds(*self._box))

    def segments(
        self,
        segments: Sequence[tuple[tuple[float, float], tuple[float, float]]],
        colour: str,
        *,
        width: float = 0.6,
        opacity: float = 1,
    ) -> None:
        """Separate straight lines as one path."""
        from matplotlib.path import Path

        codes = [Path.MOVETO, Path.LINETO] * len(segments)
        points = [point for segment in segments for point in segment]
        self._path(
            points, codes, facecolor="none", edgecolor=colour, linewidth=width, alpha=opacity
        )

    def rectangles(
        self,
        rectangles: Sequence[tuple[float, float, float, float]],
        colour: str,
        *,
        opacity: float = 1,
    ) -> None:
        """Filled rectangles (left, bottom, right, top) as one path."""
        from matplotlib.path import Path

        codes = [Path.MOVETO, *[Path.LINETO] * 3, Path.CLOSEPOLY] * len(rectangles)
        points = [
            point
            for left, bottom, right, top in rectangles
            for point in (
                (left, bottom),
                (right, bottom),
                (right, top),
                (left, top),
                (left, bottom),
            )
        ]
        self._path(points, codes, facecolor=colour, edgecolor="none", alpha=opacity)

    def _path(self, points: Sequence[tuple[float, float]], codes: list[Any], **kw: Any) -> None:
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path

        if points:
            path = Path(points, codes)
            self.figure.add_artist(PathPatch(path, transform=self._data, **kw))

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        dx: float = 0,
        dy: float = 0,
        colour: str = INK,
        size: float = NORMAL,
        align: str = "left",
        bold: bool = False,
    ) -> None:
        """Text at a data point, moved by so many points; its middle is at the point's height."""
        sx, sy = self._scale
        self.figure.text(
            x + dx / sx,
            y + dy / sy,
            text,
            transform=self._data,
            color=colour,
            fontsize=size,
            ha=align,
            va="center_baseline",
            weight="bold" if bold else "normal",
        )

    def x_axis(
        self, ticks: Sequence[float], labels: Sequence[str], *, title: str = "", at: float = 0
    ) -> None:
        """Vertical grid lines, and below them, at height `at`, their labels and a title."""
        bottom, top = at, self.y[1]
        self.segments([((tick, bottom), (tick, top)) for tick in ticks], GRID)
        for tick, label in zip(ticks, labels, strict=True):
            self.text(tick, self.y[0], label, dy=-8, colour=MUTED, size=SMALL, align="center")
        if title:
            middle = sum(self.x) / 2
            self.text(middle, self.y[0], title, dy=-19, colour=MUTED, size=SMALL, align="center")

    def y_axis(self, ticks: Sequence[float], labels: Sequence[str]) -> None:
        """Horizontal grid lines with their labels at the left."""
        self.segments([((self.x[0], tick), (self.x[1], tick)) for tick in ticks], GRID)
        for tick, label in zip(ticks, labels, strict=True):
            self.text(self.x[0], tick, label, dx=-4, colour=MUTED, size=SMALL, align="right")
