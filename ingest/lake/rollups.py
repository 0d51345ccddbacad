"""From a batch's source rows to the rows of the four rollups.

Rollups are additive: the rows of any split of a batch sum to those of the whole. What is counted how is said in
`vocabulary/*.sql`; this module only runs it.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import pyarrow as pa

from ingest.lake import vocabulary
from ingest.lake.declarations import ALB_ACCESS, ALB_CONNECTION, LATTICE_ACCESS, ROLLUPS, VPC_FLOW
from ingest.lake.schema import Table

_SOURCES = (LATTICE_ACCESS, ALB_ACCESS, ALB_CONNECTION, VPC_FLOW)
_REQUESTS = "batch_requests"


def connect() -> duckdb.DuckDBPyConnection:
    """An in-memory connection with the vocabulary in it, to be used for many batches."""
    connection = duckdb.connect(config={"preserve_insertion_order": "false"})
    connection.execute("set TimeZone = 'UTC'")
    connection.execute(vocabulary.sql(vocabulary.MACROS))
    return connection


def roll_up(rows: Mapping[str, pa.Table], connection: duckdb.DuckDBPyConnection | None = None) -> dict[str, pa.Table]:
    """Rows of the four rollups, by table name, in their declared schemas.

    `rows` holds a batch's rows by source table (lineage columns and `day` included); tables that feed no rollup are
    ignored, missing ones are empty. `connection` is one made by `connect`; without it one is made for this call.
    """
    used = connection or connect()
    for table in _SOURCES:
        used.register(table.name, rows.get(table.name, table.empty()))
    for name in (*vocabulary.SELECTS, _REQUESTS):
        used.execute(f"create or replace temp view {name} as {vocabulary.sql(name)}")
    try:
        return {table.name: _aggregate(used, table) for table in ROLLUPS}
    finally:
        for table in _SOURCES:
            used.unregister(table.name)
        if connection is None:
            used.close()


def _aggregate(connection: duckdb.DuckDBPyConnection, table: Table) -> pa.Table:
    result = connection.execute(vocabulary.sql(table.name)).to_arrow_table()
    return result.select(table.names).cast(table.arrow)
