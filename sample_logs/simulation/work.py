"""What a service does with a request: its own work, its downstream calls one after another, and how it fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .topology import Service, Source, Task
from .world import Request, World

Call = Callable[[Source, str, float, str], tuple[int, float]]  # source, callee, time, path of a plain read


@dataclass(slots=True)
class Answer:
    """A service's response: statuses, when (epoch seconds), and its size in bytes."""

    status: int
    grpc_status: int | None
    done: float
    octets: int


class Work:
    """Serves requests; `call` makes the downstream calls."""

    def __init__(self, world: World, call: Call) -> None:
        """`call` answers with the status and the time of the response."""
        self.world, self.call = world, call

    def serve(self, request: Request, task: Task, at: float) -> Answer:
        """The answer of one task to a request that reaches it at `at`."""
        rng, service = self.world.rng, request.service
        own = service.own_ms * rng.lognormvariate(0, 0.22) / 1000
        slow = self.world.incidents.at("slow_downstream", at, callee=service.name)
        if slow is not None:
            own *= 40
            slow.count += 1
        fault = self.world.fault
        if fault is not None:
            own *= fault.slows(request.source.name, service.name, task, at)
        if service.name == "ledger":
            self._ask_database(task, at + own * 0.2, own * 0.6)
        out = 300 + rng.randrange(2600)
        large = self.world.incidents.at("large_transfer", at, request.source.name, service.name)
        if large is not None:
            out, own = rng.randrange(180, 400) * 1_000_000, own + 2.5
            large.count += 1
        status, done = self._own_status(service, task, at), at + own * 0.6
        if fault is not None:
            status = fault.answers(request.source.name, service.name, task, at) or status
        if status >= 500:
            return Answer(status, None, done, 190)
        failed = False
        caller = self.world.task_source(service, task)
        for call in request.calls:
            if rng.random() < call.probability:
                answer, done = self.call(caller, call.callee, done, call.read)
                refused = fault is not None and answer in (0, 403)
                failed = failed or (call.critical and (answer >= 500 or refused))
        done += own * 0.4
        if failed:
            return Answer(500, None, done, 210)
        if not service.grpc:
            return Answer(status, None, done, out)
        return Answer(200, 5 if status == 404 else 0, done, out)

    def _own_status(self, service: Service, task: Task, at: float) -> int:
        rng, incidents = self.world.rng, self.world.incidents
        draw = rng.random()
        failing = incidents.at("target_failing", at, callee=service.name)
        if failing is not None and draw < 0.45:
            failing.count += 1
            return 500
        if task in service.canaries and draw < 0.92:
            return 502
        if draw < 0.8:
            storm = next(
                (i for i in incidents.of("retry_storm") if i.callee == service.name and i.start <= at < i.end), None
            )
            if storm is not None:
                storm.count += 1
                return 503
        quiet = rng.random()
        return 500 if quiet < 0.0004 else 404 if quiet < 0.0024 else 200

    def _ask_database(self, task: Task, at: float, took: float) -> None:
        database, connections = self.world.topology.database, self.world.connections
        connection = connections.take(
            ("db", id(task)),
            at,
            lambda: connections.dial(task.host, database.ipv4, database.eni, at - 0.002, 5432),
        )
        connection.carry(at, at + took, (380, 900))
