"""What is freed is kept: a process that takes and frees the same block again and again gets its pages once."""

from __future__ import annotations

import platform
import subprocess
import sys

TAKE_AND_FREE = """
import resource, sys
from ingest.allocation import keep_freed_memory
assert not int(sys.argv[1]) or keep_freed_memory()
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
block = bytes(48 << 20)
del block
before = faults()
for _ in range(20):
    bytearray(b"x") * (48 << 20)
print(faults() - before)
"""


def faults(*, kept: bool) -> int:
    """Page faults of twenty blocks of 48 MiB, one after the other."""
    command = [sys.executable, "-c", TAKE_AND_FREE, str(int(kept))]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_blocks_that_are_freed_are_taken_again() -> None:
    assert platform.libc_ver()[0] == "glibc"
    # Twenty times 12,288 pages of 4 KiB, or a few times: the heap grows once, to where the next block fits too.
    assert faults(kept=True) < faults(kept=False) / 4
