"""A DuckDB session on a lake: its tables as views, identity, and the views that give every source one vocabulary.

Promises: an empty lake has typed, empty views; a session for a window lists only files that overlap it; everything a
session is made of is in `Session.statements`, so the shell's init file makes exactly the same.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from ingest.errors import LakeError, QueryError
from ingest.lake.declarations import ROLLUPS, TABLES
from ingest.lake.snapshot import DataFile, Snapshot
from ingest.lake.store import is_remote
from ingest.lake.tables import Lake
from ingest.lake.vocabulary import ROWS_AT_ONCE
from queries import statements
from queries.copies import forget, nearest_files
from queries.extent import Bound, extent_of, hour_of
from queries.kept_days import KeptDays
from queries.names_file import GivenName, names_statement
from queries.scans import moment, scan
from queries.storage import FILE_SIZES, extension_statements, secret_statement
from queries.watermarks import data_until_statement, watermark_statement

_HELD_ROWS = {"endpoint_hours": 500_000, "edge_hours": 300_000, "objects": 200_000}
"""Small tables that identity and most questions look into, a column or two at a time. On S3 each look is a request: so
many rows of them at most are read at once, and held. Files that are copied on this machine cost none."""
_BY_MINUTE = ("minute_calls", "failed_minutes")
"""Views of so many rows that they are held for the window's hours alone."""
_CLOCK = "set TimeZone = 'UTC'"
_FOOTERS = "set global parquet_metadata_cache = true"
"""Files of a lake never change, and a question names one several times: its footer is read once."""
_TEMPORARY = re.compile("^create or replace temp ", re.MULTILINE)

Files = tuple[DataFile, ...]
T = TypeVar("T")


class Session:
    """An open DuckDB connection with every table, view and macro of the lake in it. Use `open_session` to make one.

    `connection`: for statements of one's own. `setup` + `statements` after it: the SQL that made the session, without
    credentials. `rows`: rows by table, as Delta's statistics count them (whole files).
    """

    def __init__(
        self,
        lake: Lake,
        since: Bound,
        until: Bound,
        history: timedelta,
        around: timedelta,
        options: Mapping[str, str] | None,
        names: tuple[GivenName, ...],
    ) -> None:
        self.lake = lake
        self.connection = duckdb.connect(config=dict(options or {}))
        self.history = history
        self.around = around
        self._names = names
        self._bounds = (since, until)
        self._open()

    def _open(self) -> None:
        try:
            self._make(nearest_files, keep=True)
        except LakeError:
            if not self._copies:
                raise
            # Perhaps a copy, or what is kept of a day, cannot be read.
            forget(self.lake)
            self._make(lambda _, files: files, keep=False)

    def _make(self, nearest: Callable[[Lake, dict[str, Files]], dict[str, Files]], *, keep: bool) -> None:
        self._copies: list[str] = []
        self._held: set[str] = set()
        snapshots = self._snapshots()
        self._extent = extent_of(snapshots, self._bounds, self.history, self.around, is_local=self.lake.is_local)
        self.since, self.until = self._extent.since, self._extent.until
        chosen = nearest(self.lake, self._extent.files())
        if not self.lake.is_local:
            self._copies = [file.uri for of in chosen.values() for file in of if not is_remote(file.uri)]
        kept = KeptDays(self.lake, self._extent.days_over if keep else (), chosen, self._rows, self._copies)
        self.rows = {name: sum(file.rows for file in files) for name, files in chosen.items()}
        self.setup = [_CLOCK, _FOOTERS, *(extension_statements() if not self.lake.is_local else [])]
        secret = secret_statement(self.lake)
        # Neither a key nor what is right for a lake alone is for the script of a shell.
        for statement in [*self.setup, *([FILE_SIZES, secret] if secret else [])]:
            self._execute(statement)
        self.statements = list(self.setup)
        for statement in self._body(snapshots, chosen, kept):
            self._execute(statement)
            self.statements.append(statement)
        kept.keep()
        # Last, so that a session that could not follow the lake tries it again.
        self._versions = {name: snapshot.version for name, snapshot in snapshots.items()}

    def _body(self, snapshots: Mapping[str, Snapshot], chosen: Mapping[str, Files], kept: KeptDays) -> Iterator[str]:
        for name, files in chosen.items():
            yield scan(TABLES[name], files, *self._extent.bounds_of(TABLES[name]))
            if self.lake.is_local or name not in _HELD_ROWS:
                continue
            if self.rows[name] <= _HELD_ROWS[name] and any(is_remote(file.uri) for file in files):
                yield f"create or replace temp table held_{name} as\nfrom {name}"
                yield f"create or replace temp view {name} as\nfrom held_{name}"
            else:
                yield f"drop table if exists held_{name}"
        yield watermark_statement(snapshots)
        yield data_until_statement(snapshots)
        yield from self._extent.statements()
        yield from kept.bounds(self._extent.window[0])
        yield names_statement(self._names)
        yield from statements.macros()
        for table in ROLLUPS:
            if table.counted_from and snapshots[table.name].version < 0:
                yield statements.stand_in(table)
        yield from statements.relations(self._is_empty, kept.table)

    def _is_empty(self, table: str) -> bool:
        return not self._rows(f"from {table} limit 1")

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def _snapshots(self) -> dict[str, Snapshot]:
        # A dozen small reads, each waiting for the store more than computing.
        with ThreadPoolExecutor(len(TABLES)) as pool:
            return dict(zip(TABLES, pool.map(self.lake.snapshot, TABLES.values()), strict=True))

    def _execute(self, statement: str) -> None:
        try:
            # Temporary is what the shell needs, on a database of the user's. This one is the session's own, and what is
            # temporary there, its other connections (query_all) would not see.
            self.connection.execute(_TEMPORARY.sub("create or replace ", statement))
        except duckdb.Error as error:
            first = next(line for line in statement.splitlines() if not line.startswith("--"))
            raise LakeError(f"lake {self.lake.uri}: session cannot be opened at '{first}': {error}") from error

    def hold(self, *views: str) -> None:
        """Keep the rows of these views in memory until the lake moves, for a session that asks about them often.

        The same rows under the same names; what the views are made of is read once instead of once a question. Worth
        it for `denials` (few rows, found among many), `recent_calls`, `earlier_calls`, `present_calls`,
        `failed_minutes` and `delivered_objects`, and in windows of a few hours for `timed_requests`. Of `minute_calls`
        and `failed_minutes` the hours of the window are kept.
        """
        for view in views:
            if view in self._held:
                continue
            kept, others = "", ""
            if view in _BY_MINUTE and self.since is not None:
                self._execute(f"create or replace temp view every_{view} as\n{statements.text('views', view)}")
                first = moment(hour_of(self.since))
                kept = f"where minute >= {first}"
                others = f"union all from every_{view} where minute < {first}"
            self._execute(f"create or replace temp table held_{view} as from {view} {kept}")
            self._execute(f"create or replace temp view {view} as from held_{view} {others}")
            self._held.add(view)

    def refresh(self) -> bool:
        """Follow the lake to its newest version; whether any table had moved."""
        moved = any(snapshot.version != self._versions[name] for name, snapshot in self._snapshots().items())
        if moved or self._lost_copies():
            self._reopen()
        return moved

    def _reopen(self) -> None:
        held = tuple(self._held)
        self._open()
        self.hold(*held)

    def _lost_copies(self) -> bool:
        """Whether somebody removed a copy that the session reads."""
        return not all(map(os.path.exists, self._copies))

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> pa.Table:
        """The rows of one statement, as Arrow. Raises QueryError when the engine refuses it."""
        return self._insist(lambda: _ask(self.connection, sql, parameters or {}))

    def _insist(self, ask: Callable[[], T]) -> T:
        """Its answer; asked again where copies were removed meanwhile, or one cannot be read."""
        try:
            return ask()
        except QueryError as error:
            if any(path in str(error) for path in self._copies):
                forget(self.lake)
            if not self._lost_copies():
                raise
            self._reopen()
            return ask()

    def query_all(self, questions: Sequence[tuple[str, Mapping[str, object]]]) -> list[pa.Table]:
        """The rows of several statements and their parameters, asked at the same time, in the order they were given in.

        A question is planned on one thread, so several take less time than one after the other. They do not see
        temporary tables made through `connection`. Raises QueryError when the engine refuses one.
        """
        threads = self.connection.execute("select current_setting('threads')").fetchone()

        def ask() -> list[pa.Table]:
            with ThreadPoolExecutor(int(threads[0]) if threads else 1) as pool:
                asked = [pool.submit(_ask_beside, self.connection.cursor(), *question) for question in questions]
                return [answer.result() for answer in asked]

        return self._insist(ask)

    def window(self) -> tuple[datetime, datetime]:
        """What the session covers: its bounds, else the first and last minute of data (1970 on an empty lake)."""
        return self._extent.window

    def reaches_back(self, hours: float) -> bool:
        """Whether so many hours of history are all that the lake has: its rollups and its ledger begin no earlier."""
        return self._extent.reaches_back(hours)

    def data_until(self) -> datetime | None:
        """End of the newest complete minute of data (see `watermarks`); None on an empty lake."""
        return self._extent.complete

    def close(self) -> None:
        """Give the connection back."""
        self.connection.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _ask(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, object]) -> pa.Table:
    try:
        return connection.execute(sql, dict(parameters)).to_arrow_table(ROWS_AT_ONCE)
    except duckdb.Error as error:
        raise QueryError(str(error)) from error


def _ask_beside(cursor: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, object]) -> pa.Table:
    with cursor:
        cursor.execute(_CLOCK)
        return _ask(cursor, sql, parameters)


def open_session(
    lake: Lake,
    since: Bound = None,
    until: Bound = None,
    *,
    history_hours: float = 0,
    around_minutes: float = 0,
    options: Mapping[str, str] | None = None,
    names: tuple[GivenName, ...] = (),
) -> Session:
    """A session for [since, until), or for everything (a lake on S3: the newest 7 days of data, said on stderr).

    A bound is a time, an ISO text, or '-1h': back from the end of complete data, where the window then ends too.
    Source tables hold the window's rows and those `around_minutes` before and after it; rollups begin
    `history_hours` earlier, for what came before. `options` are DuckDB's own (memory_limit, threads). `names`
    overrule the names that the logs give (`names_file.read_names`).

    Raises:
        LakeError: the lake cannot be read.
        QueryError: a bound that is no time.
    """
    history, around = timedelta(hours=history_hours), timedelta(minutes=around_minutes)
    return Session(lake, since, until, history, around, options, names)
