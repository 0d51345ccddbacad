"""Handles on a lake's tables, kept from one commit to the next.

Opening a table reads the newest checkpoint of its log, which repeats every guard (50 ms of CPU at 15,000 of them); a
kept handle reads the commits since. One thread uses a handle at a time: a commit relies on its handle's snapshot being
no newer than its look at the guards.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

_FRESH_SECONDS = 600
"""A handle that lay longer is opened anew: after a day the log no longer holds the commits that it lacks."""


class Handles:
    """Handles that nobody uses at the moment, by the name of their table."""

    def __init__(self) -> None:
        """None yet."""
        self._idle: dict[str, list[tuple[float, DeltaTable]]] = defaultdict(list)
        self._lock = threading.Lock()

    @contextmanager
    def newest(self, name: str, open_: Callable[[], DeltaTable | None]) -> Iterator[DeltaTable | None]:
        """A handle at the table's newest version, for the caller alone; None where `open_` finds no table.

        It is not used again once the caller has failed.
        """
        handle = self._followed(name) or open_()
        yield handle
        if handle is not None:
            with self._lock:
                self._idle[name].append((time.monotonic(), handle))

    def _followed(self, name: str) -> DeltaTable | None:
        """A kept handle, brought to the newest version; None where there is none or it cannot be."""
        with self._lock:
            lain, handle = self._idle[name].pop() if self._idle[name] else (0.0, None)
        if handle is None or time.monotonic() - lain > _FRESH_SECONDS:
            return None
        try:
            handle.update_incremental()
        except (DeltaError, OSError):
            return None
        return handle
