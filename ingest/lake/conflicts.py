"""Commits: what each is told, and those that another writer came before, tried again on the newest version."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from deltalake import PostCommitHookProperties
from deltalake.exceptions import CommitFailedError
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from ingest.answers import whole

NOTHING_ELSE = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
"""What delta-rs is told of every commit: nothing is done after it (`checkpoints` does that)."""

T = TypeVar("T")


def insist(attempt: Callable[[], T], attempts: int, *, first: float = 0.05, longest: float = 4) -> T:
    """The result of an attempt, which must be safe to repeat, once no other writer was faster.

    Between attempts it waits at random, `first` seconds at most and then twice as long each time, up to the `longest`.

    Raises:
        CommitFailedError: refused so many times; the table is as the others left it.
    """
    retrying = Retrying(
        retry=retry_if_exception_type(CommitFailedError),
        wait=wait_random_exponential(multiplier=first, max=longest),
        stop=stop_after_attempt(attempts),
        reraise=True,
    )
    return retrying(lambda: whole(attempt))
