"""TCP conversations and the flow records the interfaces they touch would write, aggregated over 60 seconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from .topology import Eni, Host, Topology

SYN, FIN, RST, SYN_ACK = 2, 1, 4, 18
WINDOW = 60


@dataclass(slots=True)
class FlowRecord:
    """One flow record; `src`, `dst` as the record shows them, `pkt_src`, `pkt_dst` as the packet has them."""

    eni: Eni
    src: str
    dst: str
    pkt_src: str
    pkt_dst: str
    sport: int
    dport: int
    packets: int
    octets: int
    start: int
    end: int
    action: str
    flags: int
    direction: str
    path: str

    @property
    def no_data(self) -> bool:
        """True for the line of an interface that saw no packet in its window."""
        return self.packets < 0


class Leg:
    """One TCP conversation; `client` or `server` is None where no interface of ours is at that end."""

    __slots__ = ("accepted", "client", "dport", "dst", "events", "server", "sport", "src")

    def __init__(
        self, client: Eni | None, src: str, sport: int, server: Eni | None, dst: str, dport: int, accepted: bool = True
    ) -> None:
        """The forward direction is the client's; `accepted` False: the server's interface rejects every packet."""
        self.client, self.src, self.sport = client, src, sport
        self.server, self.dst, self.dport = server, dst, dport
        self.accepted = accepted
        self.events: list[tuple[float, int, int, int, int, int, int]] = []

    def open(self, at: float, tls: bool = True) -> None:
        """The handshake."""
        extra = (3, 980, 4, 4420) if tls else (1, 52, 0, 0)
        self.events.append((at, 1 + extra[0], 60 + extra[1], SYN, 1 + extra[2], 60 + extra[3], SYN_ACK))

    def exchange(self, asked: float, answered: float, octets_in: int, octets_out: int) -> None:
        """A request of `octets_in` bytes at `asked`, its response of `octets_out` at `answered`."""
        up, down = octets_in // 1400 + 1, octets_out // 1400 + 1
        self.events.append((asked, up, octets_in + 52 * up, 0, up, 52 * up, 0))
        self.events.append((answered, down, 52 * down, 0, down, octets_out + 52 * down, 0))

    def close(self, at: float) -> None:
        """FIN from both sides."""
        self.events.append((at, 2, 104, FIN, 1, 52, FIN))

    def attempt(self, at: float, packets: int = 1, reset: bool = False) -> None:
        """SYNs that lead nowhere; `reset`: the other side answers RST."""
        self.events.append((at, packets, 60 * packets, SYN, 1 if reset else 0, 40 if reset else 0, RST))

    def records(self, begin: int, end: int) -> Iterator[FlowRecord]:
        """The records of every interface at either end, for the time [begin, end) in epoch seconds."""
        if self.client is not None:
            yield from self._seen(self.client, True, begin, end)
        if self.server is not None:
            yield from self._seen(self.server, False, begin, end)

    def _seen(self, eni: Eni, at_client: bool, begin: int, end: int) -> Iterator[FlowRecord]:
        windows: dict[int, list[int]] = {}
        for at, fp, fb, ff, rp, rb, rf in self.events:
            if at >= end:
                continue
            sums = windows.setdefault(int(at - eni.offset) // WINDOW, [0, 0, 0, 0, 0, 0])
            sums[0] += fp
            sums[1] += fb
            sums[2] |= ff
            if rp:
                sums[3] += rp
                sums[4] += rb
                sums[5] |= rf
        src = _shown(eni, self.src) if at_client else self.src
        dst = self.dst if at_client else _shown(eni, self.dst)
        path = "4" if self.client and self.server and self.client.vpc is not self.server.vpc else "1"
        action = "ACCEPT" if self.accepted or at_client else "REJECT"
        out, back = ("egress", "ingress") if at_client else ("ingress", "egress")
        for window in sorted(windows):
            fp, fb, ff, rp, rb, rf = windows[window]
            first = max(window * WINDOW + eni.offset, begin)
            last = min(window * WINDOW + eni.offset + WINDOW - 1, end - 1)
            if fp:
                yield FlowRecord(
                    eni,
                    src,
                    dst,
                    self.src,
                    self.dst,
                    self.sport,
                    self.dport,
                    fp,
                    fb,
                    first,
                    last,
                    action,
                    ff,
                    out,
                    path if out == "egress" else "-",
                )
            if rp and self.accepted:
                yield FlowRecord(
                    eni,
                    dst,
                    src,
                    self.dst,
                    self.src,
                    self.dport,
                    self.sport,
                    rp,
                    rb,
                    first,
                    last,
                    "ACCEPT",
                    rf,
                    back,
                    path if back == "egress" else "-",
                )


def _shown(eni: Eni, address: str) -> str:
    """The address a record shows for the interface's own side: its primary IPv4 (a NAT's or a pod's packets differ)."""
    return address if ":" in address else eni.ipv4


def health_checks(topology: Topology, rng: Random, begin: int, end: int, every: int = 120) -> Iterator[Leg]:
    """The front doors' checks of every task: a new connection each, in flow records only."""
    for service in topology.services.values():
        for task in [*service.tasks, *service.canaries]:
            first = max(task.start, begin) + rng.random() * every
            at, stop = first, min(task.stop, end - 1)
            while at < stop:
                nodes: list[Host | None] = list(service.lb.nodes) if service.lb else [None]
                for node in nodes:
                    port = node.ephemeral_port() if node else rng.randrange(1024, 65536)
                    address = task.host.ipv6 if service.ipv6_targets else task.host.ipv4
                    lattice = "fd00:ec2:80::a9fe:abc" if service.ipv6_targets else "169.254.171.19"
                    src = node.ipv4 if node else f"{lattice}{rng.randrange(2, 8)}"
                    leg = Leg(node.eni if node else None, src, port, task.host.eni, address, task.port)
                    leg.open(at, tls=False)
                    leg.exchange(at, at + 0.003, 130, 170)
                    leg.close(at + 0.01)
                    yield leg
                at += every


def quiet_records(topology: Topology, begin: int, end: int) -> Iterator[FlowRecord]:
    """NODATA records of interfaces that see no packets, one per window."""
    for eni in topology.quiet_enis:
        for window in range((begin - eni.offset) // WINDOW, (end - 1 - eni.offset) // WINDOW + 1):
            first, last = (
                max(window * WINDOW + eni.offset, begin),
                min(window * WINDOW + eni.offset + WINDOW - 1, end - 1),
            )
            yield FlowRecord(eni, "-", "-", "-", "-", 0, 0, -1, 0, first, last, "-", 0, "-", "-")
