"""What a run leaves: lines by source, conversations, and the exact counts behind `truth.json`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random

from .flows import Leg
from .incidents import Incident
from .topology import Host, Service

HOUR = 3600


@dataclass(slots=True)
class Line:
    """One log line with the time AWS would deliver it by."""

    at: float
    text: str


@dataclass
class Edge:
    """Exact totals of one caller calling one callee through one kind of front door."""

    requests: int = 0
    denied: int = 0
    errors: int = 0
    caller_ids: list[str] = field(default_factory=list)


class Tally:
    """Collects while the traffic runs. A `source` is what AWS writes one series of objects for: a network, a node."""

    def __init__(self) -> None:
        """Starts empty."""
        self.lines: dict[tuple[str, tuple[str, ...]], list[Line]] = {}
        self.edges: dict[tuple[str, str, str], Edge] = {}
        self.legs: list[tuple[Leg, Incident | None]] = []
        self.requests: list[dict[str, str]] = []
        self.sources: Counter[tuple[str, int, str, str]] = Counter()
        self.targets: dict[tuple[int, str, str], list[str]] = {}

    def uuid(self, rng: Random) -> str:
        """A request id."""
        h = f"{rng.getrandbits(128):032x}"
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"

    def line(self, table: str, source: str | tuple[str, ...], at: float, text: str) -> None:
        """A log line, finished at `at`."""
        key = (source,) if isinstance(source, str) else source
        self.lines.setdefault((table, key), []).append(Line(at, text))

    def request(
        self,
        table: str,
        source: str | tuple[str, ...],
        at: float,
        text: str,
        request_id: str,
        caller: str,
        service: Service,
        via: str,
        caller_id: str | None,
    ) -> None:
        """The line of one request, and who really asked whom; `request_id` is unique in its table."""
        self.line(table, source, at, text)
        self.requests.append({"table": table, "id": request_id, "caller": caller, "callee": service.name, "via": via})
        if caller_id is not None:
            self.caller_id(caller, service, via, caller_id)

    def _edge(self, caller: str, service: Service, via: str) -> Edge:
        return self.edges.setdefault((caller, service.name, via), Edge())

    def caller_id(self, caller: str, service: Service, via: str, caller_id: str) -> None:
        """How the logs name the caller: role, user, certificate subject or vpc/ip."""
        known = self._edge(caller, service, via).caller_ids
        shown = role_of(caller_id)
        if shown not in known:
            known.append(shown)

    def outcome(self, caller: str, service: Service, via: str, denied: bool, error: bool) -> None:
        """Counts one request."""
        edge = self._edge(caller, service, via)
        edge.requests += 1
        edge.denied += denied
        edge.errors += error

    def rejected(
        self, client: Host, src: str, port: int, server: Host, dst: str, dport: int, at: float, incident: Incident
    ) -> None:
        """Packets the server's security group drops."""
        leg = Leg(client.eni, src, port, server.eni, dst, dport, accepted=False)
        leg.attempt(at, packets=3)
        self.legs.append((leg, incident))

    def sight_source(self, caller: str, at: float, vpc: str, ip: str) -> None:
        """A signed request of `caller` came from this address."""
        self.sources[caller, int(at) // HOUR, vpc, ip] += 1

    def sight_target(self, service: str, at: float, vpc: str, ip: str) -> None:
        """A request reached this address as a target of `service`."""
        known = self.targets.setdefault((int(at) // HOUR, vpc, ip), [])
        if service not in known:
            known.append(service)

    def tellable_hours(self, service: str) -> list[int]:
        """Epoch hours in which 95 % of 20 or more signed calls came from targets of this service alone."""
        total: Counter[int] = Counter()
        own: Counter[int] = Counter()
        for (caller, hour, vpc, ip), count in self.sources.items():
            if caller == service:
                total[hour] += count
                own[hour] += count if self.targets.get((hour, vpc, ip)) == [service] else 0
        return [hour for hour in sorted(total) if total[hour] >= 20 and own[hour] >= 0.95 * total[hour]]


def role_of(principal: str) -> str:
    """An assumed role's ARN as its role's: `arn:aws:sts::1:assumed-role/R/s` is `arn:aws:iam::1:role/R`."""
    if ":assumed-role/" not in principal:
        return principal
    head, _, tail = principal.partition(":assumed-role/")
    return head.replace(":sts:", ":iam:") + ":role/" + tail.split("/")[0]
