"""Checks, run over the newest window that is complete for them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from ingest.errors import QueryError
from ingest.lake.tables import Lake
from queries import catalog
from queries.catalog import Report, nearest
from queries.completeness import ENOUGH, Ledger, Window, coverage_of
from queries.findings import SEVERITIES, Verified, offence
from queries.names_file import GivenName
from queries.session import Session, open_session
from queries.times import minute_of

FOLDER = "checks"
_KEYS = {"severity": str, "about": str, "runbook": str, "reference": str, "sources": list, "key": list}


@dataclass(frozen=True)
class Check:
    """A check: its SQL, and what its header says beyond a report's.

    `sources`: formats whose data it needs; none: it is about absence, and its window ends with the newest data of all.
    """

    report: Report
    severity: str
    sources: tuple[str, ...]
    window: timedelta
    key: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its file's name."""
        return self.report.name


@dataclass(frozen=True)
class Planned:
    """A check with its window; no window when the lake has none of the data it needs."""

    check: Check
    window: Window | None
    coverage: float

    @property
    def note(self) -> str:
        """What somebody who reads the outcome must know about the data; empty when all is there."""
        if self.window is None:
            return "not run: the lake has no data for it"
        if self.coverage < ENOUGH:
            return f"not enough data: {self.coverage:.0%} of it is there, so nothing is resolved"
        return ""


def checks(names: Collection[str] = ()) -> list[Check]:
    """The checks of these names (none: all). Raises QueryError for an unknown one or a wrong header."""
    reports = catalog.load(FOLDER)
    for name in names:
        if name not in reports:
            raise QueryError(f"no check {name}{nearest(name, reports)}")
    return [_check(report) for name, report in sorted(reports.items()) if not names or name in names]


def _check(report: Report) -> Check:
    header: Mapping[str, object] = report.header
    for field, kind in _KEYS.items():
        if not isinstance(header.get(field), kind):
            raise QueryError(f"{report.where}: the header of a check needs {field}")
    if header["severity"] not in SEVERITIES:
        raise QueryError(f"{report.where}: severity is one of {', '.join(SEVERITIES)}")
    columns = {column.name for column in report.columns}
    key = _names(header["key"])
    for column in (*key, "title", "observed", "expected"):
        if column not in columns:
            raise QueryError(f"{report.where}: a check returns {column}")
    return Check(
        report,
        str(header["severity"]),
        _names(header["sources"]),
        timedelta(minutes=float(str(header["window_minutes"]))),
        key,
    )


def _names(value: object) -> tuple[str, ...]:
    return tuple(str(name) for name in value) if isinstance(value, list) else ()


def plan(lake: Lake, chosen: Iterable[Check], at: datetime | None = None) -> list[Planned]:
    """Each check's newest complete window, `at` being now (None: the newest data). Raises LakeError."""
    with Ledger(lake) as ledger:
        return [_planned(ledger, check, at) for check in chosen]


def _planned(ledger: Ledger, check: Check, at: datetime | None) -> Planned:
    until = ledger.complete_until(check.sources, at)
    if until is None:
        return Planned(check, None, 0.0)
    until = minute_of(until)
    window = Window(until - check.window, until)
    # A check about absence finds the very sources that are missing: the rest of the data does not matter to it.
    coverage = coverage_of(ledger.deliveries(window), check.sources) if check.sources else 1.0
    return Planned(check, window, coverage)


def run(
    lake: Lake,
    planned: Iterable[Planned],
    options: Mapping[str, str] | None = None,
    names: tuple[GivenName, ...] = (),
) -> list[Verified]:
    """What the checks find; those without a window are left out. Windows that end together share a session.

    Raises LakeError and QueryError.
    """
    windows = [(item, item.window) for item in planned if item.window is not None]
    windows.sort(key=lambda pair: (pair[1].until, pair[0].check.name))
    found: list[Verified] = []
    for until, group in groupby(windows, key=lambda pair: pair[1].until):
        together = list(group)
        since = min(window.since for _, window in together)
        history = max(item.check.report.history_hours for item, _ in together)
        with open_session(lake, since, until, history_hours=history, options=options, names=names) as session:
            found += [_verified(session, item, window) for item, window in together]
    return found


def _verified(session: Session, item: Planned, window: Window) -> Verified:
    report = item.check.report
    values = {
        "baseline_since": window.since - timedelta(hours=report.history_hours),
        "since": window.since,
        "until": window.until,
    }
    given = {name: value for name, value in values.items() if name in report.parameters}
    offences = tuple(
        offence(report.name, item.check.severity, item.check.key, row) for row in report.run(session, given).to_pylist()
    )
    return Verified(report.name, window, item.coverage, offences)
