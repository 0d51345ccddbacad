"""A command as a whole process: its seconds, its memory and what it printed."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Run:
    """What one run took: wall and CPU seconds, peak resident memory in MiB; and its standard output."""

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
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        out.seek(0)
        err.seek(0)
        if status:
            raise SystemExit(f"{' '.join(map(str, command))} failed:\n{out.read()[-1000:]}{err.read()[-3000:]}")
        return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out.read())
