"""What is committed at most once to a table: one version of one source object."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import NamedTuple

_REMEMBERED = 10_000
"""A batch's objects are asked for by every table that it is committed to."""


@lru_cache(_REMEMBERED)
def key_of(uri: str) -> str:
    """128 bits of an object's URI, in hexadecimal: every checkpoint repeats it, and URIs take 215 bytes there."""
    return hashlib.sha256(uri.encode()).hexdigest()[:32]


class Unit(NamedTuple):
    """A source object's URI and ETag; `attempt` counts its replays after a fix, from 1.

    In the Delta log it is an application transaction: `key`, a hash of the URI, is the application's id, and `version`
    tells which version of the object the table holds. A table holds one version of an object at a time.
    """

    uri: str
    etag: str
    attempt: int = 1

    @property
    def key(self) -> str:
        """What names the object in a Delta log."""
        return key_of(self.uri)

    @property
    def version(self) -> int:
        """63 bits that name ETag and attempt."""
        return _version_of(self.etag, self.attempt)


class Claim(NamedTuple):
    """Units that one worker is about to replace (`Lake.claim`), all under one number of its own.

    The number is less than 0, no version's. In the ledger's log it stands for "being replaced", in a rollup's for "of
    this object nothing is counted". `since` is a version of the ledger from before the claim.
    """

    units: frozenset[Unit]
    number: int
    since: int


@lru_cache(_REMEMBERED)
def _version_of(etag: str, attempt: int) -> int:
    digest = hashlib.sha256(f"{etag}|{attempt}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
