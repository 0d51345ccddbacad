"""The traps of the estate are really there: overlapping ranges, reused addresses, callers that hide."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from itertools import pairwise

from tests.sample_logs import reading
from tests.sample_logs.conftest import Sample


def test_two_vpcs_overlap_and_both_use_the_same_address(sample: Sample) -> None:
    vpcs = sample.truth["vpcs"]
    ranges = [ipaddress.ip_network(vpc["cidr"]) for vpc in vpcs]
    assert ranges[0].overlaps(ranges[1])
    assert not ranges[0].overlaps(ranges[2])
    sources: dict[str, set[str]] = defaultdict(set)
    for row in sample.logs.lattice:
        sources[row["sourceVpcId"]].add(row["sourceIpPort"].rsplit(":", 1)[0])
    assert sources[vpcs[0]["vpc_id"]] & sources[vpcs[1]["vpc_id"]]


def test_an_address_serves_two_services_one_after_the_other(sample: Sample) -> None:
    held: dict[tuple[str, str], list[tuple[str, str, str]]] = defaultdict(list)
    for service in sample.truth["services"]:
        for task in service["tasks"]:
            if service["apart_reason"] != "shared_host":
                held[service["vpc_id"], task["ipv4"]].append((task["from"], task["to"] or "9", service["name"]))
    reused = {key: sorted(spans) for key, spans in held.items() if len({name for _, _, name in spans}) > 1}
    assert len(reused) >= 3
    for spans in reused.values():
        assert all(earlier[1] < later[0] for earlier, later in pairwise(spans))
    names = {sample.service(name)["lattice_service_arn"]: name for name in ("payments", "reports", "fraud")}
    served: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in sample.logs.lattice:
        if row["serviceArn"] in names:
            served[row["destinationVpcId"], row["targetIpPort"].rsplit(":", 1)[0]].add(names[row["serviceArn"]])
    assert {"fraud", "reports"} in served.values()


def test_who_can_be_told_follows_from_the_lines(sample: Sample) -> None:
    """The rule of identity over the lines themselves: 95 % of at least 20 sightings in an hour."""
    of_arn = {s["lattice_service_arn"]: s["name"] for s in sample.truth["services"] if s["front_door"] == "lattice"}
    of_group = {group: s["name"] for s in sample.truth["services"] for group in s["target_groups"]}
    vpc_of = {s["name"]: s["vpc_id"] for s in sample.truth["services"]}
    roles = {s["role_arn"].split("/")[-1]: s["name"] for s in sample.truth["services"]}
    targets: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    sources: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for row in sample.logs.lattice:
        hour = row["startTime"][:13]
        if row["serviceArn"] in of_arn and row["targetIpPort"] != "-":
            ip = row["targetIpPort"].rsplit(":", 1)[0]
            targets[hour, row["destinationVpcId"], ip].add(of_arn[row["serviceArn"]])
        role = row["callerPrincipal"].split("/")[1] if "assumed-role" in row["callerPrincipal"] else ""
        if role in roles:
            sources[roles[role], hour].append((row["sourceVpcId"], row["sourceIpPort"].rsplit(":", 1)[0]))
    for line in sample.logs.alb:
        name = of_group[line[16]]
        targets[line[21][:13], vpc_of[name], line[4].rsplit(":", 1)[0]].add(name)
    for service in sample.truth["services"]:
        hours = [
            f"{hour}:00:00Z"
            for (name, hour), seen in sorted(sources.items())
            if name == service["name"] and len(seen) >= 20
            if sum(targets[hour, *place] == {name} for place in seen) >= 0.95 * len(seen)
        ]
        assert hours == service["tellable_hours"], service["name"]
        assert service["tellable"] == bool(hours)


def test_the_long_chain_is_tellable_and_the_hidden_are_not(sample: Sample) -> None:
    told = {s["name"]: s["tellable"] for s in sample.truth["services"]}
    assert all(told[name] for name in ("gateway", "orders", "payments", "fraud", "catalog", "shipping"))
    reasons = {s["name"]: s["apart_reason"] for s in sample.truth["services"] if not s["tellable"]}
    assert reasons == {
        "ledger": "never_calls",
        "identity": "never_calls",
        "inventory": "shared_host",
        "pricing": "shared_host",
        "search": "sidecar",
        "notifications": "nat",
        "profile": "nat",
    }


def test_ipv6_and_iam_users_are_in_the_lattice_log(sample: Sample) -> None:
    assert any(row["sourceIpPort"].count(":") > 1 for row in sample.logs.lattice)
    assert any(row["targetIpPort"].count(":") > 1 for row in sample.logs.lattice)
    assert any(row["callerPrincipal"].startswith("arn:aws:iam::123456789012:user/") for row in sample.logs.lattice)


def test_every_source_delivers_every_slot_when_nothing_is_wrong(quiet: Sample) -> None:
    for table, keys in quiet.logs.keys.items():
        for source, stamps in reading.slots(keys).items():
            assert len(set(stamps)) == 24, (table, source)
