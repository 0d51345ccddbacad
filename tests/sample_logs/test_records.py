"""What the committed sample's lines say agrees with the other logs and with truth.json."""

from __future__ import annotations

import ipaddress
from collections import Counter, defaultdict

from tests.sample_logs import reading
from tests.sample_logs.conftest import Sample

LATTICE_RANGES = [ipaddress.ip_network(n) for n in ("169.254.171.0/24", "129.224.0.0/17", "fd00:ec2:80::/64")]
Spans = dict[tuple[str, str, str], list[tuple[int, int]]]


def in_lattice(address: str) -> bool:
    ip = ipaddress.ip_address(address)
    return any(ip in network for network in LATTICE_RANGES if ip.version == network.version)


def covered(spans: list[tuple[int, int]], at: float) -> bool:
    return any(start - 60 <= at <= end + 60 for start, end in spans)


def silent(sample: Sample, vpc: str, at: float) -> bool:
    """Whether the flow logs of this VPC are missing around `at`."""
    gap = sample.incident("log_gap")
    accounts = {v["vpc_id"]: v["account"] for v in sample.truth["vpcs"]}
    near = reading.epoch(gap["start"]) - 120 <= at <= reading.epoch(gap["end"]) + 120
    return accounts[vpc] in gap["source"] and near


def test_records_and_rejects_are_as_the_truth_says(sample: Sample) -> None:
    assert sample.logs.records() == sample.truth["records"]
    assert dict(sample.logs.unreadable) == {t: n for t, n in sample.truth["rejects"].items() if n}
    assert 2 <= sum(sample.truth["rejects"].values()) <= 4


def test_edges_add_up_to_the_lines(sample: Sample) -> None:
    requests: Counter[str] = Counter()
    denied: Counter[str] = Counter()
    for edge in sample.truth["edges"]:
        requests[edge["via"]] += edge["requests"]
        denied[edge["via"]] += edge["denied"]
        assert edge["requests"] >= 60, edge
    assert len(sample.logs.lattice) == requests["lattice"] + requests["lattice+alb"]
    assert len(sample.logs.alb) == requests["alb"] + requests["lattice+alb"] - denied["lattice+alb"]
    assert len(sample.logs.resource) == requests["resource"]
    assert sum(row["responseCode"] == 403 for row in sample.logs.lattice) == denied.total()


def test_every_lattice_request_has_its_client_leg(sample: Sample) -> None:
    spans: Spans = defaultdict(list)
    replies: Spans = defaultdict(list)
    for flow in sample.logs.flows:
        if flow["log_status"] == "OK" and flow["flow_direction"] == "egress" and in_lattice(flow["pkt_dstaddr"]):
            key = (flow["vpc_id"], flow["pkt_srcaddr"], flow["srcport"])
            spans[key].append((int(flow["start"]), int(flow["end"])))
        elif flow["log_status"] == "OK" and flow["flow_direction"] == "ingress" and flow["srcport"] == "443":
            key = (flow["vpc_id"], flow["pkt_dstaddr"], flow["dstport"])
            replies[key].append((int(flow["start"]), int(flow["end"])))
    checked = 0
    for row in sample.logs.lattice:
        ip, port = row["sourceIpPort"].rsplit(":", 1)
        at = reading.epoch(row["startTime"])
        if not silent(sample, row["sourceVpcId"], at):
            key = (row["sourceVpcId"], ip, port)
            assert covered(spans[key], at), row
            assert covered(replies[key], at), row
            checked += 1
    assert checked > 15_000


def test_every_lattice_target_saw_lattice(sample: Sample) -> None:
    spans: Spans = defaultdict(list)
    for flow in sample.logs.flows:
        if flow["flow_direction"] == "ingress" and in_lattice(flow["srcaddr"]) and flow["srcport"] != "443":
            key = (flow["vpc_id"], flow["pkt_dstaddr"], flow["dstport"])
            spans[key].append((int(flow["start"]), int(flow["end"])))
    for row in sample.logs.lattice:
        at = reading.epoch(row["startTime"])
        if row["targetIpPort"] != "-" and not silent(sample, row["destinationVpcId"], at):
            ip, port = row["targetIpPort"].rsplit(":", 1)
            assert covered(spans[row["destinationVpcId"], ip, port], at), row


def test_denied_requests_reach_no_target(sample: Sample) -> None:
    reasons: Counter[str] = Counter()
    for row in sample.logs.lattice:
        reasons[row["authDeniedReason"]] += 1
        if row["authDeniedReason"] != "-":
            assert (row["responseCode"], row["failureReason"]) == (403, "ClientAccessDenied")
            assert (row["targetIpPort"], row["requestToTargetDuration"]) == ("-", 0)
        else:
            assert row["responseCode"] != 403
        assert row["duration"] >= row["requestToTargetDuration"] + row["responseFromTargetDuration"]
    assert set(reasons) == {"-", "Service", "Network", "Identity"}


def test_every_alb_request_has_its_connection_and_its_flows(sample: Sample) -> None:
    nodes = {ip: lb for lb in sample.truth["load_balancers"] for ip in lb["nodes"]}
    enis = {flow["interface_id"]: flow["srcaddr"] for flow in sample.logs.flows if flow["srcaddr"] in nodes}
    connections = {row[11]: row for row in sample.logs.connections}
    spans: Spans = defaultdict(list)
    for flow in sample.logs.flows:
        if flow["interface_id"] in enis and flow["flow_direction"] == "ingress" and flow["dstport"] == "443":
            key = (enis[flow["interface_id"]], flow["srcaddr"], flow["srcport"])
            spans[key].append((int(flow["start"]), int(flow["end"])))
    for row in sample.logs.alb:
        client, node, opened = row[3], row[33], connections[row[29]]
        ip, port = client.rsplit(":", 1)
        assert (opened[1], opened[2], opened[13], opened[14]) == (ip, port, row[2], node)
        assert covered(spans[node, ip, port], reading.epoch(row[21])), row
        took = reading.epoch(row[1]) - reading.epoch(row[21])
        assert abs(took - sum(map(float, row[5:8]))) < 0.005


def test_flow_records_are_one_per_tuple_interface_and_minute(sample: Sample) -> None:
    seen: Counter[tuple[str, ...]] = Counter()
    for flow in sample.logs.flows:
        if flow["log_status"] == "NODATA":
            assert flow["action"] == "-"
            assert flow["packets"] == "-"
            continue
        names = (
            "interface_id",
            "srcaddr",
            "dstaddr",
            "pkt_srcaddr",
            "pkt_dstaddr",
            "srcport",
            "dstport",
            "end",
            "flow_direction",
        )
        seen[tuple(flow[name] for name in names)] += 1
        assert 0 <= int(flow["end"]) - int(flow["start"]) < 60
        assert int(flow["tcp_flags"]) in {0, 1, 2, 3, 4, 18, 19}
        assert (flow["flow_direction"] == "egress") == (flow["traffic_path"] != "-")
    assert set(seen.values()) == {1}


def test_pods_show_their_nodes_primary_address(sample: Sample) -> None:
    pods = {task["ipv4"] for task in sample.service("catalog")["tasks"]}
    vpc = sample.service("catalog")["vpc_id"]
    out = [
        f
        for f in sample.logs.flows
        if f["vpc_id"] == vpc and f["pkt_srcaddr"] in pods and f["flow_direction"] == "egress"
    ]
    hidden = [f for f in out if f["srcaddr"] not in pods]
    assert len(hidden) > 1000


def test_objects_hold_their_slots_lines(sample: Sample) -> None:
    assert {key.split("/")[1] for key in sample.logs.keys["vpc_flow"] if key.endswith(".parquet")} == {
        "aws-account-id=111122223333"
    }
    stamps = reading.slots(sample.logs.keys["lattice_access"])
    assert [len(found) for found in stamps.values()] == [36]
    assert (sample.folder / "AWSLogs/123456789012/ELBAccessLogTestFile").read_text().startswith("Enable AccessLog")
