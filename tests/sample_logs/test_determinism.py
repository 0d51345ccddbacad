"""The same seed gives the same content, here and in the repository."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from sample_logs import generate
from sample_logs.simulation.run import simulate
from tests.sample_logs import reading
from tests.sample_logs.conftest import SAMPLE

START = reading.epoch("2026-03-10T09:00:00Z")
HASHES = {
    1: "ffcb4e72b784d46ef1815e1384a66e81f1ae3ff948b93d9e52ae8503d1dbf325",
    2: "df50b3301200e137c9e8042867d68b732d8bbd9ab7e64d2d4ee2cfbe8b469027",
}


@pytest.mark.parametrize("seed", HASHES)
def test_output_of_a_seed_never_changes(seed: int, tmp_path: Path) -> None:
    simulate(tmp_path, seed=seed, start=START, minutes=30, rps=0.3)
    assert reading.content_hash(tmp_path) == HASHES[seed]


def test_committed_sample_is_what_the_generator_makes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--out", str(tmp_path)]) == 0
    assert reading.content_hash(tmp_path) == reading.content_hash(SAMPLE)
    assert (tmp_path / "truth.json").read_text() == (SAMPLE / "truth.json").read_text()
    assert "lattice_access" in capsys.readouterr().out


def test_committed_sample_is_under_six_megabytes() -> None:
    assert sum(path.stat().st_size for path in (SAMPLE / "AWSLogs").rglob("*") if path.is_file()) < 6_000_000


def test_unknown_incident_is_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--out", str(tmp_path), "--incidents", "meteor"]) == 2
    assert "meteor" in capsys.readouterr().err


def test_ground_truth_names_every_logged_request_once(tmp_path: Path) -> None:
    target = tmp_path / "requests.jsonl.gz"
    simulate(tmp_path, seed=4, start=START, minutes=20, rps=0.3, services=17, ground_truth=target)
    logs = reading.read(tmp_path)
    asked = [json.loads(line) for line in gzip.decompress(target.read_bytes()).decode().splitlines()]
    by_table = {
        "lattice_access": sorted(row["requestId"] for row in logs.lattice),
        "alb_access": sorted(row[17] for row in logs.alb),
    }
    for table, ids in by_table.items():
        assert sorted(request["id"] for request in asked if request["table"] == table) == ids
    assert {"svc-15", "svc-16", "svc-17"} <= {request["callee"] for request in asked}


@pytest.mark.parametrize("table", ["lattice_access", "alb_access", "vpc_flow"])
def test_benchmark_load_has_the_asked_rows_in_readable_lines(table: str, tmp_path: Path) -> None:
    assert generate.main(["--out", str(tmp_path), "--rows", "2500", "--rows-per-file", "1000", "--format", table]) == 0
    logs = reading.read(tmp_path)
    assert logs.records() == {name: 2500 if name == table else 0 for name in logs.records()}
    assert sum(logs.unreadable.values()) == 0
    assert len(logs.keys[table]) == 3
