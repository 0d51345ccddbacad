"""What shares an address is kept apart, in names and in reasons; every kind of principal is one caller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from queries import catalog
from queries.session import Session
from tests.queries.lake_of import ACCOUNT, Row, alb, at, flow, lattice, role, session_on

EDGE = "app/edge/0000000000000001"


def callers(session: Session) -> dict[str, int]:
    """Requests by the caller's name."""
    rows = session.query("select caller, count(*) as n from requests group by all").to_pylist()
    return {row["caller"]: row["n"] for row in rows}


def who(session: Session, subject: str) -> list[tuple[str | None, str]]:
    """Name and reason of everything that fits."""
    rows = catalog.report("who").run(session, {"subject": subject}).to_pylist()
    return [(row["name"], row["reason"]) for row in rows]


def answers(callee: str, ip: str, **columns: Any) -> Row:
    """A request that reaches `callee` at `ip`."""
    return lattice("outside", callee, ip="10.0.99.1", target=ip, **columns)


def calls(name: str | None, ip: str, repeat: int, **columns: Any) -> Row:
    """Calls of the ledger from `ip`."""
    return {**lattice(name, "ledger", ip=ip, target="10.0.50.1", **columns), "repeat": repeat}


def test_two_roles_at_a_services_address_are_both_kept_apart(tmp_path: Path) -> None:
    """6 of 100 calls are the agent's, more than 5 %: nothing tells which of the two roles is the service's."""
    rows = [answers("orders", "10.0.0.2"), calls("orders-role", "10.0.0.2", 94), calls("agent", "10.0.0.2", 6)]
    with session_on(tmp_path, lattice_access=rows) as session:
        assert callers(session) == {"outside": 1, "orders-role": 94, "agent": 6}
        assert who(session, role("orders-role")) == [("orders-role", "kept apart: others call from its addresses too")]
        assert who(session, "agent") == [("agent", "kept apart: fewer than 20 sightings")]


def test_a_passer_by_changes_nothing(tmp_path: Path) -> None:
    """1 of 100 calls, less than 5 %; and the passer-by is not the service, though all its calls are from there."""
    rows = [answers("orders", "10.0.0.2"), calls("orders-role", "10.0.0.2", 2000), calls("agent", "10.0.0.2", 20)]
    with session_on(tmp_path, lattice_access=rows) as session:
        assert callers(session) == {"outside": 1, "orders": 2000, "agent": 20}
        assert who(session, "agent") == [("agent", "kept apart: others call from its addresses too")]


@pytest.mark.parametrize(("alone", "name"), [(20, "orders"), (19, "orders-role")])
def test_a_service_is_told_by_the_address_it_does_not_share(tmp_path: Path, alone: int, name: str) -> None:
    """Orders and search are both at 10.0.0.2 in that hour; 10.0.0.3 is orders' alone, and 20 calls from there do."""
    rows = [
        answers("orders", "10.0.0.2"),
        answers("search", "10.0.0.2", start_time=at(40)),
        answers("orders", "10.0.0.3"),
        calls("orders-role", "10.0.0.2", 100),
        calls("orders-role", "10.0.0.3", alone),
    ]
    with session_on(tmp_path, lattice_access=rows) as session:
        assert callers(session) == {"outside": 3, name: 100 + alone}


def test_an_address_that_went_to_another_interface_names_nobody(tmp_path: Path) -> None:
    """Orders left 10.0.0.2, a job got it within the hour: neither its unsigned calls nor its role are orders'."""
    rows = [answers("orders", "10.0.0.2"), calls(None, "10.0.0.2", 3), calls("job", "10.0.0.2", 30)]
    flows = [
        flow("169.254.171.9", "10.0.0.2", 8080, vpc="vpc-a", direction="ingress", interface_id="eni-orders"),
        flow("10.0.0.2", "169.254.171.33", 443, vpc="vpc-a", direction="egress", interface_id="eni-job"),
    ]
    with session_on(tmp_path, lattice_access=rows, vpc_flow=flows) as session:
        assert callers(session) == {"outside": 1, "10.0.0.2 (vpc-a)": 3, "job": 30}
        assert who(session, "job") == [("job", "kept apart: its addresses changed hands within the hour")]
        assert who(session, "10.0.0.2 (vpc-a)") == [(None, "kept apart: shared by job, orders")]


def test_an_unsigned_call_from_a_handed_on_address_says_so(tmp_path: Path) -> None:
    rows = [answers("orders", "10.0.0.2"), calls(None, "10.0.0.2", 3)]
    flows = [
        flow("169.254.171.9", "10.0.0.2", 8080, vpc="vpc-a", direction="ingress", interface_id="eni-orders"),
        flow("10.0.0.2", "169.254.171.33", 443, vpc="vpc-a", direction="egress", interface_id="eni-job"),
    ]
    with session_on(tmp_path, lattice_access=rows, vpc_flow=flows) as session:
        assert callers(session) == {"outside": 1, "10.0.0.2 (vpc-a)": 3}
        assert who(session, "vpc-a/10.0.0.2") == [(None, "kept apart: the address changed hands within the hour")]


def test_behind_a_nat_who_signs_gives_no_name_to_who_does_not(tmp_path: Path) -> None:
    rows = [calls("tax", "10.0.8.8", 30), calls(None, "10.0.8.8", 4)]
    inner: dict[str, Any] = {"vpc": "vpc-a", "interface_id": "eni-nat"}
    flows = [
        flow("10.0.0.2", "169.254.171.33", 443, direction="ingress", **inner),
        flow("10.0.8.8", "169.254.171.33", 443, direction="egress", **inner),
    ]
    with session_on(tmp_path, lattice_access=rows, vpc_flow=flows) as session:
        assert callers(session) == {"tax": 30, "10.0.8.8 (vpc-a)": 4}
        assert who(session, "10.0.8.8") == [(None, "kept apart: a NAT or a router, others call from it too")]


def test_behind_a_proxy_who_signs_gives_no_name_to_who_does_not(tmp_path: Path) -> None:
    """The proxy is nobody's target, yet others connect to it. Health checks of Lattice would not count."""
    rows = [calls("mail", "10.0.8.8", 30), calls(None, "10.0.8.8", 4), calls("lone", "10.0.8.9", 30)]
    rows += [calls(None, "10.0.8.9", 5)]
    flows = [
        flow("10.0.0.2", "10.0.8.8", 3128, vpc="vpc-a", direction="ingress"),
        flow("169.254.171.9", "10.0.8.9", 8080, vpc="vpc-a", direction="ingress"),
    ]
    with session_on(tmp_path, lattice_access=rows, vpc_flow=flows) as session:
        assert callers(session) == {"mail": 30, "10.0.8.8 (vpc-a)": 4, "lone": 35}
        reason = "kept apart: others connect to it directly, so it may pass on their calls"
        assert who(session, "10.0.8.8") == [(None, reason)]


def balancer_flows(client: str, vpc: str | None, target: str) -> list[Row]:
    """A load balancer's node in vpc-c, its target in vpc-a, and a client; at the client only where it has flow logs."""
    seen = [
        flow("10.1.9.1", target, 8080, vpc="vpc-c", direction="egress", interface_id="eni-node"),
        flow("10.1.9.1", target, 8080, vpc="vpc-a", direction="ingress"),
        flow(client, "10.1.9.1", 443, vpc="vpc-c", direction="ingress", interface_id="eni-node"),
    ]
    return seen + ([flow(client, "10.1.9.1", 443, vpc=vpc, direction="egress")] if vpc else [])


def test_a_client_and_a_target_with_one_address_are_each_in_their_own_vpc(tmp_path: Path) -> None:
    request = alb(EDGE, "web.example.com", ip="10.0.0.5", target="10.0.0.5", group="web", ip_address="10.1.9.1")
    with session_on(
        tmp_path, alb_access=[request], vpc_flow=balancer_flows("10.0.0.5", "vpc-b", "10.0.0.5")
    ) as session:
        assert session.query("select caller, caller_vpc, target_vpc from requests").to_pylist() == [
            {"caller": "10.0.0.5 (vpc-b)", "caller_vpc": "vpc-b", "target_vpc": "vpc-a"}
        ]


@pytest.mark.parametrize(("has_flow_log", "caller"), [(True, "10.0.0.5"), (False, "batch")])
def test_a_client_that_its_known_namesake_cannot_be_is_nobody(tmp_path: Path, has_flow_log: bool, caller: str) -> None:
    """A role calls from 10.0.0.5 in vpc-b. Where that interface has flow records and none is to the load balancer, the
    load balancer's client 10.0.0.5 is in a VPC that has no flow log; without them the only known one is taken."""
    request = alb(EDGE, "web.example.com", ip="10.0.0.5", target="10.0.0.50", group="web", ip_address="10.1.9.1")
    flows = balancer_flows("10.0.0.5", None, "10.0.0.50")
    if has_flow_log:
        flows.append(flow("10.0.0.5", "169.254.171.33", 443, vpc="vpc-b", direction="egress"))
    signed = [calls("batch", "10.0.0.5", 20, vpc="vpc-b")]
    with session_on(tmp_path, lattice_access=signed, alb_access=[request], vpc_flow=flows) as session:
        found = session.query("select distinct caller from requests where front_door = 'alb'").to_pylist()
        rolled = session.query("select distinct caller from calls where front_door = 'alb'").to_pylist()
        assert found == rolled == [{"caller": caller}]
        reasons = [reason for _, reason in who(session, "10.0.0.5")]
        said = "kept apart: its load balancer's log says no VPC, nor do flow records; VPCs with the address: 1"
        assert (said in reasons) is has_flow_log


# Principal, what it is normalised to, session.
KINDS = {
    "ecs task": ("assumed-role/orders-task/0a1b2c3d4e5f6071", "role/orders-task", "0a1b2c3d4e5f6071"),
    "lambda": ("assumed-role/resize-role/resize-fn", "role/resize-role", "resize-fn"),
    "eks pod identity": ("assumed-role/meter/eks-prod-meter-7d9f-0c1d", "role/meter", "eks-prod-meter-7d9f-0c1d"),
    "irsa": ("assumed-role/tariff/botocore-session-17731332", "role/tariff", "botocore-session-17731332"),
    "iam roles anywhere": ("assumed-role/depot/1f0e8c5a7b6d4e3f", "role/depot", "1f0e8c5a7b6d4e3f"),
    "ec2 instance": ("assumed-role/web/i-0123456789abcdef0", "role/web", "i-0123456789abcdef0"),
    "user": ("user/ops/backup", "user/ops/backup", None),
}


def test_every_kind_of_principal_is_one_caller(tmp_path: Path) -> None:
    """Two sessions of each are one caller, named after role or user, with the session kept beside it."""
    rows = []
    for n, (tail, _, session_name) in enumerate(KINDS.values()):
        arn = f"arn:aws:{'sts' if session_name else 'iam'}::{ACCOUNT}:{tail}"
        other = arn + "-2" if session_name else arn
        rows.append(calls("x", f"10.0.1.{n}", 1, caller_principal=arn, resolved_user=arn))
        rows.append(calls("x", f"10.0.2.{n}", 1, caller_principal=other, resolved_user=other))
    with session_on(tmp_path, lattice_access=rows) as session:
        found = session.query(
            "select caller, caller_principal, min(caller_session) as session, count(*) as n from requests group by all"
        ).to_pylist()
        assert len(who(session, f"arn:aws:sts::{ACCOUNT}:assumed-role/meter/any")) == 1
    assert {tuple(row.values()) for row in found} == {
        (normalised.split("/")[-1], f"arn:aws:iam::{ACCOUNT}:{normalised}", session_name, 2)
        for _, normalised, session_name in KINDS.values()
    }


def test_a_certificate_beside_a_role_does_not_hide_it(tmp_path: Path) -> None:
    """IAM Roles Anywhere: a role, and the certificate it was got with. Without a role the certificate is the caller."""
    shown = {"caller_x509_subject_cn": "depot.example.com"}
    rows = [calls("depot", "10.0.0.1", 2, **shown), calls(None, "10.0.0.2", 3, **shown)]
    with session_on(tmp_path, lattice_access=rows) as session:
        assert callers(session) == {"depot": 2, "depot.example.com": 3}


def test_anonymous_and_unknown_are_nobody_and_not_the_same(tmp_path: Path) -> None:
    """Both are their address; one was let in by a policy, of the other no policy was asked."""
    rows = [
        calls(None, "10.0.0.1", 1, resolved_user="Anonymous"),
        calls(None, "10.0.0.2", 1, resolved_user="Unknown"),
        calls(None, "10.0.0.3", 1, caller_principal="Unknown", resolved_user="Unknown"),
    ]
    with session_on(tmp_path, lattice_access=rows) as session:
        found = session.query(
            "select caller, caller_principal, auth_decision from requests order by caller"
        ).to_pylist()
    assert [tuple(row.values()) for row in found] == [
        ("10.0.0.1 (vpc-a)", None, "allowed"),
        ("10.0.0.2 (vpc-a)", None, "not_evaluated"),
        ("10.0.0.3 (vpc-a)", None, "not_evaluated"),
    ]
