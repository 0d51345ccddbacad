"""Old entries of a table's log are removed, and a commit does not depend on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from ingest.errors import LakeError
from ingest.lake import checkpoints, compaction, tables
from ingest.lake.declarations import OBJECTS
from ingest.lake.retention import vacuum
from ingest.lake.tables import Lake
from ingest.lake.unit import Unit
from ingest.sources.s3_access import storage_options
from tests import lakes
from tests.ingest.lake.test_ledger import FIRST, rows
from tests.servers import S3Server

COMMITS = 6


def entries(handle: DeltaTable | None, folder: Path) -> list[str]:
    """The log's commits that are still there."""
    assert handle is not None
    return sorted(path.stem for path in (folder / OBJECTS.name / "_delta_log").glob("*.json"))


@pytest.fixture
def aged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every entry of a log is old at once, and every second commit makes a checkpoint."""
    retention = {"delta.checkpointInterval": "2", "delta.logRetentionDuration": "interval 0 seconds"}
    monkeypatch.setattr(tables, "_CONFIGURATION", {**tables._CONFIGURATION, **retention})
    monkeypatch.setattr(checkpoints, "EVERY", 2)
    monkeypatch.setattr(checkpoints, "LOOKED_AT", 1)


def fill(lake: Lake) -> None:
    """So many commits of one object each."""
    for number in range(COMMITS):
        lake.append(OBJECTS, {Unit(f"object {number}", "e")}, lambda wanted: rows(wanted, FIRST))


@pytest.mark.usefixtures("aged")
def test_old_entries_go_with_the_checkpoints(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    fill(lake)
    left = entries(lake.open(OBJECTS), tmp_path)
    assert 0 < len(left) < COMMITS
    assert len(lakes.rows(lake, OBJECTS.name)) == COMMITS


@pytest.mark.usefixtures("aged")
def test_who_may_not_delete_can_write(moto_s3: S3Server, capsys: pytest.CaptureFixture[str]) -> None:
    bucket = moto_s3.bucket("lake")
    arn, uri = f"arn:aws:s3:::{bucket.name}", f"{bucket.uri}lake"
    writing: dict[str, Any] = {
        "Effect": "Allow",
        "Action": ["s3:PutObject", "s3:GetObject", "s3:ListBucket"],
        "Resource": [arn, f"{arn}/*"],
    }
    storage = storage_options(uri, moto_s3.settings())
    with moto_s3.enforcing(writing) as (access, secret):
        lake = Lake(uri, {**storage, "AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret})
        fill(lake)
        assert len(lake.snapshot(OBJECTS).files) == COMMITS
        assert "allow s3:DeleteObject" in capsys.readouterr().err
        done = compaction.compact(lake, OBJECTS, FIRST.date())
        assert done is not None
        assert (done.rows, done.files_after) == (COMMITS, 1)
        with pytest.raises(LakeError, match="could not be vacuumed"):
            vacuum(lake, OBJECTS)


def test_a_lake_that_cannot_be_written_says_so(moto_s3: S3Server) -> None:
    bucket = moto_s3.bucket("lake")
    arn, uri = f"arn:aws:s3:::{bucket.name}", f"{bucket.uri}lake"
    fill(Lake(uri, storage_options(uri, moto_s3.settings())))
    reading: dict[str, Any] = {
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": [arn, f"{arn}/*"],
    }
    with moto_s3.enforcing(reading) as (access, secret):
        keys = {"AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret}
        with pytest.raises(LakeError, match="objects cannot be written"):
            Lake(uri, {**storage_options(uri, moto_s3.settings()), **keys}).append(
                OBJECTS, {Unit("another", "e")}, lambda wanted: rows(wanted, FIRST)
            )
