"""A few log objects written by hand, with what each test is about and nothing else."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

NINE = datetime(2026, 3, 10, 9, tzinfo=UTC)
FLOW_HEADER = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
)


def lattice(folder: Path, slot: int, requests: int = 3, account: str = "123456789012", **fields: Any) -> Path:
    """An object of a service network for the `slot`th five minutes after nine: one request a minute."""
    begin = NINE + timedelta(minutes=5 * slot)
    lines = [
        {
            "startTime": f"{begin + timedelta(minutes=minute):%Y-%m-%dT%H:%M:%SZ}",
            "serviceArn": f"arn:aws:vpc-lattice:eu-west-1:{account}:service/svc-0a",
            "sourceVpcId": "vpc-0a",
            "sourceIpPort": "10.0.0.1:40000",
            "targetIpPort": "10.0.1.1:8080",
            "requestMethod": "GET",
            "requestPath": "/",
            "responseCode": 200,
            "duration": 20,
            **fields,
        }
        for minute in range(requests)
    ]
    path = folder / f"AWSLogs/{account}/VpcLattice/AccessLogs/eu-west-1/{begin:%Y/%m/%d}/sn-0a"
    name = f"{account}_VpcLatticeAccessLogs_eu-west-1_sn-0a_{begin:%Y%m%dT%H%MZ}_{slot:08x}.json.gz"
    return _write(path / name, "".join(json.dumps(line) + "\n" for line in lines))


def flows(folder: Path, slot: int, lines: list[str], account: str = "123456789012", flow_log: str = "fl-0a") -> Path:
    """An object of a flow log; its lines begin with the source address and have their times as {start} and {end}."""
    begin = NINE + timedelta(minutes=5 * slot)
    start = int(begin.timestamp())
    body = [f"2 {account} eni-0a {line.format(start=start, end=start + 60)}" for line in lines]
    path = folder / f"AWSLogs/{account}/vpcflowlogs/eu-west-1/{begin:%Y/%m/%d}"
    name = f"{account}_vpcflowlogs_eu-west-1_{flow_log}_{begin:%Y%m%dT%H%MZ}_{slot:08x}.log.gz"
    return _write(path / name, "\n".join([FLOW_HEADER, *body]) + "\n")


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    return path
