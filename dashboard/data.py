"""The dashboard's only door to queries: opens sessions, asks reports by name, keeps the answers until the lake moves.

Promises: a moved table version is seen within `FRESH` seconds; nobody waits for what takes long: the first picture of a
window looks back `FIRST_HISTORY` hours, and a newer or deeper one is made while the last one is shown; one that cannot
be made takes nothing away; all parts of one `Picture` are about the same time; nothing is added up, compared or judged
here. Safe to call from several threads: Streamlit runs each reader in one.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from queries import catalog
from queries.completeness import HISTORY, Delivery, delivery_of
from queries.session import Session

FRESH = 15.0
"""Seconds an answer is shown before the lake is asked whether it moved."""

FIRST_HISTORY = 24.0
"""Hours before the window that the first picture looks back: it costs the same however old the lake is."""

PATIENCE = 1.0
"""Seconds that a newer picture is waited for, once, before the one that is there is shown again."""

AFTER_FAILURE = 30.0
"""Seconds before what could not be made is tried again."""

SLOW = 15.0
"""Seconds that a picture may take without the next one waiting as long."""

STALE = 300.0
"""Seconds after which a picture is no longer shown while a newer one is made."""

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
    `moves`: how often the lake had been seen to move when this was asked; `asked` and `seconds`: when, on the monotonic
    clock, and how long it took.
    """

    since: datetime | None = None
    until: datetime | None = None
    looked_back: float | None = None
    moves: int = 0
    asked: float = 0.0
    seconds: float = 0.0
    edges: Answer = field(default_factory=Answer)
    denied: Answer = field(default_factory=Answer)
    sources: Answer = field(default_factory=Answer)
    silent: Answer = field(default_factory=Answer)
    coverage: Answer = field(default_factory=Answer)

    @property
    def deliveries(self) -> tuple[Delivery, ...]:
        """What each regular source delivered of the window."""
        return tuple(map(delivery_of, self.coverage.rows))


@dataclass(frozen=True)
class View:
    """What is known of a window now: a picture, whether another one is being made, and why the last one was not.

    `lake`: where it lies, of one without data.
    """

    picture: Picture
    is_coming: bool = False
    trouble: str | None = None
    lake: str = ""


@dataclass
class _Known:
    """The newest picture of a window, the one being made, and the failure of the last attempt with its time."""

    picture: Picture
    coming: Future[None] | None = None
    trouble: str | None = None
    failed: float = -math.inf


class _Lake:
    """One lake: a session without rows that follows its versions, and what is known of every window asked for."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._lock = threading.Lock()
        # Pictures beside the reader one at a time: each takes all the processors that DuckDB is given.
        self._one_beside = threading.Lock()
        self._follower: Session | None = None
        self._asked = 0.0
        self._unreachable: Exception | None = None
        self._moves = 0
        self._known: dict[str, _Known] = {}
        self._first: dict[str, Future[_Known]] = {}
        self._threads: list[threading.Thread] = []
        self._is_closed = False

    def view(self, window: str) -> View:
        with self._lock:
            known = self._known.get(window)
            follower = self._follow()
            is_empty = follower.data_until() is None
            if self._unreachable is not None:
                if known is None:
                    raise self._unreachable
                return self._view_of(known)
            if is_empty:
                self._known.clear()
                return View(Picture(), lake=follower.lake.uri)
        if known is None:
            return self._first_view(window)
        with self._lock:
            coming = self._renew(window, known)
            is_newer = known.picture.moves < self._moves
            is_stale = time.monotonic() - known.picture.asked > STALE
        if coming is not None and is_newer:
            _wait(coming, None if is_stale else PATIENCE)
        return self._view_of(known)

    def is_another_there(self, window: str, shown: View) -> bool:
        known = self._known.get(window)
        return known is not None and self._view_of(known) != shown

    def _view_of(self, known: _Known) -> View:
        trouble = known.trouble if self._unreachable is None else str(self._unreachable)
        return View(known.picture, known.coming is not None, trouble)

    def is_making(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def close(self) -> None:
        self._is_closed = True
        for thread in self._threads:
            thread.join()
        with self._lock:
            if self._follower is not None:
                self._follower.close()
            self._follower = None

    def _follow(self) -> Session:
        """Follow the lake to its newest version; `_unreachable` says why it was not followed."""
        if self._follower is None:
            self._follower = self._opener(_NOTHING, 0)
        elif time.monotonic() - self._asked < FRESH:
            return self._follower
        else:
            try:
                self._moves += self._follower.refresh()
                self._unreachable = None
            except Exception as error:
                self._unreachable = error
        self._asked = time.monotonic()
        return self._follower

    def _first_view(self, window: str) -> View:
        """Made by the reader who is first to ask; others wait for him, and only for this window."""
        with self._lock:
            if window in self._known:
                return self._view_of(self._known[window])
            making = self._first.get(window)
            mine = self._first.setdefault(window, Future())
            moves = self._moves
        if making is not None:
            return self._view_of(making.result())
        try:
            known = _Known(self._ask(window, FIRST_HISTORY, moves))
            with self._lock:
                self._known[window] = known
                self._renew(window, known)
            mine.set_result(known)
            return self._view_of(known)
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._first[window]

    def _renew(self, window: str, known: _Known) -> Future[None] | None:
        """Begin another picture where this one is of an older lake or has not looked back far enough.

        None when there is none to begin, or one has been begun before. After a slow one the next is not begun for as
        long again, so that a page that follows a moving lake leaves time for others; after a failure not for a while.
        """
        shown, now = known.picture, time.monotonic()
        is_wanted = shown.moves < self._moves or shown.looked_back is not None
        rests = shown.seconds > SLOW and now - shown.asked < 2 * shown.seconds
        if known.coming is not None or not is_wanted or rests or now - known.failed < AFTER_FAILURE:
            return None
        coming: Future[None] = Future()
        known.coming = coming
        # It must not keep a server from ending that is told to: it only reads.
        thread = threading.Thread(target=self._make, args=(window, known, coming), name="picture", daemon=True)
        self._threads = [t for t in self._threads if t.is_alive()] + [thread]
        thread.start()
        return coming

    def _make(self, window: str, known: _Known, coming: Future[None]) -> None:
        try:
            with self._one_beside:
                if self._is_closed:
                    return
                with self._lock:
                    moves = self._moves
                known.picture = self._ask(window, _history(), moves)
            known.trouble = None
        except Exception as error:
            logging.getLogger(__name__).exception("a newer picture cannot be made")
            known.trouble, known.failed = str(error), time.monotonic()
        finally:
            known.coming = None
            coming.set_result(None)

    def _ask(self, window: str, history: float, moves: int) -> Picture:
        asked = time.monotonic()
        with self._opener(WINDOWS[window], history) as session:
            since, until = session.window()
            silence = catalog.load("checks")["silent_source"]
            coverage = catalog.load("delivery")["coverage"]
            # Asked about by more than one part of the picture.
            session.hold("denials")
            answers = _answers(
                session,
                (catalog.report("edge_health"), {}),
                (catalog.report("denied_callers"), {}),
                (catalog.report("source_freshness"), {}),
                (silence, {"baseline_since": until - timedelta(hours=silence.history_hours)}),
                (coverage, {"history_since": since - HISTORY}),
            )
            reached = None if history >= _history() or session.reaches_back(history) else history
            return Picture(since, until, reached, moves, asked, time.monotonic() - asked, *answers)


def _wait(coming: Future[None], seconds: float | None) -> None:
    with suppress(TimeoutError):
        coming.result(seconds)


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


def view(window: str) -> View:
    """What is known of a window of `WINDOWS`. Raises what queries raise where nothing is known of it yet."""
    if _lake is None:
        raise RuntimeError("no lake: start the dashboard with `eastwest dashboard --lake DIR`")
    return _lake.view(window)


def is_another_there(window: str, shown: View) -> bool:
    """Whether `view` has another one to give than `shown`; the lake is not asked."""
    return _lake is not None and _lake.is_another_there(window, shown)


def is_making() -> bool:
    """Whether a picture is being made beside the readers."""
    return _lake is not None and _lake.is_making()
