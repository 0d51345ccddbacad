"""Times as people write them (ISO, now, or counted back from the newest data), and the whole minutes they lie in.

A window counts whole minutes: rollups know no less, and of requests and packets as much, so no two answers about one
window contradict each other.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from ingest.errors import QueryError

_MINUTE = timedelta(minutes=1)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_time(text: str, newest: datetime | None) -> datetime:
    """`2026-03-10T09:00Z` (UTC where it names no zone), `now`, or `-1h`, `-90m`, `-2d`: back from `newest`.

    Raises:
        QueryError: neither form, or a relative time on a lake without data.
    """
    if text.strip() == "now":
        return datetime.now(UTC)
    relative = re.fullmatch(r"-(\d+)([smhdw])", text.strip())
    if relative:
        if newest is None:
            raise QueryError(f"time {text}: the lake has no data to count back from; give an ISO time")
        return newest - timedelta(**{_UNITS[relative[2]]: int(relative[1])})
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        raise QueryError(f"time {text!r}: write 2026-03-10T09:00Z, or -1h for an hour before the newest data") from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def minute_of(time: datetime) -> datetime:
    """Start of the minute that the time lies in."""
    return time.replace(second=0, microsecond=0)


def minute_from(time: datetime) -> datetime:
    """The time itself when it is a whole minute, else start of the next one."""
    start = minute_of(time)
    return start if start == time else start + _MINUTE
