"""Processes that work on batches side by side: threads would wait for each other, as one computes in Python at a time.

Promises: a process opens lake and sources itself, dies with its parent, and does to the lake what any other process of
eastwest does, so nothing new is to be proved. It writes no logs: what it did is in the summary that it sends back.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from threading import Event

from ingest.errors import EastwestError
from ingest.lake.tables import Lake
from ingest.pipeline.plan import Found
from ingest.pipeline.rules import Rules
from ingest.pipeline.run import Summary, ingest_batch
from ingest.sources import Source

_PR_SET_PDEATHSIG = 1  # of Linux's <sys/prctl.h>


@dataclass(frozen=True)
class _Work:
    """What a process needs for any batch."""

    lake: Lake
    open_source: Callable[[str], Source]
    rules: Rules


class Processes:
    """Processes that wait for batches."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        """Made by `forked`."""
        self._pool = pool

    def submit(self, uri: str, batch: Found) -> Future[Summary]:
        """Have one of them ingest a batch of the source at `uri`; its exceptions are those of `ingest_batch`."""
        return self._pool.submit(_ingest, uri, batch)


@contextmanager
def forked(
    count: int, lake: Lake, open_source: Callable[[str], Source], compile_rules: Callable[[], Rules]
) -> Iterator[Processes | None]:
    """So many processes, forked now: call it before the process has threads or connections of its own.

    None where that is no gain (a single one) or where a fork is not safe (elsewhere than on Linux).

    Raises:
        EastwestError: one of them was killed.
    """
    if count < 2 or sys.platform != "linux":
        yield None
        return
    pool = ProcessPoolExecutor(
        count, multiprocessing.get_context("fork"), _begin, (os.getpid(), lake, open_source, compile_rules)
    )
    try:
        pool.submit(os.getpid).result()  # the first task forks them all
        yield Processes(pool)
    except BrokenProcessPool as error:
        raise EastwestError(
            "a worker process was killed; if memory ran out, set fewer workers or smaller batches. Run it again:"
            " what was not committed is read then"
        ) from error
    finally:
        # After an error, too, what is being committed is finished, and nothing else is begun.
        pool.shutdown(wait=True, cancel_futures=True)


_work: _Work | None = None


def _begin(parent: int, lake: Lake, open_source: Callable[[str], Source], compile_rules: Callable[[], Rules]) -> None:
    global _work
    # Ctrl-C reaches every process of a terminal; the parent decides what becomes of the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with(parent)
    _work = _Work(lake, cache(open_source), compile_rules())


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, however that ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _ingest(uri: str, batch: Found) -> Summary:
    assert _work is not None
    return ingest_batch(_work.lake, batch, _work.open_source(uri).read, _work.rules, Event())
