"""What a table of the lake is: columns declared once, every other form derived.

A `Table` gives the Arrow schema that writers fill, the DuckDB types that an empty lake's views have, the SQL comments
of the shell and the documentation page. Nothing else in eastwest spells a column's type.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import Enum

import pyarrow as pa
import pyarrow.compute as pc


class Type(Enum):
    """A column's type: its letter in the documentation, its DuckDB name and its Arrow type."""

    TIME = ("T", "timestamp with time zone", pa.timestamp("us", tz="UTC"))
    DATE = ("D", "date", pa.date32())
    TEXT = ("S", "varchar", pa.string())
    INT = ("I", "integer", pa.int32())
    LONG = ("L", "bigint", pa.int64())
    REAL = ("F", "double", pa.float64())
    BOOL = ("B", "boolean", pa.bool_())

    def __init__(self, letter: str, duckdb: str, arrow: pa.DataType) -> None:
        self.letter = letter
        self.duckdb = duckdb
        self.arrow = arrow


@dataclass(frozen=True)
class Column:
    """One column: its public name, type and meaning; `unit` where it has one; `aws` is AWS's own spelling of it.

    `repeats` says that a batch has few values of a text: until it is written it is held as a dictionary, so that what
    is asked of it is asked once a value, and not once a row. `varies` says that it has many of a number or time: a data
    file then holds differences, which are smaller and quicker made than a dictionary.
    """

    name: str
    type: Type
    about: str
    unit: str | None = None
    aws: str | None = None
    repeats: bool = False
    varies: bool = False

    @property
    def held(self) -> pa.DataType:
        """Its Arrow type until it is written."""
        return pa.dictionary(pa.int32(), pa.string()) if self.repeats else self.type.arrow

    @property
    def comment(self) -> str:
        """The meaning with its unit, as shown by the shell and the documentation."""
        return f"{self.about} [{self.unit}]" if self.unit else self.about


@dataclass(frozen=True)
class Table:
    """One Delta table.

    `time` is the column that a time window prunes by (its min and max are kept in every file's statistics);
    `partition` is 'day', or None for small tables; `version` grows by one with every added column and is carried in
    file names, so that a reader knows a file's columns without opening it; `measures` are a rollup's additive columns;
    `counted_from` is the rollup that this one adds up. `bounds` are a rollup's columns that say from when to when, with
    the aggregate that merges them: all are NULL where something was taken back, because then nobody knows. `sorted_by`
    are the columns that compaction sorts by (`order`); without them, rows are sorted by time.
    """

    name: str
    about: str
    columns: tuple[Column, ...]
    time: str
    partition: str | None = "day"
    version: int = 1
    source: str | None = None
    measures: tuple[str, ...] = ()
    counted_from: Table | None = None
    bounds: tuple[tuple[str, str], ...] = ()
    sorted_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names) or self.time not in names:
            raise ValueError(f"table {self.name}: column names repeat, or {self.time} is not one of them")

    def __hash__(self) -> int:
        """Of the name alone: tables are keys everywhere, and hashing all columns took a tenth of a small commit."""
        return hash(self.name)

    @property
    def names(self) -> list[str]:
        """Column names, in order."""
        return [column.name for column in self.columns]

    @property
    def keys(self) -> list[str]:
        """A rollup's columns that tell its rows apart: all but what is added up or merged."""
        merged = {*self.measures, *(name for name, _ in self.bounds)}
        return [name for name in self.names if name not in merged]

    @property
    def order(self) -> list[str]:
        """The columns that compaction sorts by: a rollup's rows of one time by all their keys, so that runs shrink."""
        if self.sorted_by or not self.measures:
            return list(self.sorted_by or (self.time,))
        return [self.time, *(name for name in self.keys if name not in (self.time, self.partition))]

    @property
    def arrow(self) -> pa.Schema:
        """The Arrow schema of rows that are written.

        Without comments: delta-rs refuses rows whose comments are not those of the table, which another release made.
        """
        return pa.schema([(column.name, column.type.arrow) for column in self.columns])

    @property
    def commented(self) -> pa.Schema:
        """The Arrow schema of a table that is made, each field with its comment."""
        return pa.schema([pa.field(c.name, c.type.arrow, metadata={"comment": c.comment}) for c in self.columns])

    @property
    def held(self) -> pa.Schema:
        """The Arrow schema of rows until they are written: texts that repeat are dictionaries."""
        return pa.schema([(column.name, column.held) for column in self.columns])

    @property
    def file_columns(self) -> list[str]:
        """The columns inside a data file: all but the partition column, which is in its path."""
        return [name for name in self.names if name != self.partition]

    def column(self, name: str) -> Column:
        """The column of that name; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name}")

    def empty(self) -> pa.Table:
        """No rows, the right types."""
        return self.arrow.empty_table()

    def negated(self, rows: pa.Table) -> pa.Table:
        """Rows of a rollup that take these back: their measures negated, their bounds unknown."""
        columns = dict(zip(rows.column_names, rows.columns, strict=True))
        columns |= {name: pc.negate(columns[name]) for name in self.measures}
        columns |= {name: pa.chunked_array([pa.nulls(rows.num_rows, columns[name].type)]) for name, _ in self.bounds}
        return pa.table(list(columns.values()), schema=rows.schema)


LINEAGE = (
    Column("extra", Type.TEXT, "Fields AWS wrote that have no column yet: a JSON object, unnamed ones keyed field_N"),
    Column("log_object", Type.TEXT, "URI of the source object this row was read from"),
    Column("log_line", Type.INT, "Line in that object, counted from 1 (Parquet input: row)", varies=True),
    Column("log_account", Type.TEXT, "Account in the object's key; NULL where the key does not tell"),
    Column("log_region", Type.TEXT, "Region in the object's key; NULL where the key does not tell"),
    Column("day", Type.DATE, "Day of the row's own time, UTC; the partition"),
)
"""Columns that every source table ends with."""


def _told(column: Column, is_many_valued: bool) -> Column:
    is_text = column.type is Type.TEXT
    return replace(column, repeats=is_text and not is_many_valued, varies=is_many_valued and not is_text)


def source_table(
    name: str,
    about: str,
    columns: Iterable[Column],
    *,
    time: str,
    source: str,
    many_valued: Collection[str] | None = None,
) -> Table:
    """A table that holds one AWS log format: its documented fields, then the lineage columns.

    All texts repeat but those of the `many_valued` columns, and its numbers and times vary; without these nothing is
    known of either.
    """
    if many_valued is not None:
        columns = [_told(column, column.name in many_valued) for column in columns]
    return Table(name, about, (*columns, *LINEAGE), time=time, source=source)
