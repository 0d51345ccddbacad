"""The call graph as an ECharts option object: which edges are drawn, where, and how each state looks.

Promises: pure and deterministic; the worst edges come first and survive the cap; every edge drawn can be found again
from what the reader clicked; names from the logs are only ever values that ECharts draws as text on a canvas.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from dashboard.labels import name_below, with_label
from dashboard.layout import HEIGHT, WIDTH, Pair, Point, arrange, route
from dashboard.palette import STATES, Palette, State
from dashboard.text import short, visible

MOST_NODES = 60
"""Nodes drawn at most: more cannot be read; the table has every edge."""

MOST_EDGES = 30
"""Edges drawn at most where only what is wrong and its context is drawn."""

_SHAPES = {
    "service": "roundRect",
    "role": "circle",
    "user": "circle",
    "certificate": "circle",
    "load_balancer": "diamond",
    "resource": "diamond",
    "address": "triangle",
    "internet": "triangle",
}
_SIZES = {"roundRect": (30, 22), "circle": (22, 22), "diamond": (26, 26), "triangle": (24, 20)}
_NAME_LENGTH = 60


@dataclass(frozen=True)
class Edge:
    """One caller calling one callee: what the graph needs to know of it.

    `label` is what is wrong, in few words ('61 % denied'), empty for a healthy edge; `weight` orders edges of one
    state, and chooses the healthy ones to draw: requests or refused attempts.
    """

    caller: str
    callee: str
    state: State
    label: str = ""
    weight: float = 0.0

    @property
    def pair(self) -> Pair:
        """(caller, callee): what names the edge in the URL and in a selection."""
        return self.caller, self.callee


@dataclass(frozen=True)
class Drawing:
    """An option object, and what its indices mean: `links[i]` is the edge the i-th link belongs to."""

    spec: dict[str, Any]
    links: list[Pair]
    nodes: list[str]
    places: dict[str, Point] = field(repr=False)


def chosen(edges: Sequence[Edge], everything: bool, most_nodes: int = MOST_NODES) -> list[Edge]:
    """The edges to draw, in the order given (worst first), as long as they touch `most_nodes` nodes at most.

    Not `everything`: the worst, `MOST_EDGES` at most, and where they leave room, for each node they touch the busiest
    healthy edge, as context. Where nothing is wrong, everything.
    """
    wrong = [edge for edge in edges if edge.state != "ok"][:MOST_EDGES]
    wanted = list(edges) if everything or not wrong else (wrong + _context(wrong, edges))[:MOST_EDGES]
    nodes: set[str] = set()
    drawn: list[Edge] = []
    for edge in wanted:
        if len(nodes | set(edge.pair)) <= most_nodes:
            nodes |= set(edge.pair)
            drawn.append(edge)
    return drawn


def left_out(edges: Sequence[Edge], drawn: Sequence[Edge]) -> str:
    """Which of the edges are drawn and which are not, in words that hold nothing from the logs."""
    wrong, drawn_wrong = (sum(edge.state != "ok" for edge in some) for some in (edges, drawn))
    healthy, drawn_healthy = len(edges) - wrong, len(drawn) - drawn_wrong
    if len(drawn) == len(edges):
        return f"all {len(edges):,} edges drawn"
    said = f"{drawn_wrong:,} wrong and {drawn_healthy:,} of {healthy:,} healthy edges drawn"
    if drawn_wrong < wrong:
        return f"{said}; **{wrong - drawn_wrong:,} wrong ones are not**: see the table below"
    return said


def _context(wrong: Sequence[Edge], edges: Sequence[Edge]) -> list[Edge]:
    touched = {node for edge in wrong for node in edge.pair}
    busiest: dict[str, Edge] = {}
    for edge in edges:
        for node in edge.pair:
            if edge.state == "ok" and node in touched and edge.weight > getattr(busiest.get(node), "weight", -1.0):
                busiest[node] = edge
    kept = {edge.pair for edge in busiest.values()}
    return [edge for edge in edges if edge.state == "ok" and edge.pair in kept]


def draw(
    edges: Sequence[Edge],
    kinds: Mapping[str, str],
    palette: Palette,
    before: Mapping[str, Point] | None = None,
    selected: Pair | None = None,
    others: Sequence[Edge] = (),
) -> Drawing:
    """The option object for `edges`; `kinds` says what each node is, `before` where nodes stood in the last one.

    `others` are edges that are not drawn: what is wrong with them shows in the nodes they touch.
    """
    places = arrange([edge.pair for edge in edges], before)
    nodes = sorted(places)
    name = {node: f"n{k}" for k, node in enumerate(nodes)}
    health = _health(edges, others)
    data = [_node(name[node], node, places[node], kinds.get(node, "role"), health[node], palette) for node in nodes]
    links: list[dict[str, Any]] = []
    owners: list[Pair] = []
    passed: set[Point] = set()
    width = _name_width(places)
    texts = [dot for node in nodes for dot in name_below(places[node], len(_shown(node)), width)]
    both = {edge.pair for edge in edges}
    for edge in sorted(edges, key=lambda e: e.pair):
        bends = [] if edge.caller == edge.callee else route(edge.pair, places, passed)
        points = [places[edge.caller], *bends, places[edge.callee]]
        curve = _curve(edge.pair, places, both)
        labelled = 0
        if edge.label:
            points, labelled = with_label(points, curve, texts)
        stops = [name[edge.caller]]
        for k, bend in enumerate(points[1:-1]):
            stops.append(f"{name[edge.caller]}-{name[edge.callee]}-{k}")
            data.append(_unseen(stops[-1], bend))
        stops.append(name[edge.callee])
        links += _pieces(edge, stops, labelled, curve, palette, edge.pair == selected)
        owners += [edge.pair] * (len(stops) - 1)
    # The corners keep the scale: positions must not move because the outermost node left.
    data += [_unseen("corner-0", (0.0, 0.0)), _unseen("corner-1", (WIDTH, HEIGHT))]
    return Drawing(_option(data, links, width, palette), owners, nodes, places)


def _name_width(places: Mapping[str, Point]) -> int:
    """Pixels a name may take, so that those of neighbouring columns do not run into each other."""
    across = sorted({x for x, _ in places.values()})
    gap = min((b - a for a, b in pairwise(across)), default=WIDTH)
    return round(min(136.0, max(72.0, 0.52 * gap)))


def _health(edges: Iterable[Edge], others: Iterable[Edge]) -> dict[str, State]:
    """State of a node's outline: the worst of the calls it receives; of those it makes where nobody calls it.

    What is wrong with a call that is not drawn, both of its ends show: no line does.
    """
    receives: dict[str, State] = {}
    makes: dict[str, State] = {}
    for edge in edges:
        receives[edge.callee] = _worse(edge.state, receives.get(edge.callee, "ok"))
        makes[edge.caller] = _worse(edge.state, makes.get(edge.caller, "ok"))
    health = makes | receives
    for edge in others:
        health |= {node: _worse(edge.state, health.get(node, "ok")) for node in edge.pair}
    return health


def _worse(one: State, other: State) -> State:
    return min(one, other, key=STATES.index)


def _shown(node: str) -> str:
    return short(visible(node, _NAME_LENGTH))


def _node(id_: str, node: str, place: Point, kind: str, state: State, palette: Palette) -> dict[str, Any]:
    shape = _SHAPES.get(kind, "circle")
    return {
        "id": id_,
        "name": _shown(node),
        "value": kind.replace("_", " "),
        "x": round(place[0], 2),
        "y": round(place[1], 2),
        "symbol": shape,
        "symbolSize": list(_SIZES[shape]),
        "itemStyle": {
            "color": palette.surface,
            "borderColor": palette.strokes[state].colour,
            "borderWidth": 2 if state == "ok" else 4,
        },
    }


def _unseen(id_: str, place: Point) -> dict[str, Any]:
    """A point that only holds a bend or a corner: nothing to see, to hover or to choose."""
    return {
        "id": id_,
        "name": "",
        "x": round(place[0], 2),
        "y": round(place[1], 2),
        "symbolSize": 0,
        "silent": True,
        "label": {"show": False},
        "tooltip": {"show": False},
    }


def _curve(pair: Pair, places: Mapping[str, Point], both: set[Pair]) -> float:
    """Bow of an edge: between nodes of one column, and between two that call each other, lines must not coincide."""
    (x0, _), (x1, _) = places[pair[0]], places[pair[1]]
    if abs(x0 - x1) <= 1:
        return 0.35
    return 0.15 if (pair[1], pair[0]) in both else 0.0


def _pieces(
    edge: Edge, stops: Sequence[str], labelled: int, curve: float, palette: Palette, selected: bool
) -> list[dict[str, Any]]:
    """The links of one edge: one, or one for each stretch between bends; `labelled` is the one that has the label."""
    stroke = palette.strokes[edge.state]
    style: dict[str, Any] = {
        "color": stroke.colour,
        "width": stroke.width + (2 if selected else 0),
        "type": stroke.line,
        "opacity": 1 if selected else stroke.opacity,
        "curveness": curve if len(stops) == 2 else 0,
    }
    if selected:
        style |= {"shadowBlur": 8, "shadowColor": palette.halo}
    pieces = []
    for k, (source, target) in enumerate(pairwise(stops)):
        last = k == len(stops) - 2
        pieces.append(
            {
                "source": source,
                "target": target,
                "name": f"{visible(edge.caller, _NAME_LENGTH)} → {visible(edge.callee, _NAME_LENGTH)}",
                "value": edge.label or "healthy",
                "symbol": ["none", "arrow" if last else "none"],
                "symbolSize": 6 + 1.5 * stroke.width,
                "lineStyle": style,
                "label": {"show": bool(edge.label) and k == labelled, "color": stroke.colour},
            }
        )
    return pieces


def _option(
    data: list[dict[str, Any]], links: list[dict[str, Any]], name_width: int, palette: Palette
) -> dict[str, Any]:
    """The option object; its templates hold no word from the logs, only ECharts' own escaped values."""
    return {
        "animation": False,
        "tooltip": {"trigger": "item", "formatter": "{b}<br>{c}"},
        "series": [
            {
                "type": "graph",
                "layout": "none",
                "left": 66,
                "right": 66,
                "top": 20,
                "bottom": 36,
                # A stretched view would stretch nodes and labels too.
                "preserveAspect": "contain",
                "roam": True,
                "scaleLimit": {"min": 0.5, "max": 4},
                "selectedMode": "single",
                "select": {"itemStyle": {"borderColor": palette.halo}, "lineStyle": {}},
                "emphasis": {"scale": False},
                "label": {
                    "show": True,
                    "position": "bottom",
                    "formatter": "{b}",
                    "fontSize": 12,
                    "color": palette.ink,
                    "textBorderColor": palette.surface,
                    "textBorderWidth": 3,
                    "width": name_width,
                    "overflow": "truncate",
                },
                "edgeLabel": {
                    "formatter": "{c}",
                    "fontSize": 12,
                    "fontWeight": 600,
                    "textBorderColor": palette.surface,
                    "textBorderWidth": 4,
                },
                "data": data,
                "links": links,
            }
        ],
    }
