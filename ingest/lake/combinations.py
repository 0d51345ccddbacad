"""Rows of a batch that are alike: numbers for the combinations of what rollups count by.

A million requests have some thousand combinations of caller, callee, target and outcome. Taking principals and hosts
apart is done once a combination, and grouping by its number is ten times cheaper than by its twenty texts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ingest.lake.declarations import ALB_ACCESS, LATTICE_ACCESS, VPC_FLOW
from ingest.lake.groups import Codes, codes, pack
from ingest.lake.schema import Table

COLUMNS = {
    LATTICE_ACCESS: (
        "service_network_arn",
        "service_arn",
        "target_group_arn",
        "source_vpc_arn",
        "source_vpc_id",
        "destination_vpc_id",
        "source_ip",
        "target_ip",
        "target_port",
        "host_header",
        "server_name_indication",
        "request_method",
        "response_code",
        "grpc_response_code",
        "resolved_user",
        "auth_denied_reason",
        "failure_reason",
        "caller_principal",
        "caller_x509_subject_cn",
    ),
    ALB_ACCESS: (
        "type",
        "elb",
        "client_ip",
        "target_ip",
        "target_port",
        "elb_status_code",
        "target_status_code",
        "target_group_arn",
        "actions_executed",
        "error_reason",
        "ip_address",
    ),
    VPC_FLOW: (
        "interface_id",
        "srcaddr",
        "dstaddr",
        "pkt_srcaddr",
        "pkt_dstaddr",
        "protocol",
        "action",
        "reject_reason",
        "log_status",
        "vpc_id",
        "flow_direction",
        "traffic_path",
    ),
}
"""The columns that decide by what a row is counted.

Of an ALB what tells its host besides (a URL is too many-valued), of a flow whether it is the answer, but not its
server's port: too many of them are clients'.
"""
_ALSO = ("request_url", "log_object", "srcport", "dstport", "tcp_flags")
NUMBER = "log_line"
"""The column that carries the number through the normalising selects, which leave it as it is."""
nulls: Any = pa.nulls
Column = Any  # a chunked array of any type: the stubs of pyarrow want to know which


@dataclass(frozen=True)
class Combinations:
    """`rows`: the batch with each row's number in column `NUMBER`; `examples`: one row a number; `count`: numbers."""

    rows: pa.Table
    examples: pa.Table
    count: int


def combine(table: Table, rows: pa.Table, more: Iterable[Column] = (), first: int = 0) -> Combinations:
    """Number the combinations of the table's `COLUMNS` and of `more` columns (one value a row), from `first` on."""
    columns = [rows.column(name).combine_chunks() for name in COLUMNS[table]]
    numbers, count = _numbers(rows.num_rows, [*columns, *more])
    numbered = with_numbers(table, rows, numbers + first)
    return Combinations(numbered, _examples(table, numbered, _firsts(numbers, count)), count)


def first_alike(rows: pa.Table, columns: Iterable[str]) -> Column:
    """For each row the place, from 0, of the first one that is the same in these columns."""
    numbers, count = _numbers(rows.num_rows, [rows.column(name) for name in columns])
    return pa.array(_firsts(numbers, count)[numbers], pa.int32())


def _numbers(length: int, columns: Iterable[Column]) -> tuple[Codes, int]:
    """A number for each row, from 0 in order of appearance, the same for rows that are alike; how many there are."""
    packed, _ = pack(length, map(codes, map(_whole, columns)))
    return codes(pa.array(packed))


def _firsts(numbers: Codes, count: int) -> Codes:
    """Where each of the numbers, from 0, occurs first."""
    firsts = np.zeros(count, dtype=np.int64)
    firsts[numbers[::-1]] = np.arange(len(numbers) - 1, -1, -1)
    return firsts


def _examples(table: Table, rows: pa.Table, places: Codes) -> pa.Table:
    """The rows at those places, NULL in the columns that decide nothing; in the rows' own types."""
    kept = {*COLUMNS[table], *_ALSO, NUMBER}
    arrays: list[Any] = [
        rows.column(field.name).combine_chunks().take(places) if field.name in kept else nulls(len(places), field.type)
        for field in rows.schema
    ]
    return pa.Table.from_arrays(arrays, schema=rows.schema)


def _whole(column: Column) -> Column:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def with_numbers(table: Table, rows: pa.Table, numbers: Codes) -> pa.Table:
    """The rows with these numbers in their column `NUMBER`."""
    place = rows.column_names.index(NUMBER)
    return rows.set_column(place, NUMBER, pa.array(numbers.astype(np.int32), table.column(NUMBER).type.arrow))
