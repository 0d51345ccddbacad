"""`why`: each kind of verdict on a few hand-made rows, and who is meant by what somebody writes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingest.errors import QueryError
from queries.inquiry import resolve
from queries.verdict import NEXT, Verdict, judge
from tests.queries.lake_of import NINE, Row, alb, at, denied, flow, lake_of, lattice, role, target_group

ELB = "app/edge/0000000000000001"
HOST = "payments.internal.example.com"
UNTIL = at(0, hour=10)
"""The window is 09:45 to 10:00."""


def spread(row: Row, begin: datetime, count: int, every: float = 30) -> list[Row]:
    """`count` rows, `every` seconds apart from `begin`."""
    name = next(key for key in ("start_time", "time", "timestamp") if key in row)
    made: list[Row] = []
    for number in range(count):
        time = begin + timedelta(seconds=every * number)
        ends = {"end_time": time + timedelta(seconds=20)} if "end_time" in row else {}
        made.append({**row, name: time, **ends})
    return made


def delivered(
    last: datetime = UNTIL, first: datetime = NINE, kind: str = "vpcflowlogs", table: str = "vpc_flow"
) -> list[Row]:
    """An object every five minutes of [first, last), as the ledger has them."""
    rows: list[Row] = []
    while first < last:
        name = f"s3://logs/123456789012_{kind}_us-east-1_x-1_{first:%Y%m%dT%H%MZ}_0a.log.gz"
        span = {"min_time": first, "max_time": first + timedelta(seconds=290), "ingested_at": at(0, hour=12)}
        rows.append({"log_object": name, "format": table, "records": 1, "rows": 1, "rejects": 0, **span})
        first += timedelta(minutes=5)
    return rows


LOGS = [*delivered(), *delivered(kind="VpcLatticeAccessLogs", table="lattice_access")]
CALL = lattice("orders-task", "payments", ip="10.0.0.5", target="10.0.0.9")
BEFORE = spread(CALL, at(0), 40, 60)
"""Forty good minutes, 09:00 to 09:40."""


def why(folder: Path, caller: str = "orders-task", callee: str = "payments", **given: list[Row]) -> Verdict:
    lake = lake_of(folder, {"objects": LOGS, **given})
    found = judge(lake, caller, callee, at=UNTIL, minutes=15)
    assert found.next_step
    assert found.window_end == UNTIL
    return found


@pytest.mark.parametrize(
    ("by", "kind"),
    [
        ("Service", "service_policy"),
        ("Network", "network_policy"),
        ("Identity", "identity_policy"),
        (None, "unknown_policy"),
        ("Quota", "unknown_policy"),
    ],
)
def test_refused_by_a_policy_of_lattice(by: str | None, kind: str, tmp_path: Path) -> None:
    refused = spread(denied("orders-task", "payments", by, ip="10.0.0.5"), at(50), 10)
    found = why(tmp_path, lattice_access=[*BEFORE, *refused])
    assert (found.kind, found.affected, found.attempts, found.over) == (kind, 10, 10, False)
    assert (found.since, found.last_success) == (at(50), at(39))
    assert found.headline.startswith("payments refuses orders-task by")
    assert len(found.lines) == 3
    assert all(line.rpartition(":")[2].isdigit() for line in found.lines)
    assert found.next_step == NEXT[kind]
    assert found.mood == "bad"


def test_refused_because_it_no_longer_signs(tmp_path: Path) -> None:
    unsigned = spread(denied(None, "payments", "Service", ip="10.0.0.5"), at(50), 10)
    found = why(tmp_path, lattice_access=[*BEFORE, *unsigned])
    assert (found.kind, found.affected, found.since) == ("service_policy", 10, at(50))
    assert "does not sign" in found.headline
    assert found.next_step == NEXT["unsigned"]


def test_of_two_roles_at_one_address_it_is_the_one_that_no_longer_signs(tmp_path: Path) -> None:
    # web calls more often and signs on; orders-task does not any more from 09:50 on.
    web = spread(lattice("web", "payments", ip="10.0.0.5", target="10.0.0.9"), at(0), 100, 36)
    unsigned = spread(denied(None, "payments", "Service", ip="10.0.0.5"), at(50), 10)
    rows = [*BEFORE, *spread(CALL, at(45), 5, 60), *web, *unsigned]
    found = why(tmp_path / "orders", lattice_access=rows)
    assert (found.kind, found.affected, found.attempts, found.since) == ("service_policy", 10, 15, at(50))
    assert found.next_step == NEXT["unsigned"]
    found = why(tmp_path / "web", caller="web", lattice_access=rows)
    assert (found.kind, found.attempts) == ("fine", 25)
    found = why(tmp_path / "address", caller="10.0.0.5 (vpc-a)", lattice_access=rows)
    assert (found.kind, found.affected, found.attempts) == ("service_policy", 10, 10)


def test_a_role_whose_address_another_one_got_is_not_blamed(tmp_path: Path) -> None:
    # batch had the address until 05:30, orders-task has it since 09:00, and signs two of three requests.
    batch = spread(lattice("batch", "payments", ip="10.0.0.5", target="10.0.0.9"), at(0, hour=5), 30, 60)
    unsigned = spread(denied(None, "payments", "Service", ip="10.0.0.5"), at(46), 10, 60)
    rows = [*batch, *BEFORE, *spread(CALL, at(46), 30), *unsigned]
    found = why(tmp_path / "orders", lattice_access=rows)
    assert (found.kind, found.affected, found.attempts) == ("service_policy", 10, 38)
    found = why(tmp_path / "batch", caller="batch", lattice_access=rows)
    assert (found.affected, found.attempts) == (0, 0)


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ({"actions_executed": "waf", "elb_status_code": 403}, "waf"),
        ({"actions_executed": "waf", "elb_status_code": 429}, "waf"),
        ({"actions_executed": "waf", "elb_status_code": 503}, "waf"),
        (
            {"actions_executed": "authenticate", "elb_status_code": 401, "error_reason": "AuthInvalidGrantError"},
            "alb_auth",
        ),
        ({"actions_executed": "fixed-response", "elb_status_code": 403}, "alb_rule"),
    ],
)
def test_refused_by_a_load_balancer(columns: dict[str, Any], kind: str, tmp_path: Path) -> None:
    good = spread(alb(ELB, HOST, ip="10.0.0.5", target="10.0.0.9", group="payments"), at(0), 40, 60)
    refused = spread(alb(ELB, HOST, ip="10.0.0.5", **columns), at(50), 10)
    found = why(tmp_path, caller="10.0.0.5", alb_access=[*good, *refused])
    assert (found.kind, found.affected, found.attempts) == (kind, 10, 10)


def test_the_application_itself_says_403(tmp_path: Path) -> None:
    own = spread({**CALL, "response_code": 403}, at(50), 10)
    found = why(tmp_path, lattice_access=[*BEFORE, *own])
    assert (found.kind, found.affected) == ("application", 10)


def test_the_caller_leaves_before_it_has_the_response(tmp_path: Path) -> None:
    left = spread({**CALL, "failure_reason": "ClientConnectionClosed"}, at(50), 10)
    found = why(tmp_path, lattice_access=[*BEFORE, *left])
    assert (found.kind, found.affected, found.mood, found.since) == ("caller_left", 10, "warn", at(50))
    assert found.headline.startswith("payments answers orders-task, who closes the connection")


def test_wrong_requests(tmp_path: Path) -> None:
    found = why(tmp_path, lattice_access=[*BEFORE, *spread({**CALL, "response_code": 404}, at(50), 10)])
    assert (found.kind, found.mood) == ("client_error", "warn")


def test_the_target_fails_in_one_group_alone(tmp_path: Path) -> None:
    # 20 requests to the stable group, 4 of 4 to the canary fail: 4 of 24 are 17 %.
    stable = spread({**CALL, "target_group_arn": target_group("stable")}, at(46), 20)
    canary = spread({**CALL, "target_group_arn": target_group("canary"), "response_code": 502}, at(50), 4, 120)
    found = why(tmp_path, lattice_access=[*BEFORE, *stable, *canary])
    assert (found.kind, found.affected, found.attempts, found.since) == ("target", 4, 24, at(50))
    assert "with 502, in target group canary/00000000000000aa alone (4 of its 4)" in found.headline


def test_the_identity_provider_fails(tmp_path: Path) -> None:
    good = spread(alb(ELB, HOST, ip="10.0.0.5", target="10.0.0.9", group="payments"), at(0), 40, 60)
    trouble: dict[str, Any] = {
        "actions_executed": "authenticate",
        "elb_status_code": 500,
        "error_reason": "AuthTokenEpRequestTimeout",
    }
    failed = spread(alb(ELB, HOST, ip="10.0.0.5", **trouble), at(50), 10)
    found = why(tmp_path, caller="10.0.0.5", alb_access=[*good, *failed])
    assert (found.kind, found.affected, found.mood, found.since) == ("identity_provider", 10, "bad", at(50))
    assert "cannot ask its identity provider about 10.0.0.5" in found.headline
    assert "with 500 AuthTokenEpRequestTimeout" in found.headline


def test_no_response(tmp_path: Path) -> None:
    late = spread({**CALL, "response_code": 504, "failure_reason": "TargetDataTimeout"}, at(50), 10)
    found = why(tmp_path, lattice_access=[*BEFORE, *late])
    assert (found.kind, found.affected) == ("no_response", 10)
    assert "TargetDataTimeout" in found.headline


def test_packets_are_refused(tmp_path: Path) -> None:
    # Over IPv4 orders reaches the node; what it sends over IPv6 is refused at the node's interface.
    good = spread(
        alb(ELB, HOST, ip="10.0.0.5", target="10.0.0.9", group="payments", ip_address="10.0.0.40"), at(0), 60, 60
    )
    knows = spread(flow("10.0.0.40", "10.0.0.9", 8080, vpc="vpc-a", direction="egress"), at(0), 60, 60)
    refused = spread(flow("10.0.0.5", "10.0.0.40", 443, vpc="vpc-a", direction="ingress", action="REJECT"), at(50), 10)
    found = why(tmp_path, caller="10.0.0.5", alb_access=good, vpc_flow=[*knows, *refused])
    assert (found.kind, found.affected, found.attempts, found.since) == ("packet", 10, 10, at(50))
    assert "at 10.0.0.40:443: REJECT" in found.headline


def test_packets_were_refused(tmp_path: Path) -> None:
    # 10 refused in five minutes, then 16 accepted at the same interface: of those 16 all would have been refused.
    knows = spread(flow("10.0.0.40", "10.0.0.9", 8080, vpc="vpc-a", direction="egress"), at(0), 60, 60)
    good = spread(
        alb(ELB, HOST, ip="10.0.0.5", target="10.0.0.9", group="payments", ip_address="10.0.0.40"), at(0), 45, 60
    )
    packet = flow("10.0.0.5", "10.0.0.40", 443, vpc="vpc-a", direction="ingress")
    refused = spread({**packet, "action": "REJECT"}, at(46), 10)
    accepted = spread(packet, at(52), 16)
    given = {"alb_access": good, "vpc_flow": [*knows, *refused, *accepted]}
    found = why(tmp_path, "10.0.0.5", "payments", **given)
    assert (found.kind, found.affected, found.attempts, found.over, found.mood) == ("packet", 10, 26, True, "good")
    assert "over since 09:50Z" in found.headline
    assert dict(found.evidence)["packets"] == "accepted until 2026-03-10 09:59Z"


def test_packets_past_the_front_door_are_refused(tmp_path: Path) -> None:
    # web, which never called payments, tries two ports of the address at which payments answers.
    web = lattice("web", "shop", ip="10.0.0.7", target="10.0.0.8")
    tried = [flow("10.0.0.7", "10.0.0.9", port, vpc="vpc-a", action="REJECT", direction="ingress") for port in (22, 80)]
    given = {
        "lattice_access": [*BEFORE, *spread(web, at(0), 60, 60)],
        "vpc_flow": [row for packet in tried for row in spread(packet, at(50), 3)],
    }
    found = why(tmp_path, "web", "payments", **given)
    assert (found.kind, found.affected, found.attempts, found.since) == ("packet", 6, 6, at(50))
    assert "sends past the front door (IPv4) to 10.0.0.9 on 2 ports: REJECT" in found.headline
    # shop answers web as always, and nothing of it is refused.
    assert why(tmp_path / "shop", "web", "shop", **given).kind == "fine"


def test_packets_to_the_nodes_other_address_are_refused(tmp_path: Path) -> None:
    """The load balancer has one service alone, so its node in the graph is that one's."""
    door, home = {"vpc": "vpc-a", "interface_id": "eni-40"}, {"vpc": "vpc-a", "interface_id": "eni-5"}
    good = spread(
        alb(ELB, HOST, ip="10.0.0.5", target="10.0.0.9", group="payments", ip_address="10.0.0.40"), at(0), 60, 60
    )
    sent = [
        flow("10.0.0.40", "10.0.0.9", 8080, direction="egress", **door),
        flow("10.0.0.5", "10.0.0.40", 443, direction="egress", **home),
        flow("fd00::5", "fd00::40", 443, direction="egress", **home),
    ]
    refused = spread(flow("fd00::5", "fd00::40", 443, direction="ingress", action="REJECT", **door), at(50), 10)
    found = why(
        tmp_path,
        alb_access=good,
        lattice_access=spread(lattice("orders-task", "ledger", ip="10.0.0.5"), at(0), 60, 60),
        vpc_flow=[*(row for leg in sent for row in spread(leg, at(0), 60, 60)), *refused],
    )
    assert (found.kind, found.affected, found.since) == ("packet", 10, at(50))
    assert "at [fd00::40]:443: REJECT" in found.headline


def test_packets_between_two_high_ports_are_refused(tmp_path: Path) -> None:
    # Which of the ports is the server's nobody can tell, so the address alone is said.
    good = spread(
        alb(ELB, HOST, ip="10.0.0.5", target="10.0.0.9", group="payments", ip_address="10.0.0.40"), at(0), 60, 60
    )
    knows = spread(flow("10.0.0.40", "10.0.0.9", 8080, vpc="vpc-a", direction="egress"), at(0), 60, 60)
    refused = spread(
        flow("10.0.0.5", "10.0.0.40", 45000, vpc="vpc-a", direction="ingress", action="REJECT"), at(50), 10
    )
    found = why(tmp_path, caller="10.0.0.5", alb_access=good, vpc_flow=[*knows, *refused])
    assert (found.kind, found.affected, found.attempts, found.since) == ("packet", 10, 10, at(50))
    assert "at 10.0.0.40: REJECT" in found.headline


def test_the_handshake_fails(tmp_path: Path) -> None:
    subject = "CN=partner.example.com,O=Example,C=US"
    good = alb(ELB, HOST, ip="10.0.0.5", target="10.0.0.9", group="payments", conn_trace_id="TID_1")
    shake = {
        "timestamp": at(0),
        "elb": ELB,
        "client_ip": "10.0.0.5",
        "leaf_client_cert_subject": subject,
        "listener_port": 443,
    }
    failed = {**shake, "conn_trace_id": "TID_2", "tls_verify_status": "Failed:ClientCertExpired"}
    found = why(
        tmp_path,
        caller=subject,
        alb_access=spread(good, at(0), 40, 60),
        alb_connection=[
            {**shake, "conn_trace_id": "TID_1", "tls_verify_status": "Success"},
            *spread(failed, at(50), 10),
        ],
    )
    assert (found.kind, found.affected, found.since) == ("tls", 10, at(50))
    assert "Failed:ClientCertExpired" in found.headline


def test_allowed_and_slow(tmp_path: Path) -> None:
    # 10 ms in sixty requests of the hour before, 400 ms in thirty of the window: forty times, nearly all at the target.
    past = spread(CALL, at(0, hour=8), 60, 60)
    slow = spread({**CALL, "duration": 400}, at(45), 30)
    found = why(tmp_path, lattice_access=[*past, *slow])
    assert (found.kind, found.mood) == ("slow", "warn")
    assert "p95 400 ms, usually 10 ms, most of it at the target" in found.headline


def test_what_takes_as_long_as_always_after_hours_of_refusals_is_not_slow(tmp_path: Path) -> None:
    refused = spread(denied("orders-task", "payments", "Service", ip="10.0.0.5", duration=1), at(0, hour=6), 440)
    found = why(tmp_path, lattice_access=[*refused, *spread({**CALL, "duration": 120}, at(45), 30)])
    assert (found.kind, found.mood) == ("fine", "good")


def test_allowed_and_fine(tmp_path: Path) -> None:
    found = why(tmp_path, lattice_access=spread(CALL, at(0), 60, 60))
    assert (found.kind, found.mood, found.affected, found.attempts) == ("fine", "good", 0, 15)
    assert found.also == ()


def test_one_failure_of_many_is_no_verdict_but_is_said(tmp_path: Path) -> None:
    found = why(
        tmp_path, lattice_access=[*spread(CALL, at(45), 30), *spread({**CALL, "response_code": 500}, at(50), 1)]
    )
    assert (found.kind, found.also) == ("fine", ("target",))


def test_goes_straight(tmp_path: Path) -> None:
    door = spread(flow("169.254.171.192", "10.0.0.9", 8080, vpc="vpc-a", direction="ingress"), at(40), 20, 60)
    straight = spread(flow("10.0.0.5", "10.0.0.9", 8080, vpc="vpc-a", direction="ingress"), at(50), 5)
    found = why(tmp_path, lattice_access=BEFORE, vpc_flow=[*door, *straight])
    assert (found.kind, found.affected, found.mood) == ("bypass", 5, "warn")
    assert "straight to payments at 10.0.0.9:8080" in found.headline


def test_a_refusal_comes_before_going_straight(tmp_path: Path) -> None:
    door = spread(flow("169.254.171.192", "10.0.0.9", 8080, vpc="vpc-a", direction="ingress"), at(40), 20, 60)
    straight = spread(flow("10.0.0.5", "10.0.0.9", 8080, vpc="vpc-a", direction="ingress"), at(50), 5)
    refused = spread(denied("orders-task", "payments", "Service", ip="10.0.0.5"), at(50), 3)
    found = why(tmp_path, lattice_access=[*BEFORE, *refused], vpc_flow=[*door, *straight])
    assert (found.kind, found.also) == ("service_policy", ("bypass",))


def test_nothing_seen_with_complete_logs(tmp_path: Path) -> None:
    other = spread(flow("10.0.0.7", "10.0.0.8", 80, vpc="vpc-a", direction="egress"), at(0), 60, 60)
    found = why(tmp_path, lattice_access=BEFORE, vpc_flow=other)
    assert (found.kind, found.mood, found.coverage, found.missing) == ("no_packets", "unknown", 1.0, ())


def test_packets_but_no_request(tmp_path: Path) -> None:
    dial = flow("10.0.0.5", "169.254.171.33", 443, vpc="vpc-a", direction="egress")
    found = why(tmp_path, lattice_access=BEFORE, vpc_flow=spread(dial, at(0), 60, 60))
    assert found.kind == "no_request"


def test_nothing_seen_and_a_source_is_missing(tmp_path: Path) -> None:
    logs = [*delivered(last=at(45)), *delivered(kind="VpcLatticeAccessLogs", table="lattice_access")]
    found = why(tmp_path, lattice_access=BEFORE, objects=logs)
    # Three of the window's three slots of flow logs are missing, none of Lattice's three: half is there.
    assert (found.kind, found.coverage) == ("no_data", 0.5)
    assert found.missing == ("123456789012_vpcflowlogs_us-east-1_x-1 (0 of 3 deliveries, until 2026-03-10 09:45Z)",)


def test_nothing_seen_and_a_source_is_missing_for_longer_than_a_day(tmp_path: Path) -> None:
    # Requests are logged until 09:40; Lattice's logs stop at 10:00, the flow logs go on. 25 hours later nobody knows.
    until = UNTIL + timedelta(hours=25)
    logs = [*delivered(last=until), *delivered(kind="VpcLatticeAccessLogs", table="lattice_access")]
    other = spread({**CALL, "caller_principal": role("web"), "source_ip": "10.0.0.7"}, until - timedelta(hours=20), 3)
    packets = flow("10.0.0.5", "10.0.0.8", 80, vpc="vpc-a", direction="egress")
    given = {
        "objects": logs,
        "lattice_access": [*spread({**CALL, "start_time": UNTIL}, until - timedelta(hours=21), 3), *other],
        "vpc_flow": spread(packets, UNTIL, 150, 600),
    }
    found = judge(lake_of(tmp_path, given), "orders-task", "payments", at=until, minutes=15)
    assert (found.kind, found.mood) == ("no_data", "unknown")
    assert "data is missing" in found.headline
    source = "123456789012_VpcLatticeAccessLogs_us-east-1_x-1"
    assert found.missing == (f"{source} (0 of 3 deliveries, until 2026-03-10 10:00Z)",)


def test_who_calls_under_another_name_is_named(tmp_path: Path) -> None:
    # Nothing answers where the role payments-task calls from, so it is not known to be the service payments.
    calls = spread(lattice("payments-task", "ledger", ip="10.0.0.6", target="10.0.0.8"), at(0), 30, 60)
    given = {"lattice_access": [*BEFORE, *calls]}
    found = why(tmp_path, "payments", "ledger", **given)
    assert found.kind == "no_packets"
    assert dict(found.evidence)["or was it"] == (
        "payments-task (30 requests in 24 hours; no service answers at its addresses)"
    )
    assert "or was it" not in dict(why(tmp_path / "task", "payments-task", "ledger", **given).evidence)


def test_nothing_seen_and_no_flow_logs_at_all(tmp_path: Path) -> None:
    found = why(tmp_path, lattice_access=BEFORE, objects=delivered(kind="VpcLatticeAccessLogs", table="lattice_access"))
    assert found.kind == "no_data"
    assert "there are no flow logs" in found.headline


def test_what_has_stopped_is_over(tmp_path: Path) -> None:
    # 4 refused until 09:47, then 20 allowed: at that rate many more were due.
    refused = spread(denied("orders-task", "payments", "Service", ip="10.0.0.5"), at(45), 4)
    found = why(tmp_path, lattice_access=[*BEFORE, *refused, *spread(CALL, at(48), 20)])
    assert (found.kind, found.over, found.mood) == ("service_policy", True, "good")
    assert "over since 09:46Z" in found.headline
    assert found.next_step.startswith("It has stopped")


def test_what_is_over_does_not_hide_what_goes_on(tmp_path: Path) -> None:
    # A policy refused 6 within a minute and was put right; since then each of 94 requests fails.
    refused = spread(denied("orders-task", "payments", "Service", ip="10.0.0.5"), at(45), 6, 7.5)
    failing = spread({**CALL, "response_code": 500}, at(46), 94, 7.5)
    found = why(tmp_path, lattice_access=[*BEFORE, *refused, *failing])
    assert (found.kind, found.affected, found.attempts) == ("target", 94, 100)
    assert (found.over, found.mood, found.since, found.also) == (False, "bad", at(46), ("service_policy",))
    assert found.next_step == NEXT["target"]


def test_what_is_refused_since_does_not_say_that_the_target_works(tmp_path: Path) -> None:
    # 190 failed, then 8 are refused (4 %, too few for a verdict): nobody got to the target since.
    failing = spread({**CALL, "response_code": 500}, at(45), 190, 4)
    refused = spread(denied("orders-task", "payments", "Service", ip="10.0.0.5"), at(58), 8, 7.5)
    found = why(tmp_path, lattice_access=[*BEFORE, *failing, *refused])
    assert (found.kind, found.over, found.mood, found.also) == ("target", False, "bad", ("service_policy",))


def test_without_a_time_the_newest_complete_data_counts(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, {"objects": LOGS, "lattice_access": spread(CALL, at(0), 60, 60)})
    assert judge(lake, "orders-task", "payments", at=None, minutes=15).window_end <= UNTIL


def test_as_json_it_is_all_there(tmp_path: Path) -> None:
    shown = why(tmp_path, lattice_access=BEFORE[:30] + spread(CALL, at(45), 5)).as_dict()
    assert {"kind", "headline", "since", "lines", "coverage", "evidence", "next_step"} <= set(shown)
    assert shown["evidence"]["data"] == "complete"


@pytest.mark.parametrize(
    "written",
    [
        "orders-task",
        "ORDERS-task",
        role("orders-task"),
        "arn:aws:sts::123456789012:assumed-role/orders-task/session-7",
        "10.0.0.5",
        "vpc-a/10.0.0.5",
    ],
)
def test_the_caller_by_any_of_its_names(written: str, tmp_path: Path) -> None:
    assert why(tmp_path, caller=written, lattice_access=spread(CALL, at(45), 5)).caller == "orders-task"


@pytest.mark.parametrize("written", ["payments", CALL["service_arn"], "payments.svc.example.com", "10.0.0.9"])
def test_the_callee_by_any_of_its_names(written: str, tmp_path: Path) -> None:
    assert why(tmp_path, callee=written, lattice_access=spread(CALL, at(45), 5)).callee == "payments"


def test_an_unknown_name_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match=r"callee paymnts: nobody is called that; did you mean payments\?"):
        why(tmp_path, callee="paymnts", lattice_access=BEFORE)


def test_of_many_names_the_nearest_few_are_named() -> None:
    known = [{"spelling": f"team-{k}", "name": f"team-{k}", "seen_at": None} for k in range(900)]
    with pytest.raises(QueryError, match=r"nobody is called that; did you mean team-5\d* or team-\d+ or team-\d+\?$"):
        resolve("caller", "team-5x", known)
    with pytest.raises(QueryError, match=r"nobody is called that; eastwest query call_graph names everybody"):
        resolve("caller", "nosuch", known)


def test_who_was_seen_on_that_side_is_meant_and_then_who_is_called_exactly_so() -> None:
    host = "profile.example.com"
    known = [{"spelling": host, "name": name, "seen_at": None} for name in ("profile", host)]
    assert resolve("callee", host, known, lambda: {"profile"}) == "profile"
    assert resolve("caller", host, known, lambda: {"profile", host}) == host
    assert resolve("caller", host, known) == host


@pytest.mark.parametrize("written", ["10.0.0.5", "vpc-a/10.0.0.5", "10.0.0.5 (vpc-a)"])
def test_an_address_that_nobody_is_known_to_have_is_a_caller_too(written: str, tmp_path: Path) -> None:
    unsigned = lattice(None, "payments", ip="10.0.0.5", target="10.0.0.9")
    found = why(tmp_path, caller=written, lattice_access=spread(unsigned, at(45), 5))
    assert found.caller == "10.0.0.5 (vpc-a)"


def test_another_machine_is_not_proposed_for_an_address(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match=r"caller 10.0.0.6: nobody had that address in the time looked at$"):
        why(tmp_path, caller="10.0.0.6", lattice_access=spread(CALL, at(45), 5))


def test_an_address_means_who_had_it_last_and_two_at_once_are_ambiguous() -> None:
    nine, ten = datetime(2026, 3, 10, 9, tzinfo=UTC), datetime(2026, 3, 10, 10, tzinfo=UTC)
    known = [
        {"spelling": "10.0.0.1", "name": "old", "seen_at": nine},
        {"spelling": "10.0.0.1", "name": "new", "seen_at": ten},
        {"spelling": "10.0.0.2", "name": "a", "seen_at": ten},
        {"spelling": "10.0.0.2", "name": "b", "seen_at": ten},
    ]
    assert resolve("caller", "10.0.0.1", known) == "new"
    with pytest.raises(QueryError, match="means a and b"):
        resolve("caller", "10.0.0.2", known)


def test_a_time_without_data_is_not_blamed_on_the_name(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, {"objects": LOGS, "lattice_access": BEFORE})
    said = r"nobody is known in 2026-04-01 08:45 to 09:00Z: the lake has data from 2026-03-10 \d\d:\d\dZ to 2026-03-10 "
    with pytest.raises(QueryError, match=said):
        judge(lake, "orders-task", "payments", at=datetime(2026, 4, 1, 9, tzinfo=UTC), minutes=15)


def test_an_empty_lake_says_so(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="holds no logs yet"):
        judge(lake_of(tmp_path, {}), "a", "b", at=None, minutes=15)
