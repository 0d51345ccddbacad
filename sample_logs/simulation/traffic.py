"""Requests and what they cause: every call through a front door, the calls it makes downstream, and the lines they leave."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from . import alb, lattice
from .connections import Connection, Connections
from .incidents import Incidents
from .topology import Caller, Downstream, Host, LoadBalancer, Service, Source, Task, Topology
from .tally import Tally

Answer = tuple[int, int | None, float, int]  # status, gRPC status, epoch seconds of the response, bytes


@dataclass(slots=True)
class Request:
    """What is asked of a service, before anybody answers."""

    method: str
    path: str
    calls: list[Downstream]
    octets: int


class Traffic:
    """Carries requests through the estate. Lines, sightings and counts go to the `Tally`."""

    def __init__(self, topology: Topology, incidents: Incidents, tally: Tally, rng: Random) -> None:
        """One run's traffic; `rng` decides everything that is not fixed by the estate."""
        self.topology, self.incidents, self.tally, self.rng = topology, incidents, tally, rng
        self.connections = Connections(rng)

    def source(self, caller: Caller) -> Source:
        """One copy of a caller that is no service."""
        host = self.rng.choice(caller.hosts)
        return Source(
            caller.name,
            caller.principal,
            host.vpc.account,
            host,
            caller.certificate,
            caller.kind in ("batch", "lambda"),
        )

    def task_source(self, service: Service, task: Task) -> Source:
        """A service's task as the caller of others."""
        principal = f"arn:aws:sts::{service.account}:assumed-role/{service.role_name}/{task.session}"
        return Source(
            service.name, principal, service.account, task.host, service.certificate, service.platform == "shared"
        )

    def call(
        self, source: Source, callee: str, at: float, read: str = "", bare: bool = False, once: bool = False
    ) -> tuple[int, float]:
        """One logical call, with the retries a retry storm brings; status of the last attempt and when it was answered."""
        service = self.topology.services[callee]
        status, done = self._attempt(source, service, at, read, bare, once)
        storm = self.incidents.at("retry_storm", at, source.name, callee)
        for _ in range(5 if storm else 0):
            if status < 500:
                break
            status, done = self._attempt(source, service, done + self.rng.uniform(0.01, 0.08), read, bare, once)
        return status, done

    def _attempt(
        self, source: Source, service: Service, at: float, read: str, bare: bool, once: bool
    ) -> tuple[int, float]:
        request = self._request(service, read)
        if service.door == "alb" or (bare and service.lb is not None):
            return self._through_alb(source, service, request, at, bare, once)
        return self._through_lattice(source, service, request, at, bare, once)

    def _request(self, service: Service, read: str) -> Request:
        octets = 420 + self.rng.randrange(900)
        if read:
            return Request("GET", read, [], octets)
        route = self.rng.choices(service.routes, [r.weight for r in service.routes])[0]
        return Request(route.method, route.path, route.calls, octets)

    # -- Lattice -----------------------------------------------------------------------------------------------------

    def _through_lattice(
        self, source: Source, service: Service, request: Request, at: float, bare: bool, once: bool
    ) -> tuple[int, float]:
        rng = self.rng
        host_header = service.dns if bare else service.host
        sixth = source.ipv6 and (int(source.host.ipv4.rsplit(".", 1)[1]) + len(service.name)) % 2 == 0
        address = (
            "fd00:ec2:80::a9fe:ab" + f"{int(service.lattice_ip.rsplit('.', 1)[1]):02x}" if sixth else service.lattice_ip
        )
        key = (id(source.host), source.name, service.name)
        connection = self.connections.take(
            key, at, lambda: self.connections.dial(source.host, address, None, at - 0.012, once=once)
        )
        refusal = self.incidents.denial(at, source.name, service.name)
        denied, failure, target, group = "-", "-", "-", service.target_group_arn
        grpc: int | None = None
        signed = True
        if refusal is not None:
            incident, denied = refusal
            incident.count += 1
            incident.denials += 1
            incident.saw_ip(connection.ip)
            signed = incident.kind != "unsigned_caller"
            status, out, done, to_target, back = 403, 318, at + rng.uniform(0.001, 0.004), 0, 0
            failure, group = "ClientAccessDenied", "-"
        else:
            task, group = self._target(service, at)
            sent = at + 0.001 + rng.expovariate(900)
            if service.lb is not None:
                node = rng.choice(service.lb.nodes)
                target = f"{node.ipv4}:443"
                status, done, out = self._alb_target(source, service, request, sent, node, host_header)
            elif self._unreachable(service, task, sent):
                status, out, done, failure = 500, 180, sent + 0.003, "TargetConnectionError"
            else:
                reached = task.host.ipv6 if service.ipv6_targets else task.host.ipv4
                target = f"{reached}:{task.port}"
                leg = self.connections.take(
                    ("lattice", id(task)),
                    sent,
                    lambda: self.connections.from_lattice(task.host, reached, task.port, sent - 0.0005),
                )
                status, grpc, done, out = self._serve(source, service, task, request, sent)
                leg.carry(sent, done, (request.octets + 300, out))
            to_target = math.ceil((sent - at) * 1000) if target != "-" else 0
            back = 0 if target == "-" else rng.randrange(0, 2) + out // 120_000
            done += 0.001 + back / 1000
            if group == service.canary_target_group_arn and group:
                for bad in self.incidents.of("canary_bad"):
                    bad.count += status >= 500
        duration = max(math.ceil((done - at) * 1000), to_target + back)
        connection.carry(at, done, (request.octets, out))
        self._note_lattice(source, service, at, connection)
        request_id = self.tally.uuid(rng)
        text = lattice.access_line(
            self.topology,
            source,
            service,
            at=at,
            ip_port=f"{connection.ip}:{connection.port}",
            target=target,
            target_group=group,
            signed=signed,
            denied=denied,
            failure=failure,
            status=status,
            grpc_status=grpc,
            method=request.method,
            path=request.path,
            octets=(request.octets, out),
            durations=(duration, to_target, back),
            host=host_header,
            request_id=request_id,
        )
        caller_id = source.principal if signed else f"{source.host.vpc.vpc_id}/{connection.ip}"
        via = "lattice+alb" if service.lb is not None else "lattice"
        self.tally.request(
            "lattice_access", self.topology.network_id, done, text, request_id, source.name, service, via, caller_id
        )
        failed = status >= 500
        self.tally.outcome(source.name, service, via, denied != "-", failed)
        self._sight(source, connection, at, signed, service, target if service.lb is None else "-")
        return status, done

    def _note_lattice(self, source: Source, service: Service, at: float, connection: Connection) -> None:
        for kind in ("bare_dns_caller", "iam_user_caller", "new_caller"):
            incident = self.incidents.at(kind, at, source.name, service.name)
            if incident is not None:
                incident.count += 1
                incident.saw_ip(connection.ip)

    def _sight(
        self, source: Source, connection: Connection, at: float, signed: bool, service: Service, target: str
    ) -> None:
        vpc = source.host.vpc.vpc_id
        if signed and source.principal:
            self.tally.sight_source(source.name, at, vpc, connection.ip)
        if target != "-":
            self.tally.sight_target(service.name, at, service.vpc.vpc_id, target.rsplit(":", 1)[0])

    def _target(self, service: Service, at: float) -> tuple[Task, str]:
        if service.canaries and self.incidents.at("canary_bad", at, callee=service.name) and self.rng.random() < 0.1:
            return self.rng.choice(service.canaries), service.canary_target_group_arn
        return self.rng.choice(service.live(at)), service.target_group_arn

    def _unreachable(self, service: Service, task: Task, at: float) -> bool:
        failing = self.incidents.at("target_failing", at, callee=service.name)
        if failing is None or self.rng.random() >= 0.35:
            return False
        failing.count += 1
        leg = self.connections.from_lattice(task.host, task.host.ipv4, task.port, at)
        leg.legs[0].events.clear()
        leg.legs[0].attempt(at, reset=True)
        self.tally.legs.append((leg.legs[0], None))
        return True

    # -- ALB ---------------------------------------------------------------------------------------------------------

    def _through_alb(
        self, source: Source, service: Service, request: Request, at: float, bare: bool, once: bool
    ) -> tuple[int, float]:
        lb = service.lb
        if lb is None:
            raise ValueError(f"{service.name} has no load balancer")
        node = self.rng.choice(lb.nodes)
        sixth = source.name == "gateway" and service.name == "catalog" and self.rng.random() < 0.3
        if sixth:
            missing = self.incidents.at("ipv6_rule_missing", at, source.name, service.name)
            if missing is not None:
                port = source.host.ephemeral_port()
                self.tally.rejected(source.host, source.host.ipv6, port, node, node.ipv6, 443, at, missing)
                sixth, at = False, at + 0.25
        dst = node.ipv6 if sixth else node.ipv4
        opened = self._open_alb(source, service, lb, node, dst, at, once)
        if opened is None:
            return 0, at + 0.05
        host_header = lb.dns if bare else service.host
        status, done, out = self._alb_hop(source, service, request, at, opened, node, host_header, source.name, "alb")
        opened.carry(at, done, (request.octets, out))
        caller_id = (
            source.certificate.subject if lb.mtls and source.certificate else f"{source.host.vpc.vpc_id}/{opened.ip}"
        )
        self.tally.caller_id(source.name, service, "alb", caller_id)
        self.tally.outcome(source.name, service, "alb", False, status >= 500)
        self._note_lattice(source, service, at, opened)
        return status, done

    def _open_alb(
        self, source: Source, service: Service, lb: LoadBalancer, node: Host, dst: str, at: float, once: bool
    ) -> Connection | None:
        """A connection to a node, with its connection line when it is new; None when its client certificate is refused."""
        expired = self.incidents.at("certificate_expired", at, source.name, service.name)
        shake = 0.004 + self.rng.expovariate(300)
        if expired is not None and lb.mtls and source.certificate is not None:
            refused = self.connections.dial(source.host, dst, node.eni, at, once=True)
            refused.uses, refused.last_used = 1, at + shake
            self.connections.all.append(refused)
            self._connection_line(source, lb, node, refused, at, shake, "Failed:ClientCertExpired")
            expired.count += 1
            expired.saw_ip(refused.ip)
            return None
        key = (id(source.host), source.name, lb.name, dst)
        connection = self.connections.take(
            key, at, lambda: self.connections.dial(source.host, dst, node.eni, at - shake - 0.001, once=once)
        )
        if connection.fresh:
            self._connection_line(source, lb, node, connection, at - shake, shake, "Success")
        return connection

    def _connection_line(
        self, source: Source, lb: LoadBalancer, node: Host, c: Connection, at: float, shake: float, verify: str
    ) -> None:
        certificate = source.certificate if lb.mtls else None
        text = alb.connection_line(
            lb,
            at=at,
            client_ip=c.ip,
            client_port=c.port,
            latency=shake,
            certificate=certificate,
            verify=verify,
            conn_trace_id=c.trace_id,
            node=node.ipv4,
        )
        self.tally.line("alb_connection", (lb.name, node.ipv4), at, text)

    def _alb_target(
        self, source: Source, service: Service, request: Request, at: float, node: Host, host: str
    ) -> tuple[int, float, int]:
        """A Lattice service whose target is a load balancer: Lattice is the load balancer's client."""
        lb = service.lb
        if lb is None:
            raise ValueError(f"{service.name} has no load balancer")
        key = ("lattice", lb.name, node.ipv4)
        connection = self.connections.take(
            key, at, lambda: self.connections.from_lattice(node, node.ipv4, 443, at - 0.0008)
        )
        if connection.fresh:
            connection.most = min(connection.most, 3)
            self._connection_line(source, lb, node, connection, at, 0.003, "Success")
        status, done, out = self._alb_hop(
            source, service, request, at, connection, node, host, source.name, "lattice+alb"
        )
        connection.carry(at, done, (request.octets + 300, out))
        return status, done, out

    def _alb_hop(
        self,
        source: Source,
        service: Service,
        request: Request,
        at: float,
        client: Connection,
        node: Host,
        host: str,
        caller: str,
        via: str,
    ) -> tuple[int, float, int]:
        lb, rng = service.lb, self.rng
        if lb is None:
            raise ValueError(f"{service.name} has no load balancer")
        task = rng.choice(service.live(at))
        sent = at + rng.uniform(0.0004, 0.0019)
        leg = self.connections.take(
            ("alb", node.ipv4, id(task)),
            sent,
            lambda: self.connections.dial(node, task.host.ipv4, task.host.eni, sent - 0.0004, task.port),
        )
        status, _, answered, out = self._serve(source, service, task, request, sent)
        leg.carry(sent, answered, (request.octets + 160, out))
        done = answered + rng.uniform(0.0001, 0.0009)
        root = f"Root=1-{int(at):08x}-{rng.getrandbits(96):024x}"
        text = alb.access_line(
            lb,
            created=at,
            done=done,
            client=f"{client.ip}:{client.port}",
            target=f"{task.host.ipv4}:{task.port}",
            times=(f"{sent - at:.3f}", f"{answered - sent:.3f}", f"{done - answered:.3f}"),
            status=status,
            target_status=str(status),
            octets=(request.octets, out),
            method=request.method,
            host=host,
            path=request.path,
            agent=lattice.user_agent(source),
            group=service.alb_target_group_arn,
            trace_id=root,
            priority=service.rule_priority if lb.name == "internal-edge" else 0,
            conn_trace_id=client.trace_id,
            node=node.ipv4,
        )
        self.tally.request("alb_access", (lb.name, node.ipv4), done, text, root, caller, service, via, None)
        self.tally.sight_target(service.name, at, service.vpc.vpc_id, task.host.ipv4)
        return status, done, out

    # -- the work itself ---------------------------------------------------------------------------------------------

    def _serve(self, source: Source, service: Service, task: Task, request: Request, at: float) -> Answer:
        """The service's own work and its downstream calls, one after another."""
        rng = self.rng
        own = service.own_ms * rng.lognormvariate(0, 0.22) / 1000
        slow = self.incidents.at("slow_downstream", at, callee=service.name)
        if slow is not None:
            own *= 40
            slow.count += 1
        if service.name == "ledger":
            self._ask_database(task, at + own * 0.2, own * 0.6)
        out = 300 + rng.randrange(2600)
        large = self.incidents.at("large_transfer", at, source.name, service.name)
        if large is not None:
            out, own = rng.randrange(180, 400) * 1_000_000, own + 2.5
            large.count += 1
        status, done = self._own_status(service, task, at), at + own * 0.6
        if status >= 500:
            return status, None, done, 190
        failed = False
        caller = self.task_source(service, task)
        for call in request.calls:
            if rng.random() < call.probability:
                answer, done = self.call(caller, call.callee, done, call.read)
                failed = failed or (call.critical and answer >= 500)
        done += own * 0.4
        if failed:
            return 500, None, done, 210
        if not service.grpc:
            return status, None, done, out
        return 200, (5 if status == 404 else 0), done, out

    def _own_status(self, service: Service, task: Task, at: float) -> int:
        draw = self.rng.random()
        failing = self.incidents.at("target_failing", at, callee=service.name)
        if failing is not None and draw < 0.45:
            failing.count += 1
            return 500
        if task in service.canaries and draw < 0.92:
            return 502
        if draw < 0.5:
            storm = next(
                (i for i in self.incidents.of("retry_storm") if i.callee == service.name and i.start <= at < i.end),
                None,
            )
            if storm is not None:
                storm.count += 1
                return 503
        quiet = self.rng.random()
        return 500 if quiet < 0.0004 else 404 if quiet < 0.0024 else 200

    def _ask_database(self, task: Task, at: float, took: float) -> None:
        database = self.topology.database
        connection = self.connections.take(
            ("db", id(task)),
            at,
            lambda: self.connections.dial(task.host, database.ipv4, database.eni, at - 0.002, 5432),
        )
        connection.carry(at, at + took, (380, 900))
