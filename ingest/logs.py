"""Log lines on stderr, by structlog, which is imported once there is a line to write.

With asyncio, tracebacks and what colours them it takes a fifth of the start of every command, and most log nothing.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True)
class _Wanted:
    level: int = logging.INFO
    as_json: bool = False


_wanted = _Wanted()


def configure(level: int, *, as_json: bool = False) -> None:
    """Write lines of that level of `logging` and above, for people or as JSON."""
    global _wanted
    _wanted = _Wanted(level, as_json)


class Log:
    """Writes events, each a text that does not change, with the values that do."""

    def debug(self, event: str, **values: object) -> None:
        """What helps to find out why."""
        self._write(logging.DEBUG, event, values)

    def info(self, event: str, **values: object) -> None:
        """What happened as it should."""
        self._write(logging.INFO, event, values)

    def warning(self, event: str, **values: object) -> None:
        """What somebody may have to look at."""
        self._write(logging.WARNING, event, values)

    def _write(self, level: int, event: str, values: dict[str, object]) -> None:
        if level < _wanted.level:
            return
        import structlog

        # Looked up line by line: who calls commands in one process may put another stderr in place.
        logger = structlog.wrap_logger(
            structlog.PrintLogger(sys.stderr),
            processors=_processors(_wanted.as_json),
            wrapper_class=structlog.make_filtering_bound_logger(_wanted.level),
        )
        logger.log(level, event, **values)


@cache
def _processors(as_json: bool) -> list[Any]:
    import structlog

    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
    ]
