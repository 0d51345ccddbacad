"""A rendered row is read back as itself, and it does not matter into which objects the lines are cut."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.formats import FORMATS, alb_access, alb_connection, alb_health_check, parse_key, vpc_flow
from ingest.formats.block import Block
from ingest.formats.fields import Field
from ingest.lake.schema import Type

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
KEY = parse_key("AWSLogs/x")
QUOTED = {
    "alb_access": {*alb_access.SHAPE.quoted, 25, 26, 27, 28, 30, 31, 32},
    "alb_connection": alb_connection.SHAPE.quoted,
    "alb_health_check": alb_health_check.SHAPE.quoted,
}
words = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789:/.-_=;,€ü", min_size=2, max_size=12).filter(
    lambda word: word != "null" and not word.startswith("arn:")
)
phrases = st.lists(words, min_size=1, max_size=3).map(" ".join)
addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
times = st.integers(0, 4 * 10**15).map(lambda micros: EPOCH + timedelta(microseconds=micros))
VALUES: dict[Type, Any] = {
    Type.INT: st.integers(0, 255),
    Type.LONG: st.integers(0, 2**63 - 1),
    Type.REAL: st.integers(0, 10**9).map(lambda thousandths: thousandths / 1000),
    Type.TIME: times,
}


def texts(module: ModuleType, field: Field, spaces: bool) -> st.SearchStrategy[tuple[str, tuple[Any, ...]]]:
    """A field's text and the values of its columns."""
    column = module.TABLE.column(field.columns[0])
    if len(field.columns) == 2 and column.type is Type.TIME:
        return st.tuples(times, times).map(lambda t: (f"NotBefore={iso(t[0])};NotAfter={iso(t[1])}", t))
    if field.name == "request_line":
        return st.tuples(words, phrases, words).map(lambda parts: (" ".join(parts), parts))
    if len(field.columns) > 1:
        none = (None,) * (len(field.columns) - 2)
        return st.tuples(addresses, st.integers(0, 65535)).map(lambda p: (f"{p[0]}:{p[1]}", (*p, *none)))
    if column.type is Type.TEXT:
        return (phrases if spaces else words).map(lambda text: (text, (text,)))
    if module is vpc_flow and column.type is Type.TIME:
        return st.integers(0, 10**11).map(lambda s: (str(s), (EPOCH + timedelta(seconds=s),)))
    if column.type is Type.TIME:
        return times.map(lambda time: (iso(time), (time,)))
    plain: st.SearchStrategy[Any] = VALUES[column.type]
    return plain.map(lambda value: (f"{value:.3f}" if isinstance(value, float) else str(value), (value,)))


def iso(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@st.composite
def rendered(draw: st.DrawFn, module: ModuleType) -> tuple[bytes, dict[str, Any]]:
    """A line, and the row that it is; any field but the time may say nothing."""
    quoted = QUOTED.get(module.TABLE.name, frozenset())
    row: dict[str, Any] = {}
    said: list[str] = []
    for i, field in enumerate(module.FIELDS):
        text, values = draw(texts(module, field, module.TABLE.name.startswith("lattice") or i in quoted))
        if module.TABLE.time not in field.columns and draw(st.booleans()):
            text, values = "-", (None,) * len(field.columns)
        said.append(f'"{text}"' if i in quoted else text)
        row |= dict(zip(field.columns, values, strict=True))
    if module.TABLE.name.startswith("lattice"):
        return orjson.dumps(dict(zip((f.name for f in module.FIELDS), said, strict=True))), row | {"extra": None}
    return " ".join(said).encode(), row | {"extra": None}


def read(module: ModuleType, lines: list[bytes], objects: int) -> list[dict[str, Any]]:
    layout = " ".join(f.name for f in vpc_flow.FIELDS) if module is vpc_flow else module.layout(lines[0])
    cut = len(lines) // objects
    counts = [cut] * (objects - 1) + [len(lines) - cut * (objects - 1)]
    parsed = module.parse(Block(b"".join(line + b"\n" for line in lines), [KEY] * objects, counts, layout))
    assert parsed.rejects == []
    rows: list[dict[str, Any]] = parsed.rows.to_pylist()
    return rows


@pytest.mark.parametrize("module", FORMATS, ids=lambda module: module.TABLE.name)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_rendered_rows_are_read_back(module: ModuleType, data: st.DataObject) -> None:
    drawn = data.draw(st.lists(rendered(module), min_size=1, max_size=4))
    # One by one, and often enough that they are read together.
    for times_over, objects in ((1, 1), (80, 1), (80, data.draw(st.integers(2, 9)))):
        lines = [line for line, _ in drawn] * times_over
        assert read(module, lines, objects) == [row for _, row in drawn] * times_over
