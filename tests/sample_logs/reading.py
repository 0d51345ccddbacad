"""Reads generated logs with nothing but json and split: independent of the generator and of ingest."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import shlex
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

Row = dict[str, str]
ALB_TOKENS, CONNECTION_TOKENS = 36, 15


@dataclass
class Logs:
    """Every record of a folder of logs, by table; lines that are none are in `unreadable`; `keys` by table."""

    lattice: list[dict[str, Any]] = field(default_factory=list)
    resource: list[dict[str, Any]] = field(default_factory=list)
    alb: list[list[str]] = field(default_factory=list)
    connections: list[list[str]] = field(default_factory=list)
    flows: list[Row] = field(default_factory=list)
    unreadable: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    keys: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def records(self) -> dict[str, int]:
        found = {
            "lattice_access": len(self.lattice),
            "lattice_resource_access": len(self.resource),
            "alb_access": len(self.alb),
            "alb_connection": len(self.connections),
            "vpc_flow": len(self.flows),
        }
        return {table: count + self.unreadable.get(table, 0) for table, count in found.items()}


def table_of(key: str) -> str | None:
    name = key.rsplit("/", 1)[1]
    if name == "ELBAccessLogTestFile":
        return None
    if "vpcflowlogs" in name:
        return "vpc_flow"
    if name.startswith("conn_log_"):
        return "alb_connection"
    if "elasticloadbalancing" in name:
        return "alb_access"
    return "lattice_resource_access" if "ResourceAccessLogs" in name else "lattice_access"


def read(folder: Path) -> Logs:
    logs = Logs()
    for path in sorted((folder / "AWSLogs").rglob("*")):
        key = str(path.relative_to(folder))
        table = table_of(key) if path.is_file() else None
        if table is None:
            continue
        logs.keys[table].append(key)
        if path.suffix == ".parquet":
            for row in pq.ParquetFile(path).read().to_pylist():
                logs.flows.append({name: "-" if value is None else str(value) for name, value in row.items()})
            continue
        lines = gzip.decompress(path.read_bytes()).decode().splitlines()
        _read_lines(logs, table, lines)
    return logs


def _read_lines(logs: Logs, table: str, lines: list[str]) -> None:
    if table == "vpc_flow":
        header = [name.replace("-", "_") for name in lines[0].split(" ")]
        for line in lines[1:]:
            tokens = line.split(" ")
            if len(tokens) == len(header):
                logs.flows.append(dict(zip(header, tokens, strict=True)))
            else:
                logs.unreadable[table] += 1
    elif table.startswith("lattice"):
        rows = logs.lattice if table == "lattice_access" else logs.resource
        for line in lines:
            try:
                rows.append(json.loads(line))
            except ValueError:
                logs.unreadable[table] += 1
    else:
        rows_, wanted = (logs.alb, ALB_TOKENS) if table == "alb_access" else (logs.connections, CONNECTION_TOKENS)
        for line in lines:
            tokens = shlex.split(line)
            if len(tokens) == wanted:
                rows_.append(tokens)
            else:
                logs.unreadable[table] += 1


def epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def content_hash(folder: Path) -> str:
    """SHA-256 over keys and decompressed contents; Parquet by its rows, as its bytes name the writer's version."""
    digest = hashlib.sha256()
    for path in sorted((folder / "AWSLogs").rglob("*")):
        if not path.is_file():
            continue
        digest.update(str(path.relative_to(folder)).encode() + b"\n")
        if path.suffix == ".parquet":
            digest.update(repr(pq.ParquetFile(path).read().to_pylist()).encode())
        else:
            body = path.read_bytes()
            digest.update(gzip.decompress(body) if path.suffix == ".gz" else body)
    return digest.hexdigest()


def slots(keys: list[str]) -> dict[str, list[str]]:
    """Minute stamps of a table's objects per account and source: what stands in the name besides time and hash."""
    found: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        name = key.rsplit("/", 1)[1]
        stamp = re.search(r"_(\d{8}T\d{4}Z)_", name)
        assert stamp, key
        source = re.sub(r"_[0-9a-f]{8}\..*$", "", name).replace(stamp[1], "")
        if "vpcflowlogs" in name:
            source = source.split("_fl-")[0]
        found[source].append(stamp[1])
    return found
