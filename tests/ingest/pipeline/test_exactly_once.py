"""The sample logs come into the lake exactly once: ingested twice, killed, raced, from a folder and from S3."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

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
    for _ in range(8):
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


def test_a_crash_between_two_tables_of_one_batch_is_finished(
    tmp_path: Path, expected: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stops after each commit in turn, so that every table has been the last one written before a crash."""
    original = Lake.append
    for allowed in range(1, 12):
        commits = iter(range(allowed))

        def append(self: Lake, *arguments: object, left: object = commits) -> set[str]:
            if next(left, None) is None:  # type: ignore[call-overload]
                raise KeyboardInterrupt
            return original(self, *arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(Lake, "append", append)
        with pytest.raises(KeyboardInterrupt):
            lakes.ingested(lakes.SAMPLE, tmp_path / "lake", batch_objects=200)
    monkeypatch.undo()
    lake = lakes.ingested(lakes.SAMPLE, tmp_path / "lake", batch_objects=500)
    assert lakes.counts(lake) == expected
    lakes.check_exact(lake)


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
