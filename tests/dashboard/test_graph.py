import json

from dashboard.graph import MOST_EDGES, MOST_NODES, Edge, chosen, draw, left_out
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


def test_what_is_wrong_does_not_give_way_to_what_is_healthy() -> None:
    wrong = [Edge("hub", f"wrong-{k}", "denied", "1 % denied") for k in range(MOST_EDGES - 4)]
    healthy = [Edge(f"healthy-{k}", f"wrong-{k}", "ok", weight=k) for k in range(MOST_EDGES)]
    drawn = chosen([*wrong, *healthy], everything=False)
    assert drawn[: len(wrong)] == wrong
    assert len(drawn) == MOST_EDGES
    assert left_out([*wrong, *healthy], drawn) == "26 wrong and 4 of 30 healthy edges drawn"


def test_wrong_edges_that_are_not_drawn_are_counted() -> None:
    edges = [Edge("hub", f"wrong-{k}", "denied", "1 % denied") for k in range(MOST_EDGES + 7)]
    drawn = chosen(edges, everything=False)
    assert len(drawn) == MOST_EDGES
    assert "**7 wrong ones are not**: see the table below" in left_out(edges, drawn)
    assert left_out(edges, edges) == "all 37 edges drawn"


def test_a_node_does_not_look_healthy_where_a_call_that_is_not_drawn_fails() -> None:
    drawn = [Edge("user", "gateway", "ok"), Edge("gateway", "search", "ok")]
    others = [Edge("gateway", "orders", "failing", "5 % failing"), Edge("search", "pricing", "ok")]
    data = draw(drawn, {}, LIGHT, others=others).spec["series"][0]["data"]
    colour = {node["name"]: node["itemStyle"]["borderColor"] for node in data if node["name"]}
    assert colour["gateway"] == LIGHT.strokes["failing"].colour
    assert {colour[name] for name in ("user", "search")} == {LIGHT.strokes["ok"].colour}


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
