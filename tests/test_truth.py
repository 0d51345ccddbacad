"""What the sample lake says against what the generator knows: the graph's edges, and every refusal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from ingest.lake.tables import Lake
from queries.catalog import report
from queries.session import Session, open_session
from tests import lakes

Rows = list[dict[str, Any]]
DENIALS = [incident for incident in lakes.truth()["incidents"] if incident["denials"] or incident["layer"]]


@pytest.fixture(scope="module")
def session(sample_lake: Lake) -> Iterator[Session]:
    with open_session(sample_lake) as opened:
        yield opened


@pytest.fixture(scope="module")
def graph(session: Session) -> Rows:
    rows: Rows = report("call_graph").run(session).to_pylist()
    return rows


@pytest.fixture(scope="module")
def denied(session: Session) -> Rows:
    rows: Rows = report("denied_callers").run(session).to_pylist()
    return rows


def name_of(logged: str) -> str:
    """The display name of a caller that the logs cannot tie to a service: its role, certificate or address."""
    if logged.startswith("arn:"):
        return logged.rsplit("/", 1)[-1]
    if logged.startswith("CN="):
        return logged.removeprefix("CN=").split(",")[0]
    vpc, _, ip = logged.partition("/")
    return f"{ip} ({vpc})"


def names_by_caller(truth: dict[str, Any]) -> dict[str, set[str]]:
    """For every true caller, what it may be called: its service's name where the logs can tell, else its ids' names."""
    names: dict[str, set[str]] = defaultdict(set)
    for edge in truth["edges"]:
        names[edge["caller"]] |= {name_of(logged) for logged in edge["caller_ids"]}
    for service in truth["services"]:
        if service["tellable"]:
            names[service["name"]] = {service["name"]}
    return names


def test_the_graph_has_every_true_edge_and_no_other(graph: Rows) -> None:
    truth = lakes.truth()
    names = names_by_caller(truth)
    unexplained = {(row["caller"], row["callee"]): row["requests"] for row in graph if row["front_doors"] != "resource"}
    for edge in truth["edges"]:
        if edge["via"] == "resource":
            continue
        found = [pair for pair in unexplained if pair[1] == edge["callee"] and pair[0] in names[edge["caller"]]]
        assert sum(unexplained.pop(pair) for pair in found) == edge["requests"], edge
    assert unexplained == {}


def test_a_resource_configuration_is_an_edge_too(graph: Rows) -> None:
    true_edge = next(edge for edge in lakes.truth()["edges"] if edge["via"] == "resource")
    rows = [row for row in graph if row["front_doors"] == "resource"]
    assert [(row["service"], row["requests"]) for row in rows] == [(true_edge["service_arn"], true_edge["requests"])]


def test_the_graph_chains(graph: Rows) -> None:
    edges = {(row["caller"], row["callee"]) for row in graph}
    assert {("gateway", "orders"), ("orders", "payments"), ("payments", "ledger")} <= edges


def test_no_caller_is_called_by_the_name_of_a_service_it_is_not(graph: Rows) -> None:
    truth = lakes.truth()
    names = names_by_caller(truth)
    services = {service["name"] for service in truth["services"]}
    for row in graph:
        if row["caller"] in services:
            assert row["caller"] in names[row["caller"]], row


def test_the_top_denied_caller_is_the_true_one(denied: Rows) -> None:
    top = max((i for i in lakes.truth()["incidents"] if i["denials"]), key=lambda incident: int(incident["denials"]))
    assert (denied[0]["caller"], denied[0]["callee"], denied[0]["count"]) == (
        top["caller"],
        top["callee"],
        top["denials"],
    )


@pytest.mark.parametrize("incident", DENIALS, ids=lambda incident: incident["kind"])
def test_every_refusal_can_be_read_off_denied_callers(incident: dict[str, Any], denied: Rows) -> None:
    callers = names_by_caller(lakes.truth())[incident["caller"]] | {name_of(incident["caller_principal"] or "")}
    # A refused packet reached no rule: its callee is the load balancer, or for a scan whoever was scanned.
    callees = {incident["callee"], (incident["elb"] or "//").split("/")[1]}
    rows = [
        row
        for row in denied
        if row["layer"] == incident["layer"]
        and (row["caller"] in callers or row["caller"].split(" ")[0] in incident["caller_ips"])
        and (row["callee"] in callees or incident["kind"] == "port_scan")
    ]
    assert rows, f"{incident['kind']} is not in denied_callers"
    began, ended = (datetime.fromisoformat(incident[edge]) for edge in ("start", "end"))
    for row in rows:
        assert (row["first_seen"] - began).total_seconds() >= -60
        assert (row["last_seen"] - ended).total_seconds() <= 60
    assert sum(row["count"] for row in rows) == (incident["denials"] or incident["count"])
