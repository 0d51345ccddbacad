from dashboard.labels import name_below, with_label
from dashboard.layout import Point

LINE: list[Point] = [(0.0, 0.0), (400.0, 0.0)]


def middle(points: list[Point], stretch: int) -> Point:
    (x0, y0), (x1, y1) = points[stretch : stretch + 2]
    return (x0 + x1) / 2, (y0 + y1) / 2


def test_a_label_stands_in_the_middle_of_its_line_where_nothing_else_does() -> None:
    assert with_label(LINE, 0, []) == (LINE, 0)


def test_a_label_keeps_off_a_name_and_off_another_label() -> None:
    texts = name_below((200.0, -34.0), 12, 136)
    first = middle(*with_label(LINE, 0, texts))
    second = middle(*with_label(LINE, 0, texts))
    assert {round(first[0]), round(second[0])} == {124, 276}


def test_a_line_with_bends_is_cut_as_well() -> None:
    bent = [*LINE, (800.0, 300.0)]
    texts = [*name_below((200.0, -34.0), 12, 136), *name_below((600.0, 116.0), 12, 136)]
    points, stretch = with_label(bent, 0, texts)
    assert len(points) == 4
    assert middle(points, stretch) not in {(200.0, 0.0), (600.0, 150.0)}


def test_a_label_along_a_steep_line_is_no_box() -> None:
    """Two lines fan out of one node: beside each other in height and width, their labels do not touch."""
    texts: list[Point] = []
    with_label([(0.0, 0.0), (300.0, 300.0)], 0, texts)
    other = [(60.0, 0.0), (360.0, 300.0)]
    assert with_label(other, 0, texts) == (other, 0)


def test_a_curved_line_is_not_cut() -> None:
    assert with_label(LINE, 0.35, name_below((200.0, -34.0), 12, 136)) == (LINE, 0)
