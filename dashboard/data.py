"""The dashboard's only door to queries: opens sessions, asks reports by name, keeps the answers until the lake moves.

Promises: a moved table version is seen within `FRESH` seconds; nobody waits for what takes long: the first picture of a
window looks back `FIRST_HISTORY` hours, and a newer or deeper one is made while the last one is shown; all parts of one
`Picture` are about the same time; nothing is added up, compared or judged here. Safe to call from several threads:
Streamlit runs each reader in one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from queries import catalog
from queries.session import Session

FRESH = 15.0
"""Seconds an answer is shown before the lake is asked whether it moved."""

FIRST_HISTORY = 24.0
"""Hours before the window that the first picture looks back: it costs the same however old the lake is."""

PATIENCE = 1.0
"""Seconds that a newer picture is waited for before the one that is there is shown again."""

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
    """All that a page shows of one window [since, until); `until` is None on an empty lake.

    `looked_back`: hours before the window in which what came before was looked for; None: as far as reports ask.
    `moves`: how often the lake had been seen to move when this was asked.
    """

    since: datetime | None = None
    until: datetime | None = None
    looked_back: float | None = None
    moves: int = 0
    edges: Answer = field(default_factory=Answer)
    denied: Answer = field(default_factory=Answer)
    sources: Answer = field(default_factory=Answer)
    silent: Answer = field(default_factory=Answer)


class _Lake:
    """One lake: a session without rows that follows its versions, and the newest picture of every window asked for."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._lock = threading.Lock()
        self._follower: Session | None = None
        self._asked = 0.0
        self._moves = 0
        self._pictures: dict[str, Picture] = {}
        self._coming: dict[str, Future[Picture]] = {}
        # One at a time: each takes all the processors that DuckDB is given.
        self._background = ThreadPoolExecutor(1, "picture")

    def picture(self, window: str) -> Picture:
        # A DuckDB connection answers one question at a time.
        with self._lock:
            follower = self._follow()
            if follower.data_until() is None:
                return Picture()
            if window not in self._pictures:
                self._pictures[window] = self._ask(window, FIRST_HISTORY, self._moves)
                self._renew(window)
                return self._pictures[window]
            self._take(window)
            self._renew(window)
            coming = self._coming.get(window)
        if coming is not None:
            wait([coming], PATIENCE)
        with self._lock:
            self._take(window)
            return self._pictures[window]

    def is_newer_coming(self, window: str) -> bool:
        return window in self._coming

    def is_newer_there(self, window: str, shown: Picture) -> bool:
        coming = self._coming.get(window)
        return self._pictures.get(window) is not shown or (coming is not None and coming.done())

    def close(self) -> None:
        self._background.shutdown(cancel_futures=True)
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
            self._moves += 1
        self._asked = time.monotonic()
        return self._follower

    def _renew(self, window: str) -> None:
        """Have a picture made where the one that is there is of an older lake, or has not looked back far enough."""
        shown = self._pictures[window]
        if window not in self._coming and (shown.moves < self._moves or shown.looked_back is not None):
            self._coming[window] = self._background.submit(self._ask, window, _history(), self._moves)

    def _take(self, window: str) -> None:
        """Show what has been made meanwhile; what failed is raised, and tried again when it is asked for again."""
        coming = self._coming.get(window)
        if coming is not None and coming.done():
            del self._coming[window]
            self._pictures[window] = coming.result()

    def _ask(self, window: str, history: float, moves: int) -> Picture:
        with self._opener(WINDOWS[window], history) as session:
            since, until = session.window()
            silence = catalog.load("checks")["silent_source"]
            # Asked about by more than one part of the picture.
            session.hold("denials")
            edges, denied, sources, silent = _answers(
                session,
                (catalog.report("edge_health"), {}),
                (catalog.report("denied_callers"), {}),
                (catalog.report("source_freshness"), {}),
                (silence, {"baseline_since": until - timedelta(hours=silence.history_hours)}),
            )
            reached = None if history >= _history() or session.reaches_back(history) else history
            return Picture(since, until, reached, moves, edges, denied, sources, silent)


def _history() -> float:
    """Hours before its window that a whole picture looks back."""
    return catalog.report("denied_callers").history_hours


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
    """What is known of a window of `WINDOWS`; what `is_newer_coming` is told by. Raises what queries raise."""
    if _lake is None:
        raise RuntimeError("no lake: start the dashboard with `eastwest dashboard --lake DIR`")
    return _lake.picture(window)


def is_newer_coming(window: str) -> bool:
    """Whether a picture that is newer or looks back further than the last one has been begun."""
    return _lake is not None and _lake.is_newer_coming(window)


def is_newer_there(window: str, shown: Picture) -> bool:
    """Whether `picture` would give another one than `shown`, without asking the lake."""
    return _lake is not None and _lake.is_newer_there(window, shown)
