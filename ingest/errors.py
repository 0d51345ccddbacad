"""Every error eastwest raises on purpose, and the exit code it ends with.

* EastwestError
  * QueryError       1   a question that cannot be asked, or an answer that failed
  * SettingsError    2   a setting, option or argument that is wrong
  * SourceError      3   a bucket, folder or object that cannot be read
  * LakeError        4   a lake that cannot be read or written

The message says what is wrong, where (file:key, object:line) and what to do about it.
"""

from __future__ import annotations

import re

_COLOURS = re.compile(r"\x1b\[[\d;]*m")
_NESTED = "↳"
"""What obstore and delta-rs put before each cause of a cause."""

_CAUSES = (
    (r"<Code>(NoSuchBucket)<", "there is no such bucket. Correct the name, or set the endpoint"),
    (
        r"<Code>(ExpiredToken|InvalidAccessKeyId|SignatureDoesNotMatch|InvalidClientTokenId)<",
        "the credentials were refused ({}). Renew them, for instance with `aws sso login`",
    ),
    (
        r"<Code>(AccessDenied)<|(403) Forbidden",
        "access denied ({}). Allow s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket on it",
    ),
    (
        r"<Code>(PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraintException)<|(301) Moved",
        "the bucket is in another region ({}). Set AWS_REGION, or the source's `region`",
    ),
    (
        r"\b(Connection refused|dns error|operation timed out|error sending request)\b",
        "the store cannot be reached ({}). Check network and endpoint, then run it again: nothing is lost",
    ),
)
"""What a store's error has in it, and what it means and asks for; the first that is found."""


class EastwestError(Exception):
    """Base of the tree: one readable message, one exit code. `details`: all that a library said, for the log."""

    exit_code = 1

    def __str__(self) -> str:
        """The message; of what an object store answered, in one sentence, its meaning."""
        return _readable(self.details)

    @property
    def details(self) -> str:
        """The message with the whole chain of causes in it."""
        return super().__str__()


def _readable(text: str) -> str:
    said, _, _ = _COLOURS.sub("", text).partition("\n\nDebug source:")
    if _NESTED not in said:
        return said
    first, *others = (line.strip().removeprefix(_NESTED).strip() for line in said.split("\n"))
    where = first.rpartition(": ")[0]
    return f"{where}: {_meaning(said, others)}" if where else _meaning(said, others)


def _meaning(said: str, causes: list[str]) -> str:
    for pattern, meaning in _CAUSES:
        # The innermost cause of that kind says the most.
        found = re.search(f"(?s:.*){pattern}", said)
        if found:
            return meaning.format(next(word for word in found.groups() if word))
    last = next((cause for cause in reversed(causes) if not cause.startswith("<")), "no reason given")
    return f'the store failed ({last}). Run it again; with log_level = "debug" it says all that it was told'


class QueryError(EastwestError):
    """A report, check or statement that is unknown, got wrong parameters, or failed in the engine."""

    exit_code = 1


class SettingsError(EastwestError):
    """A key in eastwest.toml, an EASTWEST_* variable or a command's argument that is wrong."""

    exit_code = 2


class SourceError(EastwestError):
    """A bucket, prefix or folder that cannot be listed or read at all."""

    exit_code = 3


class LakeError(EastwestError):
    """A lake that is missing, of another version, or refuses a write."""

    exit_code = 4
