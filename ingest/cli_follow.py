"""`eastwest ingest --follow`: what a process does that stays, until SIGTERM or SIGINT tells it to stop."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Event
from types import FrameType

from ingest.errors import SettingsError, SourceError
from ingest.lake.tables import Lake
from ingest.logs import Log
from ingest.pipeline.follow import Follower
from ingest.pipeline.rules import Rules
from ingest.pipeline.run import Limits, Progress, Summary
from ingest.settings import Settings
from ingest.sources import open_announced

ListOnce = Callable[[str, Event], Summary]
"""Lists one source (its URI) and reads what is new, until told to stop."""

_log = Log()


@dataclass(frozen=True)
class Following:
    """What is followed: `uris` through their queues, or `queue` alone; without either by listing `every` so often."""

    uris: Sequence[str]
    queue: str | None
    every: float
    settings: Settings
    lake: Lake
    limits: Limits
    rules: Rules

    def run(self, progress: Progress, list_once: ListOnce) -> Summary:
        """Follow until a signal comes; what was done meanwhile, with the newest failures.

        Raises:
            SourceError: a queue or source that cannot be used from the start.
            LakeError: the lake cannot be written.
        """
        stop = Event()
        tasks: list[Callable[[], Summary]] = []
        listed = []
        for queue, uris in self._by_queue().items():
            if queue is None:
                listed = uris
            else:
                tasks.append(self._follower(queue, uris, progress, stop).follow)
        if listed:
            tasks.append(partial(_poll, listed, list_once, self.every, stop))
        with _stopped_by_signals(stop):
            return _together(tasks, stop)

    def _by_queue(self) -> dict[str | None, list[str]]:
        if self.queue is not None:
            return {self.queue: [uri for uri in self.uris if uri.startswith("s3://")]}
        found: dict[str | None, list[str]] = {}
        for uri in self.uris:
            found.setdefault(_queue_of(uri, self.settings), []).append(uri)
        return found

    def _follower(self, url: str, uris: Sequence[str], progress: Progress, stop: Event) -> Follower:
        from ingest.sources.s3_access import source_for  # boto3 takes 0.3 s to import; a folder needs none of it
        from ingest.sources.sqs import open_queue

        queue = open_queue(url, source_for(uris[0] if uris else url, self.settings), self.settings)
        sources = open_announced(uris, self.settings)
        return Follower(queue, sources, self.lake, self.limits, self.rules, progress, stop)


def parse_interval(text: str) -> float:
    """Seconds of an interval such as 30s, 5m or 1h."""
    found = re.fullmatch(r"(\d+)([smh])", text)
    if found is None or not int(found[1]):
        raise SettingsError(f"--every {text}: not an interval; write 30s, 5m or 1h")
    return float(int(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]])


def _queue_of(uri: str, settings: Settings) -> str | None:
    if not uri.startswith("s3://"):
        return None
    from ingest.sources.s3_access import source_for

    return source_for(uri, settings).queue_url


def _poll(uris: Sequence[str], list_once: ListOnce, every: float, stop: Event) -> Summary:
    total = Summary()
    first = True
    while not stop.is_set():
        for uri in uris:
            try:
                total.add(list_once(uri, stop))
            except SourceError as error:
                if first:
                    raise
                _log.warning("source not listed", source=uri, error=str(error), again_in=every)
            del total.failed[:-20]
        first = False
        stop.wait(every)
    return total


def _together(tasks: Sequence[Callable[[], Summary]], stop: Event) -> Summary:
    """Run the tasks side by side; when one fails the others are stopped in order, and its error is raised."""
    total = Summary()
    with ThreadPoolExecutor(len(tasks), thread_name_prefix="follow") as pool:
        running: set[Future[Summary]] = {pool.submit(task) for task in tasks}
        try:
            while running:
                done, running = wait(running, timeout=0.5, return_when=FIRST_EXCEPTION)
                for future in done:
                    total.add(future.result())
        finally:
            stop.set()
    return total


@contextmanager
def _stopped_by_signals(stop: Event) -> Iterator[None]:
    """SIGTERM and SIGINT set `stop`; a second one ends the process as usual."""
    usual = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def on_signal(number: int, frame: FrameType | None) -> None:
        _log.info("stopping", signal=signal.Signals(number).name)
        stop.set()
        for each, handler in usual.items():
            signal.signal(each, handler)

    for number in usual:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
