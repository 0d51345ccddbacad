from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.layout import HEIGHT, WIDTH, Pair, arrange, columns, rings, route

CHAIN = [("gateway", "orders"), ("orders", "payments"), ("payments", "ledger")]
graphs = st.lists(
    st.tuples(st.integers(0, 24), st.integers(0, 24)).map(lambda pair: (f"s{pair[0]}", f"s{pair[1]}")),
    min_size=1,
    max_size=50,
)


def test_calls_run_from_left_to_right() -> None:
    places = arrange([*CHAIN, ("gateway", "ledger")])
    across = [places[name][0] for name in ("gateway", "orders", "payments", "ledger")]
    assert across == sorted(set(across))
    assert (across[0], across[-1]) == (0, WIDTH)


def test_nodes_that_call_each_other_in_a_ring_share_a_column() -> None:
    column = columns([("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")])
    assert column == {"a": 0, "b": 1, "c": 1, "d": 2}
    assert rings({"a": ["b"], "b": ["c"], "c": ["b"]}) == {"a": "a", "b": "b", "c": "b"}


def test_a_large_ring_is_opened_into_columns() -> None:
    ring = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "e"), ("e", "a")]
    assert columns([("x", "a"), *ring]) == {"x": 0, "a": 1, "b": 2, "c": 3, "d": 4, "e": 5}


def test_a_caller_that_nobody_calls_stands_right_before_what_it_calls() -> None:
    column = columns([*CHAIN, ("admin", "ledger")])
    assert column["admin"] == column["ledger"] - 1


@given(graphs)
@settings(max_examples=60, deadline=None)
def test_no_two_nodes_overlap_and_all_are_in_the_box(edges: list[Pair]) -> None:
    places = arrange(edges)
    assert places.keys() == {node for pair in edges for node in pair}
    for (x, y), (a, b) in combinations(places.values(), 2):
        assert abs(x - a) > 1 or abs(y - b) > HEIGHT / 60
    assert all(-1e-6 <= x <= WIDTH + 1e-6 and -1e-6 <= y <= HEIGHT + 1e-6 for x, y in places.values())


@given(graphs, st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_the_same_edges_in_any_order_give_the_same_places(edges: list[Pair], random: object) -> None:
    shuffled = list(edges)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert arrange(shuffled) == arrange(edges)


@given(graphs, st.tuples(st.integers(0, 30), st.integers(0, 30)))
@settings(max_examples=40, deadline=None)
def test_a_new_edge_moves_nobody_and_lands_on_nobody(edges: list[Pair], new: tuple[int, int]) -> None:
    before = arrange(edges)
    after = arrange([*edges, (f"s{new[0]}", f"s{new[1]}")], before)
    if len(before) > 2:
        assert {node: after[node] for node in before} == before
    assert len({(round(x), round(y)) for x, y in after.values()}) == len(after)


def test_a_graph_that_shares_little_with_the_last_one_is_laid_out_anew() -> None:
    other = arrange([("x", "y"), ("y", "z"), ("z", "orders")])
    assert arrange(CHAIN, other) == arrange(CHAIN)


@pytest.mark.parametrize("pair", [("a", "e"), ("a", "d"), ("b", "e")])
def test_an_edge_over_several_columns_passes_no_node_between(pair: Pair) -> None:
    edges = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "e"), pair]
    places = arrange(edges)
    bends = route(pair, places, set())
    points = [places[pair[0]], *bends, places[pair[1]]]
    for (x0, y0), (x1, y1) in pairwise(points):
        for node, (x, y) in places.items():
            if node not in pair and min(x0, x1) <= x <= max(x0, x1):
                assert abs(y0 + (y1 - y0) * (x - x0) / (x1 - x0) - y) >= 12


def test_two_edges_over_the_same_column_keep_apart() -> None:
    places = {"a": (0.0, 0.0), "b": (0.0, 600.0), "m": (500.0, 300.0), "c": (1000.0, 300.0)}
    passed: set[tuple[float, float]] = set()
    (one,), (other,) = route(("a", "c"), places, passed), route(("b", "c"), places, passed)
    assert abs(one[1] - other[1]) >= 12
