"""How a name from the logs, a time, a count and a share are written for a reader.

Log fields are written by attackers. `visible` makes every character that could hide, reorder or overwrite text show
itself, and caps the length; it does not escape markdown or HTML, because names go only to widgets that render neither.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta

_VPC = re.compile(r"\(vpc-[0-9a-f]+([0-9a-f]{4})\)$")

LONGEST = 500
"""Characters of one cell at most; the rest is an ellipsis."""


def visible(name: str | None, limit: int = LONGEST) -> str:
    r"""`name` with control, bidi, zero-width and unassigned characters spelled `\u{202e}`, at most `limit` long.

    None is the empty string.
    """
    if name is None:
        return ""
    kept = name[: limit + 1]
    spelled = "".join(character if _shows(character) else f"\\u{{{ord(character):x}}}" for character in kept)
    return spelled if len(spelled) <= limit else spelled[: limit - 1] + "…"


def short(name: str) -> str:
    """The name of an address, with its VPC's id cut to the end that tells it apart: `10.0.0.22 (…a41f)`."""
    return _VPC.sub(r"(…\1)", name)


def _shows(character: str) -> bool:
    """Whether a reader can see the character: not control, format, surrogate, private use, or a foreign space."""
    category = unicodedata.category(character)
    return character == " " or not (category.startswith("C") or category in {"Zs", "Zl", "Zp", "Mn", "Me"})


def clock(when: datetime | None, newest: datetime | None = None) -> str:
    """`HH:MM:SS` in UTC, with the day before it where it is another day than that of `newest`."""
    if when is None:
        return ""
    utc = when.astimezone(UTC)
    if newest is not None and utc.date() == newest.astimezone(UTC).date():
        return f"{utc:%H:%M:%S}"
    return f"{utc:%m-%d %H:%M:%S}"


def span(length: timedelta) -> str:
    """A length of time in the two units that matter: `42 s`, `8 min`, `3 h 20 min`, `12 d`."""
    seconds = int(length.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes = seconds // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} d"


def percent(share: float) -> str:
    """A share of 0 to 1 as `61 %`; what is small but not nothing is `0.4 %` or `< 0.1 %`, never `0 %`."""
    hundred = share * 100
    if 0 < hundred < 0.1:
        return "< 0.1 %"
    if hundred < 10 and round(hundred, 1) != round(hundred):
        return f"{hundred:.1f} %"
    if 99 < hundred < 100:
        return "> 99 %"
    return f"{hundred:.0f} %"


def milliseconds(value: float | None) -> str:
    """A duration given in ms: `0.8 ms`, `42 ms`, `1.9 s`."""
    if value is None:
        return ""
    if value < 10:
        return f"{value:.1f} ms"
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.1f} s"
