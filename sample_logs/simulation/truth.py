"""Ground truth of a run: what `truth.json` says. Only tests and the bench may read it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .delivery import Delivery
from .incidents import Incident, Incidents
from .tally import Tally, role_of
from .topology import FOREVER, Service, Topology

TABLES = ("lattice_access", "lattice_resource_access", "alb_access", "alb_connection", "vpc_flow")


@dataclass
class Truth:
    """The content of `truth.json`, by its keys."""

    content: dict[str, Any]

    def __getitem__(self, key: str) -> Any:
        """One part: `records`, `services`, `edges`, `incidents`, ..."""
        return self.content[key]

    def text(self) -> str:
        """JSON, one list item a line."""
        parts = []
        for key, value in self.content.items():
            if isinstance(value, list):
                items = ",\n".join("    " + json.dumps(item) for item in value)
                parts.append(f"  {json.dumps(key)}: [\n{items}\n  ]")
            else:
                parts.append(f"  {json.dumps(key)}: {json.dumps(value)}")
        return "{\n" + ",\n".join(parts) + "\n}\n"


def describe(
    topology: Topology, incidents: Incidents, tally: Tally, delivery: Delivery, seed: int, start: float, end: float
) -> Truth:
    """The truth of a finished and delivered run."""
    resource_requests = len(tally.lines.get(("lattice_resource_access", (topology.network_id,)), []))
    return Truth(
        {
            "seed": seed,
            "start": _time(start),
            "end": _time(end),
            "records": {table: delivery.records[table] for table in TABLES},
            "rejects": {table: delivery.rejects[table] for table in TABLES},
            "vpcs": [
                {
                    "name": v.name,
                    "vpc_id": v.vpc_id,
                    "account": v.account,
                    "cidr": v.cidr,
                    "ipv6": f"{v.ipv6_prefix}::/56",
                    **({} if v.flow_log_id else {"flow_log": False}),
                }
                for v in topology.vpcs.values()
            ],
            "load_balancers": [
                {
                    "name": lb.name,
                    "elb": lb.elb,
                    "dns": lb.dns,
                    "mtls": lb.mtls,
                    "vpc_id": lb.vpc.vpc_id,
                    "nodes": [n.ipv4 for n in lb.nodes],
                }
                for lb in topology.load_balancers.values()
            ],
            "services": [_service(service, tally) for service in topology.services.values()],
            "callers": _callers(topology, tally),
            "edges": [*_edges(topology, tally), _resource_edge(topology, resource_requests)],
            "incidents": [_incident(incident, topology) for incident in incidents.all],
        }
    )


def _service(service: Service, tally: Tally) -> dict[str, Any]:
    hours = tally.tellable_hours(service.name)
    reason = None
    if not hours:
        reason = {"nat": "nat", "sidecar": "sidecar", "shared": "shared_host"}.get(service.platform)
        calls = any(caller == service.name for caller, *_ in tally.sources)
        reason = reason or ("too_few_sightings" if calls else "never_calls")
    groups = [service.target_group_arn, service.canary_target_group_arn, service.alb_target_group_arn]
    return {
        "name": service.name,
        "account": service.account,
        "vpc_id": service.vpc.vpc_id,
        "role_arn": service.role_arn,
        "front_door": service.door,
        "lattice_service_arn": service.service_arn or None,
        "elb": service.lb.elb if service.lb else None,
        "host": service.host,
        "dns": service.dns or None,
        "target_groups": [group for group in groups if group],
        "certificate_subject": service.certificate.subject if service.certificate else None,
        "leaves_from": service.tasks[0].host.exit.ipv4 if service.tasks[0].host.exit else None,
        "tasks": [
            {
                "ipv4": task.host.ipv4,
                "ipv6": task.host.ipv6,
                "port": task.port,
                "from": _time(task.start),
                "to": None if task.stop == FOREVER else _time(task.stop),
            }
            for task in [*service.tasks, *service.canaries]
        ],
        "tellable": bool(hours),
        "tellable_hours": [_time(hour * 3600) for hour in hours],
        "apart_reason": reason,
    }


def _callers(topology: Topology, tally: Tally) -> list[dict[str, Any]]:
    """Callers that are no services and were seen, the event bus included."""
    seen = {caller for caller, _, _ in tally.edges}
    rows: list[dict[str, Any]] = []
    for caller in topology.callers.values():
        if caller.name in seen:
            row: dict[str, Any] = {
                "name": caller.name,
                "kind": caller.kind,
                "principal": role_of(caller.principal) or None,
            }
            row["certificate_subject"] = caller.certificate.subject if caller.certificate else None
            row["vpc_id"], row["ips"] = caller.hosts[0].vpc.vpc_id, [host.ipv4 for host in caller.hosts]
            if caller.hosts[0].exit is not None:
                row["leaves_from"] = caller.hosts[0].exit.ipv4
            rows.append(row)
    rows.append(
        {
            "name": "event-bus",
            "kind": "aws_service",
            "principal": None,
            "certificate_subject": None,
            "vpc_id": None,
            "ips": [],
        }
    )
    return rows


def _edges(topology: Topology, tally: Tally) -> list[dict[str, Any]]:
    rows = []
    for (caller, callee, via), edge in sorted(tally.edges.items()):
        service = topology.services[callee]
        rows.append(
            {
                "caller": caller,
                "callee": callee,
                "via": via,
                "requests": edge.requests,
                "denied": edge.denied,
                "errors": edge.errors,
                "caller_ids": sorted(edge.caller_ids),
                "service_arn": service.service_arn or None,
                "elb": service.lb.elb if service.lb and via != "lattice" else None,
                "host": service.host,
            }
        )
    return rows


def _resource_edge(topology: Topology, requests: int) -> dict[str, Any]:
    edge: dict[str, Any] = {
        "caller": "event-bus",
        "callee": "events-intake",
        "via": "resource",
        "requests": requests,
        "denied": 0,
        "errors": 0,
    }
    return {**edge, "caller_ids": [], "service_arn": topology.resource_arn, "elb": None, "host": None}


def _incident(incident: Incident, topology: Topology) -> dict[str, Any]:
    service = topology.services.get(incident.callee)
    caller = topology.callers.get(incident.caller)
    calling = topology.services.get(incident.caller)
    principal = role_of(caller.principal) if caller else calling.role_arn if calling else None
    if incident.kind == "certificate_expired" and caller and caller.certificate:
        principal = caller.certificate.subject
    dns = None
    if incident.kind == "bare_dns_caller" and service:
        dns = service.lb.dns if service.lb else service.dns
    return {
        "kind": incident.kind,
        "start": _time(incident.start),
        "end": _time(incident.end),
        "caller": incident.caller or None,
        "caller_principal": principal or None,
        "callee": incident.callee or None,
        "service_arn": (service.service_arn or None) if service else None,
        "elb": service.lb.elb if service and service.lb else None,
        "host": service.host if service else None,
        "dns": dns,
        "target_group": incident.target_group,
        "ips": incident.ips,
        "caller_ips": incident.caller_ips,
        "port": incident.port,
        "layer": incident.layer,
        "source": incident.source,
        "direct_from": _time(incident.direct_from) if incident.direct_from else None,
        "count": incident.count,
        "denials": incident.denials,
    }


def _time(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
