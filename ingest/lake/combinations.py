"""Rows of a batch that are alike: numbers for the combinations of what rollups count by.

A million requests have some thousand combinations of caller, callee, target and outcome. Taking principals and hosts
apart is done once a combination, and grouping by its number is ten times cheaper than by its twenty texts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.lake.declarations import ALB_ACCESS, LATTICE_ACCESS
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
}
"""The columns that decide by what a row is counted; an ALB's host besides (a URL is too many-valued)."""
_ALSO = ("request_url", "log_object")
NUMBER = "log_line"
"""The column that carries the number through the normalising selects, which leave it as it is."""
_LIMIT = 1 << 62
nulls: Any = pa.nulls
Codes = npt.NDArray[np.int64]
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
    codes = np.zeros(rows.num_rows, dtype=np.int64)
    bound = 1
    for column in [*columns, *more]:
        codes, bound = _combined(codes, bound, column)
    numbers, count = _codes(pa.array(codes))
    numbered = _with_numbers(table, rows, numbers + (first - 1))
    return Combinations(numbered, _examples(table, numbered, _firsts(numbers - 1, count - 1)), count - 1)


def first_alike(rows: pa.Table, columns: Iterable[str]) -> Column:
    """For each row the place, from 0, of the first one that is the same in these columns."""
    codes, bound = np.zeros(rows.num_rows, dtype=np.int64), 1
    for name in columns:
        codes, bound = _combined(codes, bound, rows.column(name))
    numbers, count = _codes(pa.array(codes))
    return pa.array(_firsts(numbers - 1, count - 1)[numbers - 1], pa.int32())


def _combined(codes: Codes, bound: int, column: Column) -> tuple[Codes, int]:
    """The codes, all below the bound, told further apart by a column; and their new bound."""
    values, size = _codes(column)
    if bound * size >= _LIMIT:
        codes, bound = _codes(pa.array(codes))
    return codes * size + values, bound * size


def _firsts(numbers: Codes, count: int) -> Codes:
    """Where each of the numbers, from 0, occurs first."""
    firsts = np.zeros(count, dtype=np.int64)
    firsts[numbers[::-1]] = np.arange(len(numbers) - 1, -1, -1)
    return firsts


def _examples(table: Table, rows: pa.Table, places: Codes) -> pa.Table:
    """The rows at those places, NULL in the columns that decide nothing."""
    kept = {*COLUMNS[table], *_ALSO, NUMBER}
    arrays: list[Any] = [
        rows.column(column.name).combine_chunks().take(places).cast(column.type.arrow)
        if column.name in kept
        else nulls(len(places), column.type.arrow)
        for column in table.columns
    ]
    return pa.Table.from_arrays(arrays, schema=table.arrow)


def _codes(column: Column) -> tuple[Codes, int]:
    """A small number for each value, from 1 in order of appearance, 0 for NULL; and how many numbers there are."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    encoded: Any = whole.dictionary_encode()
    indices: Any = pc.fill_null(pc.cast(encoded.indices, pa.int64()), -1)
    return indices.to_numpy(zero_copy_only=False) + 1, len(encoded.dictionary) + 1


def _with_numbers(table: Table, rows: pa.Table, numbers: Codes) -> pa.Table:
    place = rows.column_names.index(NUMBER)
    return rows.set_column(place, NUMBER, pa.array(numbers.astype(np.int32), table.column(NUMBER).type.arrow))
