"""A folder laid out like a bucket: a synced or mounted one, or a single file.

Promises: every regular file once, whatever the symbolic links do; hidden files (`.name`, `_name`, as Hive and Spark
hide them), `*.tmp`, and files lying beside an `AWSLogs` folder (AWS writes only below it) are not log objects.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO
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
        files = (o for o in _walk(root if root.is_dir() else self.path, refused, set()) if in_window(o, since, until))
        yield from in_chunks(files)
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


def _plain(uri: str) -> str:
    """The path that `_uri_of` made this of; not as a Path, which takes longer to make than a small file to read."""
    return os.fsdecode(unquote_to_bytes(uri.removeprefix("file://")))


def _uri_of(path: str | Path) -> str:
    """The path as a URI that leaves `=` and the like as they are, so that hive folders stay readable."""
    return "file://" + quote_from_bytes(os.fsencode(path), safe="/=:@!$&'()*+,;~")


def _etag(stat: os.stat_result) -> str:
    return f"{stat.st_size}-{stat.st_mtime_ns}"


def _object_of(path: str | Path, stat: os.stat_result) -> SourceObject:
    return SourceObject(
        uri=_uri_of(path),
        etag=_etag(stat),
        size=stat.st_size,
        last_modified=datetime.fromtimestamp(stat.st_mtime, UTC),
    )


def _walk(folder: str | Path, refused: list[str], seen: set[tuple[int, int]]) -> Iterator[SourceObject]:
    """Files below `folder`, by name; folders that refuse go to `refused`, links to folders already seen nowhere."""
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
    beside_logs = any(e.name == "AWSLogs" for e in entries)
    for entry in entries:
        try:
            if entry.is_dir():
                yield from _walk(entry.path, refused, seen)
            elif entry.is_file() and not beside_logs and not entry.name.endswith(".tmp"):
                yield _object_of(entry.path, entry.stat())
        except FileNotFoundError:
            continue


def _read(wanted: SourceObject) -> Body | SourceError:
    if wanted.size > source.LARGE:
        return _parts(wanted, source.PART)
    try:
        with _opened(wanted, buffering=0) as file:
            # A byte more than there should be: with what was listed, there is no need to look for an end.
            body = file.read(wanted.size + 1)
            if len(body) != wanted.size:
                body += file.read()
            _check(wanted, file.fileno())
            return body
    except SourceError as error:
        return error


def _parts(wanted: SourceObject, size: int) -> Iterator[bytes]:
    """The file's bytes in parts of that size."""
    with _opened(wanted) as file:
        _check(wanted, file.fileno())
        while part := file.read(size):
            yield part
        _check(wanted, file.fileno())


@contextmanager
def _opened(wanted: SourceObject, buffering: int = -1) -> Iterator[IO[bytes]]:
    """The file; what goes wrong with it is a SourceError."""
    try:
        with open(_plain(wanted.uri), "rb", buffering) as file:
            yield file
    except FileNotFoundError:
        raise SourceError(
            f"{wanted.uri}: vanished after it was listed. Nothing to do if it was deleted on purpose"
        ) from None
    except OSError as error:
        raise SourceError(
            f"{wanted.uri}: cannot be read ({error.strerror}). Give this user read permission on the file"
        ) from error


def _check(wanted: SourceObject, file: int) -> None:
    if _etag(os.fstat(file)) != wanted.etag:
        raise RewrittenError(f"{wanted.uri}: was rewritten after it was listed. The next run reads the new version")
