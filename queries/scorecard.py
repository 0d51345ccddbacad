"""`eastwest guide`: AWS's practices for calls between services, each a query over the lake, and one line for each.

A practice is a file of `queries/guide/`. Its rows share seven columns (SHAPE): what a row is about, how much of it
follows the practice, and what does not, in words. A line adds them up. What the logs cannot tell is no row, or counts
0: a practice of which nothing counts is `not seen in these logs`, never a guess.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from ingest.errors import QueryError
from ingest.lake.tables import Lake
from queries import catalog
from queries.catalog import Report, Value, nearest
from queries.completeness import Delivery, Ledger, Window, coverage_of
from queries.names_file import GivenName
from queries.prices_file import Prices, prices_statement
from queries.session import Session, open_session

FOLDER = "guide"
SHAPE = {
    "subject": "varchar",
    "reason": "varchar",
    "followed": "double",
    "counted": "double",
    "share": "double",
    "verdict": "varchar",
    "finding": "varchar",
}
"""The columns that every practice returns first, with their types."""
VERDICTS = ("followed", "partly", "not followed", "not seen in these logs")
_TEXTS = ("about", "practice", "reference", "blind", "action", "says", "unit")


@dataclass(frozen=True)
class Practice:
    """One practice: its SQL, and what its header says beyond a report's.

    `place`: its number in the guide. `says`: the number as a sentence. `sources`: the tables it needs; none: any.
    """

    report: Report
    place: int
    says: str
    sources: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its file's name."""
        return self.report.name


@dataclass(frozen=True)
class Line:
    """A practice on the scorecard. `findings`: the worst, subject and sentence; `more`: how many there are beside them.

    `untold`: rows of which the logs cannot tell. `coverage`: share of what its sources owed in the window that was
    delivered, 0 to 1; `absent`: sources of which there is nothing. `values`: its parameters.
    """

    practice: Practice
    verdict: str
    followed: float
    counted: float
    share: float | None
    findings: tuple[tuple[str, str], ...]
    more: int
    untold: int
    coverage: float
    absent: tuple[str, ...]
    values: Mapping[str, Value]

    @property
    def says(self) -> str:
        """The number in words."""
        if not self.counted:
            return "not seen in these logs"
        # Rounded down: 99.97 % is not all.
        share = 0.0 if self.share is None else math.floor(self.share * 1000) / 1000
        numbers = {"followed": self.followed, "counted": self.counted, "share": share}
        return self.practice.says.format(**{**self.values, **numbers})

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON and CSV."""
        report = self.practice.report
        return {
            "practice": report.name,
            "title": report.title,
            "verdict": self.verdict,
            "says": self.says,
            "followed": self.followed,
            "counted": self.counted,
            "share": self.share,
            "unit": report.header["unit"],
            "findings": self.more + len(self.findings),
            "untold": self.untold,
            "worst": [{"subject": subject, "finding": finding} for subject, finding in self.findings],
            "coverage": self.coverage,
            "absent": list(self.absent),
            "reference": report.header["reference"],
        }


@dataclass(frozen=True)
class Scorecard:
    """Every line, in the guide's order, with the window and what was delivered of it."""

    window: Window
    lines: tuple[Line, ...]
    deliveries: tuple[Delivery, ...]
    prices_as_of: date

    @property
    def coverage(self) -> float:
        """Share of everything due in the window that was delivered, 0 to 1."""
        return coverage_of(self.deliveries)

    @property
    def missing(self) -> tuple[Delivery, ...]:
        """Sources that did not deliver all that was due."""
        return tuple(delivery for delivery in self.deliveries if delivery.missing)

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "since": self.window.since,
            "until": self.window.until,
            "coverage": self.coverage,
            "missing": [
                {"source": d.source, "format": d.format, "delivered": d.delivered, "expected": d.expected}
                for d in self.missing
            ],
            "prices_as_of": self.prices_as_of.isoformat(),
            "practices": [line.as_dict() for line in self.lines],
        }


def practices() -> dict[str, Practice]:
    """All practices by name, in the guide's order. Raises QueryError when a header is wrong."""
    found = [_practice(report) for report in catalog.load(FOLDER).values()]
    return {practice.name: practice for practice in sorted(found, key=lambda practice: practice.place)}


def practice(name: str) -> Practice:
    """The practice of that name. Raises QueryError that names the nearest one."""
    known = practices()
    if name not in known:
        raise QueryError(f"no practice {name}{nearest(name, known)}")
    return known[name]


def _practice(report: Report) -> Practice:
    header = report.header
    for key in _TEXTS:
        if not isinstance(header.get(key), str):
            raise QueryError(f'{report.where}: the header of a practice needs {key} = "..."')
    if not isinstance(header.get("place"), int) or not isinstance(header.get("sources"), list):
        raise QueryError(f"{report.where}: the header of a practice needs place and sources")
    shape = {column.name: column.type for column in report.columns[: len(SHAPE)]}
    if list(shape.items()) != list(SHAPE.items()):
        raise QueryError(f"{report.where}: a practice returns {', '.join(SHAPE)} first")
    return Practice(report, header["place"], header["says"], tuple(header["sources"]))


def rows_of(
    session: Session, chosen: Practice, prices: Prices, given: Mapping[str, object] | None = None
) -> tuple[pa.Table, Mapping[str, Value]]:
    """All rows of a practice, worst first, and the values of its parameters. Raises QueryError."""
    session.query(prices_statement(prices))
    values = chosen.report.bind(session, given)
    return session.query(chosen.report.sql, values), values


def line_of(
    session: Session,
    chosen: Practice,
    rows: pa.Table,
    values: Mapping[str, Value],
    deliveries: Collection[Delivery] = (),
    worst: int = 3,
) -> Line:
    """The line that these rows of a practice add up to, with the `worst` findings."""
    score = catalog.load("scores")["line"]
    session.connection.register("practice", rows)
    try:
        (sums,) = score.run(session, {name: values[name] for name in score.parameters}).to_pylist()
    finally:
        session.connection.unregister("practice")
    pairs = rows.select(["subject", "finding"]).to_pylist()
    found = [(row["subject"], row["finding"]) for row in pairs if row["finding"] is not None]
    return Line(
        practice=chosen,
        verdict=sums["verdict"],
        followed=sums["followed"],
        counted=sums["counted"],
        share=sums["share"],
        findings=tuple(found[:worst]),
        more=max(len(found) - worst, 0),
        untold=sums["untold"],
        coverage=coverage_of(deliveries, chosen.sources),
        absent=tuple(name for name in chosen.sources if not session.rows[name]),
        values=values,
    )


def delivered(lake: Lake, session: Session) -> tuple[Window, tuple[Delivery, ...]]:
    """The session's window, and what each regular source delivered of it."""
    window = Window(*session.window())
    with Ledger(lake, window.since) as ledger:
        return window, ledger.deliveries(window)


def open_for(
    lake: Lake,
    chosen: Collection[Practice],
    since: str | None,
    until: str | None,
    options: Mapping[str, str] | None = None,
    names: tuple[GivenName, ...] = (),
) -> Session:
    """A session for these practices, with the history they need. Raises LakeError and QueryError."""
    history = max((practice.report.history_hours for practice in chosen), default=0.0)
    return open_session(lake, since, until, history_hours=history, options=options, names=names)


def score(lake: Lake, session: Session, prices: Prices, worst: int = 3) -> Scorecard:
    """The scorecard of the session's window. Raises QueryError."""
    window, deliveries = delivered(lake, session)
    lines = []
    for chosen in practices().values():
        rows, values = rows_of(session, chosen, prices)
        lines.append(line_of(session, chosen, rows, values, deliveries, worst))
    return Scorecard(window, tuple(lines), deliveries, prices.oldest)
