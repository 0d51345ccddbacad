"""Flow logs that AWS delivers as Parquet."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.formats import parse_key, vpc_flow
from ingest.formats.fields import row_schema

KEY = parse_key("s3://b/AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20/x.log.parquet")
TYPED: dict[str, Any] = {
    "version": pa.array([2, 2], pa.int32()),
    "account_id": pa.array(["123456789012", "-"]),
    "srcport": pa.array([443, None], pa.int32()),
    "bytes": pa.array([2**40, 0], pa.int64()),
    "start": pa.array([1439387263, 1439387264], pa.int64()),
    "end": pa.array([1439387264, 1439387265], pa.int64()),
    "log_status": pa.array(["OK", "NODATA"]),
    "pkt_src_aws_service": pa.array(["S3", ""]),
}


def body(columns: dict[str, Any], **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink, **options)
    return sink.getvalue().to_pybytes()


def rows(data: bytes) -> list[dict[str, Any]]:
    found = vpc_flow.parse_parquet(data, KEY)
    assert found.schema == row_schema(vpc_flow.TABLE)
    return [{name: value for name, value in row.items() if value is not None} for row in found.to_pylist()]


EXPECTED = [
    {
        "version": 2,
        "account_id": "123456789012",
        "srcport": 443,
        "bytes": 2**40,
        "start_time": datetime(2015, 8, 12, 13, 47, 43, tzinfo=UTC),
        "end_time": datetime(2015, 8, 12, 13, 47, 44, tzinfo=UTC),
        "log_status": "OK",
        "pkt_src_aws_service": "S3",
    },
    {
        "version": 2,
        "bytes": 0,
        "start_time": datetime(2015, 8, 12, 13, 47, 44, tzinfo=UTC),
        "end_time": datetime(2015, 8, 12, 13, 47, 45, tzinfo=UTC),
        "log_status": "NODATA",
    },
]


@pytest.mark.parametrize("compression", ["gzip", "snappy", "zstd"])
def test_typed_columns(compression: str) -> None:
    assert rows(body(TYPED, compression=compression)) == EXPECTED


def test_text_columns() -> None:
    texts = {name: [None if v is None else str(v) for v in column.to_pylist()] for name, column in TYPED.items()}
    texts["srcport"] = ["443", "-"]
    assert rows(body({name: pa.array(column, pa.string()) for name, column in texts.items()})) == EXPECTED


def test_dictionary_columns_and_row_groups() -> None:
    columns = TYPED | {"log_status": TYPED["log_status"].dictionary_encode()}
    assert rows(body(columns, row_group_size=1)) == EXPECTED


def test_milliseconds_and_timestamps() -> None:
    times = pa.array([1439387263000, 1439387264000])
    for start in (times, times.cast(pa.timestamp("ms", tz="UTC"))):
        assert [row["start_time"] for row in rows(body(TYPED | {"start": start}))] == [
            row["start_time"] for row in EXPECTED
        ]


def test_what_has_no_column_or_no_sense_is_kept_in_extra() -> None:
    columns = TYPED | {"brand_new": pa.array(["x", "-"]), "dstport": pa.array(["None", "80"])}
    found = rows(body(columns))
    assert found[0]["extra"] == '{"dstport":"None","brand-new":"x"}'
    assert "dstport" not in found[0]
    assert found[1]["dstport"] == 80
    assert "extra" not in found[1]


@pytest.mark.parametrize(
    "data",
    [b"PAR1", body(TYPED)[:-20], b"PAR1" + bytes(100) + b"PAR1", body({"elb": pa.array(["app/lb/1"])})],
    ids=["magic", "footer", "zeros", "another log"],
)
def test_damage_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"x\.log\.parquet: "):
        vpc_flow.parse_parquet(data, KEY)


def test_corrupt_pages_are_a_value_error() -> None:
    data = body(TYPED, compression="gzip")
    with pytest.raises(ValueError, match="Parquet"):
        vpc_flow.parse_parquet(data[:4] + bytes(200) + data[204:], KEY)
