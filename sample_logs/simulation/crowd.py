"""Callers that share what identifies them: a host with a service, a NAT, a proxy, an address one after the other.

Nobody calls them, so all that could mislead is what others left at the same address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from .topology import ACCOUNT_A, ACCOUNT_B, Caller, Eni, Host, Service, Source, Task, Vpc, hex_id
from .world import World

HOUR = 3600
SHARED_IP = "10.0.201.250"


@dataclass(eq=False)
class Habit:
    """Who calls what, every so many seconds, in [start, end). `beside`: from the hosts of that service."""

    caller: Caller
    callee: str
    every: float
    start: float
    end: float
    beside: Service | None = None


class Crowd:
    """The crowd of one run; its callers are added to the topology's."""

    def __init__(self, world: World, seed: int, start: float, end: float) -> None:
        """`start`, `end`: epoch seconds of the run."""
        self.world, self.topology = world, world.topology
        self.rng = Random(f"crowd-{seed}")
        self.start, self.end = start, end
        self.habits: list[Habit] = []
        self._with_hosts_of_others()
        self._behind_one_address()
        self._after_others()
        self._without_flow_log()
        self._kinds_of_sessions()

    def arrivals(self) -> Iterator[tuple[float, Callable[[float], Source], str]]:
        """When, who (a function of the time), and the callee."""
        for habit in self.habits:
            at = habit.start + self.rng.uniform(0, habit.every)
            while at < habit.end:
                yield at, self._source_of(habit), habit.callee
                at += habit.every * self.rng.uniform(0.8, 1.2)

    def _source_of(self, habit: Habit) -> Callable[[float], Source]:
        def source(at: float) -> Source:
            caller = habit.caller
            if habit.beside is None:
                return self.world.source(caller)
            host = self.world.rng.choice(habit.beside.live(at)).host
            if host not in caller.hosts:
                caller.hosts.append(host)
            return Source(caller.name, caller.principal, host.vpc.account, host)

        return source

    def _add(
        self,
        name: str,
        principal: str,
        hosts: list[Host],
        callee: str,
        every: float,
        during: tuple[float, float] | None = None,
        beside: Service | None = None,
    ) -> None:
        caller = Caller(name, "crowd", principal, hosts)
        self.topology.callers[name] = caller
        start, end = during or (self.start, self.end)
        self.habits.append(Habit(caller, callee, every, start, end, beside))

    def _with_hosts_of_others(self) -> None:
        """An agent on every host of one service, with a role of its own; a job on one host of another."""
        fraud, orders = self.topology.services["fraud"], self.topology.services["orders"]
        self._add("host-agent", role("host-agent"), [], "ledger", 20, beside=fraud)
        first = orders.tasks[0]
        until = min(first.stop, self.end)
        self._add("disk-scrubber", role("disk-scrubber"), [first.host], "reports", 25, (self.start, until))

    def _behind_one_address(self) -> None:
        """One that signs and one that does not: behind a NAT and behind a proxy; two behind a service's own host."""
        for kind, names in (("nat", ("tax-job", "print-job")), ("sidecar", ("mail-job", "badge-job"))):
            way = self._host("a")
            hosts = [self._host("a", way=way, kind=kind) for _ in names]
            self._add(names[0], role(names[0]), hosts[:1], "ledger", 20)
            self._add(names[1], "", hosts[1:], "gateway", 20)
        relay = self.topology.services["search"].tasks[0].host
        for name in ("courier-job", "porter-job"):
            self._add(name, role(name), [self._host("a", way=relay, kind="sidecar")], "ledger", 30)

    def _after_others(self) -> None:
        """Jobs at addresses that a service left within the same hour; callers with one address in two VPCs."""
        freed = self._freed(300, 3)
        for (task, start, end), name in zip(freed, ("parcel-job", "nightly-job", "morning-job"), strict=False):
            host = self._host("a", ipv4=task.host.ipv4)
            signs = name == "nightly-job"
            callee = "ledger" if signs else "gateway"
            self._add(name, role(name) if signs else "", [host], callee, 6, (start, end))
        self._add("guest-a", "", [self._host("a", ipv4=SHARED_IP)], "profile", 30)
        self._add("guest-b", role("guest-b", ACCOUNT_B), [self._host("b", ipv4=SHARED_IP)], "profile", 30)

    def _freed(self, least: float, most: int) -> list[tuple[Task, float, float]]:
        """Tasks of VPC a that left an address to nobody for `least` seconds of the same hour, and for which time."""
        tasks = [task for service in self.topology.services.values() for task in service.tasks]
        found = []
        for task in tasks:
            if task.stop > self.end or task.service.vpc.name != "a" or task.service.platform != "ecs":
                continue
            later = [
                other.start - 60
                for other in tasks
                if other.host.vpc is task.host.vpc and other.host.ipv4 == task.host.ipv4 and other.start > task.start
            ]
            start = task.stop + 150
            end = min([task.stop // HOUR * HOUR + HOUR, self.end, *later])
            if end - start >= least:
                found.append((task, start, end))
        return found[:most]

    def _without_flow_log(self) -> None:
        """A load balancer's client in a VPC without a flow log; its address is that of a known caller in VPC a."""
        a = self.topology.vpcs["a"]
        ids = {az: "subnet-" + hex_id(self.rng, 17) for az in a.subnets}
        self.topology.vpcs["d"] = Vpc("d", "vpc-" + hex_id(self.rng, 17), ACCOUNT_B, a.prefix, "fd8a:c1d0:d", "", ids)
        known = self.topology.callers["stock-sync"].hosts[0].ipv4
        self._add("branch-app", "", [self._host("d", ipv4=known)], "identity", 30)

    def _kinds_of_sessions(self) -> None:
        """Sessions as EKS Pod Identity, IRSA and IAM Roles Anywhere name them, a user, a role called like a service."""
        serial = hex_id(self.rng, 32)
        pods = f"eks-prod-meter-7d9f8c6b5-x2x4z-{hex_id(self.rng, 8)}-{hex_id(self.rng, 4)}-4{hex_id(self.rng, 3)}"
        self._add("meter", role("meter-role", session=pods), [self._host("a")], "pricing", 30)
        self._add(
            "tariff", role("tariff-role", session="botocore-session-1773133200"), [self._host("c")], "profile", 30
        )
        self._add("depot", role("depot-edge", session=serial), [self._host("c")], "notifications", 30)
        self._add("backup", f"arn:aws:iam::{ACCOUNT_A}:user/backup", [self._host("c")], "ledger", 60)
        self._add("namesake", role("ledger", ACCOUNT_B), [self._host("b")], "fraud", 60)

    def _host(self, vpc_name: str, ipv4: str = "", way: Host | None = None, kind: str = "") -> Host:
        """A host with an interface of its own; its calls leave from `way`, if given."""
        vpc = self.topology.vpcs[vpc_name]
        ipv4 = ipv4 or vpc.take_fixed_address()
        az = list(vpc.subnets)[int(ipv4.split(".")[2]) % 3]
        eni = Eni(
            "eni-" + hex_id(self.rng, 17),
            vpc,
            vpc.subnets[az],
            az,
            ipv4,
            vpc.ipv6(ipv4),
            self.rng.randrange(60),
        )
        return Host(vpc, ipv4, vpc.ipv6(ipv4), eni, way, kind)


def role(name: str, account: str = ACCOUNT_A, session: str = "") -> str:
    """An assumed role's ARN."""
    return f"arn:aws:sts::{account}:assumed-role/{name}/{session or name}"
