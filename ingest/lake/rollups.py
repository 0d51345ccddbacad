"""From a batch's source rows to the rows of the four rollups.

Rollups are additive: the rows of any split of a batch sum to those of the whole. What is counted how is said in
`vocabulary/*.sql`; this module only runs it.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import pyarrow as pa

from ingest.lake import vocabulary
from ingest.lake.combinations import combine
from ingest.lake.declarations import (
    ALB_ACCESS,
    ALB_CONNECTION,
    CALL_HOURS,
    CALL_MINUTES,
    ENDPOINT_HOURS,
    FLOW_HOURS,
    LATTICE_ACCESS,
    VPC_FLOW,
)
from ingest.lake.schema import Table

_REQUESTS, _FACTS = "batch_requests", "batch_facts"
FEEDS = {
    CALL_MINUTES: (LATTICE_ACCESS, ALB_ACCESS),
    CALL_HOURS: (LATTICE_ACCESS, ALB_ACCESS),
    ENDPOINT_HOURS: (LATTICE_ACCESS, ALB_ACCESS, ALB_CONNECTION),
    FLOW_HOURS: (VPC_FLOW,),
}
"""The source tables that each rollup counts."""
_SOURCES = (LATTICE_ACCESS, ALB_ACCESS, ALB_CONNECTION, VPC_FLOW)


def connect() -> duckdb.DuckDBPyConnection:
    """An in-memory connection with the vocabulary in it, to be used for many batches.

    One thread: batches are worked on side by side, and a second thread on one of them cost half more CPU.
    """
    connection = duckdb.connect(config={"threads": "1"})
    connection.execute("set TimeZone = 'UTC'")
    connection.execute(vocabulary.sql(vocabulary.MACROS))
    return connection


def roll_up(rows: Mapping[str, pa.Table], connection: duckdb.DuckDBPyConnection | None = None) -> dict[str, pa.Table]:
    """Rows of the four rollups, by table name, in their declared schemas.

    `rows` holds a batch's rows by source table (lineage columns and `day` included); tables that feed no rollup are
    ignored, missing ones are empty. `connection` is one made by `connect`; without it one is made for this call.
    """
    used = connection or connect()
    given = {table: rows.get(table.name, table.empty()) for table in _SOURCES}
    try:
        for table, batch in given.items():
            used.register(table.name, batch)
        for name in vocabulary.SELECTS:
            used.execute(f"create or replace temp view {name} as {vocabulary.sql(name)}")
        _number(used, given)
        return {
            rollup.name: _aggregate(used, rollup) if any(given[table].num_rows for table in feeds) else rollup.empty()
            for rollup, feeds in FEEDS.items()
        }
    finally:
        for table in _SOURCES:
            used.unregister(table.name)
        if connection is None:
            used.close()


def _number(connection: duckdb.DuckDBPyConnection, given: Mapping[Table, pa.Table]) -> None:
    """Make the tables of the batch's combinations and of its rows as numbers.

    The hosts come back in the order of the rows: DuckDB's default, on which this relies.
    """
    hosts = connection.execute("select host_of(request_url) as host from alb_access").to_arrow_table().column("host")
    lattice = combine(LATTICE_ACCESS, given[LATTICE_ACCESS])
    alb = combine(ALB_ACCESS, given[ALB_ACCESS], [hosts], first=lattice.count)
    for name, part in ((_REQUESTS, "examples"), (_FACTS, "rows")):
        connection.register(LATTICE_ACCESS.name, getattr(lattice, part))
        connection.register(ALB_ACCESS.name, getattr(alb, part))
        connection.execute(f"create or replace temp table {name} as {vocabulary.sql(name)}")


def _aggregate(connection: duckdb.DuckDBPyConnection, rollup: Table) -> pa.Table:
    result = connection.execute(vocabulary.sql(rollup.name)).to_arrow_table()
    return result.select(rollup.names).cast(rollup.arrow)
