"""Flow records as VPC Flow Logs writes them: text in a custom format (version 8), and Parquet."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq

from .flows import FlowRecord
from .topology import REGION

HEADER = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end "
    "action log-status vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr region az-id "
    "flow-direction traffic-path ecs-service-name reject-reason"
)
FIELDS = HEADER.split(" ")
INT32 = {"version", "srcport", "dstport", "protocol", "tcp-flags", "traffic-path"}
INT64 = {"packets", "bytes", "start", "end"}
SCHEMA = pa.schema(
    [(f.replace("-", "_"), pa.int32() if f in INT32 else pa.int64() if f in INT64 else pa.string()) for f in FIELDS]
)


def line(record: FlowRecord) -> str:
    """One text line, without line end."""
    eni, vpc = record.eni, record.eni.vpc
    if record.no_data:
        return (
            f"8 {vpc.account} {eni.eni_id} - - - - - - - {record.start} {record.end} - NODATA "
            f"{vpc.vpc_id} {eni.subnet_id} {eni.instance_id} - - - - {REGION} {eni.az} - - - -"
        )
    kind = "IPv6" if ":" in record.src else "IPv4"
    return (
        f"8 {vpc.account} {eni.eni_id} {record.src} {record.dst} {record.sport} {record.dport} 6 "
        f"{record.packets} {record.octets} {record.start} {record.end} {record.action} OK "
        f"{vpc.vpc_id} {eni.subnet_id} {eni.instance_id} {record.flags} {kind} "
        f"{record.pkt_src} {record.pkt_dst} {REGION} {eni.az} {record.direction} {record.path} {eni.ecs_service} -"
    )


def parquet(lines: list[str]) -> bytes:
    """One Parquet object of text lines: gzip inside, `-` in an integer column is null."""
    columns = list(zip(*(text.split(" ") for text in lines), strict=True))
    arrays = []
    for schema_field, values in zip(SCHEMA, columns, strict=True):
        if pa.types.is_integer(schema_field.type):
            arrays.append(pa.array([None if v == "-" else int(v) for v in values], schema_field.type))
        else:
            arrays.append(pa.array(values, schema_field.type))
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA), sink, compression="gzip", row_group_size=1_000_000)
    return sink.getvalue()
