"""`eastwest why`: one verdict on an edge. Evidence in, the first cause that explains enough out.

The order of causes and what "enough" means are reasoned in docs/decisions/0010-verdict.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from ingest.lake.tables import Lake
from queries.causes import Cause, causes, missing_sources, needed_formats, nothing_wrong
from queries.completeness import ENOUGH, coverage_of
from queries.inquiry import Evidence, gather
from queries.names_file import GivenName

_OVER = 5.0
"""A cause is over when, at its rate, this many more of its kind were due since."""
NEXT = {
    "packet": "Look at the security group and network ACL of the address that refuses, for that IP version.",
    "tls": "Look at the client certificate (validity, issuer) and the load balancer's trust store.",
    "network_policy": "Read the auth policy of the service network: what changed then, does it allow this principal?",
    "service_policy": "Read the auth policy of the service: what changed then, does it allow this principal?",
    "unsigned": "Look at the caller's latest deploy: it no longer signs with SigV4, or its credentials are gone.",
    "identity_policy": "Give the caller's role vpc-lattice-svcs:Invoke on this service.",
    "unknown_policy": "Read the auth policies of the service and its network, and the caller's own permissions.",
    "waf": "Find the blocking rule in the web ACL's own logs by time and path.",
    "alb_auth": "Look at the listener rule's authenticate or JWT action and at the token's issuer and expiry.",
    "alb_rule": "Look at the listener's rules: a fixed 403 answered before any target.",
    "application": "The policy let it through: ask the callee's own authorisation and its logs.",
    "identity_provider": "Look at the identity provider and the load balancer's way to it: egress rules, DNS.",
    "no_response": "Look at the target: timeouts, crashes, its security group towards the front door.",
    "target": "Look at the callee's own errors, and run why from it to what it calls.",
    "caller_left": "Look at the caller: its timeout against how long responses take, restarts, downloads broken off.",
    "client_error": "Look at path, method and payload of the requests, and at the caller's latest deploy.",
    "slow": "Run why from the callee to what it calls; the slowest of those is the cause.",
    "bypass": "Find out why the caller does not use the front door, and close the target's security group to it.",
    "no_request": "Look at the caller's own errors: it connects, but TLS or HTTP never gets as far as a request.",
    "no_packets": "Look at the caller: is it running, does it resolve the name, has it a route and an egress rule?",
    "no_data": "Bring the missing source back before concluding anything; see eastwest check --check silent_source.",
    "fine": "Nothing is wrong on this edge; look at what the caller does before and after the call.",
}


@dataclass(frozen=True)
class Verdict:
    """The answer. `kind` is a key of NEXT; `evidence`: label and sentence, in order; `also`: other causes seen.

    `since`: first minute of the present run of it; `affected` of `attempts`; `lines`: up to three of `object:line`;
    `coverage`: share of the data due in the window that is there, 0 to 1; `over`: it happened but has stopped.
    """

    kind: str
    headline: str
    caller: str
    callee: str
    window_start: datetime
    window_end: datetime
    since: datetime | None
    over: bool
    affected: int
    attempts: int
    last_success: datetime | None
    coverage: float
    missing: tuple[str, ...]
    evidence: tuple[tuple[str, str], ...]
    lines: tuple[str, ...]
    also: tuple[str, ...]
    next_step: str

    @property
    def mood(self) -> str:
        """bad, warn, good or unknown: how to colour it."""
        if self.kind in ("no_data", "no_packets", "no_request"):
            return "unknown"
        if self.kind == "fine" or self.over:
            return "good"
        return "warn" if self.kind in ("slow", "bypass", "client_error", "caller_left") else "bad"

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {**asdict(self), "evidence": dict(self.evidence)}


def judge(
    lake: Lake,
    caller: str,
    callee: str,
    *,
    at: datetime | None,
    minutes: float,
    options: Mapping[str, str] | None = None,
    given_names: tuple[GivenName, ...] = (),
) -> Verdict:
    """Why calls from caller to callee fail, are slow or are missing, in the window that ends at `at`.

    Raises QueryError for a name nobody has, LakeError when the lake cannot be read.
    """
    return decide(gather(lake, caller, callee, at=at, minutes=minutes, options=options, given_names=given_names))


def decide(seen: Evidence) -> Verdict:
    """The verdict on this evidence: what stands earliest in a call's way and explains enough, else what is missing.

    What is over is the verdict only where nothing goes on that explains enough.
    """
    found = causes(seen)
    enough = [cause for cause in found if cause.significant]
    chosen = min(enough, key=_is_over, default=None) or nothing_wrong(seen)
    return _verdict(seen, chosen, tuple(cause for cause in found if cause is not chosen))


def _verdict(seen: Evidence, chosen: Cause, others: tuple[Cause, ...]) -> Verdict:
    run = seen.runs.get(chosen.run or "", {})
    since = run.get("since") or chosen.row.get("first_refused") or chosen.row.get("first_at")
    if chosen.kind in ("fine", "slow"):
        since = None
    last_ok = seen.runs.get("ok", {}).get("last_ok")
    over = _is_over(chosen)
    coverage, missing = coverage_of(seen.deliveries, needed_formats(seen)), missing_sources(seen)
    headline = chosen.words
    if chosen.affected and chosen.kind not in ("slow", "bypass"):
        headline += f"; {chosen.affected:,} of {chosen.attempts:,} attempts"
    headline += f", since {since:%H:%M}Z" if since and not over else ""
    headline += f"; over since {chosen.row['last_at']:%H:%M}Z" if over else ""
    lines = tuple(chosen.row.get("lines") or ())
    return Verdict(
        kind=chosen.kind,
        headline=headline,
        caller=seen.caller,
        callee=seen.callee,
        window_start=seen.window.since,
        window_end=seen.window.until,
        since=since,
        over=over,
        affected=chosen.affected,
        attempts=chosen.attempts,
        last_success=last_ok,
        coverage=coverage,
        missing=missing,
        evidence=tuple(_evidence(seen, chosen, others, since, last_ok, coverage, missing, lines)),
        lines=lines,
        also=tuple(found.kind for found in others),
        next_step="It has stopped: find out what changed then." if over else NEXT[chosen.advice or chosen.kind],
    )


def _is_over(chosen: Cause) -> bool:
    """Whether so many attempts went without it since that, at its rate, several more of it were due."""
    after = chosen.row.get("after") or 0
    before = chosen.attempts - after
    return bool(chosen.run and before and after * chosen.affected / before >= _OVER)


def _evidence(
    seen: Evidence,
    chosen: Cause,
    others: tuple[Cause, ...],
    since: datetime | None,
    last_ok: datetime | None,
    coverage: float,
    missing: tuple[str, ...],
    lines: tuple[str, ...],
) -> list[tuple[str, str]]:
    counts = ", ".join(f"{row['requests']:,} {row['cause'].replace('_', ' ')}" for row in seen.causes)
    said = [("window", str(seen.window)), ("requests", counts or "none logged by a front door")]
    if chosen.row.get("reason"):
        said.append(("the log says", str(chosen.row["reason"])))
    if since:
        said.append(("since", f"{since:%Y-%m-%d %H:%M}Z"))
    said.append(("last success", f"{last_ok:%Y-%m-%d %H:%M}Z" if last_ok else "none in the last 24 hours"))
    if chosen.run == "packet" and seen.packets["last_seen"]:
        which = "" if _is_over(chosen) else "others "
        said.append(("packets", f"{which}accepted until {seen.packets['last_seen']:%Y-%m-%d %H:%M}Z"))
    if seen.latency["requests"]:
        said.append(("latency", f"p50 {seen.latency['p50_ms']:,.0f} ms, p95 {seen.latency['p95_ms']:,.0f} ms"))
    said += [("also", f"{found.words} ({found.affected:,} of {found.attempts:,})") for found in others]
    if not seen.requests:
        said += [
            ("or was it", f"{row['name']} ({row['requests']:,} requests in 24 hours; {row['reason']})")
            for row in seen.kept_apart
        ]
    said += [("log lines", text) for text in _by_object(lines)]
    state = "complete" if coverage >= 1 else f"{coverage:.0%} complete"
    if coverage < ENOUGH:
        state += ", too little to conclude anything from absence"
    said.append(("data", "; ".join([state, *missing])))
    return said


def _by_object(lines: tuple[str, ...]) -> list[str]:
    """`object:3`, `object:5` as `object lines 3, 5`."""
    objects: dict[str, list[str]] = {}
    for line in lines:
        name, _, number = line.rpartition(":")
        objects.setdefault(name, []).append(number)
    return [f"{name} line{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}" for name, numbers in objects.items()]
