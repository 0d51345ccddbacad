"""Memory that is freed and taken again: kept by the process instead of handed back to the kernel each time.

A batch takes and frees some gigabytes in blocks of megabytes. The C library gives such blocks back at once, and the
kernel clears the pages again for the next one: a tenth of an ingest's CPU.
"""

from __future__ import annotations

import ctypes
import sys

# Of glibc's <malloc.h>.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3

_KEPT = 1 << 30
"""Bytes: more than a batch frees at once."""

_GROWTH = 64 << 20
"""Bytes by which the heap grows."""


def keep_freed_memory() -> bool:
    """Have the C library keep what is freed; whether it is one that can be told (glibc)."""
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    wanted = ((_M_MMAP_THRESHOLD, _KEPT), (_M_TRIM_THRESHOLD, _KEPT), (_M_TOP_PAD, _GROWTH))
    return all(mallopt(option, value) for option, value in wanted)
