"""A lake on S3 behind a network that resets, throttles, cuts and loses answers: written once, and read."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pytest

from ingest.answers import ATTEMPTS, broke_off, whole
from ingest.errors import LakeError
from ingest.lake.declarations import OBJECTS
from ingest.lake.store import fetch, open_store, save
from ingest.lake.tables import Lake
from ingest.lake.unit import Unit
from ingest.settings import Settings
from ingest.sources.s3_access import storage_options
from tests import lakes
from tests.fault_proxy import Fault, faulty
from tests.ingest.pipeline.test_damage import fill
from tests.servers import S3Server

SPOILT = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE"})
FAULTS = [fault for fault in Fault if fault is not Fault.STALL]
COMMIT = re.compile(r"_delta_log/\d{20}\.json$")
CUT = "Generic S3 error: HTTP error: request or response body error"


def run(server: S3Server, tmp_path: Path, *arguments: str) -> tuple[int, str, int]:
    """Exit code and output of a command that reaches S3 through the proxy, and how many faults it met."""
    assert server.endpoint_url
    with faulty(server.endpoint_url, FAULTS, each=1, spoilt=SPOILT) as proxy:
        env = {**os.environ, "AWS_ENDPOINT_URL": proxy.url, "EASTWEST_COPIES": str(tmp_path / "copies")}
        done = lakes.run(*arguments, env={**env, "EASTWEST_BATCH_OBJECTS": "4"})
    return done.returncode, done.stdout + done.stderr, proxy.dealt.total()


def test_a_lake_on_s3_is_written_once_and_read_through_a_bad_network(
    moto_s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert moto_s3.endpoint_url
    uri, paths = fill(moto_s3, 8)
    lake = f"{moto_s3.bucket().uri}lake"
    for command in (["ingest", uri, "--all"], ["query", "call_graph"], ["lake", "compact"], ["lake", "vacuum"]):
        code, said, faults = run(moto_s3, tmp_path, *command, "--lake", lake)
        assert (code, faults > 50) == (0, True), (command, said)

    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_s3.endpoint_url)
    found = Lake(lake, storage_options(lake, Settings()))
    expected = Lake(str(tmp_path / "expected"))
    assert lakes.run("ingest", uri, "--lake", expected.uri, "--all").returncode == 0
    assert lakes.counts(found) == lakes.counts(expected)
    assert lakes.counts(found)["objects"] == len(paths)
    lakes.check_exact(found)


def test_a_file_in_several_parts_is_written_through_a_bad_network(
    moto_s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri, body = moto_s3.bucket().uri, os.urandom(12 << 20)
    assert moto_s3.endpoint_url
    # An upload that was begun anew has another path, and would be spoilt without end.
    with faulty(moto_s3.endpoint_url, [Fault.TRUNCATED], each=2, only=re.compile(r"\?uploads"), spoilt=SPOILT) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        store = open_store(uri, storage_options(uri, Settings()))
        save(store, "large", pa.py_buffer(body))
        assert proxy.dealt[Fault.TRUNCATED] == 2
        assert fetch(store, "large").to_pybytes() == body


def impatient(server: S3Server, url: str, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake behind the proxy that gives its commits a second, not half a minute."""
    uri = f"{server.bucket().uri}lake"
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    patient = storage_options(uri, Settings())
    monkeypatch.setattr("ingest.lake.tables.open_store", lambda uri, _: open_store(uri, patient))
    return Lake(uri, {**patient, "timeout": "1s"})


def rows_of(units: set[Unit]) -> pa.Table:
    """A row of the ledger for each."""
    rows = [{"log_object": unit.uri, "etag": unit.etag, "ingested_at": datetime.now(UTC)} for unit in units]
    return pa.Table.from_pylist(rows, schema=OBJECTS.arrow)


def test_a_commit_that_hangs_is_attempted_again(moto_s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    assert moto_s3.endpoint_url
    with faulty(moto_s3.endpoint_url, [Fault.STALL], each=1, only=COMMIT, spoilt={"PUT"}) as proxy:
        lake = impatient(moto_s3, proxy.url, monkeypatch)
        unit = Unit("object", "e")
        assert lake.append(OBJECTS, {unit}, rows_of).committed == {unit}
        assert proxy.dealt[Fault.STALL] == 2  # the table's, and the rows'
        assert lake.rows(OBJECTS).num_rows == 1


@pytest.mark.parametrize("seconds", [1.2, 2.5])
def test_a_commit_that_is_done_after_it_was_given_up_is_there_once(
    seconds: float, moto_s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert moto_s3.endpoint_url
    with faulty(moto_s3.endpoint_url, [], each=0) as proxy:
        lake = impatient(moto_s3, proxy.url, monkeypatch)
        lake.create(OBJECTS)
        log = f"{urlsplit(lake.uri).netloc}/lake/{OBJECTS.name}/_delta_log"
        late = [seconds]
        proxy.before[f"/{log}/{1:020}.json"] = lambda: time.sleep(late.pop() if late else 0)
        lake.append(OBJECTS, {Unit("object", "e")}, rows_of)
        assert not late
        time.sleep(seconds)  # until the first attempt is done, too
        assert lake.append(OBJECTS, {Unit("object", "e")}, rows_of).committed == set()
        assert lake.rows(OBJECTS).num_rows == 1


def failing(*errors: Exception) -> Callable[[], str]:
    """Something to ask that fails with each of these before it answers."""
    left = list(errors)

    def ask() -> str:
        if left:
            raise left.pop(0)
        return "answer"

    return ask


def test_only_what_broke_off_is_asked_for_again() -> None:
    assert whole(failing(*[OSError(CUT)] * (ATTEMPTS - 1))) == "answer"
    with pytest.raises(OSError, match="response body"):
        whole(failing(*[OSError(CUT)] * ATTEMPTS))
    with pytest.raises(OSError, match="denied"):
        whole(failing(OSError("Client error with status 403 Forbidden: access denied")))
    late = "Generic S3 error: Error performing PUT http://s3/a in {} - HTTP error: error sending: operation timed out"
    assert broke_off(OSError(late.format("30.001039527s")))
    assert broke_off(OSError(late.format("31.5s, after 1 retries, max_retries: 10, retry_timeout: 180s ")))
    # What was asked for so often already.
    assert not broke_off(OSError(late.format("190.5s, after 6 retries, max_retries: 10, retry_timeout: 180s ")))
    assert not broke_off(OSError(late.format("31.5s, after 10 retries, max_retries: 10, retry_timeout: 180s ")))
    assert not broke_off(LakeError(f"lake s3://logs: table objects cannot be opened: {CUT}"))
