"""Rewritten objects whose ingest is cut off, overtaken or both: one version of each is left, and nothing of the others.

A worker is stopped at the same places whatever the machine does: before it looks at a table, and once more between its
last look and its commit. The others go on meanwhile, and it goes on after them. One that replaces an object has 41 such
places: a claim, then two each of six rollups (2 to 13), seven tables (14 to 27), the rollups again (28 to 39), and the
ledger.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from ingest.lake import retention, verification
from ingest.lake.declarations import OBJECTS, TABLES
from ingest.lake.tables import Lake
from ingest.lake.unit import Claim, Unit
from ingest.pipeline import batch
from ingest.pipeline.follow import Follower
from ingest.pipeline.rules import NO_RULES
from ingest.pipeline.run import Limits, Summary, ingest
from ingest.settings import Settings
from ingest.sources import open_announced, open_source
from ingest.sources.s3_access import source_for
from ingest.sources.sqs import open_queue
from tests import lakes
from tests.ingest import small_logs
from tests.queues import announced
from tests.servers import S3Server


def write(folder: Path, requests: int) -> Path:
    """Version so many of an object: that many requests."""
    return small_logs.lattice(folder, 0, requests)


def check(lake: Lake, requests: int, *, unfinished: bool = False) -> None:
    """That version of the object is in the lake, and in the rollups, and nothing else; it may be claimed."""
    found = lakes.counts(lake)
    assert (found["objects"], found["lattice_access"], found["call_minutes"]) == (1, requests, requests)
    # A request has two parts (in all, and at its target) and one target that saw it.
    assert (found["call_hours"], found["endpoint_hours"]) == (2 * requests, requests)
    lakes.check_exact(lake)
    assert {difference.kind for difference in verification.verify(lake)} == ({"unfinished"} if unfinished else set())


class Worker:
    """An ingest of a folder in a thread of its own, that goes so many steps and then waits; `go` lets it go on."""

    def __init__(self, logs: Path, lake: Path) -> None:
        """It has not begun."""
        self.lake = Lake(str(lake))
        self._source = open_source(str(logs), Settings())
        self._left = 0
        self._go, self._waits = Event(), Event()
        self._over = self._killed = False
        self.summary: Summary | None = None
        self._thread = Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        self._go.wait()
        with contextlib.suppress(KeyboardInterrupt):
            self.summary = ingest(self._source, self.lake, Limits(500, 16 << 20, 1), lakes.Quiet())
        self._over = True
        self._waits.set()

    def step(self) -> None:
        """Called at every place where it may have to wait."""
        if not self._left:
            self._go.clear()
            self._waits.set()
            self._go.wait()
        if self._killed:
            raise KeyboardInterrupt
        self._left -= 1

    def go(self, steps: int = 1_000) -> None:
        """So many steps, to the end if there are fewer."""
        if self._over:
            return
        self._left = steps
        self._waits.clear()
        if not self._thread.is_alive():
            self._thread.start()
        self._go.set()
        assert self._waits.wait(60)

    def kill(self) -> None:
        """It does nothing more."""
        if not self._over:
            self._killed = True
            self._go.set()
            self._thread.join(60)


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Worker]:
    """A worker that has listed a version, with so many requests, and is about to write it."""
    workers: dict[Lake, Worker] = {}

    def stopping(original: Callable[..., Any], *, after: bool) -> Callable[..., Any]:
        def method(self: Lake, *arguments: Any) -> Any:
            found = original(self, *arguments) if after else None
            if self in workers:
                workers[self].step()
            return found if after else original(self, *arguments)

        return method

    monkeypatch.setattr(Lake, "_insist", stopping(Lake._insist, after=False))
    monkeypatch.setattr(Lake, "_kept", stopping(Lake._kept, after=True))

    def begun(requests: int) -> Worker:
        write(tmp_path / "logs", requests)
        made = Worker(tmp_path / "logs", tmp_path / "lake")
        workers[made.lake] = made
        made.go(0)
        return made

    return begun


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake with an object of one request."""
    write(tmp_path / "logs", 1)
    return lakes.ingested(tmp_path / "logs", tmp_path / "lake")


def in_ledger(lake: Lake) -> int:
    """Requests of the version that the ledger names."""
    [row] = lakes.rows(lake, OBJECTS.name)
    return int(row["rows"])


@pytest.mark.parametrize(
    ("first", "second"),
    [(1, 99), (3, 99), (10, 99), (14, 99), (29, 99), (41, 99), (5, 4), (16, 16), (28, 17), (31, 36), (41, 15)],
)
def test_of_two_workers_with_two_new_versions_one_wins_and_leaves_it_whole(
    first: int, second: int, lake: Lake, worker: Callable[[int], Worker], tmp_path: Path
) -> None:
    two, three = worker(2), worker(3)
    for one, steps in ((two, first), (three, second), (two, 99), (three, 99)):
        one.go(steps)
    assert in_ledger(lake) in {2, 3}
    check(lake, in_ledger(lake))
    check(lakes.ingested(tmp_path / "logs", tmp_path / "lake"), 3)


@pytest.mark.parametrize(("first", "second"), [(1, 99), (4, 99), (1, 3), (3, 5), (5, 1), (4, 9)])
def test_of_two_workers_with_two_versions_of_a_new_object_one_wins_and_leaves_it_whole(
    first: int,
    second: int,
    worker: Callable[[int], Worker],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # One table at a time, or their order would be the machine's.
    monkeypatch.setattr(batch, "ThreadPoolExecutor", lambda *_, **__: ThreadPoolExecutor(1))
    two, three = worker(2), worker(3)
    for one, steps in ((two, first), (three, second), (two, 99), (three, 99)):
        one.go(steps)
    lake = Lake(str(tmp_path / "lake"))
    check(lake, in_ledger(lake))
    check(lakes.ingested(tmp_path / "logs", tmp_path / "lake"), 3)


@pytest.mark.parametrize("cut", [1, 9, 24, 37])
def test_a_worker_that_is_late_with_an_older_version_and_killed_leaves_nothing_behind(
    cut: int, lake: Lake, worker: Callable[[int], Worker], tmp_path: Path
) -> None:
    two, three = worker(2), worker(3)
    three.go()
    two.go(cut)
    two.kill()
    check(lakes.ingested(tmp_path / "logs", tmp_path / "lake"), 3)


@pytest.mark.parametrize("cut", [5, 14, 19, 24, 29, 36])
def test_a_version_cut_off_is_followed_by_another_or_by_the_one_before_it(
    cut: int, lake: Lake, worker: Callable[[int], Worker], tmp_path: Path
) -> None:
    two = worker(2)
    two.go(cut)
    two.kill()
    then = 3 if cut % 2 else 1
    path = write(tmp_path / "logs", then)
    if then == 1:
        # As it was, its time included: the ledger names this very version.
        [row] = lakes.rows(lake, OBJECTS.name)
        moment = int(row["etag"].rpartition("-")[2])
        os.utime(path, ns=(moment, moment))
    check(lakes.ingested(tmp_path / "logs", tmp_path / "lake"), then)


@pytest.mark.parametrize("cut", [2, 5, 18, 30, 40])
def test_a_version_cut_off_is_finished_once_delta_would_have_forgotten_it(
    cut: int, lake: Lake, worker: Callable[[int], Worker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: now - 5 * 86_400)
        two = worker(2)
        two.go(cut)
        two.kill()
    for table in TABLES.values():
        retention.vacuum(lake, table)
    check(lakes.ingested(tmp_path / "logs", tmp_path / "lake"), 2)


class OftenOvertaken(Lake):
    """A lake in which another process claims whatever this one claims."""

    def claim(self, units: Collection[Unit]) -> Claim:
        """This one's claim, which another has overtaken."""
        mine = super().claim(units)
        Lake(self.uri).claim({Unit(unit.uri, "another") for unit in units})
        return mine


def test_a_message_stays_on_the_queue_while_its_object_is_another_workers(moto_s3: S3Server, tmp_path: Path) -> None:
    queue, settings = announced(moto_s3), moto_s3.settings()
    path = str(tmp_path / "lake")

    def follow(lake: Lake, requests: int) -> Summary:
        """Put that version into the bucket and follow the queue until it was tried."""
        key = write(tmp_path / "logs", requests)
        queue.take_all()
        queue.bucket.put(key.relative_to(tmp_path / "logs").as_posix(), key.read_bytes())
        stop = Event()

        class UntilTried(lakes.Quiet):
            def done(self, batch: Summary) -> None:
                stop.set()

        opened = open_queue(queue.url, source_for(queue.bucket.uri, settings), settings)
        sources = open_announced([queue.bucket.uri], settings)
        return Follower(opened, sources, lake, Limits(500, 16 << 20, 1), NO_RULES, UntilTried(), stop).follow()

    assert follow(Lake(path), 1).objects == 1
    assert queue.waiting() == (0, 0)
    assert follow(OftenOvertaken(path), 2).objects == 0
    assert queue.waiting() == (0, 1)
    check(Lake(path), 1, unfinished=True)
    ingest(open_source(queue.bucket.uri, settings), Lake(path), Limits(500, 16 << 20, 1), lakes.Quiet())
    check(Lake(path), 2)
