"""The causes that evidence shows on an edge, in the order in which a call meets them.

The order, and from when on a cause counts, are reasoned in docs/decisions/0010-verdict.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from queries.inquiry import Evidence, Row

POLICIES = ("network_policy", "service_policy", "identity_policy", "unknown_policy", "waf", "alb_auth", "alb_rule")
"""Layers that refuse a request before the application sees it, in the order a request meets them."""
SIGNIFICANT = 0.05
"""Share of the attempts from which on a cause is the verdict."""
_FORMATS = {"lattice": "lattice_access", "alb": "alb_access"}


@dataclass(frozen=True)
class Cause:
    """One cause that was seen: how often of how many, its words, and the row it comes from."""

    kind: str
    affected: int
    attempts: int
    words: str
    row: Mapping[str, Any]
    run: str | None = None
    advice: str | None = None

    @property
    def significant(self) -> bool:
        """Whether it explains enough of the attempts."""
        return self.affected > 0 and self.affected >= SIGNIFICANT * self.attempts


def causes(seen: Evidence) -> list[Cause]:
    """Every cause that was seen, the one that stands earliest in a call's way first."""
    return [cause for find in _FINDERS for cause in find(seen) if cause.affected]


def _packets(seen: Evidence) -> list[Cause]:
    row = seen.packets
    words = (
        f"{seen.callee} refuses packets of {seen.caller} ({', '.join(row['ip_versions'] or [])}) at "
        f"{', '.join(row['refused_at'] or [])}: REJECT"
    )
    return [Cause("packet", row["refused"], row["attempts"], words, {**row, "last_at": row["last_refused"]}, "packet")]


def _handshakes(seen: Evidence) -> list[Cause]:
    row = seen.handshakes
    words = f"{seen.callee} refuses the TLS handshake of {seen.caller}: {row['reason']}"
    return [Cause("tls", row["refused"], row["refused"] + seen.requests, words, row)]


def _policies(seen: Evidence) -> list[Cause]:
    rows = [row for row in seen.causes if row["cause"] in POLICIES]
    rows.sort(key=lambda row: (-row["requests"], POLICIES.index(row["cause"])))
    return [_policy(seen, row) for row in rows]


def _policy(seen: Evidence, row: Row) -> Cause:
    layer = row["cause"]
    unsigned = 2 * row["unsigned"] > row["requests"]
    by = "a policy that the log does not name" if layer == "unknown_policy" else layer.replace("_", " ")
    words = f"{seen.callee} refuses {seen.caller} by {by}"
    words += ", which does not sign its calls" if unsigned else ""
    advice = "unsigned" if unsigned else None
    return Cause(layer, row["requests"], seen.requests, words, row, "denied", advice)


def _responses(seen: Evidence) -> list[Cause]:
    words = {
        "identity_provider": f"{seen.callee}'s load balancer cannot ask its identity provider about {seen.caller}",
        "no_response": f"{seen.callee} does not respond to {seen.caller}",
        "target": f"{seen.callee} fails {seen.caller}",
    }
    found = [
        Cause(cause, row["requests"], seen.requests, text + _where(row), row, "failed")
        for cause, text in words.items()
        if (row := seen.cause(cause))
    ]
    # They are one question, who failed: the most frequent answers it.
    found.sort(key=lambda finding: -finding.affected)
    return found


def _where(row: Row) -> str:
    """Status and reason, and the target group when it alone of several fails."""
    parts = [str(part) for part in (row["status"], row["reason"]) if part is not None]
    text = f" with {' '.join(parts)}" if parts else ""
    if row["groups"] > 1 and row["in_group"] >= 0.8 * row["requests"]:
        group = str(row["target_group"]).rpartition("targetgroup/")[2]
        text += f", in target group {group} alone ({row['in_group']} of its {row['group_requests']})"
    return text


def _answers(seen: Evidence) -> list[Cause]:
    words = {
        "application": f"{seen.callee} itself answers {seen.caller} with 403; every policy let it through",
        "caller_left": f"{seen.callee} answers {seen.caller}, who closes the connection amid the response",
        "client_error": f"{seen.callee} answers that requests of {seen.caller} are wrong",
    }
    return [
        Cause(cause, row["requests"], seen.requests, text, row, "client_error")
        for cause, text in words.items()
        if (row := seen.cause(cause))
    ]


def _slow(seen: Evidence) -> list[Cause]:
    row = seen.slow
    if row is None:
        return []
    part = {"front_door": "before the target was asked", "target": "at the target", "response": "in the response"}
    words = (
        f"{seen.caller} is allowed to call {seen.callee} but waits: p95 {row['observed']:,.0f} ms, "
        f"usually {row['expected']:,.0f} ms"
    )
    words += f", most of it {part[row['part']]}" if row["part"] else ""
    return [Cause("slow", row["requests"], row["requests"], words, row)]


def _bypass(seen: Evidence) -> list[Cause]:
    row = seen.direct
    if row is None:
        return []
    count = int(row["observed"])
    words = f"{seen.caller} goes straight to {seen.callee} at {', '.join(row['targets'][:3])}, past the front door"
    return [Cause("bypass", count, count, words, {**row, "lines": [f"{row['log_object']}:{row['log_line']}"]})]


def _direct_refusals(seen: Evidence) -> list[Cause]:
    row = seen.direct_refusals
    # At the front door's own addresses it is said already.
    if seen.packets["refused"]:
        return []
    ports = f" on {row['ports']} ports" if row["ports"] > 1 else ""
    words = (
        f"{seen.callee} refuses packets that {seen.caller} sends past the front door "
        f"({', '.join(row['ip_versions'] or [])}) to {', '.join(row['refused_at'] or [])}{ports}: REJECT"
    )
    return [Cause("packet", row["refused"], row["refused"] + seen.requests, words, row)]


_FINDERS: tuple[Callable[[Evidence], list[Cause]], ...] = (
    _packets,
    _handshakes,
    _policies,
    _responses,
    _answers,
    _slow,
    _bypass,
    _direct_refusals,
)
"""In the order in which a call meets them; what comes after can only be judged by the calls that got that far."""


def nothing_wrong(seen: Evidence) -> Cause:
    """What is left to say when no cause is: fine, or nothing seen, which means something only of complete data."""
    edge = f"{seen.caller} to {seen.callee}"
    if seen.requests:
        return Cause("fine", 0, seen.requests, f"{edge}: allowed and fine", seen.cause("ok") or {})
    missing = missing_sources(seen)
    if missing or not _has_flow_logs(seen):
        why = "data is missing" if missing else "there are no flow logs for the window"
        return Cause("no_data", 0, 0, f"{edge}: nothing seen, but {why}, so nothing can be concluded", {})
    if seen.packets["last_seen"]:
        return Cause("no_request", 0, 0, f"{edge}: packets reach the front door, but no request was logged", {})
    return Cause("no_packets", 0, 0, f"{edge}: no packets and no requests seen, and the logs are complete", {})


def needed_formats(seen: Evidence) -> set[str]:
    """Formats that would show this edge."""
    return {"vpc_flow", *(_FORMATS[door] for door in seen.front_doors or _FORMATS)}


def missing_sources(seen: Evidence) -> tuple[str, ...]:
    """The sources that would show this edge and lack deliveries, each with how many."""
    needed = needed_formats(seen)
    return tuple(str(d) for d in seen.deliveries if d.missing and d.format in needed)


def _has_flow_logs(seen: Evidence) -> bool:
    return any(d.format == "vpc_flow" for d in seen.deliveries)
