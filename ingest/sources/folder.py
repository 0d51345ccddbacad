"""A folder laid out like a bucket: a synced or mounted one, or a single file.

Promises: every regular file once, whatever the symbolic links do; hidden files (`.name`, `_name`, as Hive and Spark
hide them), `*.tmp`, and files lying beside an `AWSLogs` folder (AWS writes only below it) are not log objects.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

from ingest.errors import SettingsError, SourceError
from ingest.sources import source
from ingest.sources.source import Body, RewrittenError, SourceObject, in_chunks, in_window


class FolderSource:
    """A folder or one file on this machine; objects are named by absolute `file://` URIs."""

    def __init__(self, path: str) -> None:
        """Open a path or a `file://` URI.

        Raises:
            SourceError: nothing is there.
            SettingsError: the URI has another scheme.
        """
        self.path = _path_of(path).absolute()
        self.uri = _uri_of(self.path)
        self.requests = 0
        if not self.path.exists():
            raise SourceError(
                f"{path}: no such file or folder. Name a folder of logs, one log file, or s3://bucket/prefix"
            )

    def list(self, since: datetime | None, until: datetime | None) -> Iterator[list[SourceObject]]:
        """Files below the folder, as `Source.list` says."""
        if self.path.is_file():
            yield [_object_of(self.path, self.path.stat())]
            return
        refused: list[str] = []
        # A folder laid out like a bucket may hold other things beside its logs, as sample_logs/ does.
        root = self.path / "AWSLogs"
        files = _walk(root if root.is_dir() else self.path, refused)
        yield from in_chunks(file for file in files if in_window(file, since, until))
        if refused:
            raise SourceError(
                f"{self.path}: {len(refused)} folder(s) could not be listed, first {refused[0]}. "
                "Give this user read and search permission on them"
            )

    def read(self, objects: Sequence[SourceObject]) -> Iterator[tuple[SourceObject, Body | SourceError]]:
        """Bytes of each file, as `Source.read` says; a local disk gains nothing from reading ahead."""
        for wanted in objects:
            yield wanted, _read(wanted)

    def head(self, uri: str) -> SourceObject | SourceError:
        """The file of that path or `file://` URI as it is now."""
        path = _path_of(uri).absolute()
        try:
            return _object_of(path, path.stat())
        except OSError as error:
            return SourceError(f"{uri}: cannot be read ({error.strerror}). Name a file that is there")


def _path_of(text: str) -> Path:
    if text.startswith("file://"):
        return Path(_plain(text))
    scheme, found, _ = text.partition("://")
    if found:
        raise SettingsError(
            f"{text}: {scheme}:// is not a source eastwest reads. Use a folder, a file or s3://bucket/prefix"
        )
    return Path(text).expanduser()


_SAFE = "/=:@!$&'()*+,;~"
"""What an URI keeps as it is besides letters, digits, `_`, `.` and `-`."""

_IS_PLAIN = re.compile(rf"[\w.\-{re.escape(_SAFE)}]*", re.ASCII).fullmatch
"""Whether a path and its URI are the same characters, as those of nearly every log object are."""


def _plain(uri: str) -> str:
    """The path that `_uri_of` made this of; not as a Path, which takes longer to make than a small file to read."""
    path = uri.removeprefix("file://")
    return os.fsdecode(unquote_to_bytes(path)) if "%" in path else path


def _uri_of(path: str | Path) -> str:
    """The path as a URI that leaves `=` and the like as they are, so that hive folders stay readable."""
    return "file://" + _quoted(path)


def _quoted(path: str | Path) -> str:
    text = os.fspath(path)
    return text if _IS_PLAIN(text) else quote_from_bytes(os.fsencode(text), safe=_SAFE)


def _etag(stat: os.stat_result) -> str:
    return f"{stat.st_size}-{stat.st_mtime_ns}"


def _object_of(path: Path, stat: os.stat_result) -> SourceObject:
    return _named(_uri_of(path), stat)


def _named(uri: str, stat: os.stat_result) -> SourceObject:
    return SourceObject(uri, _etag(stat), stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))


def _walk(root: Path, refused: list[str]) -> Iterator[SourceObject]:
    """Files below `root`, by name; folders that refuse go to `refused`, links to folders already seen nowhere."""
    seen: set[tuple[int, int]] = set()
    # The folders on the way down, the innermost last. Generators within generators would all be asked for each file.
    entered = [_entries(root, refused, seen)]
    while entered:
        entry = next(entered[-1], None)
        if entry is None:
            entered.pop()
        elif isinstance(entry, SourceObject):
            yield entry
        else:
            entered.append(_entries(entry, refused, seen))


def _entries(folder: str | Path, refused: list[str], seen: set[tuple[int, int]]) -> Iterator[SourceObject | str]:
    """A folder's files, and the paths of the folders in it, by name."""
    try:
        here = os.stat(folder)
        if (here.st_dev, here.st_ino) in seen:
            return
        seen.add((here.st_dev, here.st_ino))
        with os.scandir(folder) as listing:
            entries = sorted((e for e in listing if not e.name.startswith((".", "_"))), key=lambda e: e.name)
    except FileNotFoundError:
        return
    except OSError as error:
        refused.append(f"{folder} ({error.strerror})")
        return
    uri = _uri_of(os.path.join(folder, ""))
    beside_logs = any(e.name == "AWSLogs" for e in entries)
    for entry in entries:
        try:
            if entry.is_dir():
                yield entry.path
            elif entry.is_file() and not beside_logs and not entry.name.endswith(".tmp"):
                yield _named(uri + _quoted(entry.name), entry.stat())
        except OSError as error:
            # Gone by now, or a link that leads to itself.
            if error.errno in (errno.ENOENT, errno.ELOOP):
                continue
            # It may be listed, and nothing in it looked at.
            refused.append(f"{folder} ({error.strerror})")
            return


def _read(wanted: SourceObject) -> Body | SourceError:
    if wanted.size > source.LARGE:
        return _parts(wanted, source.PART)
    try:
        # The kernel's calls alone: a file object's own are as many again, and small files are many.
        file = os.open(_plain(wanted.uri), os.O_RDONLY | os.O_CLOEXEC)
        try:
            # A byte more than there should be: with what was listed, there is no need to look for an end.
            body = os.read(file, wanted.size + 1)
            if len(body) != wanted.size:
                body += b"".join(iter(partial(os.read, file, source.PART), b""))
            _check(wanted, file)
            return body
        finally:
            os.close(file)
    except OSError as error:
        return _refused(wanted, error)
    except SourceError as error:
        return error


def _parts(wanted: SourceObject, size: int) -> Iterator[bytes]:
    """The file's bytes in parts of that size."""
    try:
        with open(_plain(wanted.uri), "rb") as file:
            _check(wanted, file.fileno())
            while part := file.read(size):
                yield part
            _check(wanted, file.fileno())
    except OSError as error:
        raise _refused(wanted, error) from error


def _refused(wanted: SourceObject, error: OSError) -> SourceError:
    """What to tell of a file that cannot be read."""
    if isinstance(error, FileNotFoundError):
        return SourceError(f"{wanted.uri}: vanished after it was listed. Nothing to do if it was deleted on purpose")
    return SourceError(f"{wanted.uri}: cannot be read ({error.strerror}). Give this user read permission on the file")


def _check(wanted: SourceObject, file: int) -> None:
    if _etag(os.fstat(file)) != wanted.etag:
        raise RewrittenError(f"{wanted.uri}: was rewritten after it was listed. The next run reads the new version")
