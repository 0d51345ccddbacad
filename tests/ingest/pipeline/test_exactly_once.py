"""The sample logs come into the lake exactly once: ingested twice, killed, raced, from a folder and from S3."""

from __future__ import annotations

import contextlib
import gzip
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from ingest.lake.tables import Lake
from tests import lakes


@pytest.fixture(scope="module")
def expected(sample_lake: Lake) -> dict[str, int]:
    return lakes.counts(sample_lake)


def environment(batch_objects: int) -> dict[str, str]:
    return {**os.environ, "EASTWEST_BATCH_OBJECTS": str(batch_objects)}


def test_rows_and_rejects_are_what_the_generator_wrote(sample_lake: Lake) -> None:
    truth = lakes.truth()
    found = lakes.counts(sample_lake)
    rejects = [row["format"] for row in lakes.rows(sample_lake, "rejects", ["format"])]
    for table, records in truth["records"].items():
        assert found[table] + rejects.count(table) == records, table
        assert rejects.count(table) == truth["rejects"][table], table
    assert len(rejects) == sum(truth["rejects"].values())
    lakes.check_exact(sample_lake)


def test_rollups_count_every_request_and_flow_once(sample_lake: Lake) -> None:
    found = lakes.counts(sample_lake)
    assert found["call_minutes"] == found["lattice_access"] + found["alb_access"]
    flows = [row["log_status"] for row in lakes.rows(sample_lake, "vpc_flow", ["log_status"])]
    assert found["flow_hours"] == flows.count("OK")


def test_a_second_run_reads_nothing_and_says_so(tmp_path: Path, expected: dict[str, int]) -> None:
    lake = str(tmp_path / "lake")
    first = lakes.run("ingest", str(lakes.SAMPLE), "--lake", lake)
    assert first.returncode == 0, first.stderr
    second = lakes.run("ingest", str(lakes.SAMPLE), "--lake", lake)
    assert second.returncode == 0
    assert "Nothing new" in second.stdout
    assert lakes.counts(Lake(lake)) == expected


def test_killed_at_random_moments_and_run_again_is_exact(tmp_path: Path, expected: dict[str, int]) -> None:
    lake = str(tmp_path / "lake")
    moments = random.Random(20260310)
    killed = 0
    for _ in range(5):
        process = lakes.start("ingest", str(lakes.SAMPLE), "--lake", lake, env=environment(30))
        time.sleep(moments.uniform(0.8, 3.0))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.communicate()
    assert killed
    last = lakes.run("ingest", str(lakes.SAMPLE), "--lake", lake, env=environment(30))
    assert last.returncode == 0, last.stderr
    assert lakes.counts(Lake(lake)) == expected
    lakes.check_exact(Lake(lake))


def test_two_processes_on_the_same_folder_are_exact(tmp_path: Path, expected: dict[str, int]) -> None:
    lake = str(tmp_path / "lake")
    racing = [lakes.start("ingest", str(lakes.SAMPLE), "--lake", lake, env=environment(n)) for n in (60, 45)]
    for process in racing:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert lakes.counts(Lake(lake)) == expected
    lakes.check_exact(Lake(lake))


def test_batches_of_any_size_give_the_same_lake(tmp_path: Path, expected: dict[str, int]) -> None:
    lake = lakes.ingested(lakes.SAMPLE, tmp_path / "lake", batch_objects=37)
    assert lakes.counts(lake) == expected


def some_logs(folder: Path) -> Path:
    """Twelve objects of the sample: Lattice, load balancer and flow logs of the same minutes."""
    for pattern in (
        "*VpcLatticeAccessLogs*T09[0-1]*.gz",
        "*fl-b8afe86ee64f31ab8*T091*.gz",
        "*app.internal-edge*T0910*.gz",
    ):
        for path in sorted((lakes.SAMPLE / "AWSLogs").rglob(pattern))[:4]:
            target = folder / path.relative_to(lakes.SAMPLE)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    return folder


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return some_logs(tmp_path / "logs")


def rewrite(logs: Path) -> None:
    """Give each object other content under its key: the first half of its lines, and one that cannot be read."""
    for path in logs.rglob("*.gz"):
        lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
        path.write_bytes(gzip.compress(b"".join([*lines[: len(lines) // 2 + 1], b"{cut\n"])))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """The counts of a lake into which the logs came in one go."""
    folder = tmp_path_factory.mktemp("whole")
    return lakes.counts(lakes.ingested(some_logs(folder / "logs"), folder / "lake"))


@pytest.fixture(scope="module")
def rewritten(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """The same of a lake that only knows the logs as rewritten."""
    folder = tmp_path_factory.mktemp("rewritten")
    rewrite(some_logs(folder / "logs"))
    return lakes.counts(lakes.ingested(folder / "logs", folder / "lake"))


def test_rewritten_objects_replace_their_old_rows(
    logs: Path, tmp_path: Path, whole: dict[str, int], rewritten: dict[str, int]
) -> None:
    lake = lakes.ingested(logs, tmp_path / "lake")
    assert lakes.counts(lake) == whole
    rewrite(logs)
    lakes.ingested(logs, tmp_path / "lake")
    assert lakes.counts(lake) == rewritten
    assert rewritten["call_minutes"] < whole["call_minutes"]
    lakes.check_exact(lake)


def cut_off(patch: pytest.MonkeyPatch, allowed: int) -> None:
    """From now on, a run is killed in the middle once it has written so many tables."""
    original = Lake._insist
    writes = iter(range(allowed))

    def insist(self: Lake, *arguments: Any) -> Any:
        if next(writes, None) is None:
            raise KeyboardInterrupt
        return original(self, *arguments)

    patch.setattr(Lake, "_insist", insist)


WRITES = 10
"""A batch of these logs writes three source tables or none, six rollups and the ledger."""


@pytest.mark.parametrize("first", range(1, WRITES, 2))
def test_a_batch_cut_off_between_any_two_tables_is_finished(
    first: int, logs: Path, tmp_path: Path, whole: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        cut_off(patch, first)
        lakes.ingested(logs, tmp_path / "lake")
    lake = lakes.ingested(logs, tmp_path / "lake")
    assert lakes.counts(lake) == whole
    lakes.check_exact(lake)


@pytest.mark.parametrize(
    ("first", "second"),
    [(1, 3), (2, 99), (4, 5), (5, 2), (99, 1), (99, 4), (99, 6), (99, 7), (99, 9), (99, 11), (99, 13)],
)
def test_a_rewritten_object_replaces_whatever_crashes_left_of_both_versions(
    first: int,
    second: int,
    logs: Path,
    tmp_path: Path,
    rewritten: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for allowed in (first, second):
        with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
            cut_off(patch, allowed)
            lakes.ingested(logs, tmp_path / "lake")
        if allowed is first:
            rewrite(logs)
    lake = lakes.ingested(logs, tmp_path / "lake")
    assert lakes.counts(lake) == rewritten
    lakes.check_exact(lake)
