"""Who is who: a service that is called and the role it calls with are one node when the logs say so, and only then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from queries.session import Session
from tests.queries.lake_of import (
    ACCOUNT,
    Row,
    alb,
    at,
    denied,
    flow,
    lattice,
    role,
    service,
    session_on,
    target_group,
)

EDGE = "app/edge/0000000000000001"


def edges(session: Session) -> dict[tuple[str, str], int]:
    """Requests by caller and callee: the raw view's and the rollup's, which have to agree."""
    raw = session.query("select caller, callee, count(*) as n from edge_requests group by all").to_pylist()
    rolled = session.query("select caller, callee, sum(requests)::bigint as n from calls group by all").to_pylist()
    found = {(row["caller"], row["callee"]): int(row["n"]) for row in raw}
    assert {(row["caller"], row["callee"]): int(row["n"]) for row in rolled} == found
    return found


def reason(session: Session, principal: str) -> str:
    (row,) = session.query("select reason from principals where principal = $p", {"p": principal}).to_pylist()
    return str(row["reason"])


def node(session: Session, principal: str) -> str:
    (row,) = session.query("select name from principal_names where principal = $p", {"p": principal}).to_pylist()
    return str(row["name"])


def calls_in(ip: str, callee: str, repeat: int = 1, **columns: Any) -> Row:
    """Requests from somewhere that reach `callee` at `ip`."""
    return {**lattice("outside", callee, ip="10.0.99.1", target=ip, **columns), "repeat": repeat}


def calls_out(who: str, ip: str, callee: str = "ledger", repeat: int = 20, **columns: Any) -> Row:
    return {**lattice(who, callee, ip=ip, target="10.0.50.1", **columns), "repeat": repeat}


def test_the_graph_chains(tmp_path: Path) -> None:
    rows = [
        {**lattice("gateway-role", "orders", ip="10.0.0.1", target="10.0.0.2"), "repeat": 20},
        {**lattice("orders-role", "payments", ip="10.0.0.2", target="10.0.0.3"), "repeat": 20},
        {**lattice("payments-role", "ledger", ip="10.0.0.3", target="10.0.0.4"), "repeat": 20},
    ]
    with session_on(tmp_path, lattice_access=rows) as session:
        assert edges(session) == {
            ("gateway-role", "orders"): 20,
            ("orders", "payments"): 20,
            ("payments", "ledger"): 20,
        }


@pytest.mark.parametrize(
    ("agreeing", "others", "is_one"), [(20, 0, True), (19, 0, False), (95, 5, True), (94, 6, False)]
)
def test_merging_wants_twenty_sightings_and_ninety_five_percent(
    tmp_path: Path, agreeing: int, others: int, is_one: bool
) -> None:
    rows = [calls_in("10.0.0.2", "orders"), calls_out("orders-role", "10.0.0.2", repeat=agreeing)]
    rows += [calls_out("orders-role", "10.0.77.7", repeat=others)] if others else []
    with session_on(tmp_path, lattice_access=rows) as session:
        assert (node(session, role("orders-role")) == "orders") is is_one
        assert reason(session, role("orders-role")).startswith("one node" if is_one else "kept apart")


def test_two_services_on_one_host_stay_apart_from_their_roles(tmp_path: Path) -> None:
    rows = [
        calls_in("10.0.0.2", "inventory", target_port=8081),
        calls_in("10.0.0.2", "pricing", target_port=8082),
        calls_out("inventory-role", "10.0.0.2", repeat=50),
        calls_out("pricing-role", "10.0.0.2", repeat=50),
    ]
    with session_on(tmp_path, lattice_access=rows) as session:
        assert node(session, role("inventory-role")) == "inventory-role"
        assert "several services" in reason(session, role("inventory-role"))


def test_callers_behind_a_nat_stay_apart(tmp_path: Path) -> None:
    rows = [calls_in("10.0.0.2", "orders"), calls_out("orders-role", "10.0.200.9", repeat=100)]
    with session_on(tmp_path, lattice_access=rows) as session:
        assert node(session, role("orders-role")) == "orders-role"
        assert reason(session, role("orders-role")) == "no service answers at its addresses"


def test_the_same_address_in_another_vpc_is_somebody_else(tmp_path: Path) -> None:
    rows = [calls_in("10.0.0.2", "orders"), calls_out("other-role", "10.0.0.2", vpc="vpc-b", repeat=100)]
    with session_on(tmp_path, lattice_access=rows) as session:
        assert node(session, role("other-role")) == "other-role"


def test_an_address_reused_in_a_later_hour_is_its_new_owner(tmp_path: Path) -> None:
    rows = [
        calls_in("10.0.0.2", "orders", start_time=at(0, 9)),
        calls_out("orders-role", "10.0.0.2", start_time=at(10, 9)),
        calls_in("10.0.0.2", "search", start_time=at(0, 10)),
        calls_out("search-role", "10.0.0.2", start_time=at(10, 10)),
        calls_in("10.0.0.2", "search", start_time=at(0, 11)),
        # Nobody signed here: the address tells, by the hour.
        {**lattice(None, "ledger", ip="10.0.0.2", target="10.0.50.1", start_time=at(20, 9)), "repeat": 3},
        {**lattice(None, "ledger", ip="10.0.0.2", target="10.0.50.1", start_time=at(20, 10)), "repeat": 5},
        {**lattice(None, "ledger", ip="10.0.0.2", target="10.0.50.1", start_time=at(20, 11)), "repeat": 7},
    ]
    with session_on(tmp_path, lattice_access=rows) as session:
        found = edges(session)
        begin, end = session.window()
        by_hour = session.query("select caller, callee, requests from edge_totals($a, $b)", {"a": begin, "b": end})
        timed = session.query(
            "select caller, callee, sum(requests)::bigint as requests from edge_latencies($a, $b) group by all",
            {"a": begin, "b": end},
        )
    assert found[("orders", "ledger")] == 23
    assert found[("search", "ledger")] == 32
    for counted in (by_hour.to_pylist(), timed.to_pylist()):
        assert {(row["caller"], row["callee"]): row["requests"] for row in counted} == found


def test_an_address_that_changed_hands_within_the_hour_is_nobody(tmp_path: Path) -> None:
    rows = [
        calls_in("10.0.0.2", "orders"),
        calls_in("10.0.0.2", "search", start_time=at(40)),
        lattice(None, "ledger", ip="10.0.0.2", target="10.0.50.1", start_time=at(50)),
    ]
    with session_on(tmp_path, lattice_access=rows) as session:
        assert ("10.0.0.2 (vpc-a)", "ledger") in edges(session)


def test_an_unsigned_caller_at_an_unknown_address_is_that_address(tmp_path: Path) -> None:
    rows = [
        denied(None, "ledger", "Service", ip="10.0.0.9"),
        denied(None, "ledger", "Service", ip="10.0.0.9", vpc="vpc-b", source_vpc_id="vpc-b"),
    ]
    with session_on(tmp_path, lattice_access=rows) as session:
        callers = session.query("select distinct caller from requests order by caller").column("caller").to_pylist()
    assert callers == ["10.0.0.9 (vpc-a)", "10.0.0.9 (vpc-b)"]


def test_a_denied_service_keeps_its_name(tmp_path: Path) -> None:
    rows = [calls_in("10.0.0.2", "orders"), {**denied("orders-role", "ledger", "Service", ip="10.0.0.2"), "repeat": 20}]
    with session_on(tmp_path, lattice_access=rows) as session:
        found = session.query("select distinct caller, callee, layer from denials").to_pylist()
    # The ledger answered nobody, so its name is its id.
    assert found == [{"caller": "orders", "callee": service("ledger").split("/")[1], "layer": "service_policy"}]


def test_behind_a_load_balancer_a_service_is_its_host(tmp_path: Path) -> None:
    bare = "internal-edge-123.us-east-1.elb.amazonaws.com"
    rows = [
        {**alb(EDGE, "web.example.com", ip="10.0.0.1", target="10.0.0.2", group="stable"), "repeat": 9},
        alb(EDGE, "web.example.com", ip="10.0.0.1", target="10.0.0.3", group="canary"),
        {**alb(EDGE, bare, ip="10.0.0.1", target="10.0.0.2", group="stable"), "repeat": 30},
        alb(EDGE, "api.example.com", ip="10.0.0.1", target="10.0.0.4", group="api"),
        # No target group: its own host is a service's; this one's is nobody's, so it is the load balancer's.
        alb(EDGE, "api.example.com", ip="10.0.0.1", elb_status_code=403, actions_executed="fixed-response"),
        alb(EDGE, "nobody.example.com", ip="10.0.0.1", elb_status_code=404, actions_executed="fixed-response"),
    ]
    with session_on(tmp_path, alb_access=rows) as session:
        found = session.query("select callee, service, count(*) as n from requests group by all").to_pylist()
    assert {(row["callee"], row["service"]): row["n"] for row in found} == {
        ("web", f"{EDGE}#web.example.com"): 40,
        ("api", f"{EDGE}#api.example.com"): 2,
        ("edge", EDGE): 1,
    }


def test_one_invented_host_does_not_rename_a_service(tmp_path: Path) -> None:
    bare = "internal-edge-123.us-east-1.elb.amazonaws.com"
    rows = [
        {**alb(EDGE, bare, ip="10.0.0.1", target="10.0.0.2", group="web"), "repeat": 200},
        alb(EDGE, "evil.example.com", ip="10.0.0.1", target="10.0.0.2", group="web"),
    ]
    with session_on(tmp_path, alb_access=rows) as session:
        assert session.query("select distinct service from requests").column("service").to_pylist() == [
            f"{EDGE}#{bare}"
        ]


def test_a_load_balancer_that_is_a_lattice_target_is_seen_through(tmp_path: Path) -> None:
    via_lattice = lattice("orders-role", "shipping", ip="10.0.0.1", target="10.0.9.1", target_port=443)
    leg = alb(
        EDGE,
        "shipping.svc.example.com",
        ip="169.254.171.40",
        target="10.0.0.7",
        group="shipping",
        ip_address="10.0.9.1",
    )
    direct = alb(
        EDGE, "shipping.svc.example.com", ip="10.0.0.8", target="10.0.0.7", group="shipping", ip_address="10.0.9.1"
    )
    onward = lattice("shipping-role", "ledger", ip="10.0.0.7", target="10.0.50.1")
    given: dict[str, list[Row]] = {
        "lattice_access": [{**via_lattice, "repeat": 5}, {**onward, "repeat": 20}],
        "alb_access": [{**leg, "repeat": 5}, {**direct, "repeat": 2}],
        "vpc_flow": [
            flow("10.0.9.1", "10.0.0.7", 8080, vpc="vpc-a", direction="ingress"),
            flow("10.0.0.8", "10.0.9.1", 443, vpc="vpc-a", direction="egress"),
        ],
    }
    with session_on(tmp_path, **given) as session:
        assert edges(session) == {
            ("orders-role", "shipping"): 5,
            ("10.0.0.8 (vpc-a)", "shipping"): 2,
            ("shipping", "ledger"): 20,
        }
        assert session.query("select count(*) as n from requests").column("n").to_pylist() == [32]


def node_flows(client: str, vpc: str, target: str) -> list[Row]:
    """Flow records of a load balancer in vpc-a: its node's own interface, its target, and a client in `vpc`."""
    return [
        flow("10.0.9.1", target, 8080, vpc="vpc-a", direction="egress", interface_id="eni-node"),
        flow("10.0.9.1", target, 8080, vpc="vpc-a", direction="ingress"),
        flow(client, "10.0.9.1", 443, vpc="vpc-a", direction="ingress", interface_id="eni-node"),
        flow(client, "10.0.9.1", 443, vpc=vpc, direction="egress"),
    ]


def through_edge(ip: str) -> Row:
    return alb(EDGE, "web.example.com", ip=ip, target="10.0.0.50", group="web", ip_address="10.0.9.1")


def test_a_load_balancers_client_is_named_by_its_flow_record(tmp_path: Path) -> None:
    """10.0.0.5 is a role's address in vpc-a and another's in vpc-b: the client's own interface tells which."""
    signed = [
        calls_out("batch-a", "10.0.0.5"),
        calls_out("batch-b", "10.0.0.5", vpc="vpc-b"),
    ]
    flows = node_flows("10.0.0.5", "vpc-b", "10.0.0.50")
    with session_on(tmp_path, lattice_access=signed, alb_access=[through_edge("10.0.0.5")], vpc_flow=flows) as session:
        assert ("batch-b", "web") in edges(session)
        assert session.query(
            "select distinct caller_vpc, target_vpc from requests where front_door = 'alb'"
        ).to_pylist() == [{"caller_vpc": "vpc-b", "target_vpc": "vpc-a"}]


def test_without_flow_records_an_overlapping_address_stays_an_address(tmp_path: Path) -> None:
    signed = [calls_out("batch-a", "10.0.0.5"), calls_out("batch-b", "10.0.0.5", vpc="vpc-b")]
    with session_on(tmp_path, lattice_access=signed, alb_access=[through_edge("10.0.0.5")]) as session:
        assert ("10.0.0.5", "web") in edges(session)


def test_without_flow_records_an_address_of_one_vpc_is_named(tmp_path: Path) -> None:
    with session_on(
        tmp_path, lattice_access=[calls_out("batch-a", "10.0.0.5")], alb_access=[through_edge("10.0.0.5")]
    ) as session:
        assert ("batch-a", "web") in edges(session)


def test_a_database_with_a_nodes_address_in_another_vpc_misleads_nobody(tmp_path: Path) -> None:
    """10.0.9.1 is a node in vpc-a and a database in vpc-b, and 10.0.0.5 exists in both and talks to both."""
    flows = [
        *node_flows("10.0.0.5", "vpc-a", "10.0.0.50"),
        flow("10.0.0.5", "10.0.9.1", 5432, vpc="vpc-b", direction="egress"),
        flow("10.0.0.5", "10.0.9.1", 5432, vpc="vpc-b", direction="ingress", interface_id="eni-database"),
    ]
    signed = [calls_out("batch-a", "10.0.0.5"), calls_out("batch-b", "10.0.0.5", vpc="vpc-b")]
    with session_on(tmp_path, lattice_access=signed, alb_access=[through_edge("10.0.0.5")], vpc_flow=flows) as session:
        assert ("batch-a", "web") in edges(session)


def test_the_other_address_of_an_interface_is_the_same_caller(tmp_path: Path) -> None:
    """The service answers over IPv4 and calls over IPv6."""
    rows = [calls_in("10.0.0.2", "orders"), calls_out("orders-role", "fd00::2")]
    flows = [
        flow("fd00::2", "fd00:ec2:80::1", 443, vpc="vpc-a", direction="egress", interface_id="eni-task"),
        flow("169.254.171.9", "10.0.0.2", 8080, vpc="vpc-a", direction="ingress", interface_id="eni-task"),
    ]
    with session_on(tmp_path, lattice_access=rows, vpc_flow=flows) as session:
        assert node(session, role("orders-role")) == "orders"


def test_a_kubernetes_nodes_addresses_are_not_one_caller(tmp_path: Path) -> None:
    """Two pods on one interface: which of them has the IPv6 address nothing tells."""
    rows = [calls_in("10.0.0.2", "orders"), calls_out("orders-role", "fd00::2")]
    flows = [
        flow("fd00::2", "fd00:ec2:80::1", 443, vpc="vpc-a", direction="egress", interface_id="eni-node"),
        flow("169.254.171.9", "10.0.0.2", 8080, vpc="vpc-a", direction="ingress", interface_id="eni-node"),
        flow("169.254.171.9", "10.0.0.3", 8080, vpc="vpc-a", direction="ingress", interface_id="eni-node"),
    ]
    with session_on(tmp_path, lattice_access=rows, vpc_flow=flows) as session:
        assert node(session, role("orders-role")) == "orders-role"


def certified(ip: str, subject: str, connection: str, status: str = "Success") -> Row:
    return {
        "timestamp": at(0),
        "client_ip": ip,
        "client_port": 40_000,
        "listener_port": 443,
        "elb": EDGE,
        "leaf_client_cert_subject": subject,
        "tls_verify_status": status,
        "conn_trace_id": connection,
    }


def test_a_client_certificate_names_the_caller(tmp_path: Path) -> None:
    given: dict[str, list[Row]] = {
        "alb_access": [{**through_edge("10.0.0.5"), "conn_trace_id": "TID_1"}],
        "alb_connection": [
            certified("10.0.0.5", "CN=partner.example.com,O=Example", "TID_1"),
            certified("10.0.0.5", "CN=partner.example.com,O=Example", "TID_2", "Failed:ClientCertExpired"),
        ],
        "vpc_flow": node_flows("10.0.0.5", "vpc-a", "10.0.0.50"),
    }
    with session_on(tmp_path, **given) as session:
        assert edges(session) == {("partner.example.com", "web"): 1}
        found = session.query("select caller, callee, layer, reason, target_port from denials").to_pylist()
    assert found == [
        {
            "caller": "partner.example.com",
            "callee": "web",
            "layer": "tls",
            "reason": "Failed:ClientCertExpired",
            "target_port": 443,
        }
    ]


def test_display_names_are_unique(tmp_path: Path) -> None:
    other = "111122223333"
    rows = [
        # A role called like a service, and one name in two accounts.
        calls_out("ledger", "10.0.0.1"),
        calls_out("batch", "10.0.0.2"),
        {
            **calls_out("batch", "10.0.0.3"),
            "caller_principal": f"arn:aws:sts::{other}:assumed-role/batch/x",
            "resolved_user": f"arn:aws:sts::{other}:assumed-role/batch/x",
        },
        # One name in two domains.
        lattice("batch", "dev", ip="10.0.0.2", target="10.0.60.1", host_header="web.dev.example.com"),
        lattice("batch", "prod", ip="10.0.0.2", target="10.0.60.2", host_header="web.prod.example.com"),
    ]
    with session_on(tmp_path, lattice_access=rows) as session:
        names = session.query("select name from nodes order by name").column("name").to_pylist()
    assert names == [
        f"batch ({other})",
        f"batch ({ACCOUNT})",
        "ledger",
        "ledger (role)",
        "web.dev.example.com",
        "web.prod.example.com",
    ]


def test_nobody_is_called_what_somebody_else_is(tmp_path: Path) -> None:
    """Certificates say what they like, and a role may be called like a kind of caller."""

    def certified(subject: str, ip: str, repeat: int) -> Row:
        return {
            **lattice(None, "orders", ip=ip, target="10.0.0.9"),
            "caller_x509_subject_cn": subject,
            "repeat": repeat,
        }

    rows = [
        {**lattice("orders", "orders", ip="10.0.0.5", target="10.0.0.9"), "repeat": 2},
        {**lattice(None, "orders", ip="10.0.0.7", target="10.0.0.9"), "repeat": 3},
        {**lattice(None, "orders", ip="203.0.113.7", target="10.0.0.9"), "source_vpc_id": None, "repeat": 4},
        {**lattice("internet", "orders", ip="10.0.0.8", target="10.0.0.9"), "repeat": 5},
        certified("orders (role)", "10.0.0.6", 6),
        certified("10.0.0.7 (vpc-a)", "10.0.0.6", 7),
        certified("10.0.0.7", "10.0.0.6", 8),
        certified("unknown", "10.0.0.6", 9),
        certified("web.example.com", "10.0.0.6", 10),
        certified("CN=web (1),O=1", "10.0.0.6", 11),
        certified("CN=web (1),O=2", "10.0.0.6", 12),
    ]
    with session_on(tmp_path, lattice_access=rows) as session:
        found = edges(session)
        names = session.query("select name from nodes").column("name").to_pylist()
    assert len(names) == len(set(names))
    assert found == {
        ("orders (role)", "orders"): 2,
        ("10.0.0.7 (vpc-a)", "orders"): 3,
        ("internet", "orders"): 4,
        ("internet (role)", "orders"): 5,
        ("orders (role) (certificate)", "orders"): 6,
        ("10.0.0.7 (vpc-a) (certificate)", "orders"): 7,
        ("10.0.0.7 (certificate)", "orders"): 8,
        ("unknown (certificate)", "orders"): 9,
        ("web.example.com", "orders"): 10,
        ("web (1) (CN=web (1),O=1)", "orders"): 11,
        ("web (1) (CN=web (1),O=2)", "orders"): 12,
    }


def test_without_an_own_domain_a_lattice_service_has_its_own_name(tmp_path: Path) -> None:
    arn = f"arn:aws:vpc-lattice:us-east-1:{ACCOUNT}:service/svc-0cfe1f49ff3266204"
    host = "orders-0cfe1f49ff3266204.7d67968.vpc-lattice-svcs.us-east-1.on.aws"
    row = lattice("batch", "x", ip="10.0.0.1", target="10.0.0.2", service_arn=arn, host_header=host)
    with session_on(tmp_path, lattice_access=[row]) as session:
        assert edges(session) == {("batch", "orders"): 1}


def test_a_target_group_name_does_not_matter(tmp_path: Path) -> None:
    row = alb(EDGE, "web.example.com", ip="203.0.113.7", target="10.0.0.2", group="x")
    with session_on(tmp_path, alb_access=[row]) as session:
        (found,) = session.query("select caller, callee, target_group from requests").to_pylist()
    assert found == {"caller": "internet", "callee": "web", "target_group": target_group("x")}
