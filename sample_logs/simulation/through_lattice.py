"""Calls through Lattice: policies, target groups, targets, and the access line."""

from __future__ import annotations

import math
from dataclasses import dataclass

from . import lattice
from .connections import Connection
from .through_alb import ThroughAlb
from .topology import Service, Task
from .work import Work
from .world import Request, World, show


@dataclass(slots=True)
class Passage:
    """How Lattice dealt with one request; `sent`: when the target had it, `done`: when it had answered."""

    status: int
    octets: int
    done: float
    sent: float = 0.0
    target: str = "-"
    group: str = "-"
    denied: str = "-"
    failure: str = "-"
    grpc_status: int | None = None
    signed: bool = True


class ThroughLattice:
    """Carries requests through the service network."""

    def __init__(self, world: World, work: Work, through_alb: ThroughAlb) -> None:
        """`through_alb` takes requests whose target is a load balancer."""
        self.world, self.work, self.through_alb = world, work, through_alb

    def call(self, request: Request, at: float) -> tuple[int, float]:
        """One call: status and time of the response."""
        world, rng, source, service = self.world, self.world.rng, request.source, request.service
        host = service.dns if request.bare else service.host
        connection = self._connection(request, at)
        passage = self._refuse(request, at, connection) or self._pass(request, at, host)
        done, to_target, back = passage.done, 0, 0
        if passage.denied == "-":
            if passage.target != "-":
                to_target = math.ceil((passage.sent - at) * 1000)
                back = rng.randrange(0, 2) + passage.octets // 120_000
            done += 0.001 + back / 1000
            if passage.group == service.canary_target_group_arn:
                for bad in world.incidents.of("canary_bad"):
                    bad.count += passage.status >= 500
        duration = max(math.ceil((done - at) * 1000), to_target + back)
        connection.carry(at, done, (request.octets, passage.octets))
        world.show(request, at, connection.ip)
        request_id = world.tally.uuid(rng)
        text = lattice.access_line(
            world.topology,
            source,
            service,
            at=at,
            ip_port=f"{connection.ip}:{connection.port}",
            target=passage.target,
            target_group=passage.group,
            signed=passage.signed,
            denied=passage.denied,
            failure=passage.failure,
            status=passage.status,
            grpc_status=passage.grpc_status,
            method=request.method,
            path=request.path,
            octets=(request.octets, passage.octets),
            durations=(duration, to_target, back),
            host=host,
            request_id=request_id,
        )
        self._count(request, at, done, text, request_id, connection, passage)
        return passage.status, done

    def _count(
        self, request: Request, at: float, done: float, text: str, request_id: str, used: Connection, passage: Passage
    ) -> None:
        tally, source, service = self.world.tally, request.source, request.service
        vpc = source.host.vpc.vpc_id
        caller_id = source.principal if passage.signed else f"{vpc}/{used.ip}"
        via = "lattice" if service.lb is None else "lattice+alb"
        network = self.world.topology.network_id
        tally.request("lattice_access", network, done, text, request_id, source.name, service, via, caller_id)
        tally.outcome(source.name, service, via, passage.denied != "-", passage.status >= 500)
        if passage.signed and source.principal:
            tally.sight_source(source.name, at, vpc, used.ip)
        if service.lb is None and passage.target != "-":
            tally.sight_target(service.name, at, service.vpc.vpc_id, passage.target.rsplit(":", 1)[0])

    def _connection(self, request: Request, at: float) -> Connection:
        source, service, connections = request.source, request.service, self.world.connections
        sixth = source.ipv6 and (int(source.host.ipv4.rsplit(".", 1)[1]) + len(service.name)) % 2 == 0
        address = service.lattice_ip
        if sixth:
            address = "fd00:ec2:80::a9fe:ab" + f"{int(address.rsplit('.', 1)[1]):02x}"
        return connections.take(
            (id(source.host), source.name, service.name),
            at,
            lambda: connections.dial(source.host, address, None, at - 0.012, once=request.once),
        )

    def _refuse(self, request: Request, at: float, connection: Connection) -> Passage | None:
        """The refusal an incident brings, else None."""
        fault = self.world.fault
        reason = fault.refuses(request.source.name, request.service.name, at) if fault else ""
        if reason:
            done = at + self.world.rng.uniform(0.001, 0.004)
            return Passage(403, 318, done, denied=reason, failure="ClientAccessDenied")
        refusal = self.world.incidents.denial(at, request.source.name, request.service.name)
        if refusal is None:
            return None
        incident, denied = refusal
        incident.denials += 1
        show(incident, connection.ip)
        done = at + self.world.rng.uniform(0.001, 0.004)
        signed = incident.kind != "unsigned_caller"
        return Passage(403, 318, done, denied=denied, failure="ClientAccessDenied", signed=signed)

    def _pass(self, request: Request, at: float, host: str) -> Passage:
        """To a target and back."""
        rng, service, connections = self.world.rng, request.service, self.world.connections
        task, group = self._target(request, at)
        sent = at + 0.001 + rng.expovariate(900)
        fault = self.world.fault
        if service.lb is not None:
            node = rng.choice(service.lb.nodes)
            answer = self.through_alb.for_lattice(service.lb, request, sent, node, host)
            return Passage(answer.status, answer.octets, answer.done, sent, f"{node.ipv4}:443", group)
        cut = fault.cuts(request.source.name, service.name, at) if fault else None
        if cut is not None:
            return Passage(500, 180, sent + cut[2], sent, group=group, failure=cut[0])
        if fault is not None:
            sent += fault.delays(request.source.name, service.name, at)
        if self._unreachable(service, task, sent):
            return Passage(500, 180, sent + 0.003, sent, group=group, failure="TargetConnectionError")
        address = task.host.ipv6 if service.ipv6_targets else task.host.ipv4
        leg = connections.take(
            ("lattice", id(task)),
            sent,
            lambda: connections.from_lattice(task.host, address, task.port, sent - 0.0005),
        )
        answer = self.work.serve(request, task, sent)
        leg.carry(sent, answer.done, (request.octets + 300, answer.octets))
        target = f"{address}:{task.port}"
        return Passage(answer.status, answer.octets, answer.done, sent, target, group, grpc_status=answer.grpc_status)

    def _target(self, request: Request, at: float) -> tuple[Task, str]:
        rng, service, fault = self.world.rng, request.service, self.world.fault
        canary = fault.takes(request.source.name, service.name, at) if fault else None
        if canary is not None:
            return canary, service.canary_target_group_arn
        bad = service.canaries and self.world.incidents.at("canary_bad", at, callee=service.name)
        if bad and rng.random() < 0.1:
            return rng.choice(service.canaries), service.canary_target_group_arn
        return rng.choice(service.live(at)), service.target_group_arn

    def _unreachable(self, service: Service, task: Task, at: float) -> bool:
        """Whether the target refuses the connection: SYN, answered by RST."""
        failing = self.world.incidents.at("target_failing", at, callee=service.name)
        if failing is None or self.world.rng.random() >= 0.35:
            return False
        failing.count += 1
        leg = self.world.connections.from_lattice(task.host, task.host.ipv4, task.port, at).legs[0]
        leg.events.clear()
        leg.attempt(at, reset=True)
        self.world.tally.legs.append((leg, None))
        return True
