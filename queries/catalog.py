"""The catalogue: reports and checks, one .sql file each, loaded with their headers.

Promises: a report runs with exactly its declared parameters; an unknown report or parameter is a QueryError that names
the nearest known one; every report is a table macro of the shell with the same parameters.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import pyarrow as pa

from ingest.errors import QueryError
from queries.header import split_header
from queries.scans import literal, moment
from queries.session import Session
from queries.times import minute_from, minute_of, parse_time

WINDOW = ("since", "until")
_BEGIN, _END = WINDOW
"""Names of bounds end so: since and until, baseline_since, before_until, ..."""
_CASTS = {
    "bigint": int,
    "integer": int,
    "double": float,
    "varchar": str,
    "boolean": lambda text: {"true": True, "false": False}[str(text).lower()],
}
_NEAREST = 3
_PARAMETER = re.compile(r"\$([a-z_][a-z0-9_]*)")

Value = str | int | float | bool | datetime | None


@dataclass(frozen=True)
class Parameter:
    """A parameter of a report: its DuckDB type, default (None: NULL, or the session's window) and meaning.

    `choices`: the only values that mean something; none: any does.
    """

    name: str
    type: str
    default: Value
    about: str
    choices: tuple[str, ...] = ()

    def value(self, given: object, newest: datetime | None) -> Value:
        """`given` as a value of the parameter's type; text is converted. Raises QueryError when it cannot be."""
        if given is None:
            return None
        if self.type == "timestamptz":
            return self._whole(given if isinstance(given, datetime) else parse_time(str(given), newest))
        if self.choices and given not in self.choices:
            raise QueryError(f"parameter {self.name}: {given} is not one of {', '.join(self.choices)}")
        try:
            return _CASTS[self.type](given)  # type: ignore[no-any-return, operator]
        except (ValueError, KeyError, TypeError):
            raise QueryError(f"parameter {self.name}: {given!r} is not a {self.type}") from None

    def _whole(self, time: datetime) -> datetime:
        """A window's bound with all of the minute that it lies in; every other time as it is."""
        if self.name.endswith(_BEGIN):
            return minute_of(time)
        return minute_from(time) if self.name.endswith(_END) else time

    @property
    def in_macro(self) -> str:
        """What a table macro puts in the parameter's place: the shell gives it as it is."""
        # What may be NULL needs a type. Beside aggregates DuckDB 1.5.5 does not follow a parameter that is given one.
        typed = self.name if self.name in WINDOW else f"coalesce({self.name}, null::timestamptz)"
        if self.name.endswith(_BEGIN):
            return f"minute_of({typed})"
        return (
            f"minute_of({typed} + interval 1 minute - interval 1 microsecond)"
            if self.name.endswith(_END)
            else self.name
        )


@dataclass(frozen=True)
class ResultColumn:
    """A column that a report returns: its DuckDB type and meaning; a `wide` one is left out of tables for people."""

    name: str
    type: str
    about: str
    wide: bool = False


@dataclass(frozen=True)
class Report:
    """One question and its SQL. `header` is all that the file's header says; `where` is the file, for messages.

    `history_hours`: how far before the window the report looks into rollups; `around_minutes`: how far before and
    after it into the logs themselves.
    """

    name: str
    topic: str
    title: str
    question: str
    sql: str
    parameters: Mapping[str, Parameter]
    columns: tuple[ResultColumn, ...]
    history_hours: float
    around_minutes: float
    header: Mapping[str, Any]
    where: str

    def bind(self, session: Session, given: Mapping[str, object] | None = None) -> dict[str, Value]:
        """Every declared parameter with its value: as given, else its default, else the session's window.

        The bounds of a window are widened to whole minutes.

        Raises:
            QueryError: a parameter the report does not have, or a value of another type.
        """
        given = given or {}
        for name in given:
            if name not in self.parameters:
                raise QueryError(f"{self.name}: no parameter {name}{nearest(name, self.parameters)}")
        newest = session.data_until()
        window = dict(zip(WINDOW, session.window(), strict=True))
        return {
            name: parameter.value(given.get(name, window.get(name, parameter.default)), newest)
            for name, parameter in self.parameters.items()
        }

    def run(self, session: Session, parameters: Mapping[str, object] | None = None) -> pa.Table:
        """The report's rows. Raises QueryError."""
        return session.query(self.sql, self.bind(session, parameters))

    def macro(self, session: Session) -> str:
        """The statement that makes the report a table macro, its defaults those of this session."""
        values = self.bind(session)
        declared = ", ".join(f"{name} := {_literal(values[name], self.parameters[name].type)}" for name in values)
        body = _PARAMETER.sub(lambda found: self.parameters[found[1]].in_macro, self.sql).rstrip().rstrip(";")
        # Quoted: `overlaps` is a word of SQL's own.
        return f'create or replace temp macro "{self.name}"({declared}) as table\n{body}'


def run_all(session: Session, asked: Sequence[tuple[Report, Mapping[str, object]]]) -> list[pa.Table]:
    """The rows of several reports and checks with their parameters, asked at the same time. Raises QueryError."""
    return session.query_all([(report.sql, report.bind(session, given)) for report, given in asked])


def _literal(value: Value, type_name: str) -> str:
    match value:
        case None:
            return f"null::{type_name}"
        case bool() | int() | float():
            return f"{str(value).lower()}::{type_name}"
        case datetime():
            return moment(value)
        case _:
            return f"{literal(value)}::{type_name}"


def nearest(name: str, known: Iterable[str]) -> str:
    """What to put after 'no such name': the nearest known one, or all of them when none is near."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; there are {', '.join(names)}" if names else "; there are none"


def somebody_near(name: str, known: Iterable[str]) -> str:
    """What to put after 'nobody has that name', of names that may be thousands: the nearest few, or where all are."""
    names = sorted(set(known))
    text = name.casefold()
    close = [found for found in names if len(text) > 2 and text in found.casefold()]
    near = list(dict.fromkeys([*difflib.get_close_matches(name, names, n=_NEAREST), *sorted(close, key=len)]))
    if near:
        return f"; did you mean {' or '.join(near[:_NEAREST])}?"
    return "; eastwest query call_graph names everybody who calls or is called"


def parse_report(name: str, topic: str, text: str, where: str) -> Report:
    """A report from its file's text. Raises QueryError when the header is wrong."""
    header, sql = split_header(text, where)
    for key in ("title", "question"):
        if not isinstance(header.get(key), str):
            raise QueryError(f'{where}: the header needs {key} = "..."')
    try:
        parameters = {
            key: Parameter(key, spec["type"], spec.get("default"), spec["about"], tuple(spec.get("choices", ())))
            for key, spec in header.get("params", {}).items()
        }
        columns = tuple(
            ResultColumn(key, spec["type"], spec["about"], spec.get("wide", False))
            for key, spec in header["columns"].items()
        )
    except (KeyError, TypeError, AttributeError):
        raise QueryError(f"{where}: each of [params] and [columns] needs type and about") from None
    history, around = (float(header.get(key, 0)) for key in ("history_hours", "around_minutes"))
    title, question = header["title"], header["question"]
    return Report(name, topic, title, question, sql, parameters, columns, history, around, header, where)


@cache
def load(folder: str = "reports") -> Mapping[str, Report]:
    """All reports of `queries/<folder>/` (or `<folder>/<topic>/`), by name."""
    found: dict[str, Report] = {}
    for topic, file in _sql_files(files("queries") / folder, folder):
        name = file.name.removesuffix(".sql")
        if name in found:
            raise QueryError(f"{topic}/{file.name}: {found[name].topic}/{file.name} has that name already")
        found[name] = parse_report(name, topic, file.read_text(encoding="utf-8"), f"queries/{topic}/{file.name}")
    return found


def by_topic() -> Mapping[str, tuple[str, ...]]:
    """The names of all reports by topic, as people write it."""
    found: dict[str, tuple[str, ...]] = {}
    for report in load().values():
        topic = report.topic.rpartition("/")[2].replace("_", " ")
        found[topic] = (*found.get(topic, ()), report.name)
    return found


def _sql_files(folder: Traversable, topic: str) -> Iterable[tuple[str, Traversable]]:
    if not folder.is_dir():
        return
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _sql_files(entry, f"{topic}/{entry.name}")
        elif entry.name.endswith(".sql"):
            yield topic, entry


def report(name: str) -> Report:
    """The report of that name. Raises QueryError that names the nearest one."""
    reports = load()
    if name not in reports:
        raise QueryError(f"no report {name}{nearest(name, reports)}")
    return reports[name]
