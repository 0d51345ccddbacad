"""Every error eastwest raises on purpose, and the exit code it ends with.

* EastwestError
  * QueryError       1   a question that cannot be asked, or an answer that failed
  * SettingsError    2   a setting, option or argument that is wrong
  * SourceError      3   a bucket, folder or object that cannot be read
  * LakeError        4   a lake that cannot be read or written

The message says what is wrong, where (file:key, object:line) and what to do about it.
"""


class EastwestError(Exception):
    """Base of the tree: one readable message, one exit code."""

    exit_code = 1


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
