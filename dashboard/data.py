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

from queries import catalog
from queries.session import Session

FRESH = 15.0
"""Seconds an answer is shown before the lake is asked whether it moved."""

WINDOWS: dict[str, str | None] = {"15m": "-15m", "1h": "-1h", "6h": "-6h", "24h": "-24h", "all": None}
"""What a reader can choose, and the session's bound: back from the end of complete data. None is everything."""

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


class _Window:
    """One window of one lake: its session, and the picture of the newest version."""

    def __init__(self, opener: Opener, name: str) -> None:
        self._session = opener(WINDOWS[name], catalog.report("denied_callers").history_hours)
        self._asked = time.monotonic()
        self._picture = self._ask()

    def picture(self) -> Picture:
        if time.monotonic() - self._asked > FRESH:
            if self._session.refresh():
                self._picture = self._ask()
            self._asked = time.monotonic()
        return self._picture

    def _ask(self) -> Picture:
        if self._session.data_until() is None:
            return Picture()
        since, until = self._session.window()
        silence = catalog.load("checks")["silent_source"]
        return Picture(
            since,
            until,
            edges=self._answer(catalog.report("edge_health")),
            denied=self._answer(catalog.report("denied_callers")),
            sources=self._answer(catalog.report("source_freshness")),
            silent=self._answer(silence, baseline_since=until - timedelta(hours=silence.history_hours)),
        )

    def _answer(self, report: catalog.Report, **given: object) -> Answer:
        values = report.bind(self._session, given)
        window = ", ".join(f"{key} := timestamptz '{values[key]}'" for key in catalog.WINDOW if key in values)
        sql = (
            f"-- For this window in `eastwest shell`:\nfrom {report.name}({window});\n\n-- {report.where}\n{report.sql}"
        )
        return Answer(report.run(self._session, given).to_pylist(), sql)


class _Lake:
    """One lake: its windows, opened when somebody asks for them."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._lock = threading.Lock()
        self._windows: dict[str, _Window] = {}

    def picture(self, window: str) -> Picture:
        # A DuckDB connection answers one question at a time.
        with self._lock:
            if window not in self._windows:
                self._windows[window] = _Window(self._opener, window)
            return self._windows[window].picture()


_lake: _Lake | None = None


def use(opener: Opener) -> None:
    """Say how sessions are opened; forgets everything known of another lake."""
    global _lake
    _lake = _Lake(opener)


def picture(window: str) -> Picture:
    """What the newest complete data says about a window of `WINDOWS`. Raises what queries raise."""
    if _lake is None:
        raise RuntimeError("no lake: start the dashboard with `eastwest dashboard --lake DIR`")
    return _lake.picture(window)
