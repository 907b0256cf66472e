from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saeval.reports.figures.labels import nearest_edge, place_labels, text_width

BOUNDS = (0.0, 0.0, 460.0, 330.0)
SIZE = (60.0, 10.0)


def overlap(one, other):
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0) * max(height, 0)


def around(x, y, reach=5):
    return x - reach, y - reach, x + reach, y + reach


@given(
    st.lists(st.tuples(st.floats(0, 460), st.floats(0, 330)), min_size=1, max_size=12, unique=True)
)
def test_a_dozen_labels_lie_on_no_other_no_point_and_within_bounds(anchors):
    marks = [around(x, y) for x, y in anchors]
    boxes = place_labels(anchors, [SIZE] * len(anchors), BOUNDS, marks)
    for one, other in combinations(boxes, 2):
        assert overlap(one, other) < 1
    for box in boxes:
        assert sum(overlap(box, mark) for mark in marks) < 1
        assert overlap(box, BOUNDS) > 0.99 * SIZE[0] * SIZE[1]


def test_a_label_alone_is_near_its_point_and_leaves_a_line_free():
    anchor = (200.0, 150.0)
    line = (200.0, 149.0, 460.0, 151.0)
    (box,) = place_labels([anchor], [SIZE], BOUNDS, [around(*anchor)], [line])
    assert overlap(box, line) == 0
    x, y = nearest_edge(box, anchor)
    assert abs(x - anchor[0]) < 15
    assert abs(y - anchor[1]) < 15


@pytest.mark.parametrize("corner", [(0, 0), (460, 0), (0, 330), (460, 330)])
def test_in_a_corner_a_label_turns_inwards(corner):
    (box,) = place_labels([corner], [SIZE], BOUNDS, [around(*corner)])
    assert overlap(box, BOUNDS) == pytest.approx(SIZE[0] * SIZE[1])


def test_wide_signs_are_wide():
    assert text_width("日本", 10) > text_width("ab", 10)
