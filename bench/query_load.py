"""Rows of a busy day for `make bench-queries`, drawn column by column straight into the lake's tables.

300 services of four tasks in three VPCs; two thirds behind VPC Lattice, the others behind ten load balancers. 3,000
pairs of caller and service, their traffic as unequal as in real systems (log-normal). Flow records are those of the
requests' connections. Lines of AWS's formats are not made: `make bench` measures how they are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.lake.declarations import ALB_ACCESS, LATTICE_ACCESS, OBJECTS, VPC_FLOW
from ingest.lake.schema import Table

SERVICES, TASKS, VPCS, BALANCERS, NODES, PAIRS = 300, 4, 3, 10, 2, 3_000
BEHIND_LATTICE = 200
SLOT = timedelta(minutes=5)
OBJECTS_A_SLOT = {LATTICE_ACCESS: 4, ALB_ACCESS: BALANCERS * NODES, VPC_FLOW: 12}
ACCOUNT, REGION = "123456789012", "us-east-1"
NETWORK = f"arn:aws:vpc-lattice:{REGION}:{ACCOUNT}:servicenetwork/sn-0a1b2c3d4e5f60718"
SIGNER_SESSIONS = TASKS
REFUSED_PAIRS, FAILING_PAIRS, REJECTED_TASKS = 12, 12, 60

Numbers = npt.NDArray[np.int64]
Columns = dict[str, Any]


def _texts(layout: str, count: int) -> Any:
    return pa.array([layout.format(n=n) for n in range(count)])


def _hexadecimal(draw: np.random.Generator, count: int, layout: str) -> Any:
    """`count` texts of `layout`, every x replaced by a random hexadecimal digit."""
    cells = np.tile(np.frombuffer(layout.encode(), np.uint8), (count, 1))
    places = np.flatnonzero(cells[0] == ord("x")) if count else np.zeros(0, np.int64)
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)
    cells[:, places] = digits[draw.integers(0, 16, (count, len(places)), np.uint8)]
    offsets = np.arange(0, (count + 1) * len(layout), len(layout), dtype=np.int32)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets.tobytes()), pa.py_buffer(cells.tobytes()))


@dataclass(frozen=True)
class Requests:
    """Requests in order of time: when (microseconds), pair, task of the caller, task of the service, port."""

    at: Numbers
    pair: Numbers
    caller: Numbers
    target: Numbers
    port: Numbers


class Estate:
    """Who calls whom, and the texts that stand for them in the logs."""

    def __init__(self, seed: int) -> None:
        draw = np.random.default_rng(seed)
        numbers = draw.choice(SERVICES * (SERVICES - 1), PAIRS, replace=False)
        self.callers, others = numbers // (SERVICES - 1), numbers % (SERVICES - 1)
        self.callees = others + (others >= self.callers)
        weights = draw.lognormal(0, 1.5, PAIRS)
        self.shares = np.cumsum(weights) / weights.sum()
        self.medians = draw.lognormal(np.log(30), 0.7, PAIRS)
        self.refused = np.isin(np.arange(PAIRS), draw.choice(PAIRS, REFUSED_PAIRS, replace=False))
        self.failing = np.isin(np.arange(PAIRS), draw.choice(PAIRS, FAILING_PAIRS, replace=False))
        service, task = np.arange(SERVICES * TASKS) // TASKS, np.arange(SERVICES * TASKS) % TASKS
        self.vpc_of_task = service % VPCS
        self.task_ips = pa.array(
            [f"10.{s % VPCS}.{s // 60}.{10 + TASKS * (s % 60) + t}" for s, t in zip(service, task, strict=True)]
        )
        self.task_interfaces = _texts("eni-0aa{n:014x}", SERVICES * TASKS)
        self.vpcs = _texts("vpc-0{n:016x}", VPCS)
        self.vpc_arns = pa.array([f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc/{vpc}" for vpc in self.vpcs.to_pylist()])
        self.services = _texts(f"arn:aws:vpc-lattice:{REGION}:{ACCOUNT}:service/svc-0{{n:016x}}", SERVICES)
        self.hosts = _texts("svc{n}.internal.example.com", SERVICES)
        self.urls = _texts("https://svc{n}.internal.example.com:443/items/list?page=2", SERVICES)
        self.lattice_groups = _texts(f"arn:aws:vpc-lattice:{REGION}:{ACCOUNT}:targetgroup/tg-0{{n:016x}}", SERVICES)
        self.alb_groups = _texts(
            f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/svc{{n}}/{{n:016x}}", SERVICES
        )
        self.principals = pa.array(
            [
                f"arn:aws:sts::{ACCOUNT}:assumed-role/svc{s}-task/{s:030x}{t:02x}"
                for s, t in zip(service, task, strict=True)
            ]
        )
        self.balancers = _texts("app/internal-{n}/{n:016x}", BALANCERS)
        self.node_ips = pa.array([f"10.{n // NODES % VPCS}.250.{10 + n}" for n in range(BALANCERS * NODES)])
        self.node_interfaces = _texts("eni-0bb{n:014x}", BALANCERS * NODES)
        self.lattice_ips = pa.array([f"169.254.171.{32 + n}" for n in range(90)])

    def requests(self, draw: np.random.Generator, start: datetime, span: timedelta, count: int) -> Requests:
        """`count` requests within [start, start + span)."""
        at = np.sort(draw.integers(0, span // timedelta(microseconds=1), count)) + _micros(start)
        pair = np.minimum(np.searchsorted(self.shares, draw.random(count)), PAIRS - 1)
        caller = self.callers[pair] * TASKS + draw.integers(0, TASKS, count)
        target = self.callees[pair] * TASKS + draw.integers(0, TASKS, count)
        return Requests(at, pair, caller, target, draw.integers(32_768, 61_000, count))


def rows_of(
    estate: Estate, draw: np.random.Generator, start: datetime, span: timedelta, scale: float
) -> dict[Table, pa.Table]:
    """Rows of [start, start + span), in order of time, by table; `scale` 1.0 is 20 M requests and 50 M flows a day."""
    share = span / timedelta(days=1) * scale
    made = estate.requests(draw, start, span, round(20_000_000 * share))
    behind_lattice = estate.callees[made.pair] < BEHIND_LATTICE
    lattice, alb = _chosen(made, behind_lattice), _chosen(made, ~behind_lattice)
    return {
        LATTICE_ACCESS: _lattice(estate, draw, lattice),
        ALB_ACCESS: _alb(estate, draw, alb),
        VPC_FLOW: _flows(estate, draw, made, start, span, round(50_000_000 * share)),
    }


def ledger(rows: Mapping[Table, pa.Table]) -> pa.Table:
    """The ledger's rows of these rows' objects: delivered and read six minutes after the slot they are about."""
    parts = []
    for table, part in rows.items():
        found = part.group_by("log_object").aggregate([("log_line", "count"), (table.time, "min"), (table.time, "max")])
        for row in found.to_pylist():
            first = row[f"{table.time}_min"]
            read = first - timedelta(seconds=first.timestamp() % SLOT.total_seconds()) + timedelta(minutes=11)
            parts.append(
                {
                    "log_object": row["log_object"],
                    "etag": "d41d8cd98f00b204e9800998ecf8427e",
                    "size_bytes": 40 * row["log_line_count"],
                    "format": table.name,
                    "records": row["log_line_count"],
                    "rows": row["log_line_count"],
                    "rejects": 0,
                    "dropped": 0,
                    "skipped": 0,
                    "min_time": first,
                    "max_time": row[f"{table.time}_max"],
                    "last_modified": read,
                    "ingested_at": read.replace(microsecond=0),
                    "batch_id": f"{read:%Y%m%d%H%M}",
                }
            )
    return pa.Table.from_pylist(parts, schema=OBJECTS.arrow)


# -- one table each ----------------------------------------------------------------------------------------------------


def _lattice(estate: Estate, draw: np.random.Generator, made: Requests) -> pa.Table:
    n, callee = len(made.at), estate.callees[made.pair]
    refused = estate.refused[made.pair]
    status = _status(estate, draw, made.pair)
    wait = _waits(estate, draw, made.pair)
    forward, back = draw.integers(1, 4, n), draw.integers(0, 2, n)
    who = _take(estate.principals, made.caller)
    columns: Columns = {
        "start_time": _times(made.at // 1_000_000 * 1_000_000),
        "service_network_arn": _constant(NETWORK, n),
        "service_arn": _take(estate.services, callee),
        "target_group_arn": _take(estate.lattice_groups, callee, refused),
        "source_vpc_arn": _take(estate.vpc_arns, estate.vpc_of_task[made.caller]),
        "source_vpc_id": _take(estate.vpcs, estate.vpc_of_task[made.caller]),
        "destination_vpc_id": _take(estate.vpcs, estate.vpc_of_task[made.target], refused),
        "source_ip": _take(estate.task_ips, made.caller),
        "source_port": pa.array(made.port.astype(np.int32)),
        "target_ip": _take(estate.task_ips, made.target, refused),
        "target_port": pa.array(np.full(n, 8080, np.int32), mask=refused),
        "host_header": _take(estate.hosts, callee),
        "server_name_indication": _take(estate.hosts, callee),
        "request_method": _constant("GET", n),
        "request_path": _take(_texts("/items/{n}", 50), draw.integers(0, 50, n)),
        "protocol": _constant("HTTP/2", n),
        "response_code": pa.array(np.where(refused, 403, status).astype(np.int32)),
        "bytes_received": pa.array(draw.integers(200, 2_000, n)),
        "bytes_sent": pa.array(draw.integers(200, 9_000, n)),
        "duration": pa.array(np.where(refused, 1, wait + forward + back)),
        "request_to_target_duration": pa.array(forward, mask=refused),
        "response_from_target_duration": pa.array(back, mask=refused),
        "tls_version": _constant("TLSv1.3", n),
        "ssl_cipher": _constant("TLS_AES_128_GCM_SHA256", n),
        "user_agent": _constant("python-requests/2.32.3", n),
        "resolved_user": who,
        "auth_denied_reason": _take(_texts("Service", 1), np.zeros(n, np.int64), ~refused),
        "failure_reason": _take(_texts("ClientAccessDenied", 1), np.zeros(n, np.int64), ~refused),
        "caller_principal": who,
        "caller_principal_org_id": _constant("o-a1b2c3d4e5", n),
        "request_id": _hexadecimal(draw, n, "xxxxxxxx-xxxx-4xxx-axxx-xxxxxxxxxxxx"),
    }
    network = NETWORK.rpartition("/")[2]
    name = (
        f"s3://example-logs/AWSLogs/{ACCOUNT}/VpcLattice/AccessLogs/{REGION}/{{at:%Y/%m/%d}}/{network}/"
        f"{ACCOUNT}_VpcLatticeAccessLogs_{REGION}_{network}_{{at:%Y%m%dT%H%MZ}}_{{part:08x}}.json.gz"
    )
    return _table(LATTICE_ACCESS, columns, made.at, draw.integers(0, OBJECTS_A_SLOT[LATTICE_ACCESS], n), name)


def _alb(estate: Estate, draw: np.random.Generator, made: Requests) -> pa.Table:
    n, callee = len(made.at), estate.callees[made.pair]
    status, wait = _status(estate, draw, made.pair), _waits(estate, draw, made.pair)
    forward, back = draw.integers(0, 3, n), draw.integers(0, 2, n)
    balancer = callee % BALANCERS
    node = balancer * NODES + draw.integers(0, NODES, n)
    code = pa.array(status.astype(np.int32))
    columns: Columns = {
        "type": _constant("https", n),
        "time": _times(made.at),
        "elb": _take(estate.balancers, balancer),
        "client_ip": _take(estate.task_ips, made.caller),
        "client_port": pa.array(made.port.astype(np.int32)),
        "target_ip": _take(estate.task_ips, made.target),
        "target_port": pa.array(np.full(n, 8080, np.int32)),
        "request_processing_time": pa.array(forward / 1000),
        "target_processing_time": pa.array(wait / 1000),
        "response_processing_time": pa.array(back / 1000),
        "elb_status_code": code,
        "target_status_code": code,
        "received_bytes": pa.array(draw.integers(200, 2_000, n)),
        "sent_bytes": pa.array(draw.integers(200, 9_000, n)),
        "request_verb": _constant("GET", n),
        "request_url": _take(estate.urls, callee),
        "request_proto": _constant("HTTP/1.1", n),
        "user_agent": _constant("Java-http-client/21.0.4", n),
        "ssl_cipher": _constant("TLS_AES_128_GCM_SHA256", n),
        "ssl_protocol": _constant("TLSv1.3", n),
        "target_group_arn": _take(estate.alb_groups, callee),
        "trace_id": _hexadecimal(draw, n, "Root=1-69afdxxx-xxxxxxxxxxxxxxxxxxxxxxxx"),
        "domain_name": _take(estate.hosts, callee),
        "matched_rule_priority": pa.array(callee.astype(np.int32)),
        "request_creation_time": _times(made.at - (wait + forward + back) * 1000),
        "actions_executed": _constant("forward", n),
        "conn_trace_id": _hexadecimal(draw, n, "TID_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
        "ip_address": _take(estate.node_ips, node),
    }
    name = (
        f"s3://example-logs/AWSLogs/{ACCOUNT}/elasticloadbalancing/{REGION}/{{at:%Y/%m/%d}}/{ACCOUNT}_elasticloadbalancing_"
        f"{REGION}_app.internal-{{part:02d}}_{{at:%Y%m%dT%H%MZ}}_10.0.250.{{part}}_{{part:08x}}.log.gz"
    )
    return _table(ALB_ACCESS, columns, made.at, node, name)


def _flows(
    estate: Estate, draw: np.random.Generator, made: Requests, start: datetime, span: timedelta, count: int
) -> pa.Table:
    """Records of the connections that carried the requests: either leg, seen at either end, request or reply."""
    of = _chosen(made, draw.integers(0, len(made.at), count))
    callee = estate.callees[of.pair]
    lattice, leg_is_client = callee < BEHIND_LATTICE, draw.random(count) < 0.5
    leg_is_client |= lattice & estate.refused[of.pair]
    # Lattice has no interface of the customer's: its side of a leg is not logged.
    at_client = np.where(lattice, leg_is_client, draw.random(count) < 0.5)
    is_reply = draw.random(count) < 0.5
    node = callee % BALANCERS * NODES + draw.integers(0, NODES, count)
    door = np.where(lattice, TASKS * SERVICES + BALANCERS * NODES + callee % 90, TASKS * SERVICES + node)
    client = np.where(leg_is_client, of.caller, door)
    server = np.where(leg_is_client, door, of.target)
    rejected = draw.random(count) < 0.002
    client = np.where(rejected, draw.integers(0, REJECTED_TASKS, count), client)
    server = np.where(rejected, (client * 7 + 100) % (SERVICES * TASKS), server)
    at_client, is_reply = at_client & ~rejected, is_reply & ~rejected
    port = np.where(rejected, 5432, np.where(leg_is_client, 443, 8080))
    own_port = np.where(leg_is_client, of.port, draw.integers(32_768, 61_000, count))
    here = np.where(at_client, client, server)
    ips = pa.concat_arrays([estate.task_ips, estate.node_ips, estate.lattice_ips])
    interfaces = pa.concat_arrays([estate.task_interfaces, estate.node_interfaces, pa.nulls(90, pa.string())])
    node_vpcs = np.arange(BALANCERS * NODES) // NODES % VPCS
    vpc = np.concatenate([estate.vpc_of_task, node_vpcs, np.zeros(90, np.int64)])[here]
    source, destination = np.where(is_reply, server, client), np.where(is_reply, client, server)
    is_egress = at_client ^ is_reply
    begun = np.maximum(of.at // 1_000_000 - draw.integers(0, 40, count), _micros(start) // 1_000_000)
    order = np.argsort(begun, kind="stable")
    packets = draw.integers(1, 60, count)
    flags = np.where(is_reply, 18, 2) | draw.integers(0, 2, count)
    columns: Columns = {
        "version": pa.array(np.full(count, 8, np.int32)),
        "account_id": _constant(ACCOUNT, count),
        "interface_id": _take(interfaces, here),
        "srcaddr": _take(ips, source),
        "dstaddr": _take(ips, destination),
        "srcport": pa.array(np.where(is_reply, port, own_port).astype(np.int32)),
        "dstport": pa.array(np.where(is_reply, own_port, port).astype(np.int32)),
        "protocol": pa.array(np.full(count, 6, np.int32)),
        "packets": pa.array(packets),
        "bytes": pa.array(packets * draw.integers(52, 1_452, count)),
        "start_time": _times(begun * 1_000_000),
        "end_time": _times((begun + draw.integers(20, 59, count)) * 1_000_000),
        "action": _take(pa.array(["ACCEPT", "REJECT"]), rejected.astype(np.int64)),
        "log_status": _constant("OK", count),
        "vpc_id": _take(estate.vpcs, vpc),
        "subnet_id": _take(_texts("subnet-0{n:016x}", 12), vpc * 4),
        "tcp_flags": pa.array(flags.astype(np.int32)),
        "type": _constant("IPv4", count),
        "pkt_srcaddr": _take(ips, source),
        "pkt_dstaddr": _take(ips, destination),
        "region": _constant(REGION, count),
        "az_id": _take(_texts("use1-az{n}", 4), here % 3 + 1),
        "flow_direction": _take(pa.array(["ingress", "egress"]), is_egress.astype(np.int64)),
        "traffic_path": pa.array(np.ones(count, np.int32), mask=~is_egress),
    }
    name = (
        f"s3://example-logs/AWSLogs/{ACCOUNT}/vpcflowlogs/{REGION}/{{at:%Y/%m/%d}}/"
        f"{ACCOUNT}_vpcflowlogs_{REGION}_fl-0a1b2c3d4e5f6071{{part:x}}_{{at:%Y%m%dT%H%MZ}}_{{part:08x}}.log.gz"
    )
    part = vpc * 4 + draw.integers(0, 4, count)
    sorted_columns = {key: column.take(pa.array(order)) for key, column in columns.items()}
    return _table(VPC_FLOW, sorted_columns, begun[order] * 1_000_000, part[order], name)


# -- columns -----------------------------------------------------------------------------------------------------------


def _status(estate: Estate, draw: np.random.Generator, pair: Numbers) -> Numbers:
    chance = draw.random(len(pair))
    broken = np.where(estate.failing[pair], 0.2, 0.0005)
    return np.where(chance < broken, 500, np.where(chance > 0.985, 404, 200))


def _waits(estate: Estate, draw: np.random.Generator, pair: Numbers) -> Numbers:
    """Milliseconds, log-normal around the pair's own median."""
    return np.minimum(estate.medians[pair] * draw.lognormal(0, 0.6, len(pair)), 30_000).astype(np.int64) + 1


def _table(table: Table, columns: Columns, at: Numbers, part: Numbers, name: str) -> pa.Table:
    """The columns with lineage, in the table's schema; `part` numbers a slot's objects, `name` is their pattern."""
    parts, length = OBJECTS_A_SLOT[table], int(SLOT.total_seconds()) * 1_000_000
    first = int(at.min()) // length
    number = (at // length - first) * parts + part
    slots = [
        datetime.fromtimestamp((first + n) * length / 1_000_000, UTC) for n in range(int(number.max()) // parts + 1)
    ]
    names = pa.array([name.format(at=slot, part=n) for slot in slots for n in range(parts)])
    columns["log_object"] = _take(names, number)
    columns["log_line"] = pa.array(_places(number).astype(np.int32) + 1)
    columns["log_account"] = _constant(ACCOUNT, len(at))
    columns["log_region"] = _constant(REGION, len(at))
    columns["day"] = pa.array(at // 86_400_000_000, pa.int64()).cast(pa.int32()).cast(pa.date32())
    missing: Any = pa.nulls(len(at))
    arrays = [columns.get(column.name, missing).cast(column.type.arrow) for column in table.columns]
    return pa.Table.from_arrays(arrays, schema=table.arrow)


def _places(number: Numbers) -> Numbers:
    """The place of each row among those of its own number, from 0."""
    order = np.argsort(number, kind="stable")
    counts = np.bincount(number)
    places = np.empty(len(number), np.int64)
    places[order] = np.arange(len(number)) - np.repeat(np.cumsum(counts) - counts, counts)
    return places


def _chosen(made: Requests, which: Any) -> Requests:
    return Requests(made.at[which], made.pair[which], made.caller[which], made.target[which], made.port[which])


def _take(values: Any, places: Numbers, missing: npt.NDArray[np.bool_] | None = None) -> Any:
    return values.take(pa.array(places, mask=missing))


def _constant(text: str, count: int) -> Any:
    first: Any = np.zeros(count, np.int64)
    return pa.array([text]).take(pa.array(first))


def _times(micros: Numbers) -> Any:
    return pa.array(micros, pa.int64()).cast(pa.timestamp("us", tz="UTC"))


def _micros(time: datetime) -> int:
    return int(time.timestamp()) * 1_000_000
