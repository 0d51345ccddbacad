"""Maintenance racing ingest: counts stay exact. The soak (bench/soak_compaction.py) runs the first race 20 times."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from bench import soak_compaction
from ingest.errors import LakeError
from ingest.lake import rebuilding, verification
from ingest.lake.declarations import ROLLUPS
from ingest.lake.tables import Lake
from tests import lakes

OBJECTS = 160


@pytest.mark.parametrize("number", range(2))
def test_two_compactors_and_an_appender(number: int, tmp_path: Path) -> None:
    result = soak_compaction.race(tmp_path, OBJECTS)
    assert result.is_exact(OBJECTS)
    assert result.rewrites > 0


def rebuilt_while_two_ingest(lake: Lake) -> int:
    """Rollups rebuilt and days compacted until two processes have read the sample; how many days were rebuilt."""
    ingests = [
        lakes.start(
            "ingest", str(lakes.SAMPLE), "--lake", lake.uri, env={**os.environ, "EASTWEST_BATCH_OBJECTS": str(size)}
        )
        for size in (70, 50)
    ]
    rebuilt = 0
    while any(ingest.poll() is None for ingest in ingests):
        for rollup in ROLLUPS:
            for day in rebuilding.rebuildable(lake, rollup) if lake.open(rollup) else ():
                # A day to which the two keep adding is refused in the end; here there is a next time.
                with suppress(LakeError):
                    rebuilt += rebuilding.rebuild(lake, rollup, day) > 0
        lakes.run("lake", "compact", "--settled", "0m", "--lake", lake.uri)
    for ingest in ingests:
        _, errors = ingest.communicate(timeout=120)
        assert ingest.returncode == 0, errors
    return rebuilt


def test_rollups_rebuilt_and_days_compacted_while_two_processes_ingest(tmp_path: Path, sample_lake: Lake) -> None:
    """On a busy machine the two may be over before any day was rebuilt: that race is exact, and there is another."""
    rebuilt = 0
    for attempt in range(5):
        if not rebuilt:
            lake = Lake(str(tmp_path / f"lake{attempt}"))
            rebuilt = rebuilt_while_two_ingest(lake)
            assert lakes.counts(lake) == lakes.counts(sample_lake)
            assert list(verification.verify(lake)) == []
    assert rebuilt
