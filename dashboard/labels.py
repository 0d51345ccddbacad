"""Where the label of an edge stands: on its line, and clear of names and of other labels where there is room.

A text is a row of dots, so that one that runs along a slanting line is told from the box around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import hypot

from dashboard.layout import Point

_SCALE = 0.62
"""Pixels for a unit of the layout, where the window is as wide as most are."""
_LINE = 28.0
"""Height of a text in units of the layout."""
_LABEL = 110.0
"""Length of a label in units of the layout."""


def with_label(points: Sequence[Point], curve: float, texts: list[Point]) -> tuple[list[Point], int]:
    """The points, one more where that frees a place, and the stretch whose middle holds the label; adds to `texts`.

    ECharts writes a label at the middle of its link and nowhere else, so a line is cut where another middle is needed.
    """
    ways = [(list(points), k) for k in range(len(points) - 1)]
    if not curve:
        for k, ((x0, y0), (x1, y1)) in enumerate(pairwise(points)):
            for cut, stretch in ((0.62, k), (0.38, k + 1)):
                between = (x0 + (x1 - x0) * cut, y0 + (y1 - y0) * cut)
                ways.append(([*points[: k + 1], between, *points[k + 1 :]], stretch))
    way = max(ways, key=lambda way: (_clearance(_label(*way), texts), -len(way[0])))
    texts += _label(*way)
    return way


def _label(points: Sequence[Point], stretch: int) -> list[Point]:
    """A label as dots: it is written along its line."""
    (x0, y0), (x1, y1) = points[stretch], points[stretch + 1]
    length = max(hypot(x1 - x0, y1 - y0), 1.0)
    middle = ((x0 + x1) / 2, (y0 + y1) / 2)
    return _dots(middle, ((x1 - x0) / length, (y1 - y0) / length), _LABEL)


def name_below(place: Point, letters: int, name_width: int) -> list[Point]:
    """A node and the name below it as dots."""
    long = min(6.5 * letters, name_width) / _SCALE
    return [place, *_dots((place[0], place[1] + 34), (1, 0), long)]


def _dots(middle: Point, along: Point, length: float) -> list[Point]:
    """Points of a text of that length, no further from each other than its height."""
    steps = max(1, round(length / _LINE))
    ends = (length - _LINE) / 2
    shifts = [(2 * k / steps - 1) * ends for k in range(steps + 1)]
    return [(middle[0] + along[0] * shift, middle[1] + along[1] * shift) for shift in shifts]


def _clearance(dots: Sequence[Point], texts: Sequence[Point]) -> float:
    """How far a text is from the others: 1 or more is clear."""
    near = [(a, b) for a, b in texts if abs(a - dots[0][0]) < 160 and abs(b - dots[0][1]) < 160]
    return min([1.0, *(hypot(x - a, y - b) / _LINE for x, y in dots for a, b in near)])
