"""Answers of an object store that end in the middle or never come: asked for again where obstore and delta-rs do not.

Both send a request again that fails or is refused for the moment, and ask for the rest of an object of which a part
arrived. Of a list of objects that is cut, or of what S3 says to a POST, they give the error, and of a commit that is
not answered in time, too, for it may have been done (measured with a lake behind a proxy that cuts answers and hangs:
tests/ingest/pipeline/test_bad_network.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from ingest.errors import EastwestError

ATTEMPTS = 5
"""How often a request is sent whose answer breaks off in the middle."""

_LONG = 100
"""Seconds: what is sent again has been for longer when it is given up (obstore here two minutes, delta-rs three)."""

_LATE = re.compile(
    r"Error performing \w+ \S+ in (?P<seconds>[\d.]+)s(?:, after (?P<sent>\d+) retries, max_retries: (?P<most>\d+))?"
    r".*operation timed out",
    re.DOTALL,
)

T = TypeVar("T")


def broke_off(error: BaseException) -> bool:
    """Whether it says that an answer ended in the middle, or did not come and was not asked for again.

    An error of eastwest's own says so once it was.
    """
    if isinstance(error, EastwestError):
        return False
    text = str(error)
    return "response body" in text or _came_late(text)


def _came_late(text: str) -> bool:
    """Whether a request was given up for the first time that it was not answered in time."""
    found = _LATE.search(text)
    if found is None or float(found["seconds"]) > _LONG:
        return False
    return found["sent"] is None or int(found["sent"]) < int(found["most"])


def whole(ask: Callable[[], T]) -> T:
    """What `ask` gives, which must be safe to repeat; asked again where the answer broke off, five times by this call.

    A commit that gives up for it is attempted five times, too (`conflicts`): a list in it is asked for 25 times.
    """
    retrying = Retrying(
        retry=retry_if_exception(broke_off),
        wait=wait_random_exponential(multiplier=0.05, max=2),
        stop=stop_after_attempt(ATTEMPTS),
        reraise=True,
    )
    return retrying(ask)
