"""A run that takes hours, or a machine that slept: what others ingested meanwhile is not ingested again.

Guards are forgotten after a day, so nothing is committed that was looked up in the ledger too long ago.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from ingest.lake import tables
from ingest.lake.declarations import OBJECTS
from ingest.lake.tables import Appended, Lake
from ingest.pipeline import plan, run
from ingest.pipeline.run import Limits, Summary, ingest
from ingest.settings import Settings
from ingest.sources import open_source
from tests import lakes
from tests.ingest.pipeline.test_exactly_once import some_logs

FOURS = Limits(batch_objects=4, batch_bytes=16 << 20, workers=1)


class Meanwhile(lakes.Quiet):
    """After the first batch another process ingests everything."""

    def __init__(self, logs: Path, lake: Lake) -> None:
        self.logs, self.lake, self.begun = logs, lake, False

    def done(self, batch: Summary) -> None:
        if not self.begun:
            self.begun = True
            ingest(open_source(str(self.logs), Settings()), self.lake, FOURS, lakes.Quiet())


@pytest.mark.parametrize("workers", [1, 2])
def test_what_was_looked_up_long_ago_is_looked_up_again(
    workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs, lake = some_logs(tmp_path / "logs"), str(tmp_path / "lake")
    monkeypatch.setattr(plan, "_FRESH_SECONDS", 0)
    limits = Limits(batch_objects=2, batch_bytes=16 << 20, workers=workers)
    found = ingest(open_source(str(logs), Settings()), Lake(lake), limits, Meanwhile(logs, Lake(lake)))
    # One batch was ingested, and those that another worker had begun; the others were known when their turn came.
    assert 2 <= found.objects <= 2 * workers
    lakes.check_exact(Lake(lake))
    assert len(lakes.rows(Lake(lake), OBJECTS.name)) == 10


def test_a_batch_that_took_half_a_day_is_not_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs, lake = some_logs(tmp_path / "logs"), Lake(str(tmp_path / "lake"))
    with monkeypatch.context() as patch:
        patch.setattr(tables, "_TRUSTED", timedelta(seconds=-1))
        found = ingest(open_source(str(logs), Settings()), lake, FOURS, lakes.Quiet())
    assert found.objects == 0
    assert {why for _, why in found.failed} == {run._TOO_LONG}
    assert len(found.failed) == 10
    assert not any(lakes.counts(lake).values())
    assert ingest(open_source(str(logs), Settings()), lake, FOURS, lakes.Quiet()).objects == 10
    lakes.check_exact(lake)


@pytest.mark.parametrize("commits", [1, 3, 8])
def test_a_machine_that_slept_between_two_commits_leaves_what_the_next_run_finishes(
    commits: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs, lake = some_logs(tmp_path / "logs"), Lake(str(tmp_path / "lake"))
    append, begun = Lake.append, count()

    def asleep(self: Lake, *arguments: Any, **options: Any) -> Appended:
        slept = timedelta(hours=13) if next(begun) >= commits else timedelta(0)
        return append(self, *arguments, **{**options, "asked": options["asked"] - slept.total_seconds()})

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "append", asleep)
        found = ingest(open_source(str(logs), Settings()), lake, FOURS, lakes.Quiet())
    assert found.failed
    assert any(lakes.counts(lake).values())
    ingest(open_source(str(logs), Settings()), lake, FOURS, lakes.Quiet())
    lakes.check_exact(lake)
    assert lakes.counts(lake) == lakes.counts(lakes.ingested(logs, tmp_path / "whole"))
