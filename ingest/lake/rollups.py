"""From a batch's source rows to the rows of the rollups.

Rollups are additive: the rows of any split of a batch sum to those of the whole. What is counted how is said in
`vocabulary/*.sql` and, of requests, in `request_counts`; this module runs it. Requests and flows are counted by the
numbers of their combinations; the texts that a number stands for are looked up once it is counted, and stay a
dictionary until they are written.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.lake import request_counts
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
from ingest.lake.prepared import NORMALISED, SOURCES, Prepared
from ingest.lake.request_counts import COMBINATION, Requests, requests_of
from ingest.lake.schema import Table

FEEDS = {
    CALL_MINUTES: (LATTICE_ACCESS, ALB_ACCESS),
    CALL_HOURS: (LATTICE_ACCESS, ALB_ACCESS),
    EDGE_HOURS: (LATTICE_ACCESS, ALB_ACCESS),
    EDGE_LATENCY_HOURS: (LATTICE_ACCESS, ALB_ACCESS),
    ENDPOINT_HOURS: (LATTICE_ACCESS, ALB_ACCESS, ALB_CONNECTION),
    FLOW_HOURS: (VPC_FLOW,),
}
"""The source tables that each rollup counts."""

_thread = threading.local()


def roll_up(rows: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """Rows of the rollups, by table name, in their declared columns as they are held.

    `rows` holds a batch's rows by source table (lineage columns and `day` included); tables that feed no rollup are
    ignored, missing ones are empty. Each thread keeps its statements: planning them costs as much as 200,000 rows.
    """
    given = {table: rows[table.name] for table in SOURCES if table.name in rows and rows[table.name].num_rows}
    fed = {rollup for rollup, feeds in FEEDS.items() if any(table in given for table in feeds)}
    found = {rollup: rollup.held.empty_table() for rollup in FEEDS}
    if ENDPOINT_HOURS in fed:
        with _prepared(given, NORMALISED) as prepared:
            found |= _count_requests(prepared, given)
    if FLOW_HOURS in fed:
        with _prepared(given, (VPC_FLOW,)) as prepared:
            found[FLOW_HOURS] = _count_flows(prepared, given[VPC_FLOW])
    return {rollup.name: rows for rollup, rows in found.items()}


@contextmanager
def _prepared(given: Mapping[Table, pa.Table], sources: Iterable[Table]) -> Iterator[Prepared]:
    """This thread's statements for batches of these of the sources and of these types; they forget the batch."""
    if not hasattr(_thread, "prepared"):
        _thread.prepared = {}
    kept: dict[tuple[object, ...], Prepared] = _thread.prepared
    schemas = {table: given[table].schema.remove_metadata() for table in sources if table in given}
    wanted = tuple(schemas.items())
    if wanted not in kept:
        # Connections alone have no front door's requests beside them.
        kept[wanted] = Prepared(schemas or {table: table.held for table in sources})
    try:
        yield kept[wanted]
    finally:
        kept[wanted].forget()


def _count_requests(prepared: Prepared, given: Mapping[Table, pa.Table]) -> dict[Table, pa.Table]:
    """The rollups of the batch's requests and connections."""
    requests = _number(prepared, given)
    counted = {
        rollup: _looked_up(rollup, rows, requests.told) for rollup, rows in request_counts.count(requests).items()
    }
    prepared.give({"batch_hours": request_counts.by_hour(requests), "batch_requests": requests.told})
    # Few rows, in the same types whatever else the batch has: statements are kept for the types of requests.
    connections = given[ALB_CONNECTION].cast(ALB_CONNECTION.held) if ALB_CONNECTION in given else None
    prepared.give({ALB_CONNECTION.name: connections or ALB_CONNECTION.held.empty_table()})
    endpoints = prepared.ask(ENDPOINT_HOURS.name)
    return {**counted, ENDPOINT_HOURS: endpoints.select(ENDPOINT_HOURS.names).cast(ENDPOINT_HOURS.held)}


def _number(prepared: Prepared, given: Mapping[Table, pa.Table]) -> Requests:
    """The batch's combinations, each at its number, and its requests as numbers."""
    numbered = _combined(prepared, given)
    prepared.give({table.name: combinations.examples for table, combinations in numbered.items()})
    told = _held(prepared.ask("batch_requests"))
    prepared.give({table.name: combinations.rows for table, combinations in numbered.items()})
    return requests_of(prepared.ask("batch_facts"), told)


def _count_flows(prepared: Prepared, rows: pa.Table) -> pa.Table:
    """The rollup of the batch's flows, which are made to carry the numbers of their combinations."""
    prepared.give({VPC_FLOW.name: rows})
    combinations = combine(VPC_FLOW, rows, prepared.ask("flow_replies").columns)
    prepared.give({VPC_FLOW.name: combinations.examples})
    told = _held(prepared.ask("batch_connections"))
    # Records without packets are no connection, and some addresses that differ do so where nobody looks.
    places = np.zeros(combinations.count, dtype=np.int32)
    places[told.column(COMBINATION).to_numpy()] = first_alike(told, _told_by(FLOW_HOURS, told)).to_numpy()
    numbers = combinations.rows.column(NUMBER).to_numpy()
    prepared.give({VPC_FLOW.name: with_numbers(VPC_FLOW, rows, places[numbers])})
    return _looked_up(FLOW_HOURS, prepared.ask(FLOW_HOURS.name), told)


def _combined(prepared: Prepared, given: Mapping[Table, pa.Table]) -> dict[Table, Combinations]:
    """The combinations of each front door, numbered on from one to the next."""
    numbered: dict[Table, Combinations] = {}
    if LATTICE_ACCESS in given:
        rows = given[LATTICE_ACCESS]
        numbered[LATTICE_ACCESS] = combine(LATTICE_ACCESS, rows, _subscriptions(rows))
    if ALB_ACCESS in given:
        rows = given[ALB_ACCESS]
        prepared.give({ALB_ACCESS.name: rows})
        first = sum(part.count for part in numbered.values())
        numbered[ALB_ACCESS] = combine(ALB_ACCESS, rows, prepared.ask("alb_hosts").columns, first=first)
    return numbered


def _held(rows: pa.Table) -> pa.Table:
    """The rows with every text as a dictionary."""
    arrays = [column.combine_chunks() for column in rows.columns]
    return pa.table(
        [array.dictionary_encode() if pa.types.is_string(array.type) else array for array in arrays], rows.column_names
    )


def _told_by(rollup: Table, told: pa.Table) -> list[str]:
    """The rollup's columns that a combination tells."""
    return [name for name in rollup.names if name in told.column_names]


def _subscriptions(rows: pa.Table) -> list[Column]:
    """What tells the rows' subscriptions apart, as `subscription_of` does; asked once an object, not once a row."""
    objects: Column = rows.column("log_object").combine_chunks()
    encoded: Column = objects if pa.types.is_dictionary(objects.type) else objects.dictionary_encode()
    return [
        pc.match_substring_regex(encoded.dictionary, f"(^|/){kind}-[^/]*/[^/]*$").take(encoded.indices)
        for kind in ("sn", "svc")
    ]


def _looked_up(rollup: Table, counted: pa.Table, told: pa.Table) -> pa.Table:
    """The rollup's rows; what they are counted by is looked up among the combinations `told`."""
    places = counted.column(COMBINATION).combine_chunks()
    for name in _told_by(rollup, told):
        counted = counted.append_column(name, told.column(name).combine_chunks().take(places))
    return counted.select(rollup.names).cast(rollup.held)
