"""From a batch's source rows to the rows of the rollups.

Rollups are additive: the rows of any split of a batch sum to those of the whole. What is counted how is said in
`vocabulary/*.sql` and, of requests, in `request_counts`; this module runs it. Requests and flows are counted by the
numbers of their combinations; the texts that a number stands for are looked up once it is counted, and stay a
dictionary until they are written.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.lake import request_counts, vocabulary
from ingest.lake.combinations import NUMBER, Column, Combinations, combine, first_alike, with_numbers
from ingest.lake.declarations import (
    ALB_ACCESS,
    ALB_CONNECTION,
    CALL_HOURS,
    CALL_MINUTES,
    EDGE_HOURS,
    EDGE_LATENCY_HOURS,
    ENDPOINT_HOURS,
    FLOW_HOURS,
    LATTICE_ACCESS,
    VPC_FLOW,
)
from ingest.lake.request_counts import COMBINATION, Requests, requests_of
from ingest.lake.schema import Table

_REQUESTS, _FACTS, _NUMBERED = "batch_requests", "batch_facts", "numbered_requests"
_HOURS = "batch_hours"
_CONNECTIONS = "batch_connections"
_NORMALISED = {LATTICE_ACCESS: "lattice_requests", ALB_ACCESS: "alb_requests"}
FEEDS = {
    CALL_MINUTES: (LATTICE_ACCESS, ALB_ACCESS),
    CALL_HOURS: (LATTICE_ACCESS, ALB_ACCESS),
    EDGE_HOURS: (LATTICE_ACCESS, ALB_ACCESS),
    EDGE_LATENCY_HOURS: (LATTICE_ACCESS, ALB_ACCESS),
    ENDPOINT_HOURS: (LATTICE_ACCESS, ALB_ACCESS, ALB_CONNECTION),
    FLOW_HOURS: (VPC_FLOW,),
}
"""The source tables that each rollup counts."""
_SOURCES = (LATTICE_ACCESS, ALB_ACCESS, ALB_CONNECTION, VPC_FLOW)


_thread = threading.local()


def connect() -> duckdb.DuckDBPyConnection:
    """An in-memory connection with the vocabulary and empty sources in it, to be used for many batches.

    One thread: batches are worked on side by side, and a second thread on one of them cost half more CPU.
    """
    connection = duckdb.connect(config={"threads": "1"})
    connection.execute("set TimeZone = 'UTC'")
    # A filter that is handed down to Arrow has it copy every column of the rows that pass, which are nearly all.
    connection.execute("set disabled_optimizers = 'filter_pushdown'")
    connection.execute(vocabulary.sql(vocabulary.MACROS))
    for table in _SOURCES:
        connection.register(table.name, table.empty())
    for name in vocabulary.SELECTS:
        connection.execute(f"create temp view {name} as {vocabulary.sql(name)}")
    return connection


def roll_up(rows: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """Rows of the rollups, by table name, in their declared columns as they are held.

    `rows` holds a batch's rows by source table (lineage columns and `day` included); tables that feed no rollup are
    ignored, missing ones are empty. Each thread keeps its connection: making one costs as much as 10,000 rows.
    """
    if not hasattr(_thread, "connection"):
        _thread.connection = connect()
    used: duckdb.DuckDBPyConnection = _thread.connection
    given = {table: rows[table.name] for table in _SOURCES if table.name in rows and rows[table.name].num_rows}
    fed = {rollup for rollup, feeds in FEEDS.items() if any(table in given for table in feeds)}
    try:
        for table, batch in given.items():
            used.register(table.name, batch)
        found = {rollup: rollup.held.empty_table() for rollup in FEEDS}
        if ENDPOINT_HOURS in fed:
            found |= _count_requests(used, given)
        if FLOW_HOURS in fed:
            found[FLOW_HOURS] = _count_flows(used, given[VPC_FLOW])
        return {rollup.name: rows for rollup, rows in found.items()}
    finally:
        for table in given:
            used.register(table.name, table.empty())


def _count_requests(connection: duckdb.DuckDBPyConnection, given: Mapping[Table, pa.Table]) -> dict[Table, pa.Table]:
    """The rollups of the batch's requests and connections."""
    requests = _number(connection, given)
    counted = {
        rollup: _looked_up(rollup, rows, requests.told) for rollup, rows in request_counts.count(requests).items()
    }
    connection.register(_HOURS, request_counts.by_hour(requests))
    connection.register(_REQUESTS, requests.told)
    endpoints = _answer(connection, vocabulary.sql(ENDPOINT_HOURS.name))
    return {**counted, ENDPOINT_HOURS: endpoints.select(ENDPOINT_HOURS.names).cast(ENDPOINT_HOURS.held)}


def _number(connection: duckdb.DuckDBPyConnection, given: Mapping[Table, pa.Table]) -> Requests:
    """The batch's combinations, each at its number, and its requests as numbers."""
    numbered = _combined(connection, given)
    _choose(connection, [_NORMALISED[table] for table in numbered] or list(_NORMALISED.values()))
    for table, combinations in numbered.items():
        connection.register(table.name, combinations.examples)
    told = _held(_answer(connection, vocabulary.sql(_REQUESTS)))
    for table, combinations in numbered.items():
        connection.register(table.name, combinations.rows)
    return requests_of(_answer(connection, vocabulary.sql(_FACTS)), told)


def _count_flows(connection: duckdb.DuckDBPyConnection, rows: pa.Table) -> pa.Table:
    """The rollup of the batch's flows, which are made to carry the numbers of their combinations."""
    answers = _answer(connection, "select is_reply(tcp_flags, srcport, dstport) as it from vpc_flow")
    combinations = combine(VPC_FLOW, rows, [answers.column("it")])
    connection.register(VPC_FLOW.name, combinations.examples)
    told = _held(_answer(connection, vocabulary.sql(_CONNECTIONS)))
    # Records without packets are no connection, and some addresses that differ do so where nobody looks.
    places = np.zeros(combinations.count, dtype=np.int32)
    places[told.column(COMBINATION).to_numpy()] = first_alike(told, _told_by(FLOW_HOURS, told)).to_numpy()
    numbers = combinations.rows.column(NUMBER).to_numpy()
    connection.register(VPC_FLOW.name, with_numbers(VPC_FLOW, rows, places[numbers]))
    return _looked_up(FLOW_HOURS, _answer(connection, vocabulary.sql(FLOW_HOURS.name)), told)


def _combined(connection: duckdb.DuckDBPyConnection, given: Mapping[Table, pa.Table]) -> dict[Table, Combinations]:
    """The combinations of each front door, numbered on from one to the next."""
    numbered: dict[Table, Combinations] = {}
    if LATTICE_ACCESS in given:
        rows = given[LATTICE_ACCESS]
        numbered[LATTICE_ACCESS] = combine(LATTICE_ACCESS, rows, [_subscriptions(rows)])
    if ALB_ACCESS in given:
        # The hosts come back in the order of the rows: DuckDB's default, on which this relies.
        hosts = connection.execute("select host_key(request_url) as host from alb_access").to_arrow_table(
            vocabulary.ROWS_AT_ONCE
        )
        first = sum(part.count for part in numbered.values())
        numbered[ALB_ACCESS] = combine(ALB_ACCESS, given[ALB_ACCESS], [hosts.column("host")], first=first)
    return numbered


def _choose(connection: duckdb.DuckDBPyConnection, selects: Sequence[str]) -> None:
    """Have the numbered requests come from these selects: planning one without rows is as long as counting 10,000."""
    if getattr(_thread, "chosen", None) != selects:
        connection.execute(
            f"create or replace temp view {_NUMBERED} as from {' union all by name from '.join(selects)}"
        )
        _thread.chosen = selects


def _held(rows: pa.Table) -> pa.Table:
    """The rows with every text as a dictionary."""
    arrays = [column.combine_chunks() for column in rows.columns]
    return pa.table(
        [array.dictionary_encode() if pa.types.is_string(array.type) else array for array in arrays], rows.column_names
    )


def _told_by(rollup: Table, told: pa.Table) -> list[str]:
    """The rollup's columns that a combination tells."""
    return [name for name in rollup.names if name in told.column_names]


def _subscriptions(rows: pa.Table) -> Column:
    """For each row what tells the subscriptions of its object apart; asked once an object, not once a row."""
    objects: Column = rows.column("log_object").combine_chunks()
    encoded: Column = objects if pa.types.is_dictionary(objects.type) else objects.dictionary_encode()
    told: Column = pc.match_substring(encoded.dictionary, "/svc-").take(encoded.indices)
    return told


def _looked_up(rollup: Table, counted: pa.Table, told: pa.Table) -> pa.Table:
    """The rollup's rows; what they are counted by is looked up among the combinations `told`."""
    places = counted.column(COMBINATION).combine_chunks()
    for name in _told_by(rollup, told):
        counted = counted.append_column(name, told.column(name).combine_chunks().take(places))
    return counted.select(rollup.names).cast(rollup.held)


def _answer(connection: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    return connection.execute(sql).to_arrow_table(vocabulary.ROWS_AT_ONCE)
