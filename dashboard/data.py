"""The dashboard's only door to queries: opens sessions, asks reports by name, keeps the answers until the lake moves.

Promises: a moved table version is seen within `FRESH` seconds; all parts of one `Picture` are about the same time;
nothing is added up, compared or judged here. Safe to call from several threads: Streamlit runs each reader in one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from queries import catalog
from queries.session import Session

FRESH = 15.0
"""Seconds an answer is shown before the lake is asked whether it moved."""

WINDOWS: dict[str, str | None] = {"15m": "-15m", "1h": "-1h", "6h": "-6h", "24h": "-24h", "all": None}
"""What a reader can choose, and the session's bound: back from the end of complete data. None is everything."""

_NOTHING = "9999-01-01"
"""A bound after all data."""

Row = dict[str, Any]
Opener = Callable[[str | None, float], Session]
"""Opens a session for everything since a bound, with that many hours of history before it."""


@dataclass(frozen=True)
class Answer:
    """Rows of a report in its own order, and the statement that gave them."""

    rows: list[Row] = field(default_factory=list)
    sql: str = ""


@dataclass(frozen=True)
class Picture:
    """All that a page shows of one window [since, until); `until` is None on an empty lake."""

    since: datetime | None = None
    until: datetime | None = None
    edges: Answer = field(default_factory=Answer)
    denied: Answer = field(default_factory=Answer)
    sources: Answer = field(default_factory=Answer)
    silent: Answer = field(default_factory=Answer)


class _Lake:
    """One lake: a session without rows that follows its versions, and the pictures of the newest."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._lock = threading.Lock()
        self._follower: Session | None = None
        self._asked = 0.0
        self._pictures: dict[str, Picture] = {}

    def picture(self, window: str) -> Picture:
        # A DuckDB connection answers one question at a time.
        with self._lock:
            self._follow()
            if window not in self._pictures:
                self._pictures[window] = self._ask(window)
            return self._pictures[window]

    def close(self) -> None:
        with self._lock:
            if self._follower is not None:
                self._follower.close()
            self._follower = None

    def _follow(self) -> Session:
        if self._follower is None:
            self._follower = self._opener(_NOTHING, 0)
        elif time.monotonic() - self._asked < FRESH:
            return self._follower
        elif self._follower.refresh():
            self._pictures.clear()
        self._asked = time.monotonic()
        return self._follower

    def _ask(self, window: str) -> Picture:
        if self._follow().data_until() is None:
            return Picture()
        refusals, silence = catalog.report("denied_callers"), catalog.load("checks")["silent_source"]
        with self._opener(WINDOWS[window], refusals.history_hours) as session:
            since, until = session.window()
            # Asked about by more than one part of the picture.
            session.hold("denials")
            edges, denied, sources, silent = _answers(
                session,
                (catalog.report("edge_health"), {}),
                (refusals, {}),
                (catalog.report("source_freshness"), {}),
                (silence, {"baseline_since": until - timedelta(hours=silence.history_hours)}),
            )
            return Picture(since, until, edges, denied, sources, silent)


def _answers(session: Session, *asked: tuple[catalog.Report, dict[str, object]]) -> list[Answer]:
    found = catalog.run_all(session, asked)
    return [_answer(session, *question, rows) for question, rows in zip(asked, found, strict=True)]


def _answer(session: Session, report: catalog.Report, given: dict[str, object], rows: pa.Table) -> Answer:
    values = report.bind(session, given)
    window = ", ".join(f"{key} := timestamptz '{values[key]}'" for key in catalog.WINDOW if key in values)
    sql = f"-- For this window in `eastwest shell`:\nfrom {report.name}({window});\n\n-- {report.where}\n{report.sql}"
    return Answer(rows.to_pylist(), sql)


_lake: _Lake | None = None


def use(opener: Opener) -> None:
    """Say how sessions are opened; forgets everything known of another lake."""
    forget()
    global _lake
    _lake = _Lake(opener)


def forget() -> None:
    """Close every session and know no lake any more."""
    global _lake
    if _lake is not None:
        _lake.close()
    _lake = None


def picture(window: str) -> Picture:
    """What the newest complete data says about a window of `WINDOWS`. Raises what queries raise."""
    if _lake is None:
        raise RuntimeError("no lake: start the dashboard with `eastwest dashboard --lake DIR`")
    return _lake.picture(window)
