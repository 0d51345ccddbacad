"""A format's fields under AWS's names, and how columns of text become its table's typed columns.

A format declares its fields once; reading whole columns and explaining one bad value both go by that declaration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import orjson

from ingest.formats.arrow import pa, pc
from ingest.formats.block import Indices, Reason, Rejected
from ingest.formats.kinds import PLAIN, TEXT, BadValueError, Kind
from ingest.lake.schema import LINEAGE, Table

NOT_OURS = {column.name for column in LINEAGE} - {"extra"}
"""Columns that the pipeline adds."""


@dataclass(frozen=True)
class Field:
    """One field of a log line: AWS's name, the columns it fills, and how."""

    name: str
    columns: tuple[str, ...]
    kind: Kind


@dataclass(frozen=True)
class Texts:
    """Records as text: for each field name (AWS's, known or not) an array of texts, NULL where there is nothing.

    `at[i]` is the block's line of record i.
    """

    at: Indices
    columns: Mapping[str, Any]


class DoubtfulNumbersError(Exception):
    """Records to be read one by one hold columns that are no text any more: read them as text first."""


def plain_fields(table: Table, names: Sequence[str] | None = None, **kinds: Kind) -> tuple[Field, ...]:
    """A field for each column: its AWS name, its type's plain kind, or the kind given for the column's name."""
    columns = [column for column in table.columns if column.name not in NOT_OURS and column.name != "extra"]
    return tuple(
        Field(column.aws or column.name, (column.name,), kinds.get(column.name, PLAIN[column.type]))
        for column in columns
        if names is None or column.name in names
    )


@cache
def row_schema(table: Table) -> Any:
    """The Arrow schema of a format's rows: the table's without the columns that the pipeline adds, texts as held."""
    return pa.schema([(column.name, column.held) for column in table.columns if column.name not in NOT_OURS])


@cache
def no_rows(table: Table) -> Any:
    """No rows of a format; to make them of a schema takes longer than to read fifty lines."""
    return row_schema(table).empty_table()


def repeating(fields: Sequence[Field], table: Table) -> set[str]:
    """The names of fields whose column is held as a dictionary."""
    held = {column.name for column in table.columns if column.repeats}
    return {field.name for field in fields if field.kind is TEXT and held.issuperset(field.columns)}


def typed(
    texts: Texts, fields: Sequence[Field], table: Table, *, careful: bool = False
) -> tuple[Any, Indices, list[Rejected]]:
    """Rows, their lines and the rejects of records as text; `careful` reads every value one by one.

    Columns may be integers already where their kind is one. Raises DoubtfulNumbersError when text is needed after all.
    """
    count = len(texts.at)
    if not count:
        return no_rows(table), texts.at, []
    arrays: dict[str, Any] = {}
    doubtful = np.ones(count, dtype=np.bool_) if careful else np.zeros(count, dtype=np.bool_)
    for field in fields:
        column = texts.columns.get(field.name)
        if column is None or careful:
            continue
        values, bad = field.kind.many(column)
        arrays.update(zip(field.columns, values, strict=True))
        if bad is not None:
            doubtful |= bad
    if not careful:
        doubtful |= pc.is_null(arrays[table.time]).to_numpy(zero_copy_only=False) if table.time in arrays else True
    schema = row_schema(table)
    unknown = sorted(texts.columns.keys() - {field.name for field in fields})
    arrays["extra"] = extra_column(texts, unknown, count)
    rows = pa.table(
        [_held(arrays[f.name], f.type) if f.name in arrays else pa.nulls(count, f.type) for f in schema], schema=schema
    )
    if not doubtful.any():
        return rows, texts.at, []
    if any(pa.types.is_integer(column.type) for column in texts.columns.values()):
        raise DoubtfulNumbersError
    slow, slow_at, rejects = _one_by_one(texts, np.flatnonzero(doubtful), fields, table, unknown)
    sure = np.flatnonzero(~doubtful)
    return in_order(rows.take(pa.array(sure)), texts.at[sure], slow, slow_at, rejects)


def _held(array: Any, type_: Any) -> Any:
    """A dictionary of the texts, where the column is held as one."""
    is_text = pa.types.is_string(array.type)
    return array.dictionary_encode() if is_text and pa.types.is_dictionary(type_) else array


def in_order(
    rows: Any, at: Indices, more: Any, more_at: Indices, rejects: list[Rejected]
) -> tuple[Any, Indices, list[Rejected]]:
    """Two sets of rows as one, by line."""
    if not len(more_at):
        return rows, at, rejects
    if not len(at):
        return more, more_at, rejects
    lines = np.concatenate([at, more_at])
    order = np.argsort(lines, kind="stable")
    return pa.concat_tables([rows, more]).take(pa.array(order)).combine_chunks(), lines[order], rejects


def read_record(record: Mapping[str, str | None], fields: Sequence[Field], table: Table) -> dict[str, object]:
    """One record's columns; BadValueError names the field and its value."""
    row: dict[str, object] = {}
    for field in fields:
        text = record.get(field.name)
        if text is None:
            continue
        try:
            row.update(zip(field.columns, field.kind.one(text), strict=True))
        except BadValueError as error:
            raise BadValueError(f"{field.name} {text[:200]!r} {error}") from None
    if row.get(table.time) is None:
        name = next(field.name for field in fields if table.time in field.columns)
        raise BadValueError(f"{name} is missing")
    return row


def _one_by_one(
    texts: Texts, chosen: Indices, fields: Sequence[Field], table: Table, unknown: Sequence[str]
) -> tuple[Any, Indices, list[Rejected]]:
    subset = {name: column.take(pa.array(chosen)).to_pylist() for name, column in texts.columns.items()}
    rows, at, rejects = [], [], []
    for i, line in enumerate(texts.at[chosen].tolist()):
        record = {name: column[i] for name, column in subset.items()}
        try:
            row = read_record(record, fields, table)
        except BadValueError as error:
            rejects.append(Rejected(line, Reason.BAD_VALUE, str(error)))
            continue
        rows.append(row | {"extra": extra_of({name: record[name] for name in unknown})})
        at.append(line)
    return pa.Table.from_pylist(rows, schema=row_schema(table)), np.array(at, dtype=np.int64), rejects


def extra_of(record: Mapping[str, str | None]) -> str | None:
    """The JSON object of fields that have no column; None when there is nothing in them."""
    kept = {name: text for name, text in record.items() if text is not None}
    return orjson.dumps(kept).decode() if kept else None


def extra_column(texts: Texts, unknown: Sequence[str], count: int) -> Any:
    """The `extra` column: a JSON object where a field without a column says something."""
    said = [name for name in unknown if texts.columns[name].null_count < count]
    if not said:
        return pa.nulls(count, pa.string())
    valid = [texts.columns[name].is_valid().to_numpy(zero_copy_only=False) for name in said]
    some = np.flatnonzero(np.logical_or.reduce(valid))
    columns = [texts.columns[name].take(pa.array(some)).to_pylist() for name in said]
    values: list[str | None] = [None] * count
    for i, record in zip(some.tolist(), zip(*columns, strict=True), strict=True):
        values[i] = extra_of(dict(zip(said, record, strict=True)))
    return pa.array(values, pa.string())
