"""Small lakes from hand-made rows: only the columns that matter are given, rollups are made as ingest makes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

from ingest.lake.declarations import TABLES
from ingest.lake.rollups import roll_up
from ingest.lake.schema import Table
from ingest.lake.tables import Lake
from queries.session import Session, open_session

Row = Mapping[str, Any]
NINE = datetime(2026, 3, 10, 9, tzinfo=UTC)
ACCOUNT = "123456789012"
NETWORK = f"arn:aws:vpc-lattice:us-east-1:{ACCOUNT}:servicenetwork/sn-00000000000000001"


def at(minute: float, hour: int = 9) -> datetime:
    """A time on the test day."""
    return NINE.replace(hour=hour) + timedelta(minutes=minute)


def role(name: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:iam::{account}:role/{name}"


def session_of(name: str, account: str = ACCOUNT) -> str:
    """The principal as Lattice logs it: the role with a session."""
    return f"arn:aws:sts::{account}:assumed-role/{name}/task-1"


def service(name: str) -> str:
    """A Lattice service's ARN; its id is made of the name."""
    return f"arn:aws:vpc-lattice:us-east-1:{ACCOUNT}:service/svc-{name.encode().hex():0>17}"


def target_group(name: str) -> str:
    return f"arn:aws:elasticloadbalancing:us-east-1:{ACCOUNT}:targetgroup/{name}/00000000000000aa"


def lattice(
    caller: str | None, callee: str, *, ip: str, target: str | None = None, vpc: str = "vpc-a", **columns: Any
) -> Row:
    """A request through Lattice at 09:00, answered 200 within 10 ms (1 + 8 + 1) unless `columns` say otherwise."""
    return {
        "start_time": NINE,
        "service_network_arn": NETWORK,
        "service_arn": service(callee),
        "source_vpc_id": vpc,
        "source_vpc_arn": f"arn:aws:ec2:us-east-1:{ACCOUNT}:vpc/{vpc}",
        "source_ip": ip,
        "source_port": 40_000,
        "target_ip": target,
        "target_port": 8080 if target else None,
        "destination_vpc_id": "vpc-a" if target else None,
        "host_header": f"{callee}.svc.example.com",
        "request_method": "GET",
        "request_path": "/",
        "protocol": "HTTP/1.1",
        "response_code": 200,
        "bytes_received": 100,
        "bytes_sent": 1000,
        "duration": 10,
        "request_to_target_duration": 1 if target else 0,
        "response_from_target_duration": 1 if target else 0,
        "resolved_user": session_of(caller) if caller else "Anonymous",
        "caller_principal": session_of(caller) if caller else None,
        **columns,
    }


def denied(caller: str | None, callee: str, by: str | None, *, ip: str, **columns: Any) -> Row:
    """A request that Lattice refused: Service, Network or Identity; None: it does not say by which policy."""
    refusal = {"response_code": 403, "auth_denied_reason": by, "failure_reason": "ClientAccessDenied"}
    return lattice(caller, callee, ip=ip, **{**refusal, **columns})


def alb(elb: str, host: str, *, ip: str, target: str | None = None, group: str | None = None, **columns: Any) -> Row:
    """A request through an internal load balancer at 09:00, answered 200 unless `columns` say otherwise."""
    return {
        "type": "https",
        "time": NINE,
        "elb": elb,
        "client_ip": ip,
        "client_port": 40_000,
        "target_ip": target,
        "target_port": 8080 if target else None,
        "request_processing_time": 0.001 if target else None,
        "target_processing_time": 0.008 if target else None,
        "response_processing_time": 0.001 if target else None,
        "elb_status_code": 200,
        "target_status_code": 200 if target else None,
        "received_bytes": 100,
        "sent_bytes": 1000,
        "request_verb": "GET",
        "request_url": f"https://{host}:443/",
        "request_proto": "HTTP/1.1",
        "target_group_arn": target_group(group) if group else None,
        "request_creation_time": NINE,
        "actions_executed": "forward" if group else None,
        **columns,
    }


def flow(src: str, dst: str, port: int, *, vpc: str, direction: str, action: str = "ACCEPT", **columns: Any) -> Row:
    """A flow record of a connection from `src` to `dst:port`, seen at one interface."""
    end = src if direction == "egress" else dst
    return {
        "start_time": NINE,
        "end_time": NINE,
        "interface_id": f"eni-{vpc}-{end}",
        "srcaddr": src,
        "dstaddr": dst,
        "pkt_srcaddr": src,
        "pkt_dstaddr": dst,
        "srcport": 40_000,
        "dstport": port,
        "protocol": 6,
        "packets": 10,
        "bytes": 1000,
        "action": action,
        "log_status": "OK",
        "vpc_id": vpc,
        "tcp_flags": 2,
        "flow_direction": direction,
        **columns,
    }


def delivered(source: str, time: datetime, **columns: Any) -> Row:
    """The ledger's row of an object that a source delivered for the five minutes from `time`."""
    return {
        "log_object": f"s3://logs/{source}_{time:%Y%m%dT%H%MZ}_0a.log.gz",
        "etag": "e",
        "size_bytes": 1,
        "records": 1,
        "rows": 1,
        "rejects": 0,
        "dropped": 0,
        "skipped": 0,
        "min_time": time,
        "max_time": time,
        "last_modified": time + timedelta(minutes=5),
        "ingested_at": time + timedelta(minutes=7),
        "batch_id": "b",
        **columns,
    }


def table_of(table: Table, rows: Iterable[Row]) -> pa.Table:
    """The rows in the table's schema: lineage and day filled in, all else NULL. `repeat` says how many of a row."""
    made: list[dict[str, Any]] = []
    for row in rows:
        plain = {key: value for key, value in row.items() if key != "repeat"}
        unknown = set(plain) - set(table.names)
        assert not unknown, f"{table.name} has no column {unknown}"
        for _ in range(row.get("repeat", 1)):
            filled = {"log_object": "s3://logs/made-by-hand", "log_line": len(made) + 1, **plain}
            if "day" in table.names:
                filled.setdefault("day", plain[table.time].date())
            made.append({name: filled.get(name) for name in table.names})
    return pa.Table.from_pylist(made, schema=table.arrow)


def lake_of(folder: Path | str, given: Mapping[str, Sequence[Row]], storage: Mapping[str, str] | None = None) -> Lake:
    """A lake in a folder or at an s3:// URI, holding the given rows by table and the rollups of them."""
    lake = Lake(str(folder), storage)
    deliver(lake, given)
    return lake


def deliver(lake: Lake, given: Mapping[str, Sequence[Row]]) -> None:
    """Append rows and what they add to the rollups, as one batch of ingest does."""
    tables = {name: table_of(TABLES[name], rows) for name, rows in given.items()}
    for name, rows in {**roll_up(tables), **tables}.items():
        if rows.num_rows:
            partition = TABLES[name].partition
            write_deltalake(
                lake.table_uri(TABLES[name]),
                rows.cast(TABLES[name].arrow),
                mode="append",
                partition_by=[partition] if partition else None,
                storage_options=lake.storage or None,
            )


def session_on(folder: Path, **given: Sequence[Row]) -> Session:
    """An open session on a lake of those rows."""
    return open_session(lake_of(folder, given))
