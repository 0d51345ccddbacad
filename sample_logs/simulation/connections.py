"""Keep-alive connections: from a caller to a front door, and from a front door to a target."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from .flows import Leg
from .topology import Eni, Host

IDLE_SECONDS = 50.0
LATTICE_SOURCES = ("169.254.171.192", "169.254.171.193", "169.254.171.194", "129.224.12.7")
LATTICE_SOURCES_6 = ("fd00:ec2:80::a9fe:abc0", "fd00:ec2:80::a9fe:abc1")


class Connection:
    """One TCP connection as the front door sees it (`ip`, `port`), with the legs it takes to get there."""

    def __init__(self, legs: list[Leg], ip: str, port: int, at: float, most: int, trace_id: str = "") -> None:
        """`most`: requests after which the client closes it."""
        self.legs, self.ip, self.port = legs, ip, port
        self.opened = self.last_used = self.busy_until = at
        self.most, self.uses, self.trace_id = most, 0, trace_id
        self.fresh = True
        for leg in legs:
            leg.open(at)

    def free(self, at: float) -> bool:
        """Whether a request at `at` may use it."""
        return self.uses < self.most and self.busy_until <= at < self.last_used + IDLE_SECONDS

    def carry(self, asked: float, answered: float, octets: tuple[int, int]) -> None:
        """A request and its response."""
        self.uses += 1
        self.last_used = self.busy_until = answered
        for leg in self.legs:
            leg.exchange(asked, answered, *octets)

    def finish(self, end: float) -> None:
        """Close it where the client would, unless that is after the simulated time."""
        at = self.last_used + (0.02 if self.uses >= self.most else IDLE_SECONDS)
        if at < end:
            for leg in self.legs:
                leg.close(at)


class Connections:
    """Every connection of a run, and the pools they are taken from."""

    def __init__(self, rng: Random) -> None:
        """`rng` decides how many requests a connection lives for."""
        self.rng = rng
        self.all: list[Connection] = []
        self._pools: dict[tuple[object, ...], list[Connection]] = {}

    def take(self, key: tuple[object, ...], at: float, dial: Callable[[], Connection]) -> Connection:
        """An idle connection of this pool, else a new one from `dial` (its `fresh` is True for the first request)."""
        pool = [
            c
            for c in self._pools.get(key, ())
            if c.uses < c.most and (c.busy_until > at or at < c.last_used + IDLE_SECONDS)
        ]
        self._pools[key] = pool
        for connection in pool:
            if connection.free(at):
                connection.fresh = False
                return connection
        connection = dial()
        self.all.append(connection)
        pool.append(connection)
        return connection

    def dial(
        self, host: Host, dst: str, server: Eni | None, at: float, port: int = 443, once: bool = False
    ) -> Connection:
        """A connection from a host, through its NAT or proxy if it has one."""
        most = 1 if once else self.rng.randrange(12, 60)
        trace_id = f"TID_{self.rng.getrandbits(128):032x}"
        first = host.ephemeral_port()
        if host.exit is None:
            ip = host.ipv6 if ":" in dst else host.ipv4
            return Connection([Leg(host.eni, ip, first, server, dst, port)], ip, first, at, most, trace_id)
        way, second = host.exit, host.exit.ephemeral_port()
        inner = Leg(
            host.eni, host.ipv4, first, way.eni, *((dst, port) if host.exit_kind == "nat" else (way.ipv4, 15001))
        )
        outer = Leg(way.eni, way.ipv4, second, server, dst, port)
        return Connection([inner, outer], way.ipv4, second, at, most, trace_id)

    def from_lattice(self, target: Host, address: str, port: int, at: float) -> Connection:
        """A connection Lattice opens to a target at one of its addresses; no interface of ours is at its client end."""
        ip, source_port = (
            self.rng.choice(LATTICE_SOURCES_6 if ":" in address else LATTICE_SOURCES),
            self.rng.randrange(1024, 65536),
        )
        trace_id = f"TID_{self.rng.getrandbits(128):032x}"
        return Connection(
            [Leg(None, ip, source_port, target.eni, address, port)],
            ip,
            source_port,
            at,
            self.rng.randrange(30, 120),
            trace_id,
        )
