"""Who really called whom, beside who the lake says it was.

A node belongs to whoever all its ids (principals, certificate subjects, services) belong to. Of one request:

- The callee is true when its node is the true service's. The caller is true when its node is the true caller's and,
  where that is a service that others called, the very node it is called by: a role beside its service is not true.
- A caller that nowhere signs nor shows a certificate has only its address: that is its node, true in its own VPC when
  nobody else was there in that hour.
- Wrong: a node with an id of anybody else, or an address in another VPC than the caller's.
- Kept apart: everything else. That is right when `who`, asked about the id shown, gives a reason that the truth bears
  out (`Places.supports`), and the addresses alone could not have told (`Places.could_tell`).

The truth is that of `--ground-truth` and of truth.json; addresses in an hour are taken from the logged requests.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from queries import catalog
from queries.session import Session

Row = dict[str, Any]
Place = tuple[datetime, str, str]
HOUR = timedelta(hours=1)
TRUE, APART, WRONG = "true", "kept apart", "wrong"
REQUESTS = """
select time, caller, callee, front_door, caller_principal, caller_cert_subject, caller_vpc, caller_ip, target_ip,
    request_id, trace_id
from edge_requests
"""


@dataclass(frozen=True)
class Request:
    """One request as the lake shows it (`row`), and its true caller and callee."""

    row: Row
    caller: str
    callee: str

    @property
    def hour(self) -> datetime:
        """Start of its hour, UTC."""
        at: datetime = self.row["time"].astimezone(UTC)
        return at.replace(minute=0, second=0, microsecond=0)

    @property
    def identity(self) -> str | None:
        """Principal or certificate subject, where the logs show one."""
        shown: str | None = self.row["caller_principal"] or self.row["caller_cert_subject"]
        return shown


class Estate:
    """What truth.json says of everybody: whose an id is, and who was where."""

    def __init__(self, truth: Row) -> None:
        """`truth`: the content of truth.json."""
        self.services = {row["name"]: row for row in truth["services"]}
        self.vpc = {row["name"]: row["vpc_id"] for row in [*truth["services"], *truth["callers"]]}
        self.exits = {row["name"]: row.get("leaves_from") for row in [*truth["services"], *truth["callers"]]}
        self.nodes = {ip for balancer in truth["load_balancers"] for ip in balancer["nodes"]}
        self.unlogged = {row["vpc_id"] for row in truth["vpcs"] if not row.get("flow_log", True)}
        self.ipv4: dict[str, str] = {task["ipv6"]: task["ipv4"] for row in truth["services"] for task in row["tasks"]}
        self.held: dict[tuple[str, str], list[tuple[str, datetime, datetime]]] = defaultdict(list)
        end = datetime.fromisoformat(truth["end"])
        for row in truth["services"]:
            for task in row["tasks"]:
                until = datetime.fromisoformat(task["to"]) if task["to"] else end
                span = (row["name"], datetime.fromisoformat(task["from"]), until)
                self.held[row["vpc_id"], task["ipv4"]].append(span)
        self.owner: dict[str, str] = {}
        for row in truth["callers"]:
            self._own(row["name"], row["principal"], row["certificate_subject"])
        for row in truth["services"]:
            self._own(row["name"], row["role_arn"], row["certificate_subject"], *self.service_ids(row["name"]))
        behind = Counter(row["elb"] for row in truth["services"])
        for balancer in truth["load_balancers"]:
            for row in truth["services"]:
                if row["elb"] == balancer["elb"] and behind[row["elb"]] == 1:
                    self._own(row["name"], row["elb"], f"{row['elb']}#{balancer['dns']}")

    def _own(self, name: str, *ids: str | None) -> None:
        for each in ids:
            if each:
                assert self.owner.setdefault(each, name) == name, each

    def holders(self, place: Place) -> set[str]:
        """Services that had a task at an address in that hour."""
        hour, vpc, ip = place
        return {name for name, since, until in self.held[vpc, ip] if since < hour + HOUR and until > hour}

    def service_ids(self, name: str) -> list[str]:
        """The ids a service is called by."""
        row = self.services.get(name)
        if row is None:
            return []
        front = f"{row['elb']}#{row['host']}" if row["elb"] else None
        return [each for each in (row["lattice_service_arn"], front) if each]


@dataclass
class Places:
    """Who called from an address and who answered there, by hour and VPC, as the truth has it.

    `signed`: places of each principal and certificate; `vpcs`: VPCs of an address in an hour; `clients`: those of them
    from which it called a load balancer.
    """

    estate: Estate
    called: dict[Place, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    answered: dict[Place, set[str]] = field(default_factory=lambda: defaultdict(set))
    signed: dict[str, Counter[Place]] = field(default_factory=lambda: defaultdict(Counter))
    vpcs: dict[tuple[datetime, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    clients: dict[tuple[datetime, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    answering: set[str] = field(default_factory=set)

    def add(self, request: Request) -> None:
        """One request more."""
        row = request.row
        place = self.of(request)
        self.called[place][request.caller] += 1
        self.vpcs[place[0], place[2]].add(place[1])
        if row["front_door"] == "alb":
            self.clients[place[0], place[2]].add(place[1])
        if request.identity:
            self.signed[request.identity][place] += 1
        target: str | None = row["target_ip"]
        if target and target not in self.estate.nodes:
            ip = self.estate.ipv4.get(target, target)
            vpc = self.estate.vpc[request.callee]
            self.answered[request.hour, vpc, ip].add(request.callee)
            self.answering.add(request.callee)
            self.vpcs[request.hour, ip].add(vpc)

    def of(self, request: Request) -> Place:
        """Where a request came from."""
        ip: str = request.row["caller_ip"]
        return request.hour, str(self.estate.vpc[request.caller]), self.estate.ipv4.get(ip, ip)

    def there(self, place: Place) -> set[str]:
        """Everybody who had an address in that hour: called from it, answered there, or had a task there."""
        return set(self.called[place]) | self.answered[place] | self.estate.holders(place)

    def could_tell(self, request: Request) -> bool:
        """Whether the addresses that were the caller's alone do; of an unsigned caller, for what it signs with too.

        Nothing tells the VPC of a load balancer's unsigned client where another VPC's client has the address, or where
        another VPC has it and the client's has no flow log.
        """
        name, place = request.caller, self.of(request)
        if request.identity:
            return self._identity_could_tell(request.identity, name)
        by_alb, (hour, vpc, ip) = request.row["front_door"] == "alb", place
        if by_alb and (
            len(self.clients[hour, ip]) > 1 or (vpc in self.estate.unlogged and len(self.vpcs[hour, ip]) > 1)
        ):
            return False
        own = [each for each in self.signed if self.estate.owner.get(each) == name]
        return self.there(place) == {name} and all(self._identity_could_tell(each, name) for each in own)

    def _identity_could_tell(self, identity: str, name: str) -> bool:
        """20 calls from where nobody else was; of a service also no 5 % of them from where it does not answer."""
        places = self.signed[identity]
        if not self.answered_anywhere(name):
            return sum(n for place, n in places.items() if self.there(place) == {name}) >= 20
        own = sum(n for place, n in places.items() if name in self.answered[place])
        alone = sum(n for place, n in places.items() if self.there(place) == {name} == self.answered[place])
        return alone >= 20 and own >= 0.95 * places.total()

    def answered_anywhere(self, name: str) -> bool:
        """Whether it is a service that somebody called."""
        return name in self.answering

    def supports(self, reason: str, request: Request) -> bool:
        """Whether the truth bears out a reason to keep the caller of a request apart."""
        name, place = request.caller, self.of(request)
        places = self.signed[request.identity] if request.identity else Counter({place: 1})
        total = places.total()

        def many(counted: Iterable[int]) -> bool:
            return sum(counted) > 0.05 * total

        crowded = many(n for p, n in places.items() if len(self.there(p)) > 1)
        away = many(n for p, n in places.items() if name not in self.answered[p])
        facts = {
            "its addresses are targets of several services": many(
                n for p, n in places.items() if len(self.answered[p]) > 1
            ),
            "others call from its addresses too": crowded,
            "its addresses changed hands within the hour": crowded,
            "the address changed hands within the hour": crowded,
            "shared by": crowded,
            "fewer than 20 sightings": total < 20,
            "calls from other addresses too": away,
            "no service answers at its addresses": away,
            "a NAT or a router": self.estate.exits[name] == place[2],
            "others connect to it directly": self.estate.exits[name] == place[2],
            "VPCs with the address": len(self.vpcs[place[0], place[2]]) > 1,
            "its addresses exist in several VPCs": any(len(self.vpcs[p[0], p[2]]) > 1 for p in places),
        }
        return any(text in reason and holds for text, holds in facts.items())


@dataclass
class Score:
    """Requests by verdict; `reasons`, `unexplained`: of those kept apart; `wrong`: who for whom."""

    requests: int = 0
    both: Counter[str] = field(default_factory=Counter)
    callers: Counter[str] = field(default_factory=Counter)
    callees: Counter[str] = field(default_factory=Counter)
    by_address: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    unexplained: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: Score) -> Score:
        """Both together."""
        return Score(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    @property
    def right(self) -> int:
        """True, or kept apart where nothing could tell, with the reason."""
        return self.both[TRUE] + self.reasons.total()


def asked(path: Path) -> dict[tuple[str, str], Row]:
    """The ground truth by table and request id."""
    with gzip.open(path, "rt") as lines:
        rows = [json.loads(line) for line in lines]
    return {(row["table"], row["id"]): row for row in rows}


def judge(session: Session, truth: Row, ground_truth: Path) -> Score:
    """The score of one lake."""
    estate, known = Estate(truth), asked(ground_truth)
    requests = []
    for row in session.query(REQUESTS).to_pylist():
        key = ("alb_access", row["trace_id"]) if row["front_door"] == "alb" else ("lattice_access", row["request_id"])
        requests.append(Request(row, known[key]["caller"], known[key]["callee"]))
    places = Places(estate)
    for request in requests:
        places.add(request)
    return _Judge(session, estate, places).score(requests)


class _Judge:
    def __init__(self, session: Session, estate: Estate, places: Places) -> None:
        self.session, self.estate, self.places = session, estate, places
        self.ids = {row["name"]: set(row["ids"]) for row in session.query("select name, ids from nodes").to_pylist()}
        self.told: dict[tuple[object, ...], str] = {}

    def score(self, requests: list[Request]) -> Score:
        found = Score(len(requests))
        for request in requests:
            caller, callee = self.caller(request), self.callee(request)
            found.callers[caller] += 1
            found.callees[callee] += 1
            both = WRONG if WRONG in (caller, callee) else APART if APART in (caller, callee) else TRUE
            found.both[both] += 1
            found.by_address += both == TRUE and request.row["caller"] not in self.ids
            if both == WRONG:
                found.wrong[
                    f"{request.caller} -> {request.callee}: {request.row['caller']} -> {request.row['callee']}"
                ] += 1
            elif both == APART:
                self._explain(request, found)
        return found

    def callee(self, request: Request) -> str:
        return self._node(request.row["callee"], request.callee)

    def caller(self, request: Request) -> str:
        shown, name = request.row["caller"], request.caller
        if shown in self.ids:
            verdict = self._node(shown, name)
            services = set(self.estate.service_ids(name))
            if verdict == TRUE and services and self.places.answered_anywhere(name) and not services & self.ids[shown]:
                return APART
            return verdict
        if request.row["caller_vpc"] not in (None, self.estate.vpc[name]):
            return WRONG
        nameless = name not in self.estate.owner.values() or not any(
            self.estate.owner.get(each) == name for each in self.places.signed
        )
        alone = request.row["caller_vpc"] is not None and self.places.there(self.places.of(request)) == {name}
        return TRUE if nameless and alone and name not in self.estate.services else APART

    def _node(self, shown: str, name: str) -> str:
        if shown not in self.ids:
            return APART
        owners = {self.estate.owner.get(each) for each in self.ids[shown]}
        return TRUE if owners == {name} else WRONG

    def _explain(self, request: Request, found: Score) -> None:
        reason = self.reason(request)
        label = f"{request.caller} as {request.row['caller']}: {reason}"
        if self.places.could_tell(request) or not self.places.supports(reason, request):
            found.unexplained[label] += 1
        else:
            found.reasons[reason.split(" by ")[0] if "shared by" in reason else reason] += 1

    def reason(self, request: Request) -> str:
        """What `who` says of the id that is shown, at that time."""
        vpc, ip = request.row["caller_vpc"], request.row["caller_ip"]
        subject = request.identity or ip
        key = (subject, None if request.identity else (request.hour, vpc))
        if key not in self.told:
            given = {"subject": subject, "at_time": request.hour.isoformat()}
            rows = catalog.report("who").run(self.session, given).to_pylist()
            kind = "principal" if request.identity else "address"
            rows = [row for row in rows if row["kind"] == kind and (request.identity or row["vpc"] == vpc)]
            self.told[key] = " / ".join(str(row["reason"]) for row in rows)
        return self.told[key]
