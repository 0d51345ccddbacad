"""A command as a whole process: its seconds, its memory and what it printed."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

ROOT = Path(__file__).parent.parent
_LOOK_SECONDS = 0.25


@dataclass(frozen=True)
class Run:
    """What one run took: wall and CPU seconds, peak resident memory in MiB; and its standard output.

    Memory is that of the largest process or, where it is more, the most that all of them held at one of the moments
    when they were looked at, four a second; of a page that several share each has its part (Linux's Pss).
    """

    wall: float
    cpu: float
    rss: float
    output: str


def timed(command: Sequence[str | Path], stdin: str = "") -> Run:
    """Run a command from the project's root; SystemExit with its last output when it fails."""
    with (
        tempfile.TemporaryFile("w+") as given,
        tempfile.TemporaryFile("w+") as out,
        tempfile.TemporaryFile("w+") as err,
    ):
        given.write(stdin)
        given.seek(0)
        # As installed: where bytecode is not kept, every start compiles the project again.
        environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        words = [str(part) for part in command]
        started = time.monotonic()
        process = subprocess.Popen(words, stdin=given, stdout=out, stderr=err, cwd=ROOT, env=environ)
        with _memory_of(process.pid) as held:
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.monotonic() - started
        out.seek(0)
        err.seek(0)
        if status:
            raise SystemExit(f"{' '.join(map(str, command))} failed:\n{out.read()[-1000:]}{err.read()[-3000:]}")
        rss = max(usage.ru_maxrss, *held) / 1024
        return Run(wall, usage.ru_utime + usage.ru_stime, rss, out.read())


@contextmanager
def _memory_of(pid: int) -> Iterator[list[int]]:
    """What a process and its descendants hold together, in KiB, looked at until the block ends."""
    held, ended = [0], Event()

    def look() -> None:
        while not ended.wait(_LOOK_SECONDS):
            held.append(sum(map(_proportional, _family(pid))))

    looking = Thread(target=look, daemon=True)
    looking.start()
    try:
        yield held
    finally:
        ended.set()
        looking.join()


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(member for child in children for member in _family(int(child)))]


def _proportional(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
