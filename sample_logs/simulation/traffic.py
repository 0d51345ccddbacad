"""Calls: through the callee's front door, again where a retry storm makes the caller try again."""

from __future__ import annotations

from .through_alb import ThroughAlb
from .through_lattice import ThroughLattice
from .topology import Service, Source
from .work import Work
from .world import World


class Traffic:
    """Carries calls through the estate; a call causes the calls its callee makes."""

    def __init__(self, world: World) -> None:
        """One run's traffic; lines, sightings and counts go to the world's tally."""
        self.world = world
        work = Work(world, self.call)
        self.through_alb = ThroughAlb(world, work)
        self.through_lattice = ThroughLattice(world, work, self.through_alb)

    def call(
        self, source: Source, callee: str, at: float, read: str = "", bare: bool = False, once: bool = False
    ) -> tuple[int, float]:
        """One logical call at `at` (epoch seconds): status of the last attempt, and when it was answered.

        `read`: path of a plain read, which causes no further calls; `bare`: by the front door's own DNS name, past
        Lattice where the callee has a load balancer; `once`: on a connection of its own.
        """
        service = self.world.topology.services[callee]
        status, done = self._attempt(source, service, at, read, bare, once)
        storm = self.world.incidents.at("retry_storm", at, source.name, callee)
        fault = self.world.fault
        for _ in range(5 if storm else fault.again(source.name, callee, at) if fault else 0):
            if status < 500:
                break
            status, done = self._attempt(source, service, done + self.world.rng.uniform(0.01, 0.08), read, bare, once)
        return status, done

    def _attempt(
        self, source: Source, service: Service, at: float, read: str, bare: bool, once: bool
    ) -> tuple[int, float]:
        request = self.world.request(source, service, read, bare, once)
        if service.lb is not None and (service.door == "alb" or bare):
            return self.through_alb.call(service.lb, request, at)
        return self.through_lattice.call(request, at)
