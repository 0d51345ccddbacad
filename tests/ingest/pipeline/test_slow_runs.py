"""A run that takes hours, or a machine that slept: what others ingested meanwhile is not ingested again.

Guards are forgotten after a day, so nothing is committed that was looked up in the ledger too long ago.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.lake.declarations import OBJECTS
from ingest.lake.tables import Lake
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


def test_what_was_looked_up_long_ago_is_looked_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs, lake = some_logs(tmp_path / "logs"), str(tmp_path / "lake")
    monkeypatch.setattr(plan, "_ASKED_AGAIN", 4)
    monkeypatch.setattr(plan, "_FRESH_SECONDS", 0)
    found = ingest(open_source(str(logs), Settings()), Lake(lake), FOURS, Meanwhile(logs, Lake(lake)))
    # Four were ingested, four more were looked up before that, and the last two after it.
    assert found.objects == 8
    lakes.check_exact(Lake(lake))
    assert len(lakes.rows(Lake(lake), OBJECTS.name)) == 10


def test_a_batch_that_took_half_a_day_is_not_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs, lake = some_logs(tmp_path / "logs"), Lake(str(tmp_path / "lake"))
    with monkeypatch.context() as patch:
        patch.setattr(run, "_LONGEST_SECONDS", -1)
        found = ingest(open_source(str(logs), Settings()), lake, FOURS, lakes.Quiet())
    assert found.objects == 0
    assert {why for _, why in found.failed} == {run._TOO_LONG}
    assert len(found.failed) == 10
    assert not any(lakes.counts(lake).values())
    assert ingest(open_source(str(logs), Settings()), lake, FOURS, lakes.Quiet()).objects == 10
    lakes.check_exact(lake)
