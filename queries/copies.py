"""Copies of the small files of a lake on S3, kept on this machine: a session reads each once, not once a question.

Promises: the same rows as without. A lake's files never change, so a copy that is whole is right for good, and one is
whole or not there. What cannot be copied (a full disk, a file that is gone) is read from the lake. Copies that nobody
has asked for in `_KEPT_DAYS` days are removed. Nobody but this user may read them.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore

from ingest.lake.declarations import OBJECTS, ROLLUPS
from ingest.lake.snapshot import DataFile
from ingest.lake.store import open_store
from ingest.lake.tables import Lake
from ingest.logs import Log

Files = tuple[DataFile, ...]

_COPIED = {OBJECTS.name, *(table.name for table in ROLLUPS)}
"""Tables that every session looks into, at every hour of its window and history: the ledger and the rollups."""
_LARGEST = 16 << 20
"""Bytes of a file that is copied whole; of a larger one DuckDB reads the columns and rows it needs."""
_AT_ONCE = 16
_KEPT_DAYS = 8
"""A day more than the week of history that reports look back to."""
_HOUR, _DAY = 3_600, 86_400
_PATH = re.compile(r"\w+/(?:\w+=[\w-]+/)?[\w-]+(?:\.[\w-]+)*\.parquet", re.ASCII)
"""Paths that a lake's writers make. A log might name any other, and one with `..` leads out of the folder."""
_FOLDER = re.compile(r"[\w/.,+@:~ -]+")
"""What DuckDB takes for a path and for nothing else: no pattern, and no partition."""
_SWEPT = ".swept"

_log = Log()


def nearest_files(lake: Lake, chosen: Mapping[str, Files]) -> dict[str, Files]:
    """The files, by table, that a session reads; those that are copied on this machine as their copies."""
    found = dict(chosen)
    if lake.is_local or lake.copies is None or not _FOLDER.fullmatch(str(lake.copies)):
        return found
    folder = lake.copies / hashlib.sha256(lake.uri.encode()).hexdigest()[:16]
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            copied = partial(_copied, open_store(lake.uri, lake.storage), lake.uri, folder)
            for name in _COPIED & found.keys():
                found[name] = tuple(pool.map(copied, found[name]))
        _remove_old(folder)
    except OSError as error:
        _log.info("files of the lake are not copied", folder=str(folder), error=error.strerror)
    return found


def _copied(store: ObjectStore, lake: str, folder: Path, file: DataFile) -> DataFile:
    """The file's copy, made when it is not there; the file itself where none can be."""
    path = file.uri.removeprefix(f"{lake}/")
    if file.size > _LARGEST or not _PATH.fullmatch(path):
        return file
    copy = folder / path
    with suppress(OSError, BaseError):
        if _is_whole(copy, file.size) or _fetch(store, path, copy, file.size):
            return replace(file, uri=str(copy))
    return file


def _is_whole(copy: Path, size: int) -> bool:
    """Whether it is there; it is remembered as one that was asked for."""
    try:
        found = copy.stat()
    except FileNotFoundError:
        return False
    if time.time() - found.st_mtime > _HOUR:
        os.utime(copy)
    return found.st_size == size


def _fetch(store: ObjectStore, path: str, copy: Path, size: int) -> bool:
    body = obstore.get(store, path).bytes()
    if len(body) != size:
        return False
    copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = copy.with_name(f".{copy.name}.{uuid.uuid4().hex}")
    try:
        part.write_bytes(body)
        part.replace(copy)
    finally:
        part.unlink(missing_ok=True)
    return True


def _remove_old(folder: Path) -> None:
    """Remove what nobody has asked for, an hour after that was done last."""
    now, swept = time.time(), folder / _SWEPT
    if swept.exists() and now - swept.stat().st_mtime < _HOUR:
        return
    swept.touch()
    for copy in folder.rglob("*"):
        # Another process may remove it, too.
        with suppress(FileNotFoundError):
            if copy.is_file() and now - copy.stat().st_mtime > _KEPT_DAYS * _DAY:
                copy.unlink()
