"""Logs that AWS delivers as Parquet: the same fields, with underscores in their names, already typed or as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingest.formats.arrow import ArrowError, pa, parquet, pc
from ingest.formats.fields import Field, Texts, extra_column, row_schema
from ingest.formats.kinds import nullify, without
from ingest.lake.schema import Table


def read_parquet(body: bytes, fields: Sequence[Field], table: Table, uri: str) -> Any:
    """The rows of a Parquet object; ValueError when it is damaged or has none of the format's fields.

    A value that is none of its column's is NULL there and kept in `extra`, as are columns without a field.
    """
    try:
        found = parquet.ParquetFile(pa.BufferReader(body)).read(use_threads=False)
    except (ArrowError, OSError) as error:
        raise ValueError(f"{uri}: not readable as Parquet: {error}") from error
    columns = {name.replace("_", "-"): found.column(i) for i, name in enumerate(found.column_names)}
    known = [field for field in fields if field.name in columns]
    if len(known) * 2 < len(columns) or not known:
        raise ValueError(f"{uri}: Parquet with the columns {', '.join(found.column_names[:8])} is no {table.name}")
    arrays: dict[str, Any] = {}
    unread: dict[str, Any] = {}
    for field in known:
        texts = _texts(columns.pop(field.name), field.name)
        values, bad = field.kind.many(texts)
        if bad is not None and bad.any():
            values = [without(column, bad) for column in values]
            unread[field.name] = without(texts, ~bad)
        arrays.update(zip(field.columns, values, strict=True))
    unread |= {name: _texts(column, name) for name, column in columns.items()}
    count = found.num_rows
    arrays["extra"] = extra_column(Texts(np.arange(count), unread), list(unread), count)
    schema = row_schema(table)
    return pa.table([arrays.get(f.name, pa.nulls(count, f.type)) for f in schema], schema=schema)


def _texts(column: Any, name: str) -> Any:
    """A column as text, NULL where AWS wrote that there is nothing."""
    try:
        if pa.types.is_timestamp(column.type):
            column = pc.cast(column, pa.timestamp("ms")).cast(pa.int64())
        elif pa.types.is_floating(column.type):
            column = pc.cast(column, pa.int64())
        texts = pc.cast(column, pa.string())
    except ArrowError as error:
        raise ValueError(f"column {name} of type {column.type} cannot be read: {error}") from error
    return nullify(texts.combine_chunks())
