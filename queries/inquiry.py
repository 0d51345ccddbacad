"""The evidence about one edge: who is meant, what was tried, what came back, and how complete the data is.

Every piece is a file of `queries/evidence/`; nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from ipaddress import ip_address
from typing import Any, NamedTuple

from ingest.errors import QueryError
from ingest.lake.tables import Lake
from queries import catalog
from queries.asked_window import data_span, minute
from queries.catalog import Report, somebody_near
from queries.completeness import HISTORY, Delivery, Ledger, Window
from queries.names_file import GivenName
from queries.session import Session, open_session
from queries.times import minute_from, minute_of

FOLDER = "evidence"
_LOOK_BACK = timedelta(hours=1)

Row = dict[str, Any]


@dataclass(frozen=True)
class Evidence:
    """What the logs say about calls from `caller` to `callee` in a window.

    `causes`: rows of `causes.sql`, `ok` among them. `runs`: rows of `runs.sql` by kind. `slow`: the edge's row of the
    check edge_latency, `direct`: that of the check bypass, where there is one. `kept_apart`: who may be the caller
    under another name. `deliveries`: of the window.
    """

    caller: str
    callee: str
    window: Window
    causes: tuple[Row, ...]
    runs: Mapping[str, Row]
    handshakes: Row
    packets: Row
    direct_refusals: Row
    kept_apart: tuple[Row, ...]
    slow: Row | None
    direct: Row | None
    latency: Row
    front_doors: frozenset[str]
    deliveries: tuple[Delivery, ...]

    @property
    def requests(self) -> int:
        """Requests that a front door logged."""
        return sum(row["requests"] for row in self.causes)

    def cause(self, name: str) -> Row | None:
        """The row of that cause."""
        return next((row for row in self.causes if row["cause"] == name), None)


def gather(
    lake: Lake,
    caller: str,
    callee: str,
    *,
    at: datetime | None,
    minutes: float,
    options: Mapping[str, str] | None = None,
    given_names: tuple[GivenName, ...] = (),
) -> Evidence:
    """The evidence about calls from `caller` to `callee` in the `minutes` before `at` (None: the newest complete data).

    Raises:
        QueryError: a name nobody has, or that several have; the nearest known ones are named. A time without data.
        LakeError: the lake cannot be read.
    """
    at = at and minute_from(at)
    with Ledger(lake, at and at - timedelta(minutes=minutes)) as ledger:
        until = at or newest_complete(ledger)
        if until is None:
            raise QueryError(f"lake {lake.uri} holds no logs yet; run eastwest ingest first")
        window = Window(minute_of(until - timedelta(minutes=minutes)), until)
        deliveries = ledger.deliveries(window)
    history = HISTORY.total_seconds() / 3600
    since = window.since - _LOOK_BACK
    with open_session(lake, since, until, history_hours=history, options=options, names=given_names) as session:
        known = _rows(session, "parties", window)
        span = None if known else data_span(lake)
        if span is not None:
            raise QueryError(
                f"nobody is known in {window}: the lake has data from {minute(span[0])} to {minute(span[1])}"
            )
        names = {
            side: resolve(side, written, known, partial(_on_side, session, side))
            for side, written in (("caller", caller), ("callee", callee))
        }
        return _gather(session, window, names, deliveries)


def newest_complete(ledger: Ledger) -> datetime | None:
    """Until when all front doors' logs are complete, where there are none all logs; None of a lake without data."""
    return ledger.complete_until(("lattice_access", "alb_access"), None) or ledger.complete_until((), None)


def _on_side(session: Session, side: str) -> set[str]:
    """Display names of everybody who called, or was called, whether it was let in or not."""
    rows = session.query(f"select distinct {side} as name from calls union select distinct {side} from denials")
    return {str(name) for name in rows.column("name").to_pylist()}


def _gather(session: Session, window: Window, names: Mapping[str, str], deliveries: tuple[Delivery, ...]) -> Evidence:
    for table in ("places", "attempts"):
        report = _report(table)
        bound = report.bind(session, _given(report, window, names))
        session.query(f"create or replace temp table {table} as\n{report.sql}", bound)
    checks = catalog.load("checks")
    return Evidence(
        caller=names["caller"],
        callee=names["callee"],
        window=window,
        causes=tuple(_rows(session, "causes", window, names)),
        runs={row["kind"]: row for row in _rows(session, "runs", window, names)},
        handshakes=_rows(session, "handshakes", window, names)[0],
        packets=_rows(session, "packets", window, names)[0],
        direct_refusals=_rows(session, "direct_refusals", window, names)[0],
        kept_apart=tuple(_rows(session, "kept_apart", window, names)),
        slow=_edge(session, checks["edge_latency"], window, names, {"min_requests": 10}),
        direct=_edge(session, checks["bypass"], window, names, {"min_flows": 1}),
        latency=_rows(session, "latency", window, names)[0],
        front_doors=frozenset(row["front_door"] for row in _rows(session, "front_doors", window, names)),
        deliveries=deliveries,
    )


def _report(name: str) -> Report:
    return catalog.load(FOLDER)[name]


def _given(report: Report, window: Window, more: Mapping[str, object]) -> dict[str, object]:
    values: dict[str, object] = {
        "since": window.since,
        "until": window.until,
        "baseline_since": window.since - HISTORY,
        **more,
    }
    return {name: value for name, value in values.items() if name in report.parameters}


def _rows(session: Session, name: str, window: Window, more: Mapping[str, object] | None = None) -> list[Row]:
    report = _report(name)
    return report.run(session, _given(report, window, more or {})).to_pylist()


def _edge(
    session: Session, check: Report, window: Window, names: Mapping[str, str], parameters: Mapping[str, object]
) -> Row | None:
    rows = check.run(session, _given(check, window, parameters)).to_pylist()
    return next((row for row in rows if (row["caller"], row["callee"]) == (names["caller"], names["callee"])), None)


def resolve(side: str, written: str, known: list[Row], sides: Callable[[], Container[str]] = frozenset) -> str:
    """The display name of who is meant by a name, ARN, host or address; `known` are rows of `parties.sql`.

    An exact spelling wins over one in another case. An address means who had it last. An assumed role means the role.
    Of several those win that were seen on that side (`sides` gives their names), of these who is called exactly so.

    Raises:
        QueryError: nobody is spelled like that, or several are.
    """
    text = _role(written.strip())
    for same in (str.__eq__, lambda a, b: a.casefold() == b.casefold()):
        names = _newest([row for row in known if same(row["spelling"], text)])
        if len(names) > 1:
            seen = sides()
            names = [name for name in names if name in seen] or names
        if text in names:
            return text
        if len(names) == 1:
            return names[0]
        if names:
            raise _ambiguous(side, written, names)
    if address := _Address.of(text):
        names = sorted({row["name"] for row in known if address.fits(row["name"])})
        if len(names) > 1:
            raise _ambiguous(side, written, names)
        if names:
            return names[0]
        raise QueryError(f"{side} {written}: nobody had that address in the time looked at")
    raise QueryError(f"{side} {written}: nobody is called that{somebody_near(text, [row['name'] for row in known])}")


def _ambiguous(side: str, written: str, names: Sequence[str]) -> QueryError:
    return QueryError(f"{side} {written}: means {' and '.join(names)}; write VPC/address, or one of these names")


def _newest(rows: Sequence[Row]) -> list[str]:
    """The names of these rows: those without a time, where there is none those of the newest time."""
    if any(row["seen_at"] is None for row in rows):
        rows = [row for row in rows if row["seen_at"] is None]
    elif rows:
        newest = max(row["seen_at"] for row in rows)
        rows = [row for row in rows if row["seen_at"] == newest]
    return sorted({str(row["name"]) for row in rows})


class _Address(NamedTuple):
    """An address as somebody writes it, and its VPC where it is told: 10.0.0.1, vpc-1/10.0.0.1."""

    ip: str
    vpc: str

    @staticmethod
    def of(text: str) -> _Address | None:
        """None of what is no address."""
        vpc, _, ip = text.rpartition("/")
        try:
            return _Address(str(ip_address(ip)), vpc)
        except ValueError:
            return None

    def fits(self, name: str) -> bool:
        """Whether it is what a display name says: an address that nobody is known to have is `10.0.0.1 (vpc-1)`."""
        ip, _, vpc = name.removesuffix(")").partition(" (")
        return ip == self.ip and self.vpc in ("", vpc)


def is_address(text: str) -> bool:
    """Whether somebody writes an address, perhaps with its VPC."""
    return _Address.of(text) is not None


def _role(text: str) -> str:
    """arn:aws:sts::1:assumed-role/R/session is the role R."""
    parts = text.split(":")
    if len(parts) == 6 and parts[5].startswith("assumed-role/"):
        return f"arn:{parts[1]}:iam::{parts[4]}:role/{parts[5].split('/')[1]}"
    return text
