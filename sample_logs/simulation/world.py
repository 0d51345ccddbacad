"""What every call needs: the estate, the incidents, the tally, the connections, and the one source of randomness."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from .connections import Connections
from .faults import Fault
from .incidents import Incident, Incidents
from .tally import Tally
from .topology import Caller, Downstream, Service, Source, Task, Topology

SEEN_BY_THE_FRONT_DOOR = ("bare_dns_caller", "iam_user_caller", "new_caller")


@dataclass(slots=True)
class Request:
    """What is asked of a service. `bare`: by the front door's own DNS name; `once`: on a connection of its own."""

    source: Source
    service: Service
    method: str
    path: str
    calls: list[Downstream]
    octets: int
    bare: bool
    once: bool


@dataclass
class World:
    """One run's state."""

    topology: Topology
    incidents: Incidents
    tally: Tally
    rng: Random
    fault: Fault | None = None
    connections: Connections = field(init=False)

    def __post_init__(self) -> None:
        self.connections = Connections(self.rng)

    def source(self, caller: Caller) -> Source:
        """One copy of a caller that is no service."""
        host = self.rng.choice(caller.hosts)
        ipv6 = caller.kind in ("batch", "lambda")
        return Source(caller.name, caller.principal, host.vpc.account, host, caller.certificate, ipv6)

    def task_source(self, service: Service, task: Task) -> Source:
        """A service's task as the caller of others."""
        principal = f"arn:aws:sts::{service.account}:assumed-role/{service.role_name}/{task.session}"
        shared = service.platform == "shared"
        return Source(service.name, principal, service.account, task.host, service.certificate, shared)

    def request(self, source: Source, service: Service, read: str, bare: bool, once: bool) -> Request:
        """A request by one of the service's routes, or a plain read of the path `read`."""
        octets = 420 + self.rng.randrange(900)
        if read:
            return Request(source, service, "GET", read, [], octets, bare, once)
        route = self.rng.choices(service.routes, [r.weight for r in service.routes])[0]
        return Request(source, service, route.method, route.path, route.calls, octets, bare, once)

    def show(self, request: Request, at: float, ip: str) -> None:
        """Counts a request for the incidents that any line of their caller shows."""
        for kind in SEEN_BY_THE_FRONT_DOOR:
            incident = self.incidents.at(kind, at, request.source.name, request.service.name)
            if incident is not None:
                show(incident, ip)


def show(incident: Incident, caller_ip: str) -> None:
    """A record shows `incident`, from this caller's address."""
    incident.count += 1
    if caller_ip not in incident.caller_ips:
        incident.caller_ips.append(caller_ip)
