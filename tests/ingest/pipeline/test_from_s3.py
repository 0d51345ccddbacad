"""The sample logs from S3, over HTTP: into a local lake and into one on S3, by the real command."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingest.lake import verification
from ingest.lake.declarations import SOURCE_TABLES, TABLES
from ingest.lake.tables import Lake
from ingest.pipeline.run import Limits, ingest
from ingest.sources.folder import FolderSource
from ingest.sources.s3_access import storage_options
from tests import lakes
from tests.ingest import small_logs
from tests.servers import Bucket, S3Server

DAY = "2026-03-10"


def filled(server: S3Server) -> Bucket:
    """A bucket with the committed sample, key by key as AWS lays it out."""
    bucket = server.bucket()
    paths = [path for path in sorted((lakes.SAMPLE / "AWSLogs").rglob("*")) if path.is_file()]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda path: bucket.put(path.relative_to(lakes.SAMPLE).as_posix(), path.read_bytes()), paths))
    return bucket


@pytest.fixture(scope="module")
def moto_bucket(moto_s3: S3Server) -> Bucket:
    return filled(moto_s3)


@pytest.fixture(scope="module")
def rclone_bucket(rclone_s3: S3Server) -> Bucket:
    return filled(rclone_s3)


def environment(server: S3Server) -> dict[str, str]:
    return {**os.environ, **server.environ}


@pytest.mark.parametrize("name", ["moto", "rclone"])
def test_a_bucket_gives_the_same_lake_as_the_folder(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, sample_lake: Lake
) -> None:
    server: S3Server = request.getfixturevalue(f"{name}_s3")
    bucket: Bucket = request.getfixturevalue(f"{name}_bucket")
    lake = str(tmp_path / "lake")
    first = lakes.run("ingest", bucket.uri, "--lake", lake, "--since", DAY, env=environment(server))
    assert first.returncode == 0, first.stderr
    assert lakes.counts(Lake(lake)) == lakes.counts(sample_lake)
    lakes.check_exact(Lake(lake))
    again = lakes.run("ingest", bucket.uri, "--lake", lake, "--since", DAY, env=environment(server))
    assert "Nothing new" in again.stdout, again.stderr


def test_the_first_run_takes_the_last_24_hours_and_says_so(
    moto_s3: S3Server, moto_bucket: Bucket, tmp_path: Path
) -> None:
    lake = str(tmp_path / "lake")
    run = lakes.run("ingest", moto_bucket.uri, "--lake", lake, env=environment(moto_s3))
    assert run.returncode == 0, run.stderr
    assert "last 24 hours" in run.stderr
    found = lakes.counts(Lake(lake))
    assert {table.name: found[table.name] for table in SOURCE_TABLES} == dict.fromkeys(
        (t.name for t in SOURCE_TABLES), 0
    )


def test_a_lake_on_s3_holds_the_same(moto_s3: S3Server, sample_lake: Lake) -> None:
    bucket = moto_s3.bucket("lake")
    uri = f"{bucket.uri}lake"
    run = lakes.run("ingest", str(lakes.SAMPLE), "--lake", uri, env=environment(moto_s3))
    assert run.returncode == 0, run.stderr
    lake = Lake(uri, storage_options(uri, moto_s3.settings()))
    assert lakes.counts(lake) == lakes.counts(sample_lake)
    again = lakes.run("ingest", str(lakes.SAMPLE), "--lake", uri, env=environment(moto_s3))
    assert "Nothing new" in again.stdout, again.stderr


def test_rewritten_objects_are_replaced_in_a_lake_on_s3(moto_s3: S3Server, tmp_path: Path) -> None:
    logs, uri = tmp_path / "logs", f"{moto_s3.bucket('rewritten').uri}lake"
    lake = Lake(uri, storage_options(uri, moto_s3.settings()))
    for slot in range(3):
        small_logs.lattice(logs, slot)
    small_logs.flows(logs, 0, ["10.0.0.1 10.0.1.1 40000 8080 6 10 840 {start} {end} ACCEPT OK"])
    limits = Limits(batch_objects=2, batch_bytes=16 << 20, workers=2)
    for requests in (3, 2, 4):
        small_logs.lattice(logs, 1, requests)
        # Once as a new process and once as one that goes on, whose handles and hashes are of before.
        for target in (Lake(uri, lake.storage), lake):
            assert ingest(FolderSource(str(logs)), target, limits, lakes.Quiet()).failed == []
        rows = {name: sum(file.rows for file in lake.snapshot(TABLES[name]).files) for name in TABLES}
        # Three requests in each of two objects, and those of the one that is rewritten.
        assert (rows["objects"], rows["lattice_access"], rows["vpc_flow"]) == (4, 6 + requests, 1)
        assert list(verification.verify(lake)) == []


def test_dry_run_counts_and_reads_nothing(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    run = lakes.run("ingest", str(lakes.SAMPLE), "--lake", str(lake), "--dry-run")
    assert run.returncode == 0, run.stderr
    assert "609" in run.stdout
    assert "alb_connection" in run.stdout
    assert not lake.exists()


def test_an_object_that_cannot_be_read_stops_no_other(tmp_path: Path) -> None:
    logs = tmp_path / "AWSLogs"
    source = next((lakes.SAMPLE / "AWSLogs").rglob("*VpcLatticeAccessLogs*.gz"))
    logs.mkdir()
    (logs / "good.json.gz").write_bytes(source.read_bytes())
    (logs / "gone.json.gz").symlink_to(tmp_path / "nowhere")
    (logs / "cut.json.gz").write_bytes(source.read_bytes()[:2000])
    lake = Lake(str(tmp_path / "lake"))
    run = lakes.run("ingest", str(tmp_path), "--lake", lake.uri)
    lakes.check_exact(lake)
    reasons = {row["reason"] for row in lakes.rows(lake, "rejects")}
    assert "damaged_object" in reasons
    assert lakes.counts(lake)["objects"] == 2
    assert run.returncode in (0, 3)
