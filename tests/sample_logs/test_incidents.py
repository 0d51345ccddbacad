"""Each incident is in the logs as truth.json says, and a quiet system shows none."""

from __future__ import annotations

from collections import Counter, defaultdict
from statistics import median
from typing import Any

import pytest

from tests.sample_logs import reading
from tests.sample_logs.conftest import Sample

DENIALS = {
    "service_policy_tightened": "Service",
    "network_policy_tightened": "Network",
    "unsigned_caller": "Service",
    "identity_permission_missing": "Identity",
    "denied_then_direct": "Service",
}
KINDS = {
    *DENIALS,
    "canary_bad",
    "slow_downstream",
    "target_failing",
    "retry_storm",
    "ipv6_rule_missing",
    "direct_to_target",
    "port_scan",
    "certificate_expired",
    "bare_dns_caller",
    "iam_user_caller",
    "new_caller",
    "large_transfer",
    "log_gap",
}


def during(incident: dict[str, Any], at: str) -> bool:
    return reading.epoch(incident["start"]) <= reading.epoch(at) + 1 and at < incident["end"]


def role(row: dict[str, Any]) -> str:
    return str(row["callerPrincipal"]).replace(":sts:", ":iam:").replace(":assumed-role/", ":role/").rsplit("/", 1)[0]


def test_every_kind_happens_and_leaves_records(sample: Sample) -> None:
    assert {incident["kind"] for incident in sample.truth["incidents"]} == KINDS
    for incident in sample.truth["incidents"]:
        assert incident["count"] > 0, incident
        assert incident["start"] < incident["end"] <= sample.truth["end"]


@pytest.mark.parametrize("kind", DENIALS)
def test_denial_is_in_the_lattice_log(kind: str, sample: Sample) -> None:
    incident = sample.incident(kind)
    rows = [
        row
        for row in sample.logs.lattice
        if row["serviceArn"] == incident["service_arn"]
        and (role(row) == incident["caller_principal"] or (kind == "unsigned_caller" and row["callerPrincipal"] == "-"))
    ]
    refused = [row for row in rows if row["authDeniedReason"] == DENIALS[kind]]
    assert len(refused) == incident["denials"] >= 60
    assert all(during(incident, row["startTime"]) for row in refused)
    allowed_before = [row for row in rows if row["startTime"] < incident["start"] and row["authDeniedReason"] == "-"]
    if kind == "unsigned_caller":
        assert {row["resolvedUser"] for row in refused} == {"Anonymous"}
    else:
        assert len(allowed_before) >= 20


def test_top_denied_caller_is_the_tightened_service_policy(sample: Sample) -> None:
    counts = Counter((role(r), r["serviceArn"]) for r in sample.logs.lattice if r["authDeniedReason"] != "-")
    incident = sample.incident("service_policy_tightened")
    (top, first), (_, second) = counts.most_common(2)
    assert top == (incident["caller_principal"], incident["service_arn"])
    assert first > 2 * second
    assert first > sum(f["action"] == "REJECT" for f in sample.logs.flows)


def test_bad_canary_takes_a_tenth_and_fails(sample: Sample) -> None:
    incident = sample.incident("canary_bad")
    rows = [
        row
        for row in sample.logs.lattice
        if row["serviceArn"] == incident["service_arn"] and during(incident, row["startTime"])
    ]
    bad = [row for row in rows if row["targetGroupArn"] == incident["target_group"]]
    assert 0.05 < len(bad) / len(rows) < 0.16
    assert sum(row["responseCode"] >= 500 for row in bad) == incident["count"] > 0.8 * len(bad)
    assert incident["count"] >= 20


def test_slow_ledger_makes_its_callers_slow(sample: Sample) -> None:
    incident = sample.incident("slow_downstream")
    for name in ("ledger", "payments", "orders"):
        arn = sample.service(name)["lattice_service_arn"]
        took: dict[bool, list[int]] = defaultdict(list)
        for row in sample.logs.lattice:
            if row["serviceArn"] == arn and row["requestMethod"] == "POST" and row["responseCode"] == 200:
                took[during(incident, row["startTime"])].append(row["duration"])
        assert len(took[True]) >= 50
        assert median(took[True]) > 2.5 * median(took[False]), name


def test_failing_target_and_retry_storm_are_server_errors(sample: Sample) -> None:
    failures: Counter[str] = Counter()
    for kind in ("target_failing", "retry_storm"):
        incident = sample.incident(kind)
        for row in sample.logs.lattice:
            if row["serviceArn"] == incident["service_arn"] and during(incident, row["startTime"]):
                failures[kind] += row["responseCode"] >= 500
                failures[row["failureReason"]] += 1
    assert failures["target_failing"] >= 40
    assert failures["retry_storm"] >= 100
    assert failures["TargetConnectionError"] >= 10


def test_ipv6_is_rejected_where_ipv4_is_accepted(sample: Sample) -> None:
    incident = sample.incident("ipv6_rule_missing")
    rejected = [f for f in sample.logs.flows if f["action"] == "REJECT" and f["dstaddr"] in incident["ips"]]
    assert len(rejected) == incident["count"] >= 20
    assert {f["dstport"] for f in rejected} == {"443"}
    enis = {f["interface_id"] for f in rejected}
    begin, end = reading.epoch(incident["start"]), reading.epoch(incident["end"])
    accepted = [
        f for f in sample.logs.flows if f["interface_id"] in enis and f["type"] == "IPv4" and f["dstport"] == "443"
    ]
    assert sum(begin <= int(f["start"]) < end and f["action"] == "ACCEPT" for f in accepted) > 50


@pytest.mark.parametrize("kind", ["direct_to_target", "denied_then_direct"])
def test_straight_calls_are_only_in_the_flows(kind: str, sample: Sample) -> None:
    incident = sample.incident(kind)
    port = str(incident["port"])
    begin = reading.epoch(incident["direct_from"] or incident["start"])
    vpc = sample.service(incident["callee"])["vpc_id"]
    straight = [
        f
        for f in sample.logs.flows
        if f["vpc_id"] == vpc and f["pkt_srcaddr"] in incident["caller_ips"] and f["pkt_dstaddr"] in incident["ips"]
        if f["dstport"] == port
    ]
    assert {f["action"] for f in straight} == {"ACCEPT"}
    assert min(int(f["end"]) for f in straight) >= begin
    both_ends_and_replies = 2 * len(straight)
    assert both_ends_and_replies == incident["count"] - incident["denials"]


def test_port_scan_is_rejected_on_many_ports(sample: Sample) -> None:
    incident = sample.incident("port_scan")
    probes = [f for f in sample.logs.flows if f["srcaddr"] in incident["caller_ips"] and f["action"] == "REJECT"]
    assert len(probes) == incident["count"]
    assert len({f["dstport"] for f in probes}) > 100


def test_expired_certificate_leaves_connections_without_requests(sample: Sample) -> None:
    incident = sample.incident("certificate_expired")
    failed = [row for row in sample.logs.connections if row[10] == "Failed:ClientCertExpired"]
    assert len(failed) == incident["count"] >= 20
    assert {row[7] for row in failed} == {incident["caller_principal"]}
    for row in failed:
        assert row[0] >= incident["start"]
        assert row[8].endswith(f"NotAfter={incident['start']}")
    assert not {row[11] for row in failed} & {row[29] for row in sample.logs.alb}


def test_bare_names_are_in_the_host(sample: Sample) -> None:
    lattice, alb = [i for i in sample.truth["incidents"] if i["kind"] == "bare_dns_caller"]
    assert sum(row["hostHeader"].endswith(".on.aws") for row in sample.logs.lattice) == lattice["count"]
    assert sum(f"https://{alb['dns']}:443/" in row[12] for row in sample.logs.alb) == alb["count"]


def test_new_caller_and_iam_user_start_with_their_incident(sample: Sample) -> None:
    for kind in ("new_caller", "iam_user_caller"):
        incident = sample.incident(kind)
        principals = {incident["caller_principal"]}
        rows = [r for r in sample.logs.lattice if {role(r), r["callerPrincipal"]} & principals]
        assert len(rows) == incident["count"] >= 60
        assert all(during(incident, row["startTime"]) for row in rows)


def test_large_transfer_is_in_lattice_and_flows(sample: Sample) -> None:
    incident = sample.incident("large_transfer")
    large = [row for row in sample.logs.lattice if row["bytesSent"] > 100_000_000]
    assert len(large) == incident["count"]
    ports = {row["sourceIpPort"].rsplit(":", 1)[1] for row in large}
    flows = [f for f in sample.logs.flows if f["dstport"] in ports and f["log_status"] == "OK"]
    assert sum(int(f["bytes"]) > 100_000_000 for f in flows) >= 1


def test_gap_has_no_objects_and_only_there(sample: Sample) -> None:
    incident = sample.incident("log_gap")
    account = incident["source"].split("/")[1]
    found = reading.slots(sample.logs.keys["vpc_flow"])
    stamps = {source: sorted(s) for source, s in found.items()}
    gone = {f"20260310T{h:02d}{m:02d}Z" for h in (9, 10, 11) for m in range(0, 60, 5)} - set(
        next(s for source, s in stamps.items() if source.startswith(account))
    )
    begin, end = (incident[name].replace("-", "").replace(":", "")[:13] + "Z" for name in ("start", "end"))
    assert len(gone) == 4
    assert all(begin <= stamp < end for stamp in gone)


def test_quiet_system_denies_nothing_and_hardly_fails(quiet: Sample) -> None:
    assert quiet.truth["incidents"] == []
    assert not [row for row in quiet.logs.lattice if row["responseCode"] == 403]
    statuses = [row["responseCode"] for row in quiet.logs.lattice] + [int(row[8]) for row in quiet.logs.alb]
    assert sum(status >= 500 for status in statuses) < 0.003 * len(statuses)
    assert not [f for f in quiet.logs.flows if f["action"] == "REJECT"]
    assert {row[10] for row in quiet.logs.connections} == {"Success"}


def test_quiet_system_goes_through_the_front_doors(quiet: Sample) -> None:
    nodes = {ip for lb in quiet.truth["load_balancers"] for ip in lb["nodes"]}
    targets = {
        (service["vpc_id"], task[family], str(task["port"]))
        for service in quiet.truth["services"]
        for task in service["tasks"]
        for family in ("ipv4", "ipv6")
    }
    reached = [
        f
        for f in quiet.logs.flows
        if f["flow_direction"] == "ingress" and (f["vpc_id"], f["pkt_dstaddr"], f["dstport"]) in targets
    ]
    lattice = ("169.254.171.", "129.224.", "fd00:ec2:80::")
    assert len(reached) > 5000
    assert not [f for f in reached if f["srcaddr"] not in nodes and not f["srcaddr"].startswith(lattice)]


def test_quiet_system_keeps_its_pace(quiet: Sample) -> None:
    took: dict[tuple[str, str], dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row in quiet.logs.lattice:
        took[role(row), row["serviceArn"]][row["startTime"][:13]].append(row["duration"])
    compared = 0
    for edge, hours in took.items():
        (_, before), (_, after) = sorted(hours.items())
        if min(len(before), len(after)) >= 50:
            compared += 1
            assert p95(after) < 1.7 * p95(before), edge
    assert compared >= 10


def p95(values: list[int]) -> int:
    return sorted(values)[int(0.95 * (len(values) - 1))]
