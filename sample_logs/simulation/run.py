"""One run of the simulation: arrivals in order of time, then files and truth."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable
from pathlib import Path
from random import Random

from . import lattice
from .crowd import Crowd
from .delivery import Delivery
from .estate import EstateBuilder
from .faults import place
from .flows import Leg, health_checks
from .incidents import KINDS, Incident, Incidents
from .tally import Tally
from .topology import Source, Topology
from .traffic import Traffic
from .truth import Truth, describe
from .world import World

# caller, callee, share of the edge's requests per second, path of a plain read
ARRIVALS = (
    ("storefront-fn", "gateway", 0.56, ""),
    ("mobile-fn", "gateway", 0.24, ""),
    ("mobile-fn", "profile", 0.08, ""),
    ("month-end", "reports", 0.04, ""),
    ("partner-sync", "identity", 0.04, ""),
    ("promo-job", "orders", 0.03, "/orders/open"),
    ("stock-sync", "inventory", 0.04, ""),
)
PROBES = ("gateway", "identity", "shipping")
LAST_ARRIVAL = 45.0
Arrival = tuple[float, int, Callable[[float], None]]


class Run:
    """The arrivals of one run. Every random choice comes from the seed."""

    def __init__(
        self,
        seed: int,
        start: float,
        end: float,
        rps: float,
        services: int,
        kinds: list[str],
        crowded: bool = False,
        fault: str | None = None,
    ) -> None:
        """`start`, `end`: epoch seconds; `rps`: requests per second at the edge.

        `crowded`: see `Crowd`; `fault`: kind of the one to place.
        """
        self.rng = Random(f"traffic-{seed}")
        self.start, self.end, self.rps = start, end, rps
        self.topology: Topology = EstateBuilder(seed, start, end, services, all_deploy=fault is None).build()
        self.incidents = Incidents(self.topology, start, end, kinds)
        self.tally = Tally()
        self.world = World(self.topology, self.incidents, self.tally, self.rng)
        if fault is not None:
            arriving = [(caller, callee, rps * share, read) for caller, callee, share, read in ARRIVALS]
            self.world.fault = place(fault, self.topology, seed, start, end, arriving)
        self.traffic = Traffic(self.world)
        self.crowd = Crowd(self.world, seed, start, end) if crowded else None

    def play(self) -> None:
        """All requests, then every conversation closed."""
        arrivals: list[Arrival] = []

        def add(at: float, action: Callable[[float], None]) -> None:
            if at < self.end - LAST_ARRIVAL:
                arrivals.append((at, len(arrivals), action))

        for caller, callee, share, read in ARRIVALS:
            for at in self._poisson(self.rps * share):
                add(at, self._entry(caller, callee, read))
        for number, callee in enumerate(PROBES):
            for at in self._regular(30, self.start + 3 * number + 1, self.end):
                add(at, self._entry("prober-fn", callee, "/health/deep", once=True))
        for at in self._regular(20, self.start + 7, self.end):
            add(at, self._event)
        for incident in self.incidents.all:
            self._incident_arrivals(incident, add)
        for at, source, callee in self.crowd.arrivals() if self.crowd else ():
            add(at, self._crowd_call(source, callee))
        for at, _, action in sorted(arrivals, key=lambda arrival: arrival[:2]):
            action(at)
        for connection in self.world.connections.all:
            connection.finish(self.end)
            self.tally.legs.extend((leg, None) for leg in connection.legs)
        checks = Random(self.rng.random())
        self.tally.legs.extend(
            (leg, None) for leg in health_checks(self.topology, checks, int(self.start), int(self.end))
        )

    def _poisson(self, rate: float) -> list[float]:
        """Arrival times at `rate` per second, a tenth more or less over two hours."""
        times, at = [], self.start
        while rate > 0:
            at += self.rng.expovariate(rate * 1.1)
            if at >= self.end:
                break
            if self.rng.random() < (1 + 0.1 * math.sin((at - self.start) / 7200 * 2 * math.pi)) / 1.1:
                times.append(at)
        return times

    def _regular(self, every: float, first: float, last: float) -> list[float]:
        return [first + n * every + self.rng.uniform(0, every * 0.2) for n in range(int((last - first) / every))]

    def _entry(
        self, caller: str, callee: str, read: str = "", bare: bool = False, once: bool = False
    ) -> Callable[[float], None]:
        def action(at: float) -> None:
            named = self.topology.callers[caller]
            plain = bare or self._bare(caller, callee, at)
            self.traffic.call(self.world.source(named), callee, at, read, plain, once)

        return action

    def _crowd_call(self, source: Callable[[float], Source], callee: str) -> Callable[[float], None]:
        def action(at: float) -> None:
            self.traffic.call(source(at), callee, at, "/status")

        return action

    def _bare(self, caller: str, callee: str, at: float) -> bool:
        return caller == "stock-sync" and self.incidents.at("bare_dns_caller", at, caller, callee) is not None

    def _event(self, at: float) -> None:
        """An event bus delivers to a private endpoint through a resource configuration."""
        topology, rng = self.topology, self.rng
        port = rng.randrange(20000, 60000)
        gateway = topology.resource_gateway
        out = gateway.ephemeral_port()
        leg = Leg(gateway.eni, gateway.ipv4, out, topology.resource.eni, topology.resource.ipv4, 443)
        leg.open(at)
        leg.exchange(at + 0.01, at + 0.03, 900, 300)
        leg.close(at + 0.05)
        self.tally.legs.append((leg, None))
        text = lattice.resource_line(
            topology,
            at=at,
            source=f"172.31.{20 + port % 3}.{40 + port % 5}:{port}",
            destination=f"129.224.40.{9 + port % 2}:443",
            gateway=f"{gateway.ipv4}:{out}",
        )
        self.tally.line("lattice_resource_access", topology.network_id, at, text)

    def _incident_arrivals(self, incident: Incident, add: Callable[[float, Callable[[float], None]], None]) -> None:
        """Calls that only an incident makes."""
        kind, start, end = incident.kind, incident.start, incident.end
        length = (end - start) / 60
        if kind == "direct_to_target":
            for at in self._regular(15, start, end):
                add(at, lambda t: self._direct(incident, t))
        elif kind == "denied_then_direct" and incident.direct_from is not None:
            for at in self._regular(6, start, incident.direct_from):
                add(at, self._entry(incident.caller, incident.callee, "/orders/open"))
            for at in self._regular(12, incident.direct_from, end):
                add(at, lambda t: self._direct(incident, t))
        elif kind == "port_scan":
            for at in self._regular(max(length * 60 / 240, 0.05), start, end):
                add(at, lambda t: self._scan(incident, t))
        elif kind == "bare_dns_caller" and incident.caller == "legacy-cron":
            for at in self._regular(20, start, end):
                add(at, self._entry(incident.caller, incident.callee, "/shipments/labels", bare=True))
        elif kind in ("iam_user_caller", "new_caller"):
            for at in self._regular(15, start, end):
                add(at, self._entry(incident.caller, incident.callee, "/export"))

    def _direct(self, incident: Incident, at: float) -> None:
        """Straight to a target's ip:port, past the front door."""
        topology, rng = self.topology, self.rng
        callers = topology.callers
        if incident.caller in callers:
            host = rng.choice(callers[incident.caller].hosts)
        else:
            host = rng.choice(topology.services[incident.caller].live(at)).host
        task = rng.choice(topology.services[incident.callee].live(at))
        leg = Leg(host.eni, host.ipv4, host.ephemeral_port(), task.host.eni, task.host.ipv4, task.port)
        leg.open(at, tls=False)
        leg.exchange(at + 0.002, at + 0.05, 700, 2400)
        leg.close(at + 0.06)
        for known, ip in ((incident.caller_ips, host.ipv4), (incident.ips, task.host.ipv4)):
            if ip not in known:
                known.append(ip)
        self.tally.legs.append((leg, incident))

    def _scan(self, incident: Incident, at: float) -> None:
        """One probe of a port nobody may reach."""
        rng, scanner = self.rng, self.topology.scanner
        tasks = [
            task
            for service in self.topology.services.values()
            if service.vpc is scanner.vpc
            for task in service.live(at)
        ]
        target = rng.choice(tasks).host
        incident.caller_ips = [scanner.ipv4]
        self.tally.rejected(
            scanner, scanner.ipv4, scanner.ephemeral_port(), target, target.ipv4, rng.randrange(20, 9000), at, incident
        )


def simulate(
    out: Path,
    *,
    seed: int = 7,
    start: float,
    minutes: int = 180,
    rps: float = 0.5,
    services: int = 14,
    incidents: list[str] | None = None,
    ground_truth: Path | None = None,
    crowded: bool = False,
    fault: str | None = None,
) -> Truth:
    """Writes the logs of one run and `truth.json` under `out`; returns the truth.

    `start` is in epoch seconds (UTC, whole five minutes); `incidents` None is all of them, an empty list none.
    `ground_truth`: a `.jsonl.gz` file with the true caller and callee of every logged request; `crowded`: with callers
    that share addresses with others; `fault`: a kind of which one is placed on an edge chosen by `seed`, and told in
    the truth. Raises ValueError for an unknown incident or fault, or an unaligned start.
    """
    kinds = list(KINDS) if incidents is None else incidents
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise ValueError(f"unknown incident {unknown[0]!r}: known are {', '.join(KINDS)}")
    if start % 300 or minutes % 5 or minutes < 10:
        raise ValueError("start must be a whole five minutes and minutes a multiple of 5, 10 or more")
    end = start + minutes * 60
    run = Run(seed, start, end, rps, services, kinds, crowded, fault)
    run.play()
    delivery = Delivery(run.topology, run.incidents, run.tally, Random(f"delivery-{seed}"), int(start), int(end))
    delivery.write(out)
    truth = describe(run.topology, run.incidents, run.tally, delivery, seed, start, end)
    if run.world.fault is not None:
        truth.content["faults"] = [run.world.fault.truth()]
    (out / "truth.json").write_text(truth.text())
    if ground_truth is not None:
        body = "".join(json.dumps(request, separators=(",", ":")) + "\n" for request in run.tally.requests)
        ground_truth.write_bytes(gzip.compress(body.encode(), 6, mtime=0))
    return truth
