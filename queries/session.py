"""A DuckDB session on a lake: its tables as views, identity, and the views that give every source one vocabulary.

Promises: an empty lake has typed, empty views; a session for a window lists only files that overlap it; everything a
session is made of is in `Session.statements`, so the shell's init file makes exactly the same.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from types import TracebackType

import duckdb
import pyarrow as pa

from ingest.errors import LakeError, QueryError
from ingest.lake.declarations import ROLLUPS, SOURCE_TABLES, TABLES
from ingest.lake.tables import Lake, Snapshot
from queries import statements
from queries.scans import scan
from queries.storage import extension_statements, secret_statement
from queries.watermarks import newest_data, watermark_statement

_REMOTE_WINDOW = timedelta(days=7)


class Session:
    """An open DuckDB connection with every table, view and macro of the lake in it. Use `open_session` to make one."""

    def __init__(
        self,
        lake: Lake,
        since: datetime | None,
        until: datetime | None,
        *,
        history: timedelta = timedelta(0),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.lake = lake
        self.since = since
        self.until = until
        self.history = history
        self.connection = duckdb.connect(config=dict(settings or {}))
        self._versions: dict[str, int] = {}
        self._secret = secret_statement(lake)
        self.statements: list[str] = []
        self._load()

    def _load(self) -> None:
        snapshots = {name: self.lake.snapshot(table) for name, table in TABLES.items()}
        self._versions = {name: snapshot.version for name, snapshot in snapshots.items()}
        since, until = self.since, self.until
        if since is None and until is None and not self.lake.is_local:
            since = self._newest_days(snapshots)
        self.statements = [
            "set TimeZone = 'UTC'",
            *(extension_statements() if not self.lake.is_local else []),
        ]
        prepared = list(self.statements) + ([self._secret] if self._secret else [])
        body = [
            *self._table_views(snapshots, since, until),
            watermark_statement(snapshots),
            *statements.macros(),
            *statements.relations(),
        ]
        self.statements += body
        for statement in [*prepared, *body]:
            self._execute(statement)

    def _newest_days(self, snapshots: Mapping[str, Snapshot]) -> datetime | None:
        newest = newest_data(snapshots)
        if newest is None:
            return None
        since = newest - _REMOTE_WINDOW
        print(f"window: the newest 7 days of data, since {since:%Y-%m-%d %H:%M}Z (--since for more)", file=sys.stderr)
        return since

    def _table_views(
        self, snapshots: Mapping[str, Snapshot], since: datetime | None, until: datetime | None
    ) -> Iterable[str]:
        for name, table in TABLES.items():
            if table in SOURCE_TABLES:
                yield scan(table, snapshots[name], since, until)
            elif table in ROLLUPS:
                start = None if since is None else since - self.history
                yield scan(table, snapshots[name], start, until)
            else:
                yield scan(table, snapshots[name], None, None)

    def _execute(self, statement: str) -> None:
        try:
            self.connection.execute(statement)
        except duckdb.Error as error:
            first = statement.strip().splitlines()[0]
            raise LakeError(f"lake {self.lake.uri}: session cannot be opened at '{first}': {error}") from error

    @property
    def init_sql(self) -> str:
        """The session as one SQL script for DuckDB's own shell. Holds no credentials."""
        return "".join(f"{statement.rstrip().rstrip(';')};\n\n" for statement in self.statements)

    def refresh(self) -> bool:
        """Follow the lake to its newest version; whether any table had moved."""
        if all(self.lake.snapshot(table).version == self._versions[name] for name, table in TABLES.items()):
            return False
        self._load()
        return True

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> pa.Table:
        """The rows of one statement, as Arrow. Raises QueryError when the engine refuses it."""
        try:
            return self.connection.execute(sql, dict(parameters or {})).to_arrow_table()
        except duckdb.Error as error:
            raise QueryError(str(error)) from error

    def data_until(self) -> datetime | None:
        """End of the newest complete minute of data (see `watermarks`); None on an empty lake."""
        row = self.connection.execute("select data_until()").fetchone()
        return row[0].astimezone(UTC) if row and row[0] else None

    def close(self) -> None:
        """Give the connection back."""
        self.connection.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_session(
    lake: Lake,
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    history: timedelta = timedelta(0),
    settings: Mapping[str, str] | None = None,
) -> Session:
    """A session for [since, until), or for everything (a lake on S3: the newest 7 days of data, said on stderr).

    Source tables hold the window's rows alone; rollups begin `history` earlier, for what came before. `settings` are
    DuckDB's own (memory_limit, threads). Raises LakeError when the lake cannot be read.
    """
    return Session(lake, since, until, history=history, settings=settings)
