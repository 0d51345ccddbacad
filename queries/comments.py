"""`comment on` statements: what the shell says about tables, views and their columns, from where they are declared."""

from __future__ import annotations

from collections.abc import Iterator

from ingest.lake.declarations import TABLES
from queries.scans import literal
from queries.statements import PUBLIC_VIEWS, view_header


def statements() -> Iterator[str]:
    """One statement a table, view and column."""
    for table in TABLES.values():
        yield f"comment on view {table.name} is {literal(table.about)}"
        for column in table.columns:
            yield f'comment on column {table.name}."{column.name}" is {literal(column.comment)}'
    for view in PUBLIC_VIEWS:
        header = view_header(view)
        yield f"comment on view {view} is {literal(header['about'])}"
        for name, spec in header["columns"].items():
            yield f'comment on column {view}."{name}" is {literal(spec["about"])}'
