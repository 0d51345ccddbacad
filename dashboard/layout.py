"""Where the nodes of a call graph stand, so that calls run from left to right.

Promises: the same edges give the same places; no two nodes share one; nodes that stood somewhere before stay there and
new ones get a free place beside a neighbour; an edge that spans several columns goes round the nodes between.
Coordinates fill the box `WIDTH` x `HEIGHT`; y grows downward.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

WIDTH = 1000.0
HEIGHT = 667.0
_SWEEPS = 8
_RING = 3
"""Members up to which a ring of callers shares a column; a larger one is opened, or a mesh would be one tall column."""
_THROUGH = 0.5
"""Height an edge passing through a column takes, where a node takes 1."""

Point = tuple[float, float]
Pair = tuple[str, str]
# A node, or where an edge passes a column: (caller, callee, column).
_Item = str | tuple[str, str, int]


def columns(edges: Iterable[Pair]) -> dict[str, int]:
    """Column of every node: one right of its rightmost caller; nodes that call each other in a small ring share one.

    A node that nobody calls stands right before the first one it calls, so its edges stay short.
    """
    after: dict[str, set[str]] = {}
    for caller, callee in sorted(set(edges)):
        after.setdefault(caller, set()).add(callee)
        after.setdefault(callee, set())
    _open(after)
    ring = rings(after)
    beyond: dict[str, set[str]] = defaultdict(set)
    called: set[str] = set()
    for caller, callees in after.items():
        for callee in callees:
            if ring[caller] != ring[callee]:
                beyond[ring[caller]].add(ring[callee])
                called.add(ring[callee])
    column = dict.fromkeys(ring.values(), 0)
    # `rings` numbers callees before callers, so its reverse is an order in which every caller comes first.
    for node in reversed(list(dict.fromkeys(ring.values()))):
        for callee in beyond[node]:
            column[callee] = max(column[callee], column[node] + 1)
    for node in column:
        if node not in called and beyond[node]:
            column[node] = min(column[callee] for callee in beyond[node]) - 1
    return {node: column[ring[node]] for node in sorted(after)}


def _open(after: Mapping[str, set[str]]) -> None:
    """Take out the calls that lead back (to a node still being walked) inside rings of more than `_RING` members."""
    ring = rings(after)
    size = Counter(ring.values())
    for root in sorted(after):
        walked: set[str] = set()
        if size[ring[root]] <= _RING or root != ring[root]:
            continue
        path = {root}
        work = [(root, iter(sorted(after[root])))]
        while work:
            node, callees = work[-1]
            callee = next((c for c in callees if ring[c] == ring[root]), None)
            if callee is None:
                work.pop()
                path.discard(node)
                walked.add(node)
            elif callee in path:
                after[node].discard(callee)
            elif callee not in walked:
                path.add(callee)
                work.append((callee, iter(sorted(after[callee]))))


def rings(after: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Strongly connected components (Tarjan, without recursion): node to the name of its ring, callees first."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    ring: dict[str, str] = {}
    for root in sorted(after):
        if root in index:
            continue
        index[root] = low[root] = len(index)
        stack.append(root)
        work = [(root, iter(sorted(after[root])))]
        while work:
            node, callees = work[-1]
            for callee in callees:
                if callee not in index:
                    index[callee] = low[callee] = len(index)
                    stack.append(callee)
                    work.append((callee, iter(sorted(after[callee]))))
                    break
                if callee not in ring:
                    low[node] = min(low[node], index[callee])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    members = stack[stack.index(node) :]
                    del stack[len(stack) - len(members) :]
                    ring.update(dict.fromkeys(members, min(members)))
    return ring


def arrange(edges: Iterable[Pair], before: Mapping[str, Point] | None = None) -> dict[str, Point]:
    """Place of every node. With `before`, at least half of whose nodes must still be there, nobody moves."""
    pairs = sorted(set(edges))
    if not pairs:
        return {}
    nodes = {node for pair in pairs for node in pair}
    staying = {node: place for node, place in (before or {}).items() if node in nodes}
    if before and 2 * len(staying) >= max(len(nodes), len(before)):
        return _joined(pairs, staying, nodes)
    column = columns(pairs)
    order = _ordered(pairs, column)
    heights = _heights(pairs, column, order)
    last = max(column.values(), default=0)
    return {node: (_across(column[node], last), heights[node]) for node in sorted(nodes)}


def _across(column: int, last: int) -> float:
    return WIDTH * column / last if last else WIDTH / 2


def _links(pairs: Sequence[Pair], column: Mapping[str, int]) -> list[tuple[_Item, _Item]]:
    """Each edge as steps from one column to the next, through a stand-in in every column it crosses."""
    links: list[tuple[_Item, _Item]] = []
    for caller, callee in pairs:
        first, last = sorted((caller, callee), key=lambda node: column[node])
        chain: list[_Item] = [first]
        chain += [(caller, callee, at) for at in range(column[first] + 1, column[last])]
        chain.append(last)
        links += pairwise(chain)
    return links


def _ordered(pairs: Sequence[Pair], column: Mapping[str, int]) -> list[list[_Item]]:
    """The items of each column from top to bottom, after barycentre sweeps right and left to lessen crossings."""
    rows: list[list[_Item]] = [[] for _ in range(max(column.values(), default=0) + 1)]
    for node in sorted(column):
        rows[column[node]].append(node)
    near: dict[_Item, list[_Item]] = defaultdict(list)
    for one, other in _links(pairs, column):
        near[one].append(other)
        near[other].append(one)
        for item in (one, other):
            if isinstance(item, tuple) and item not in rows[item[2]]:
                rows[item[2]].append(item)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        for at in range(len(rows)) if forward else reversed(range(len(rows))):
            beside = at - 1 if forward else at + 1
            if 0 <= beside < len(rows):
                place = {item: (k + 0.5) / len(rows[beside]) for k, item in enumerate(rows[beside])}
                own = {item: (k + 0.5) / len(rows[at]) for k, item in enumerate(rows[at])}
                mean = {item: _mean([place[n] for n in near[item] if n in place], own[item]) for item in rows[at]}
                rows[at].sort(key=lambda item: (mean[item], own[item]))
    return rows


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _heights(pairs: Sequence[Pair], column: Mapping[str, int], rows: Sequence[Sequence[_Item]]) -> dict[_Item, float]:
    """Height of every item: near the mean of its neighbours, in the order given, a node apart; fills `HEIGHT`."""
    near: dict[_Item, list[_Item]] = defaultdict(list)
    for one, other in _links(pairs, column):
        near[one].append(other)
        near[other].append(one)
    y: dict[_Item, float] = {}
    for row in rows:
        top = -sum(_size(item) for item in row) / 2
        for item in row:
            y[item] = top + _size(item) / 2
            top += _size(item)
    limit = max((sum(_size(item) for item in row) for row in rows), default=1.0) / 2
    for _ in range(_SWEEPS):
        for row in rows:
            _settle(row, {item: _mean([y[n] for n in near[item]], y[item]) for item in row}, y, limit)
    low, high = min(y.values(), default=0.0), max(y.values(), default=0.0)
    scale = HEIGHT / (high - low) if high > low else 0.0
    return {item: (value - low) * scale if scale else HEIGHT / 2 for item, value in y.items()}


def _size(item: _Item) -> float:
    return 1.0 if isinstance(item, str) else _THROUGH


def _settle(row: Sequence[_Item], wanted: Mapping[_Item, float], y: dict[_Item, float], limit: float) -> None:
    """Nearest places to `wanted` that keep order, distance and the limits (pool adjacent violators)."""
    offsets = [0.0]
    for one, other in pairwise(row):
        offsets.append(offsets[-1] + (_size(one) + _size(other)) / 2)
    pools: list[list[float]] = []
    for item, offset in zip(row, offsets, strict=True):
        pools.append([wanted[item] - offset, 1.0])
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            value, weight = pools.pop()
            pools[-1][0] = (pools[-1][0] * pools[-1][1] + value * weight) / (pools[-1][1] + weight)
            pools[-1][1] += weight
    free = [value for value, weight in pools for _ in range(int(weight))]
    ends = (_size(row[0]) / 2, _size(row[-1]) / 2)
    for item, value, offset in zip(row, free, offsets, strict=True):
        y[item] = min(max(value, ends[0] - limit), limit - ends[1] - offsets[-1]) + offset


def _joined(pairs: Sequence[Pair], staying: Mapping[str, Point], nodes: Iterable[str]) -> dict[str, Point]:
    """Places where some nodes stay: each new one gets the free place nearest to beside its neighbours."""
    places = dict(staying)
    across = sorted({x for x, _ in staying.values()})
    step = min((b - a for a, b in pairwise(across)), default=WIDTH / 4)
    room = HEIGHT / 14
    waiting = sorted(set(nodes) - set(staying))
    while waiting:
        node = next((n for n in waiting if any(n in pair and set(pair) & places.keys() for pair in pairs)), waiting[0])
        waiting.remove(node)
        beside = [(x - step, y) for x, y in (places[b] for a, b in pairs if a == node and b in places)]
        beside += [(x + step, y) for x, y in (places[a] for a, b in pairs if b == node and a in places)]
        want = (_mean([x for x, _ in beside], 0.0), _mean([y for _, y in beside], HEIGHT / 2))
        places[node] = _free_place(want, across, places.values(), room)
    return places


def _free_place(want: Point, across: Sequence[float], taken: Iterable[Point], room: float) -> Point:
    occupied = list(taken)
    rows = [HEIGHT * k / 24 for k in range(25)]
    while True:
        free = [(x, y) for x in across for y in rows if all(abs(x - a) > 1 or abs(y - b) >= room for a, b in occupied)]
        if free:
            return min(free, key=lambda place: (abs(place[0] - want[0]) + abs(place[1] - want[1]), place))
        room /= 2


def route(pair: Pair, places: Mapping[str, Point], passed: set[Point]) -> list[Point]:
    """Points an edge bends at, so that it passes no node of the columns between its ends; adds them to `passed`.

    Edges already routed are in `passed`: a later one keeps clear of their bends where there is room.
    """
    (x0, y0), (x1, y1) = places[pair[0]], places[pair[1]]
    low, high = sorted((x0, x1))
    bends: list[Point] = []
    for x in sorted({a for a, _ in places.values() if low + 1 < a < high - 1}, reverse=x1 < x0):
        straight = y0 + (y1 - y0) * (x - x0) / (x1 - x0)
        nodes = [b for a, b in places.values() if abs(a - x) <= 1]
        lines = [b for a, b in passed if abs(a - x) <= 1]
        bend = (x, _gap(straight, nodes, lines))
        passed.add(bend)
        bends.append(bend)
    return bends


def _gap(want: float, nodes: Sequence[float], lines: Sequence[float]) -> float:
    """The height nearest to `want` that is clear of nodes and of other edges, or of nodes alone where room is scarce.

    A node needs more room below, where its name stands.
    """
    heights = [want, *(HEIGHT * k / 96 for k in range(97))]
    for above, below, beside in ((26.0, 52.0, 14.0), (26.0, 52.0, 0.0), (20.0, 30.0, 0.0), (12.0, 12.0, 0.0)):
        clear = [
            y
            for y in heights
            if all(y - n <= -above or y - n >= below for n in nodes) and all(abs(y - line) >= beside for line in lines)
        ]
        if clear:
            return min(clear, key=lambda y: (abs(y - want), y))
    return want
