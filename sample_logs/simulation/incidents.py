"""What goes wrong, when, between whom: the plan of incidents and the question "does this one hold now?"."""

from __future__ import annotations

from dataclasses import dataclass, field

from .topology import ACCOUNT_B, REGION, Topology

SLOT = 300


@dataclass(eq=False)
class Incident:
    """One incident, from `start` to `end` (epoch seconds).

    `ips` are addresses called (targets, nodes), `caller_ips` the callers'; `count`: log records that show the incident,
    `denials` those of them that are Lattice refusals; `direct_from`: when a denied caller starts to go straight.
    """

    kind: str
    start: float
    end: float
    caller: str = ""
    callee: str = ""
    layer: str | None = None
    target_group: str | None = None
    ips: list[str] = field(default_factory=list)
    caller_ips: list[str] = field(default_factory=list)
    port: int | None = None
    source: str | None = None
    direct_from: float | None = None
    count: int = 0
    denials: int = 0


# kind, from and to as minutes of a 180-minute sample, caller, callee, layer, port
PLAN: tuple[tuple[str, float, float, str, str, str | None, int | None], ...] = (
    ("large_transfer", 51, 59, "reports", "ledger", None, None),
    ("service_policy_tightened", 60, 135, "catalog", "pricing", "service_policy", None),
    ("target_failing", 62, 80, "", "fraud", None, 8080),
    ("ipv6_rule_missing", 70, 95, "mobile-fn", "gateway", "packet", 443),
    ("network_policy_tightened", 75, 105, "shipping", "notifications", "network_policy", None),
    ("canary_bad", 70, 125, "", "payments", None, 8080),
    ("direct_to_target", 95, 118, "reports", "ledger", None, 8080),
    ("bare_dns_caller", 100, 140, "stock-sync", "inventory", None, None),
    ("unsigned_caller", 100, 125, "inventory", "notifications", "service_policy", None),
    ("bare_dns_caller", 105, 150, "legacy-cron", "shipping", None, None),
    ("port_scan", 110, 113, "scanner", "", "packet", None),
    ("denied_then_direct", 118, 160, "promo-job", "orders", "service_policy", 8080),
    ("identity_permission_missing", 120, 180, "month-end", "reports", "identity_policy", None),
    ("slow_downstream", 130, 152, "", "ledger", None, None),
    ("certificate_expired", 132, 180, "partner-sync", "identity", "tls", 443),
    ("iam_user_caller", 140, 160, "deploy-admin", "ledger", None, None),
    ("new_caller", 150, 180, "analytics-export", "orders", None, None),
    ("log_gap", 155, 175, "", "", None, None),
    ("retry_storm", 156, 170, "orders", "pricing", None, None),
)
KINDS = tuple(dict.fromkeys(kind for kind, *_ in PLAN))


class Incidents:
    """The incidents of one run."""

    def __init__(self, topology: Topology, start: float, end: float, chosen: list[str]) -> None:
        """`chosen`: kinds, in any order; the plan's minutes are stretched to the length of the run."""
        stretch = (end - start) / (180 * 60)
        self.all: list[Incident] = []
        self._by_kind: dict[str, list[Incident]] = {}
        for kind, first, last, caller, callee, layer, port in PLAN:
            if kind not in chosen:
                continue
            begins, ends = start + first * 60 * stretch, start + last * 60 * stretch
            incident = Incident(kind, begins, ends, caller, callee, layer, port=port)
            self._complete(incident, topology)
            self.all.append(incident)
            self._by_kind.setdefault(kind, []).append(incident)

    def _complete(self, incident: Incident, topology: Topology) -> None:
        if incident.kind == "canary_bad":
            incident.target_group = topology.services["payments"].canary_target_group_arn
            incident.ips = [task.host.ipv4 for task in topology.services["payments"].canaries]
        elif incident.kind == "denied_then_direct":
            incident.direct_from = incident.start + (incident.end - incident.start) / 7
        elif incident.kind == "log_gap":
            incident.start, incident.end = (round(t / SLOT) * SLOT for t in (incident.start, incident.end))
            incident.source = f"AWSLogs/{ACCOUNT_B}/vpcflowlogs/{REGION}"
        elif incident.kind == "certificate_expired":
            certificate = topology.callers[incident.caller].certificate
            if certificate is not None:
                certificate.not_after = incident.start
        elif incident.kind == "target_failing":
            incident.target_group = topology.services[incident.callee].target_group_arn
        elif incident.kind == "ipv6_rule_missing":
            incident.ips = [node.ipv6 for node in topology.load_balancers["edge"].nodes]

    def of(self, kind: str) -> list[Incident]:
        """All incidents of a kind."""
        return self._by_kind.get(kind, [])

    def at(self, kind: str, at: float, caller: str = "", callee: str = "") -> Incident | None:
        """The incident of `kind` that holds at `at` for this caller and callee; None when there is none."""
        for incident in self._by_kind.get(kind, ()):
            if (
                incident.start <= at < incident.end
                and incident.caller in ("", caller)
                and incident.callee in ("", callee)
            ):
                return incident
        return None

    def denial(self, at: float, caller: str, callee: str) -> tuple[Incident, str] | None:
        """The incident that makes Lattice refuse this call, with `authDeniedReason`."""
        for kind, reason in DENIALS:
            incident = self.at(kind, at, caller, callee)
            if incident is not None:
                return incident, reason
        return None


DENIALS = (
    ("service_policy_tightened", "Service"),
    ("unsigned_caller", "Service"),
    ("denied_then_direct", "Service"),
    ("network_policy_tightened", "Network"),
    ("identity_permission_missing", "Identity"),
)
