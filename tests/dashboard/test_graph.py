import json

from dashboard.graph import MOST_NODES, Edge, chosen, draw
from dashboard.palette import DARK, LIGHT, STATES, Palette, palette_of

EDGES = [
    Edge("catalog", "pricing", "denied", "61 % denied", 600),
    Edge("orders", "payments", "failing", "12 % 5xx", 90),
    Edge("gateway", "catalog", "reject", "82 rejected", 82),
    Edge("search", "pricing", "degraded", "2 % 5xx", 40),
    Edge("gateway", "orders", "ok", weight=900),
    Edge("gateway", "search", "ok", weight=700),
    Edge("payments", "ledger", "ok", weight=500),
    Edge("reports", "ledger", "ok", weight=10),
]
KINDS = {name: "service" for name in ("catalog", "pricing", "orders", "payments", "gateway", "ledger", "search")}


def _series(edges: list[Edge], palette: Palette = LIGHT) -> dict:  # type: ignore[type-arg]
    return draw(edges, KINDS, palette).spec["series"][0]  # type: ignore[no-any-return]


def test_the_same_edges_give_the_same_drawing_in_any_order() -> None:
    assert draw(EDGES, KINDS, LIGHT) == draw(EDGES[::-1], KINDS, LIGHT)


def test_the_drawing_is_plain_json() -> None:
    spec = draw(EDGES, KINDS, LIGHT, selected=("orders", "payments")).spec
    assert json.loads(json.dumps(spec)) == spec


def test_only_what_is_wrong_is_labelled() -> None:
    links = _series(EDGES)["links"]
    shown = sorted(link["value"] for link in links if link["label"]["show"])
    assert shown == sorted(edge.label for edge in EDGES if edge.state != "ok")


def test_states_differ_by_colour_and_by_line_in_both_themes() -> None:
    for palette in (LIGHT, DARK):
        strokes = [palette.strokes[state] for state in STATES]
        assert len({stroke.colour for stroke in strokes}) == len(STATES)
        assert len({(stroke.width, stroke.line) for stroke in strokes}) == len(STATES)
        assert palette.strokes["reject"].line == "dotted"
        assert palette.strokes["denied"].line == "dashed"
    assert palette_of("dark") is DARK
    assert palette_of(None) is LIGHT
    assert LIGHT.strokes["reject"].colour != DARK.strokes["reject"].colour


def test_every_link_is_found_again_from_its_index() -> None:
    drawing = draw(EDGES, KINDS, LIGHT)
    links = drawing.spec["series"][0]["links"]
    assert len(links) == len(drawing.links)
    assert set(drawing.links) == {edge.pair for edge in EDGES}
    names = {node["id"]: node["name"] for node in drawing.spec["series"][0]["data"]}
    for link, pair in zip(links, drawing.links, strict=True):
        assert names[link["source"]] in {"", pair[0]}
        assert names[link["target"]] in {"", pair[1]}


def test_an_edge_in_pieces_has_one_arrow_and_one_label() -> None:
    chain = [Edge(a, b, "ok") for a, b in ("ab", "bc", "cd", "de")]
    drawing = draw([*chain, Edge("a", "e", "denied", "100 % denied")], {}, LIGHT)
    links = drawing.spec["series"][0]["links"]
    mine = [link for link, pair in zip(links, drawing.links, strict=True) if pair == ("a", "e")]
    assert len(mine) > 1
    assert [link["symbol"][1] for link in mine] == ["none"] * (len(mine) - 1) + ["arrow"]
    assert sum(link["label"]["show"] for link in mine) == 1


def test_two_services_that_call_each_other_have_two_lines() -> None:
    links = _series([Edge("a", "b", "ok"), Edge("b", "a", "ok"), Edge("a", "a", "ok")])["links"]
    assert all(link["lineStyle"]["curveness"] > 0 for link in links)


def test_shape_tells_the_kind_and_outline_the_health_of_what_it_answers() -> None:
    drawing = draw(EDGES, {**KINDS, "reports": "address"}, LIGHT)
    node = {data["name"]: data for data in drawing.spec["series"][0]["data"] if data["name"]}
    assert node["pricing"]["symbol"] == "roundRect"
    assert node["reports"]["symbol"] == "triangle"
    colour = {name: data["itemStyle"]["borderColor"] for name, data in node.items()}
    assert colour["pricing"] == LIGHT.strokes["denied"].colour
    assert colour["ledger"] == LIGHT.strokes["ok"].colour
    assert colour["gateway"] == LIGHT.strokes["reject"].colour, "nobody calls it, so it shows the worst call it makes"


def test_problems_come_with_the_busiest_healthy_edge_of_each_node_they_touch() -> None:
    drawn = {edge.pair for edge in chosen(EDGES, everything=False)}
    assert {edge.pair for edge in EDGES if edge.state != "ok"} < drawn
    assert ("gateway", "orders") in drawn
    assert ("reports", "ledger") not in drawn
    assert chosen(EDGES, everything=True) == EDGES


def test_a_healthy_graph_is_drawn_whole() -> None:
    healthy = [edge for edge in EDGES if edge.state == "ok"]
    assert chosen(healthy, everything=False) == healthy


def test_the_cap_keeps_the_worst() -> None:
    edges = [Edge("hub", f"wrong-{k}", "denied", "1 % denied") for k in range(40)]
    edges += [Edge(f"a-{k}", f"b-{k}", "ok") for k in range(40)]
    drawn = chosen(edges, everything=True)
    assert drawn[:40] == edges[:40]
    assert len({node for edge in drawn for node in edge.pair}) <= MOST_NODES


def test_hostile_names_stay_values() -> None:
    name = "<img src=x onerror=alert(1)>![x](http://evil.example.com/x.png){c}\u202e"
    drawing = draw([Edge(name, "{b}", "denied", "100 % denied")], {}, LIGHT)
    spec = drawing.spec
    assert name not in spec["tooltip"]["formatter"]
    assert [spec["tooltip"]["formatter"], spec["series"][0]["label"]["formatter"]] == ["{b}<br>{c}", "{b}"]
    assert "\u202e" not in json.dumps(spec, ensure_ascii=False)
    assert drawing.links == [(name, "{b}")]


def test_an_empty_graph_is_a_drawing() -> None:
    assert draw([], {}, LIGHT).links == []
