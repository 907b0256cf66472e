"""Labels of points that neither lie on each other nor on a point."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence

Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""

_RADII = (7.0, 10.0, 14.0, 19.0, 26.0, 36.0, 48.0, 64.0, 84.0, 110.0, 140.0)
_DIRECTIONS = 24
_ON_A_LABEL, _ON_A_MARK, _ON_A_LINE = 50.0, 50.0, 0.6
"""What a square point of overlap costs, in points of distance."""


def text_width(text: str, size: float) -> float:
    """About how wide a text is in a font of `size`, rather too wide than too narrow."""
    wide = sum(unicodedata.east_asian_width(sign) in "WF" for sign in text)
    return size * (0.61 * (len(text) - wide) + 1.05 * wide)


def place_labels(
    anchors: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    bounds: Box,
    marks: Sequence[Box] = (),
    lines: Sequence[Box] = (),
) -> list[Box]:
    """Where each label goes: near its point, within bounds, off marks and other labels.

    Parameters
    ----------
    anchors
        The points that are labelled.
    sizes
        Width and height of each label.
    bounds
        What labels should not leave.
    marks
        Boxes that must stay visible, those of the points among them.
    lines
        Boxes, thin ones, that a label may cover if need be.

    Returns
    -------
    list of Box
        One per label. Each takes the cheapest of some hundred places around its point, the most
        crowded point first: far is dear, overlap dearer.
    """
    placed: dict[int, Box] = {}

    def crowd(index: int) -> float:
        x, y = anchors[index]
        return sum(1 / (20 + math.hypot(x - a, y - b)) for a, b in anchors)

    for index in sorted(range(len(anchors)), key=crowd, reverse=True):
        taken = list(placed.values())

        def cost(candidate: tuple[float, Box], taken: list[Box] = taken) -> float:
            radius, box = candidate
            return (
                radius
                + _ON_A_LABEL * sum(_overlap(box, other) for other in taken)
                + _ON_A_MARK * sum(_overlap(box, mark) for mark in marks)
                + _ON_A_LINE * sum(_overlap(box, line) for line in lines)
                + _ON_A_LABEL * _outside(box, bounds)
            )

        _, placed[index] = min(_places(anchors[index], sizes[index]), key=cost)
    return [placed[index] for index in range(len(anchors))]


def nearest_edge(box: Box, point: tuple[float, float]) -> tuple[float, float]:
    """The point of a box that is nearest to another point."""
    x, y = point
    return min(max(x, box[0]), box[2]), min(max(y, box[1]), box[3])


def _places(anchor: tuple[float, float], size: tuple[float, float]) -> list[tuple[float, Box]]:
    """Radius and box of every place around an anchor, to the right first."""
    (x, y), (width, height) = anchor, size
    places = []
    for radius in _RADII:
        for step in range(_DIRECTIONS):
            angle = 2 * math.pi * step / _DIRECTIONS
            middle_x = x + math.cos(angle) * (radius + width / 2)
            middle_y = y + math.sin(angle) * (radius + height / 2)
            box = (
                middle_x - width / 2,
                middle_y - height / 2,
                middle_x + width / 2,
                middle_y + height / 2,
            )
            places.append((radius, box))
    return places


def _overlap(box: Box, other: Box) -> float:
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    return width * height if width > 0 and height > 0 else 0.0


def _outside(box: Box, bounds: Box) -> float:
    area = (box[2] - box[0]) * (box[3] - box[1])
    return area - _overlap(box, bounds)
