"""What a table holds, found by a filter on any column, also in files whose rows share one time."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from ingest.lake import contents, ledger
from ingest.lake.declarations import ALB_ACCESS, OBJECTS, REJECTS
from ingest.lake.schema import Table
from ingest.lake.tables import Lake
from ingest.lake.unit import Unit

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
URI = "s3://amzn-s3-demo-logging-bucket/one"


def one_row(table: Table) -> pa.Table:
    known = {"log_object": URI, "etag": "e", table.time: NOON, "day": date(2026, 3, 10)}
    return pa.Table.from_pylist([{name: known.get(name) for name in table.names}], schema=table.arrow)


@pytest.mark.parametrize("table", [OBJECTS, REJECTS, ALB_ACCESS], ids=lambda table: table.name)
def test_a_file_of_one_row_is_found_by_its_object(empty_lake: Lake, table: Table) -> None:
    empty_lake.append(table, [Unit(URI, "e")], lambda _: one_row(table))
    handle = empty_lake.open(table)
    assert handle is not None
    rows = contents.dataset(handle, table)
    for wanted in (ds.field("log_object") == URI, ds.field("log_object").isin([URI]), ds.field("log_object") >= "s3"):
        assert rows.to_table(filter=wanted).num_rows == 1
    assert rows.to_table(filter=ds.field("log_object") == "other").num_rows == 0
    if table.partition:
        assert rows.to_table(filter=ds.field("day") == date(2026, 3, 10)).num_rows == 1
        assert contents.dataset(handle, table, date(2026, 3, 11)).count_rows() == 0
    with contents.bounded("1GiB") as connection:
        connection.register("stored", rows)
        connection.register("asked", pa.table({"log_object": [URI]}))
        assert len(connection.execute("from stored join asked using (log_object)").fetchall()) == 1


def test_days_are_read_from_the_first_to_the_last(empty_lake: Lake) -> None:
    """Of a column that is NULL in every file, too: nothing is concluded about it."""
    days = [date(2026, 3, day) for day in (8, 9, 10, 11, 12)]
    for day in days:
        row = one_row(REJECTS).to_pylist()[0] | {"log_object": f"{day}", "day": day}
        rows = pa.Table.from_pylist([row], schema=REJECTS.arrow)
        empty_lake.append(REJECTS, [Unit(f"{day}", "e")], lambda _, rows=rows: rows)  # type: ignore[misc]
    handle = empty_lake.open(REJECTS)
    assert handle is not None
    assert contents.days(handle, REJECTS) == days
    for first, last, expected in ((None, None, days), (days[1], None, days[1:2]), (days[1], days[3], days[1:4])):
        found = contents.dataset(handle, REJECTS, first, last).to_table(filter=ds.field("raw").is_null())
        assert sorted(map(str, found.column("log_object").to_pylist())) == [f"{day}" for day in expected]


def test_the_ledger_knows_it(empty_lake: Lake) -> None:
    empty_lake.append(OBJECTS, [Unit(URI, "e")], lambda _: one_row(OBJECTS))
    assert ledger.unknown(empty_lake, [URI, URI, "s3://other/x"], ["e", "f", "e"]) == {1: True, 2: False}
