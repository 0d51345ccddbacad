"""Which prefixes of a bucket can hold objects of a time window, without listing the rest.

AWS writes below `AWSLogs/[o-organisation/]account/service/.../region/2026/11/23/` or, in hive layout,
`AWSLogs/aws-account-id=.../year=2026/month=11/day=23/`; a custom destination prefix takes the place of the part before
the year. So: descend level by level to the year, then name the days. Keys sort by resource before time, so a day's
prefix is listed whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

SERVICES = frozenset({"VpcLattice", "elasticloadbalancing", "vpcflowlogs"})
"""The service segments eastwest reads; CloudTrail, Config and the others beside them are not even listed."""

DELIVERED_WITHIN = timedelta(days=2)
"""A day's folder is the delivery date, which follows the time in the file name by up to this much."""

DEEPEST = 12
"""Levels above the year that are searched; AWS's deepest layout has eight."""

_YEAR = re.compile(r"(year=)?(20\d{2})/$")
_SERVICE = re.compile(r"/AWSLogs/(?:o-[a-z0-9]+/)?(?:aws-account-id=)?\d{12}/(?:aws-service=)?([^/]+)/")
_ACCOUNT = re.compile(r"(aws-account-id=)?\d{12}/$")


def is_year(prefix: str) -> bool:
    """Whether the prefix ends in a year's segment: `2026/` or `year=2026/`."""
    return _YEAR.fullmatch(_last(prefix)) is not None


def has_year(prefix: str) -> bool:
    """Whether the prefix lies at or below a year already, so that nothing needs to be searched above it."""
    return any(_YEAR.fullmatch(f"{segment}/") for segment in prefix.split("/"))


def worth_listing(parent: str, children: Sequence[str]) -> list[str]:
    """The children of `parent` that can lead to logs: below an account, only the services eastwest reads."""
    if "AWSLogs/" not in parent or not _ACCOUNT.fullmatch(_last(parent)):
        return list(children)
    return [c for c in children if _last(c).removeprefix("aws-service=").rstrip("/") in SERVICES]


def worth_reading(uri: str) -> bool:
    """Whether an object can hold logs: false below AWSLogs in another service's folder (CloudTrail, Config)."""
    found = _SERVICE.search(uri)
    return found is None or found[1] in SERVICES


def days(years: Sequence[str], since: datetime, until: datetime | None, now: datetime) -> Iterator[str]:
    """The day prefixes of `years` (prefixes that end in a year) from `since` to `until`, oldest first."""
    first = since.astimezone(UTC).date()
    last = min((until or now).astimezone(UTC) + DELIVERED_WITHIN, now.astimezone(UTC) + timedelta(days=1)).date()
    for prefix in sorted(years):
        match = _YEAR.search(prefix)
        assert match is not None, prefix
        year = int(match[2])
        day = max(first, date(max(year, 1), 1, 1))
        while day <= last and day.year == year:
            yield prefix + (f"month={day:%m}/day={day:%d}/" if match[1] else f"{day:%m}/{day:%d}/")
            day += timedelta(days=1)


def _last(prefix: str) -> str:
    """The last segment of a prefix, with its slash."""
    return prefix.rstrip("/").rpartition("/")[2] + "/"
