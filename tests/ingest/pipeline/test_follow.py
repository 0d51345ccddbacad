"""Following a queue and following a listing, by the real command: exact, whoever dies, races or repeats himself."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingest.lake.tables import Lake
from tests import lakes
from tests.queues import Announced, announced
from tests.servers import S3Server

OBJECTS = sorted(path for path in (lakes.SAMPLE / "AWSLogs").rglob("*") if path.is_file())[::6]


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sixth of the sample, as a folder."""
    folder = tmp_path_factory.mktemp("logs")
    for path in OBJECTS:
        target = folder / path.relative_to(lakes.SAMPLE)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return folder


@pytest.fixture(scope="module")
def expected(logs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    return lakes.counts(lakes.ingested(logs, tmp_path_factory.mktemp("expected") / "lake"))


def fill(queue: Announced, paths: list[Path]) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda p: queue.bucket.put(p.relative_to(lakes.SAMPLE).as_posix(), p.read_bytes()), paths))


def environment(server: S3Server, visibility: int = 300, batch_objects: int = 1000) -> dict[str, str]:
    more = {"EASTWEST_VISIBILITY_SECONDS": str(visibility), "EASTWEST_BATCH_OBJECTS": str(batch_objects)}
    return {**os.environ, **server.environ, **more}


def follower(queue: Announced, lake: Path, env: dict[str, str]) -> subprocess.Popen[str]:
    return lakes.start("ingest", queue.bucket.uri, "--queue", queue.url, "--lake", str(lake), env=env)


def stop(process: subprocess.Popen[str]) -> str:
    """What it said on stderr; it has to end well."""
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return errors


def test_every_message_twice_to_two_processes_is_exact(
    moto_s3: S3Server, tmp_path: Path, expected: dict[str, int]
) -> None:
    queue = announced(moto_s3)
    fill(queue, OBJECTS)
    messages = queue.take_all()
    assert len(messages) == len(OBJECTS) + 1  # and S3's test event
    queue.send(*messages, *messages)
    lake = tmp_path / "lake"
    processes = [follower(queue, lake, environment(moto_s3, batch_objects=n)) for n in (20, 31)]
    queue.until(visible=0, held=0)
    for process in processes:
        stop(process)
    assert lakes.counts(Lake(str(lake))) == expected
    lakes.check_exact(Lake(str(lake)))
    assert queue.take_all(queue.dead_url) == []


def test_killed_workers_messages_come_back_and_nothing_doubles(
    moto_s3: S3Server, tmp_path: Path, expected: dict[str, int]
) -> None:
    queue = announced(moto_s3)
    fill(queue, OBJECTS)
    lake = tmp_path / "lake"
    env = environment(moto_s3, visibility=5, batch_objects=25)
    for seconds in (0.1, 1.2):
        process = follower(queue, lake, env)
        queue.until_held()
        time.sleep(seconds)
        process.kill()
        process.communicate()
    last = follower(queue, lake, env)
    queue.until(visible=0, held=0)
    stop(last)
    assert lakes.counts(Lake(str(lake))) == expected
    lakes.check_exact(Lake(str(lake)))


def test_listing_and_following_at_once_is_exact(moto_s3: S3Server, tmp_path: Path, expected: dict[str, int]) -> None:
    queue = announced(moto_s3)
    fill(queue, OBJECTS)
    lake = tmp_path / "lake"
    following = follower(queue, lake, environment(moto_s3, batch_objects=30))
    listing = lakes.run(
        "ingest", queue.bucket.uri, "--lake", str(lake), "--all", env=environment(moto_s3, batch_objects=40)
    )
    assert listing.returncode == 0, listing.stderr
    queue.until(visible=0, held=0)
    stop(following)
    assert lakes.counts(Lake(str(lake))) == expected
    lakes.check_exact(Lake(str(lake)))


def test_what_cannot_be_read_goes_to_the_dead_letter_queue_and_stops_nothing(moto_s3: S3Server, tmp_path: Path) -> None:
    queue = announced(moto_s3, receives=2)
    fill(queue, OBJECTS[:10])
    queue.bucket.put("gone.json.gz", b"never seen")
    queue.bucket.delete("gone.json.gz")
    queue.send("hello", '{"Records": [{"eventSource": "aws:sns"}]}')
    lake = tmp_path / "lake"
    process = follower(queue, lake, environment(moto_s3, visibility=5))
    queue.until(visible=0, held=0)
    errors = stop(process)
    dead = queue.take_all(queue.dead_url)
    assert sorted("gone.json.gz" in body for body in dead) == [False, False, True]
    assert "hello" in dead
    assert "message left" in errors
    assert "vanished" in errors
    found = Lake(str(lake))
    assert lakes.counts(found)["objects"] == 10
    lakes.check_exact(found)


def test_a_stopped_process_releases_what_it_holds(moto_s3: S3Server, tmp_path: Path) -> None:
    queue = announced(moto_s3)
    fill(queue, OBJECTS[:12])
    process = follower(queue, tmp_path / "lake", environment(moto_s3, visibility=600))
    queue.until_held()
    stop(process)
    assert queue.waiting() == (13, 0)
    assert set(lakes.counts(Lake(str(tmp_path / "lake"))).values()) == {0}


def test_an_object_rewritten_after_its_announcement_is_read_as_it_is(moto_s3: S3Server, tmp_path: Path) -> None:
    queue = announced(moto_s3)
    key = OBJECTS[0].relative_to(lakes.SAMPLE).as_posix()
    other = next(path for path in OBJECTS[1:] if path.parent.parent == OBJECTS[0].parent.parent)
    queue.bucket.put(key, OBJECTS[0].read_bytes())
    first = queue.take_all()
    queue.bucket.put(key, other.read_bytes())
    queue.take_all()
    queue.send(*first)
    process = follower(queue, tmp_path / "lake", environment(moto_s3))
    queue.until(visible=0, held=0)
    stop(process)
    lake = Lake(str(tmp_path / "lake"))
    assert [row["etag"] for row in lakes.rows(lake, "objects")] == [
        queue.bucket.client.head_object(Bucket=queue.bucket.name, Key=key)["ETag"].strip('"')
    ]
    lakes.check_exact(lake)


def test_a_folder_is_followed_by_listing_it_again(logs: Path, tmp_path: Path, expected: dict[str, int]) -> None:
    lake, growing = Lake(str(tmp_path / "lake")), tmp_path / "logs"
    (growing / "AWSLogs").mkdir(parents=True)
    process = lakes.start("ingest", str(growing), "--follow", "--every", "1s", "--lake", lake.uri)
    parts = sorted((logs / "AWSLogs").iterdir())
    for part in parts:
        shutil.copytree(part, tmp_path / "staging" / part.name)
        os.rename(tmp_path / "staging" / part.name, growing / "AWSLogs" / part.name)
    end = time.monotonic() + 60
    while lakes.counts(lake) != expected and time.monotonic() < end:
        time.sleep(0.2)
    stop(process)
    assert lakes.counts(lake) == expected
    lakes.check_exact(lake)


def test_a_queue_that_is_not_there_is_an_error_at_once(moto_s3: S3Server, tmp_path: Path) -> None:
    url = f"{moto_s3.endpoint_url}/123456789012/nowhere"
    run = lakes.run("ingest", "--queue", url, "--lake", str(tmp_path / "lake"), env=environment(moto_s3))
    assert run.returncode == 3
    assert "there is no such queue" in run.stderr
