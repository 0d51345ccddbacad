"""Answers of an object store that end in the middle: asked for again where neither obstore nor delta-rs does.

Both send a request again that fails or is refused for the moment, and ask for the rest of an object of which a part
arrived. Of a list of objects that is cut, or of what S3 says to a POST, they give the error (measured with a lake
behind a proxy that cuts answers: tests/ingest/pipeline/test_bad_network.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from ingest.errors import EastwestError

ATTEMPTS = 5
"""How often a request is sent whose answer breaks off in the middle."""

T = TypeVar("T")


def broke_off(error: BaseException) -> bool:
    """Whether it says that an answer ended in the middle; one of eastwest's own says so once it was asked for again."""
    return "response body" in str(error) and not isinstance(error, EastwestError)


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
