"""Samples in the shape of AWS's documents, and what each of their lines is: `tests/golden/<format>/*.log` and `.jsonl`.

Each line of the `.jsonl` says a line's number and its row's columns that are not NULL, or its reject; a line of the log
that it does not mention is skipped.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ingest.formats import recognise
from ingest.formats.block import Block
from ingest.formats.object_key import parse_key

GOLDEN = Path(__file__).parents[2] / "golden"
SAMPLES = sorted(GOLDEN.glob("*/*.log"))
FILE = "123456789012_elasticloadbalancing_us-east-2_app.my-lb.98e3a879de9d6b42_20260923T0720Z_10.0.3.7_20sg8hgm.log.gz"
KEYS = {
    "alb_access": FILE,
    "alb_connection": f"conn_log_{FILE}",
    "alb_health_check": f"health_check_log_{FILE}",
    "lattice_access": "123456789012_VpcLatticeAccessLogs_us-west-2_svc-1_20240804T1130Z_ab12.json.gz",
    "lattice_resource_access": "123456789012_VpcLatticeResourceAccessLogs_us-west-2_sn-1_20240804T1130Z_ab12.json.gz",
    "vpc_flow": "123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620Z_fe123456.log.gz",
}


def read(sample: Path) -> list[dict[str, Any]]:
    data = sample.read_bytes()
    key = parse_key(KEYS[sample.parent.name])
    module = recognise(key, data)
    assert module is not None
    assert module.TABLE.name == sample.parent.name
    lines = data.count(b"\n")
    parsed = module.parse(Block(data, [key], [lines], module.layout(data.split(b"\n")[0])))
    found: list[dict[str, Any]] = [
        {"line": at + 1, "row": {name: as_text(value) for name, value in row.items() if value is not None}}
        for at, row in zip(parsed.at.tolist(), parsed.rows.to_pylist(), strict=True)
    ]
    found += [{"line": r.at + 1, "reject": str(r.reason), "detail": r.detail} for r in parsed.rejects]
    assert len(found) + len(parsed.skipped) == lines
    return sorted(found, key=lambda record: int(record["line"]))


def as_text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_sample(sample: Path) -> None:
    expected = [json.loads(line) for line in sample.with_suffix(".jsonl").read_text("utf-8").splitlines()]
    assert read(sample) == expected


def test_every_format_has_a_sample() -> None:
    assert {sample.parent.name for sample in SAMPLES} == set(KEYS)
