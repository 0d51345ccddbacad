"""Calls through a load balancer: its clients' connections, its targets', and the access and connection lines."""

from __future__ import annotations

from . import alb, lattice
from .connections import Connection
from .topology import Host, LoadBalancer, Source
from .work import Answer, Work
from .world import Request, World, show

LOST = ("-1", "-1", "-1")  # processing times of a request that no target answered


class ThroughAlb:
    """Carries requests through load balancers."""

    def __init__(self, world: World, work: Work) -> None:
        """`work` answers behind the targets."""
        self.world, self.work = world, work

    def call(self, lb: LoadBalancer, request: Request, at: float) -> tuple[int, float]:
        """A call straight to the load balancer: status (0: the TLS handshake failed) and time of the response."""
        world, source, service = self.world, request.source, request.service
        node = world.rng.choice(lb.nodes)
        sixth = source.name == "mobile-fn" and world.rng.random() < 0.4
        if sixth:
            missing = world.incidents.at("ipv6_rule_missing", at, source.name, service.name)
            if missing is not None:
                port = source.host.ephemeral_port()
                world.tally.rejected(source.host, source.host.ipv6, port, node, node.ipv6, 443, at, missing)
                sixth, at = False, at + 0.25
        opened = self._open(lb, request, node, node.ipv6 if sixth else node.ipv4, at)
        if opened is None:
            return 0, at + 0.05
        answer = self._hop(lb, request, at, opened, node, lb.dns if request.bare else service.host, "alb")
        opened.carry(at, answer.done, (request.octets, answer.octets))
        certificate = source.certificate if lb.mtls else None
        caller_id = certificate.subject if certificate else f"{source.host.vpc.vpc_id}/{opened.ip}"
        world.tally.caller_id(source.name, service, "alb", caller_id)
        world.tally.outcome(source.name, service, "alb", False, answer.status >= 500)
        world.show(request, at, opened.ip)
        return answer.status, answer.done

    def for_lattice(self, lb: LoadBalancer, request: Request, at: float, node: Host, host: str) -> Answer:
        """A Lattice service whose target is this load balancer: Lattice is the load balancer's client."""
        connections = self.world.connections
        connection = connections.take(
            ("lattice", lb.name, node.ipv4),
            at,
            lambda: connections.from_lattice(node, node.ipv4, 443, at - 0.0008),
        )
        if connection.fresh:
            connection.most = min(connection.most, 3)
            self._connection_line(request.source, lb, node, connection, at, 0.003, "Success")
        answer = self._hop(lb, request, at, connection, node, host, "lattice+alb")
        connection.carry(at, answer.done, (request.octets + 300, answer.octets))
        return answer

    def _open(self, lb: LoadBalancer, request: Request, node: Host, dst: str, at: float) -> Connection | None:
        """A connection to a node, with its connection line when new; None when its client certificate is refused."""
        world, source, connections = self.world, request.source, self.world.connections
        expired = world.incidents.at("certificate_expired", at, source.name, request.service.name)
        shake = 0.004 + world.rng.expovariate(300)
        if expired is not None and lb.mtls and source.certificate is not None:
            refused = connections.dial(source.host, dst, node.eni, at, once=True)
            refused.uses, refused.last_used = 1, at + shake
            connections.all.append(refused)
            self._connection_line(source, lb, node, refused, at, shake, "Failed:ClientCertExpired")
            show(expired, refused.ip)
            return None
        connection = connections.take(
            (id(source.host), source.name, lb.name, dst),
            at,
            lambda: connections.dial(source.host, dst, node.eni, at - shake - 0.001, once=request.once),
        )
        if connection.fresh:
            self._connection_line(source, lb, node, connection, at - shake, shake, "Success")
        return connection

    def _connection_line(
        self, source: Source, lb: LoadBalancer, node: Host, opened: Connection, at: float, shake: float, verify: str
    ) -> None:
        text = alb.connection_line(
            lb,
            at=at,
            client_ip=opened.ip,
            client_port=opened.port,
            latency=shake,
            certificate=source.certificate if lb.mtls else None,
            verify=verify,
            conn_trace_id=opened.trace_id,
            node=node.ipv4,
        )
        self.world.tally.line("alb_connection", (lb.name, node.ipv4), at, text)

    def _hop(
        self, lb: LoadBalancer, request: Request, at: float, client: Connection, node: Host, host: str, via: str
    ) -> Answer:
        """From a node to a target and back, with the access line; the answer's time is when the client has it."""
        rng, tally, connections, service = self.world.rng, self.world.tally, self.world.connections, request.service
        task = rng.choice(service.live(at))
        sent = at + rng.uniform(0.0004, 0.0019)
        fault = self.world.fault
        cut = fault.cuts(request.source.name, service.name, at) if fault else None
        if fault is not None:
            sent += fault.delays(request.source.name, service.name, at)
        leg = connections.take(
            ("alb", node.ipv4, id(task)),
            sent,
            lambda: connections.dial(node, task.host.ipv4, task.host.eni, sent - 0.0004, task.port),
        )
        answer = self.work.serve(request, task, sent) if cut is None else Answer(cut[1], None, sent + cut[2], 180)
        leg.carry(sent, answer.done, (request.octets + 160, answer.octets))
        done = answer.done + rng.uniform(0.0001, 0.0009)
        root = f"Root=1-{int(at):08x}-{rng.getrandbits(96):024x}"
        text = alb.access_line(
            lb,
            created=at,
            done=done,
            client=f"{client.ip}:{client.port}",
            target=f"{task.host.ipv4}:{task.port}",
            times=(f"{sent - at:.3f}", f"{answer.done - sent:.3f}", f"{done - answer.done:.3f}")
            if cut is None
            else LOST,
            status=answer.status,
            target_status=str(answer.status) if cut is None else "-",
            octets=(request.octets, answer.octets),
            method=request.method,
            host=host,
            path=request.path,
            agent=lattice.user_agent(request.source),
            group=service.alb_target_group_arn,
            trace_id=root,
            priority=service.rule_priority if lb.name == "internal-edge" else 0,
            conn_trace_id=client.trace_id,
            node=node.ipv4,
        )
        tally.request("alb_access", (lb.name, node.ipv4), done, text, root, request.source.name, service, via, None)
        tally.sight_target(service.name, at, service.vpc.vpc_id, task.host.ipv4)
        return Answer(answer.status, None, done, answer.octets)
