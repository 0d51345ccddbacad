"""The user's own rules: which rows are dropped, and what is blotted out, before anything is written.

Promises: every rule is checked before the first object is read; rows are dropped first and redacted then, and rollups
see what is kept; what a rule touched is counted, and a rule that only counts changes nothing. Redaction reaches the
named columns, `extra`, and text and detail of rejects.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.errors import SettingsError
from ingest.lake.declarations import SOURCE_TABLES
from ingest.lake.schema import Table, Type
from ingest.settings import DropSettings, RedactSettings, Settings, nearest, whereabouts

Reject = dict[str, object]
_TABLES = {table.name: table for table in SOURCE_TABLES}
_NEVER_REDACTED = frozenset({"log_object", "log_account", "log_region"})
_CALL = re.compile(r"\b([a-z_]\w*)(?=\s*\()|\b(current_\w+|local\w+)\b", re.IGNORECASE)
_TEXT = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*")


@dataclass(frozen=True)
class _Drop:
    key: str
    table: Table
    where: str
    only_counts: bool


@dataclass(frozen=True)
class _Redaction:
    key: str
    table: Table
    columns: tuple[str, ...]
    pattern: str
    replacement: str
    only_counts: bool

    def applied(self, texts: Any) -> tuple[Any, int]:
        """The texts as they are to be written, and how many the pattern is found in."""
        found = int(pc.sum(pc.cast(pc.match_substring_regex(texts, self.pattern), pa.int64())).as_py() or 0)
        if found and not self.only_counts:
            texts = pc.replace_substring_regex(texts, self.pattern, self.replacement)
        return texts, found


class Rules:
    """Drop and redaction rules, checked and ready."""

    def __init__(self, drops: Sequence[_Drop] = (), redactions: Sequence[_Redaction] = ()) -> None:
        """Made by `compile_rules`; without arguments no rule at all."""
        self._drops = drops
        self._redactions = redactions
        self._connection = _connect() if drops else None

    def dropped(self, table: Table, rows: pa.Table, touched: Counter[str]) -> npt.NDArray[np.bool_] | None:
        """For each row whether a rule drops it; None when none is. What each rule finds is counted in `touched`."""
        mask: npt.NDArray[np.bool_] | None = None
        for rule in self._drops:
            if rule.table is table and rows.num_rows:
                assert self._connection is not None
                try:
                    hits = _hits(self._connection, rows, rule.where)
                except duckdb.Error as error:
                    raise ValueError(f"{rule.key}: {_said(error, table)}") from error
                touched[_label(rule.key, table, rule.only_counts)] += int(np.count_nonzero(hits))
                if not rule.only_counts:
                    mask = hits if mask is None else mask | hits
        return mask if mask is not None and mask.any() else None

    def redacted(self, table: Table, rows: pa.Table, touched: Counter[str]) -> pa.Table:
        """The rows with what the rules say replaced."""
        for rule in self._redactions:
            if rule.table is not table:
                continue
            for name in dict.fromkeys((*rule.columns, "extra")):
                place = rows.column_names.index(name)
                texts, found = rule.applied(rows.column(name).cast(pa.string()))
                touched[_label(rule.key, table, rule.only_counts)] += found
                if found and not rule.only_counts:
                    rows = rows.set_column(place, rows.field(name), texts.cast(rows.field(name).type))
        return rows

    def redact_rejects(self, rejects: Sequence[Reject], touched: Counter[str]) -> None:
        """Replace, in place, what the rules say in text and detail of rejects of their table, or of no known format."""
        for rule in self._redactions if rejects else ():
            concerned = [r for r in rejects if r["format"] in (rule.table.name, None)]
            for name in ("raw", "detail"):
                texts, found = rule.applied(pa.chunked_array([pa.array([r[name] for r in concerned], pa.string())]))
                touched[_label(rule.key, rule.table, rule.only_counts)] += found
                if found and not rule.only_counts:
                    for reject, text in zip(concerned, texts.to_pylist(), strict=True):
                        reject[name] = text


NO_RULES = Rules()


def compile_rules(settings: Settings, file: Path | None = None) -> Rules:
    """The settings' rules, every one of them checked; `file` is where they were read from, for messages.

    Raises:
        SettingsError: a table or column nobody knows, a predicate that DuckDB refuses or that would not always say the
            same of the same row, a pattern that is no regular expression.
    """
    drops = [_drop(rule, f"drop[{i}]", file) for i, rule in enumerate(settings.drop)]
    redactions = [_redaction(rule, f"redact[{i}]", file) for i, rule in enumerate(settings.redact)]
    return Rules(drops, redactions)


def _drop(rule: DropSettings, key: str, file: Path | None) -> _Drop:
    table = _table(rule.table, key, file)
    where = whereabouts(f"{key}.where", file)
    connection = _connect()
    unsteady = {name for (name,) in connection.execute(_UNSTEADY).fetchall()} | _UNSTEADY_WORDS
    used = {(call or word).lower() for call, word in _CALL.findall(_TEXT.sub("", rule.where))}
    if found := sorted(used & unsteady):
        raise SettingsError(
            f"{where}: {found[0]} may say something else when an object is read again. Use the row's own columns; to "
            "sample, hash(log_object, log_line) % 100"
        )
    try:
        told = _told(connection, table.empty(), rule.where)
    except duckdb.Error as error:
        raise SettingsError(f"{where}: {_said(error, table)}") from None
    if not pa.types.is_boolean(told.type):
        raise SettingsError(f"{where}: not a predicate: it is {told.type}, and should be true or false")
    return _Drop(key, table, rule.where, rule.mode == "count")


def _redaction(rule: RedactSettings, key: str, file: Path | None) -> _Redaction:
    table = _table(rule.table, key, file)
    texts = [c.name for c in table.columns if c.type is Type.TEXT and c.name not in _NEVER_REDACTED]
    for name in rule.columns:
        if name not in texts:
            where = whereabouts(f"{key}.columns", file)
            raise SettingsError(f"{where}: {table.name} has no text column {name!r}. {nearest(name, texts)}")
    try:
        pc.replace_substring_regex(pa.array([""]), rule.pattern, rule.replacement)
    except pa.ArrowInvalid as error:
        wrong = "replacement" if "replacement" in str(error).lower() else "pattern"
        raise SettingsError(f"{whereabouts(f'{key}.{wrong}', file)}: {error}") from None
    return _Redaction(key, table, tuple(rule.columns), rule.pattern, rule.replacement, rule.mode == "count")


def _table(name: str, key: str, file: Path | None) -> Table:
    if name not in _TABLES:
        raise SettingsError(f"{whereabouts(f'{key}.table', file)}: no source table {name!r}. {nearest(name, _TABLES)}")
    return _TABLES[name]


_UNSTEADY = "select distinct function_name from duckdb_functions() where stability <> 'CONSISTENT'"
_UNSTEADY_WORDS = {"current_timestamp", "current_date", "current_time", "localtime", "localtimestamp"}


def _connect() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 1, "enable_external_access": False})
    connection.execute("set TimeZone = 'UTC'")
    return connection


def _told(connection: duckdb.DuckDBPyConnection, rows: pa.Table, where: str) -> Any:
    """What the expression says of each row."""
    with connection.cursor() as cursor:
        told = cursor.from_arrow(rows).select(duckdb.SQLExpression(where).alias("told")).to_arrow_table()
    return told.column("told")


def _hits(connection: duckdb.DuckDBPyConnection, rows: pa.Table, where: str) -> npt.NDArray[np.bool_]:
    """For each row whether the predicate is true of it; NULL is not."""
    hits: npt.NDArray[np.bool_] = pc.fill_null(_told(connection, rows, where), False).to_numpy()
    return hits


def _said(error: duckdb.Error, table: Table) -> str:
    """DuckDB's message in one line; the nearest column in place of its own guesses."""
    text = str(error)
    if column := re.search(r'Referenced column "([^"]+)" not found', text):
        close = difflib.get_close_matches(column[1], table.names, n=1, cutoff=0.5)
        return f"{table.name} has no column {column[1]!r}. " + (
            f"Did you mean {close[0]}?" if close else f"Known: {', '.join(table.names)}"
        )
    return f"not a predicate over {table.name}: " + " ".join(text.partition("\n\nLINE")[0].split())


def _label(key: str, table: Table, only_counts: bool) -> str:
    return f"{key} {table.name}" + (" (only counted)" if only_counts else "")
