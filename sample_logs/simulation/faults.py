"""One fault of a kind on an edge chosen by seed, to measure what names root causes. No run has one unless asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from .topology import FOREVER, Downstream, Service, Task, Topology, hex_id

FAULTS = (
    "slow_service",  # the callee's own work takes longer, for everybody
    "slow_edge",  # the way from one caller to the callee takes longer
    "failing_service",  # the callee answers 500, to everybody
    "failing_edge",  # the callee answers 500 to one caller
    "unreachable",  # targets refuse the connection
    "timeout",  # targets take the request and never answer
    "canary",  # a new version takes a share of the requests, fails or is slow
    "denied",  # a policy refuses one caller, or all of them
    "retry_storm",  # the callee answers 503 and one caller asks again and again
)
ONE_CALLER = ("slow_edge", "failing_edge")
LEAST_ASKED = 40  # requests that the edge is expected to carry while the fault lasts
LEAST_HIT = 15  # of them, that the fault is expected to hit
REFUSALS = ("Service", "Network", "Identity")
Edge = tuple[str, str]


@dataclass(eq=False)
class Fault:
    """A fault from `start` to `end` (epoch seconds) at `callee`, for one `caller` or for all (empty).

    It hits `share` of the requests. `factor`: what it multiplies the callee's own work by; `delay`: what it adds, in
    seconds (to the way there, or until the front door gives up); `status`: what the callee answers; `refusal`:
    Lattice's word for the policy; `retries`: how often `retrying` asks again; `ramp`: seconds until share is full.
    `flaky`: services that always fail a small share of their requests, fault or not. `hit`: requests that it hit
    itself, by true caller and callee; what others suffered in consequence is not in it.
    """

    kind: str
    caller: str
    callee: str
    start: float
    end: float
    rng: Random
    share: float = 1.0
    factor: float = 1.0
    delay: float = 0.0
    status: int = 0
    refusal: str = ""
    retries: int = 0
    retrying: str = ""
    ramp: float = 0.0
    canary: Task | None = None
    flaky: dict[str, float] = field(default_factory=dict)
    hit: Counter[Edge] = field(default_factory=Counter)

    def _holds(self, caller: str, callee: str, at: float) -> bool:
        return self.start <= at < self.end and callee == self.callee and self.caller in ("", caller)

    def _strikes(self, caller: str, callee: str, at: float) -> bool:
        """Whether it hits this request; counts it."""
        grown = min(1.0, (at - self.start) / self.ramp) if self.ramp else 1.0
        if not self._holds(caller, callee, at) or self.rng.random() >= self.share * grown:
            return False
        self.hit[caller, callee] += 1
        return True

    def slows(self, caller: str, callee: str, task: Task, at: float) -> float:
        """What the callee's own work is multiplied by."""
        if self.kind == "canary":
            return self.factor if task is self.canary else 1.0
        return self.factor if self.kind == "slow_service" and self._strikes(caller, callee, at) else 1.0

    def answers(self, caller: str, callee: str, task: Task, at: float) -> int:
        """The status that the callee answers because of it, else 0."""
        if self.rng.random() < self.flaky.get(callee, 0):
            return 500
        if self.kind == "canary":
            return self.status if task is self.canary and self.rng.random() < 0.9 else 0
        if self.kind in ("failing_service", "failing_edge", "retry_storm") and self._strikes(caller, callee, at):
            return self.status
        return 0

    def delays(self, caller: str, callee: str, at: float) -> float:
        """Seconds that the way to the target takes longer."""
        return self.delay if self.kind == "slow_edge" and self._strikes(caller, callee, at) else 0.0

    def cuts(self, caller: str, callee: str, at: float) -> tuple[str, int, float] | None:
        """Lattice's failure reason, the front door's status, and after how many seconds it gives the target up."""
        if self.kind not in ("unreachable", "timeout") or not self._strikes(caller, callee, at):
            return None
        return (
            ("TargetConnectionError", 502, 0.003)
            if self.kind == "unreachable"
            else ("TargetDataTimeout", 504, self.delay)
        )

    def refuses(self, caller: str, callee: str, at: float) -> str:
        """`authDeniedReason` when a policy refuses the call, else empty."""
        return self.refusal if self.kind == "denied" and self._strikes(caller, callee, at) else ""

    def takes(self, caller: str, callee: str, at: float) -> Task | None:
        """The canary, for the requests it takes."""
        return self.canary if self.kind == "canary" and self._strikes(caller, callee, at) else None

    def again(self, caller: str, callee: str, at: float) -> int:
        """How often the caller asks again after a failure."""
        return self.retries if self._holds(caller, callee, at) and caller == self.retrying else 0

    def truth(self) -> dict[str, Any]:
        """What happened, for `truth.json`; times are epoch seconds."""
        numbers = {name: getattr(self, name) for name in ("share", "factor", "delay", "status", "retries", "ramp")}
        hit = [{"caller": a, "callee": b, "requests": n} for (a, b), n in sorted(self.hit.items())]
        return {
            "kind": self.kind,
            "caller": self.caller or None,
            "callee": self.callee,
            "start": self.start,
            "end": self.end,
            **numbers,
            "hit": hit,
        }


def rates(topology: Topology, arrivals: Iterable[tuple[str, str, float, str]]) -> dict[Edge, float]:
    """Expected requests per second of every edge, from those that arrive (caller, callee, per second, plain read)."""
    found: Counter[Edge] = Counter()

    def ask(caller: str, callee: str, rate: float, read: str) -> None:
        found[caller, callee] += rate  # type: ignore[assignment]
        routes = [] if read else topology.services[callee].routes
        for route in routes:
            share = route.weight / sum(other.weight for other in routes)
            for call in route.calls:
                ask(callee, call.callee, rate * share * call.probability, call.read)

    for caller, callee, rate, read in arrivals:
        ask(caller, callee, rate, read)
    return dict(found)


def place(
    kind: str,
    topology: Topology,
    seed: int,
    start: float,
    end: float,
    arrivals: Iterable[tuple[str, str, float, str]],
) -> Fault:
    """A fault of `kind` in the last third or so of the run; where, how strong and since when is the seed's choice.

    Every edge that is expected to carry enough requests is as likely as any other. The seed also decides which
    downstream calls are critical, and which services are flaky all the time: both change `topology`'s behaviour.
    Raises ValueError for an unknown kind.
    """
    if kind not in FAULTS:
        raise ValueError(f"unknown fault {kind!r}: known are {', '.join(FAULTS)}")
    rng = Random(f"fault-{kind}-{seed}")
    _decide_critical(topology, rng)
    begins = start + (end - start) * rng.uniform(0.55, 0.7)
    asked = {edge: rate * (end - begins) for edge, rate in rates(topology, arrivals).items()}
    possible = [
        (caller, callee)
        for (caller, callee), requests in sorted(asked.items())
        if requests >= LEAST_ASKED and _possible(kind, topology, caller, callee)
    ]
    caller, callee = rng.choice(possible)
    one = kind in ONE_CALLER or (kind == "denied" and rng.random() < 0.7)
    fault = Fault(kind, caller if one else "", callee, begins, end, rng)
    requests = sum(n for (a, b), n in asked.items() if b == callee and (not one or a == caller))
    _strengthen(fault, caller, LEAST_HIT / requests)
    if kind == "canary":
        fault.canary = _canary(topology.services[callee], rng)
    others = sorted(set(topology.services) - {callee})
    fault.flaky = {name: rng.uniform(0.005, 0.03) for name in rng.sample(others, 3)}
    return fault


def _decide_critical(topology: Topology, rng: Random) -> None:
    def decided(call: Downstream) -> Downstream:
        return replace(call, critical=rng.random() < 0.5)

    for service in topology.services.values():
        for route in service.routes:
            route.calls = [decided(call) for call in route.calls]


def _possible(kind: str, topology: Topology, caller: str, callee: str) -> bool:
    service = topology.services[callee]
    if kind == "denied":
        return service.door != "alb" and caller != "partner-sync"
    if kind == "canary":
        return service.door == "lattice" and not service.canaries
    return True


def _strengthen(fault: Fault, caller: str, least: float) -> None:
    """From subtle to gross; `least`: the share below which too few requests would be hit."""
    rng, kind = fault.rng, fault.kind

    def between(low: float, high: float) -> float:
        """Log-uniform: weak ones are as common as strong ones."""
        return float(low * (high / low) ** rng.random())

    fault.share = min(1.0, max(least, between(0.1, 0.95)))
    if kind == "slow_service":
        fault.factor = between(3, 60)
        fault.share = max(least, rng.choice((1.0, 1.0, 0.5, 0.33)))
        fault.ramp = rng.choice((0.0, 0.0, 180.0))
    elif kind == "slow_edge":
        fault.delay, fault.share = between(0.03, 2), max(least, rng.choice((1.0, 0.5)))
    elif kind in ("failing_service", "failing_edge"):
        fault.status = rng.choice((500, 503))
        fault.ramp = rng.choice((0.0, 0.0, 180.0))
    elif kind == "timeout":
        fault.delay = between(1, 10)
    elif kind == "canary":
        fault.share = max(least, between(0.08, 0.5))
        if rng.random() < 0.5:
            fault.status = 502
        else:
            fault.factor = between(5, 40)
    elif kind == "denied":
        fault.refusal, fault.share = rng.choice(REFUSALS), 1.0
    elif kind == "retry_storm":
        fault.status, fault.share = 503, max(least, between(0.3, 0.9))
        fault.retries, fault.retrying = rng.choice((2, 3, 5)), caller


def _canary(service: Service, rng: Random) -> Task:
    """A task of a new version, in a target group of its own, at the address of a running one with another port."""
    running = next(task for task in reversed(service.tasks) if task.stop == FOREVER)
    service.canary_target_group_arn = service.target_group_arn[: -len("0" * 17)] + hex_id(rng, 17)
    return replace(running, port=running.port + 10, session=hex_id(rng, 32))
