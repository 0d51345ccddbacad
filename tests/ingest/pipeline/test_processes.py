"""`eastwest ingest` works in processes of its own: they die with it, and one that is killed costs no rows."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.lake.tables import Lake
from tests import lakes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")


def children(pid: int) -> list[int]:
    """The processes that one has started."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def is_running(pid: int) -> bool:
    """Whether it is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until(true: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Whether it becomes true in time."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def environment(**settings: str) -> dict[str, str]:
    return {**os.environ, "EASTWEST_BATCH_OBJECTS": "30", **settings}


def test_the_processes_die_with_the_command(tmp_path: Path) -> None:
    command = lakes.start("ingest", str(lakes.SAMPLE), "--lake", str(tmp_path / "lake"), env=environment())
    assert until(lambda: len(children(command.pid)) == 2)
    workers = children(command.pid)
    command.kill()
    command.communicate()
    assert until(lambda: not any(map(is_running, workers)))


def test_one_that_is_killed_is_said_and_the_next_run_is_exact(tmp_path: Path, sample_lake: Lake) -> None:
    lake = tmp_path / "lake"
    command = lakes.start("ingest", str(lakes.SAMPLE), "--lake", str(lake), env=environment())
    assert until(lambda: (lake / "vpc_flow" / "_delta_log").exists())
    os.kill(children(command.pid)[0], signal.SIGKILL)
    _, errors = command.communicate(timeout=60)
    assert command.returncode == 1
    assert "a worker process was killed" in errors
    again = lakes.run("ingest", str(lakes.SAMPLE), "--lake", str(lake), env=environment())
    assert again.returncode == 0, again.stderr
    assert lakes.counts(Lake(str(lake))) == lakes.counts(sample_lake)
    lakes.check_exact(Lake(str(lake)))


def test_one_worker_is_this_process(tmp_path: Path) -> None:
    command = lakes.start(
        "ingest", str(lakes.SAMPLE), "--lake", str(tmp_path / "lake"), env=environment(EASTWEST_WORKERS="1")
    )
    seen: set[int] = set()
    while command.poll() is None:
        seen.update(children(command.pid))
        time.sleep(0.02)
    command.communicate()
    assert (command.returncode, seen) == (0, set())
