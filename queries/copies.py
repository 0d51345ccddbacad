"""Copies of the small files of a lake on S3, kept on this machine: a session reads each once, not once a question.

Promises: the same rows as without. A lake's files never change, so a copy that is whole is right for good, and one is
whole or not there. What cannot be copied (a full disk, a file that is gone) is read from the lake. Copies that nobody
has asked for in `_KEPT_DAYS` days are removed; any may be at any time. Nobody but this user may read them. Beside them
lies, of any lake, what `kept_days` keeps, under the same rules.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
import uuid
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from shutil import disk_usage

from obstore.exceptions import BaseError
from obstore.store import ObjectStore

from ingest.lake.declarations import OBJECTS, ROLLUPS
from ingest.lake.snapshot import DataFile
from ingest.lake.store import fetch, open_store
from ingest.lake.tables import Lake
from ingest.logs import Log

Files = tuple[DataFile, ...]

_COPIED = {OBJECTS.name, *(table.name for table in ROLLUPS)}
"""Tables that every session looks into, at every hour of its window and history: the ledger and the rollups."""
_LARGEST = 16 << 20
"""Bytes of a file that is copied whole; of a larger one DuckDB reads the columns and rows it needs."""
_MOST = 1 << 30
"""Bytes that are fetched for one session at most."""
_LEFT_FREE = 2 << 30
"""Bytes of the disk that are left to others."""
_AT_ONCE = 16
_KEPT_DAYS = 8
"""A day more than the week of history that reports look back to."""
_SUPERSEDED_HOURS = 2
_HOUR, _DAY = 3_600, 86_400
_PATH = re.compile(r"\w+/(?:\w+=[\w-]+/)?[\w-]+(?:\.[\w-]+)*\.parquet", re.ASCII)
"""Paths that a lake's writers make. A log might name any other, and one with `..` leads out of the folder."""
_PLAIN = re.compile(r"[\w/.,+@:~ -]+")
"""What DuckDB takes for a place alone: no pattern, and no partition, which all files of a table would have to have."""
_SWEPT = ".swept"

_log = Log()


def nearest_files(lake: Lake, chosen: Mapping[str, Files]) -> dict[str, Files]:
    """The files, by table, that a session reads; those that are copied on this machine as their copies."""
    found = dict(chosen)
    if lake.is_local or lake.copies is None:
        return found
    if not _PLAIN.fullmatch(str(lake.copies)) or not _PLAIN.fullmatch(lake.uri):
        _log.info("files of the lake are not copied: its URI or the folder is no plain path", folder=str(lake.copies))
        return found
    try:
        copies = _copies_of(lake, [file for name in _COPIED for file in found.get(name, ())])
    except OSError as error:
        _log.info("files of the lake are not copied", folder=str(lake.copies), error=error.strerror)
        return found
    for name in found.keys() & _COPIED:
        found[name] = tuple(replace(file, uri=copies.get(file, file.uri)) for file in found[name])
    return found


def _copies_of(lake: Lake, files: Iterable[DataFile]) -> dict[DataFile, str]:
    """Where the files' copies are, of those that have one now."""
    assert lake.copies is not None
    folder = _own_folder(lake)
    places = {file: place for file in files if (place := _place_of(lake, folder, file))}
    there = {file for file, place in places.items() if _size_of(place) == file.size}
    there |= _fetch_all(lake, {file: place for file, place in places.items() if file not in there})
    _remove_old(lake.copies)
    return {file: places[file] for file in there}


def _own_folder(lake: Lake) -> str:
    """The folder of this lake's copies. Raises OSError where another could read or fill it."""
    assert lake.copies is not None
    folder = lake.copies / hashlib.sha256(lake.uri.encode()).hexdigest()[:16]
    for each in (lake.copies, folder):
        each.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PermissionError(0, f"{folder} is not this user's alone")
    return str(folder)


def _place_of(lake: Lake, folder: str, file: DataFile) -> str | None:
    """Where its copy is to be; None for a file that is not copied."""
    path = file.uri.removeprefix(f"{lake.uri}/")
    return f"{folder}/{path}" if file.size <= _LARGEST and _PATH.fullmatch(path) else None


def _size_of(copy: str) -> int | None:
    """Its size, None when it is not there; it is remembered as one that was asked for."""
    try:
        found = os.stat(copy)
    except FileNotFoundError:
        return None
    if time.time() - found.st_mtime > _HOUR:
        with suppress(OSError):
            os.utime(copy)
    return found.st_size


def _fetch_all(lake: Lake, missing: Mapping[DataFile, str]) -> set[DataFile]:
    """Copy the files, small ones first, as far as there is room for them; those that are copied now."""
    if not missing:
        return set()
    assert lake.copies is not None
    room = min(_MOST, disk_usage(lake.copies).free - _LEFT_FREE)
    wanted = []
    for file in sorted(missing, key=lambda each: each.size):
        room -= file.size
        if room >= 0:
            wanted.append(file)
    copied = partial(_copy, open_store(lake.uri, lake.storage), lake)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        done = pool.map(copied, wanted, [missing[file] for file in wanted])
        return {file for file, is_there in zip(wanted, done, strict=True) if is_there}


def _copy(store: ObjectStore, lake: Lake, file: DataFile, copy: str) -> bool:
    """Whether the file could be copied."""
    part = f"{os.path.dirname(copy)}/.{uuid.uuid4().hex}"
    try:
        body = fetch(store, file.uri.removeprefix(f"{lake.uri}/"))
        if body.size != file.size:
            return False
        os.makedirs(os.path.dirname(copy), mode=0o700, exist_ok=True)
        with open(part, "xb", opener=partial(os.open, mode=0o600)) as written:
            written.write(body)
            written.flush()
            # Else a copy of the right size may be empty after the machine has crashed.
            os.fsync(written.fileno())
        os.replace(part, copy)
    except (OSError, BaseError):
        with suppress(OSError):
            os.unlink(part)
        return False
    return True


def days_folder(lake: Lake) -> str | None:
    """The folder for what is kept of days of this lake that are over; None where none can be."""
    if lake.copies is None or not _PLAIN.fullmatch(str(lake.copies)):
        return None
    try:
        _own_folder(lake)
        _remove_old(lake.copies)
        folder = f"{_own_folder(lake)}/days"
        os.makedirs(folder, mode=0o700, exist_ok=True)
        return folder if disk_usage(folder).free > _LEFT_FREE else None
    except OSError as error:
        _log.info("identity of days that are over is not kept", folder=str(lake.copies), error=error.strerror)
        return None


def is_there(place: str) -> bool:
    """Whether a file was put there; it is remembered as one that was asked for."""
    return _size_of(place) is not None


def put(part: str, place: str) -> None:
    """Give a file that has been written its place: it is whole there, or not there."""
    with open(part, "rb") as written:
        os.fsync(written.fileno())
    os.chmod(part, 0o600)
    os.replace(part, place)


def remove_superseded(folder: str) -> None:
    """Remove what nobody has asked for in the last hours: where a newer one took its place, nobody will."""
    _remove(Path(folder).iterdir(), older_than=_SUPERSEDED_HOURS * _HOUR)


def forget(lake: Lake) -> None:
    """Remove what is kept of this lake, of which some cannot be read."""
    if lake.copies is not None:
        with suppress(OSError):
            _remove(Path(_own_folder(lake)).rglob("*"), older_than=0)


def _remove_old(copies: Path) -> None:
    """Remove what nobody has asked for, of any lake, an hour after that was done last."""
    swept = copies / _SWEPT
    if swept.exists() and time.time() - swept.stat().st_mtime < _HOUR:
        return
    swept.touch()
    _remove(copies.rglob("*"), older_than=_KEPT_DAYS * _DAY)


def _remove(found: Iterable[Path], older_than: float) -> None:
    """Remove those files, and folders that are empty then."""
    now = time.time()
    for path in sorted(found, reverse=True):
        # Another process may remove it, too, or put something into the folder.
        with suppress(OSError):
            if path.is_symlink() or path.name == _SWEPT:
                continue
            if path.is_dir():
                path.rmdir()
            elif now - path.stat().st_mtime >= older_than:
                path.unlink()
