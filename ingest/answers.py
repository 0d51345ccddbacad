"""Answers of an object store that end in the middle: asked for again, as neither obstore nor delta-rs does.

Both try again where a request fails or is refused for the moment; of an answer of which only a part arrives, they give
the error. Measured: a lake on S3 behind a proxy that cuts answers, tests/ingest/pipeline/test_bad_network.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

ATTEMPTS = 5
"""How often a request is sent whose answer breaks off in the middle."""

T = TypeVar("T")


def broke_off(error: BaseException) -> bool:
    """Whether it says that an answer ended in the middle."""
    return "response body" in str(error)


def whole(ask: Callable[[], T]) -> T:
    """What `ask` gives, which must be safe to repeat; asked again where the answer broke off, five times in all."""
    retrying = Retrying(
        retry=retry_if_exception(broke_off),
        wait=wait_random_exponential(multiplier=0.05, max=2),
        stop=stop_after_attempt(ATTEMPTS),
        reraise=True,
    )
    return retrying(ask)
