"""The ledger: which source objects are already in the lake. What is new is decided here, never by a time watermark.

A process keeps a 64-bit hash of each object's URI, 80 MB for ten million, filled by one pass over the ledger and from
then on by its new files; and of the ETags of those files that hold a listed object. An object would be taken for known
by mistake if both agreed: of ten million known and ten million listed objects, once in 10^24 ledgers.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Any
from weakref import WeakKeyDictionary

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from obstore.exceptions import BaseError

from ingest.errors import LakeError
from ingest.lake.declarations import OBJECTS
from ingest.lake.remote_columns import WHOLE, fetched
from ingest.lake.statements import sql
from ingest.lake.store import fetch, open_store
from ingest.lake.tables import Lake, Stream, StreamOf
from ingest.lake.unit import Claim, Unit, key_of

_MILLISECOND = timedelta(milliseconds=1)
"""Statistics of files that delta-rs wrote are cut to it."""
_FEW = 100_000
"""Rows that no longer count and are kept, whatever the others are; beyond, as many as count."""
_KNOWN = "create or replace table known (object ubigint)"
_Numbers = npt.NDArray[Any]


class _Known:
    """What the ledger's files hold, as hashes; it follows the ledger as that grows.

    Rows of `known` are in the order of the files, one after the other, so a row's number tells its file and its place
    there (DuckDB keeps the order in which rows are inserted). Rows of a file that is no longer the ledger's (compaction
    merged it, an object in it was replaced) stay and do not count.
    """

    def __init__(self) -> None:
        self._handle: DeltaTable | None = None
        self._lock = threading.Lock()
        self._rows = 0
        self._empty()

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        # Not before there is a ledger: a new lake needs none, and it takes a twentieth of a second.
        connection = duckdb.connect()
        connection.execute(_KNOWN)
        return connection

    def prepare(self, lake: Lake) -> None:
        """Read what is there already; whoever asks later meets the same error, and tells of it."""
        with self._lock, suppress(Exception):
            self._follow(lake)

    def look_up(self, lake: Lake, listed: pa.Table) -> dict[int, bool]:
        """Index of each listed object that is known, and whether in its listed version."""
        with self._lock, _readable(lake):
            at, rows, asked = self._found(lake, listed)
            of_file = self._file_of(rows)
            same = np.zeros(len(at), dtype=bool)
            self._read_versions(lake, np.unique(of_file).tolist())
            for file in np.unique(of_file).tolist():
                here = of_file == file
                same[here] = self._versions[file][rows[here] - self._starts[file]] == asked[here]
        return dict.fromkeys(at.tolist(), False) | dict.fromkeys(at[same].tolist(), True)

    def holding(self, lake: Lake, uris: Collection[str]) -> dict[str, bool]:
        """The ledger's files, each with whether it may hold a row of one of the objects."""
        asked = pa.table({"log_object": sorted(uris), "etag": [""] * len(uris), "at": np.arange(len(uris))})
        with self._lock, _readable(lake):
            _, rows, _ = self._found(lake, asked)
            holding = set(self._file_of(rows).tolist())
            return {path: file in holding for path, file in self._files.items()}

    def _found(self, lake: Lake, listed: pa.Table) -> tuple[_Numbers, _Numbers, _Numbers]:
        """Of each listed object that is known: its index, its row, and the hash of its listed ETag."""
        self._follow(lake)
        if not self._rows:
            none = np.zeros(0, dtype=np.int64)
            return none, none, none
        self._connection.register("listed", listed)
        found = self._connection.execute(sql("ledger_lookup")).fetchnumpy()
        counts = np.array(self._counts, dtype=bool)[self._file_of(found["row"])]
        return found["at"][counts], found["row"][counts], found["version"][counts]

    def _file_of(self, rows: _Numbers) -> _Numbers:
        return np.searchsorted(self._starts, rows, side="right") - 1

    def _newest(self, lake: Lake) -> Mapping[str, tuple[int, int]]:
        """The ledger's files, each with its rows and bytes; the handle is kept, for opening one reads a checkpoint."""
        try:
            if self._handle is not None:
                self._handle.update_incremental()
        except (DeltaError, OSError):
            self._handle = None
        self._handle = self._handle or lake.open(OBJECTS)
        if self._handle is None:
            return {}
        actions = pa.table(self._handle.get_add_actions(flatten=True)).select(["path", "num_records", "size_bytes"])
        return {
            str(path): (int(rows), int(size)) for path, rows, size in zip(*actions.to_pydict().values(), strict=True)
        }

    def _follow(self, lake: Lake) -> None:
        files = self._newest(lake)
        for path in self._files.keys() - files.keys():
            file = self._files.pop(path)
            self._counts[file] = False
            self._versions.pop(file, None)
        if self._rows > 2 * sum(rows for rows, _ in files.values()) + _FEW:
            self._empty()
        added = sorted(files.keys() - self._files.keys())
        if not added:
            return
        for path in added:
            self._files[path] = len(self._paths)
            self._paths.append(path)
            self._starts.append(self._rows)
            self._counts.append(True)
            self._rows += files[path][0]
            self._sizes.append(files[path][1])
        try:
            for paths in self._at_hand(lake, [self._files[path] for path in added], "log_object"):
                names = self._connection.read_parquet([*paths.values()])
                names.project("hash(log_object) as object").insert_into("known")
                if not lake.is_local:
                    # The small ones were fetched whole, so their versions are here as well.
                    self._take_versions({file: path for file, path in paths.items() if self._sizes[file] <= WHOLE})
            _check(self._connection.table("known").count("*").fetchall()[0][0], self._rows)
        except BaseException:
            self._empty()  # a row's number tells its file only where all rows of all files are there
            raise

    def _at_hand(self, lake: Lake, files: Sequence[int], column: str) -> Iterator[dict[int, str]]:
        """The ledger's files, some at a time, each with a path on this machine where that column of it lies.

        Of a lake on S3 a file is there until the next ones are asked for.
        """
        if lake.is_local:
            yield {file: f"{lake.table_uri(OBJECTS)}/{self._paths[file]}" for file in files}
            return
        numbers = {self._paths[file]: file for file in files}
        sizes = {path: self._sizes[file] for path, file in numbers.items()}
        for here in fetched(open_store(lake.uri, lake.storage), OBJECTS.name, sizes, [column]):
            yield {numbers[path]: str(target) for path, target in here.items()}

    def _read_versions(self, lake: Lake, files: Collection[int]) -> None:
        """Know the ETags of files, too: many listed objects are in few files, and most files hold none."""
        lacking = [file for file in files if file not in self._versions]
        for paths in self._at_hand(lake, lacking, "etag") if lacking else ():
            self._take_versions(paths)

    def _take_versions(self, paths: Mapping[int, str]) -> None:
        """Know the ETags of files, each of which lies at that path."""
        if not paths:
            return
        found = self._connection.read_parquet([*paths.values()]).project("hash(etag) as version").fetchnumpy()
        ends = [*self._starts[1:], self._rows]
        rows = [ends[file] - self._starts[file] for file in paths]
        _check(len(found["version"]), sum(rows))
        self._versions |= zip(paths, np.split(found["version"], np.cumsum(rows)[:-1]), strict=True)

    def _empty(self) -> None:
        if self._rows:
            self._connection.execute(_KNOWN)
        self._files: dict[str, int] = {}
        self._paths: list[str] = []
        self._sizes: list[int] = []
        self._starts: list[int] = []
        self._counts: list[bool] = []
        self._versions: dict[int, _Numbers] = {}
        self._rows = 0


@contextmanager
def _readable(lake: Lake) -> Iterator[None]:
    """What stops the ledger from being read, as a LakeError that says so."""
    try:
        yield
    except (duckdb.Error, OSError, ValueError, BaseError) as error:
        raise LakeError(f"lake {lake.uri}: table {OBJECTS.name} cannot be read: {error}") from error


def _check(rows: int, expected: int) -> None:
    """Whether the files hold what Delta's log says: a row's number tells its file."""
    if rows != expected:
        raise ValueError(f"its files hold {rows} rows and its log says {expected}; eastwest lake verify tells more")


_known: WeakKeyDictionary[Lake, _Known] = WeakKeyDictionary()
_guard = threading.Lock()


def _of(lake: Lake) -> _Known:
    with _guard:
        return _known.setdefault(lake, _Known())


def prepare(lake: Lake) -> threading.Thread:
    """A thread that reads the ledger, beside what is done until it is asked: a listing waits for its source."""
    reading = threading.Thread(target=_of(lake).prepare, args=(lake,), name="ledger")
    reading.start()
    return reading


def unknown(lake: Lake, uris: Sequence[str], etags: Sequence[str]) -> dict[int, bool]:
    """Indices of the objects (URI and ETag, pairwise) that the ledger does not hold, in the given order.

    The value tells whether the ledger holds another version of the object: it was rewritten since. The version that it
    names counts for another one while the object is claimed: a crash may have cut off its replacement.
    """
    if not uris:
        return {}
    # A range, for the first array of NumPy's makes Arrow import 15 ms of it.
    listed = pa.table({"log_object": list(uris), "etag": list(etags), "at": pa.array(range(len(uris)), pa.int64())})
    same_version = _of(lake).look_up(lake, listed)
    with _readable(lake):
        claimed = lake.claimed() if any(same_version.values()) else set()
    if claimed:
        same_version = {at: same and key_of(uris[at]) not in claimed for at, same in same_version.items()}
    return {at: at in same_version for at in range(len(uris)) if not same_version.get(at)}


def replace(lake: Lake, claim: Claim, rows_of: StreamOf) -> set[Unit]:
    """Put new rows in the place of the claimed objects' rows, of those still claimed; `rows_of` gives a subset's."""
    return lake.replace(OBJECTS, claim, rows_of, partial(_within, lake))


def _within(lake: Lake, handle: DeltaTable, units: set[Unit], rows: Stream) -> str | None:
    """The times at which the objects' old rows and their new ones were ingested: few files hold rows of these times."""
    assert isinstance(rows, pa.Table)
    old = _ingested(lake, handle, {unit.uri for unit in units})
    if not old:
        return None
    new = [bound.as_py() for bound in pc.min_max(rows.column("ingested_at")).values()]
    spans = ((min(times) - _MILLISECOND, max(times) + _MILLISECOND) for times in (old, new))
    return " or ".join(
        f"ingested_at >= '{first.isoformat()}' and ingested_at <= '{last.isoformat()}'" for first, last in spans
    )


def _ingested(lake: Lake, handle: DeltaTable, uris: set[str]) -> list[datetime]:
    """When the handle's version of the ledger says that each of these objects was ingested; none unless it has all.

    Only those files are read that are known to hold one of them, and those that are not known yet.
    """
    holding = _of(lake).holding(lake, uris)
    paths = map(str, pa.table(handle.get_add_actions(flatten=True)).column("path").to_pylist())
    store = open_store(lake.uri, lake.storage)
    wanted = pa.array(sorted(uris), pa.string())
    found: list[dict[str, Any]] = []
    for path in paths:
        if holding.get(path, True):
            body = pa.BufferReader(fetch(store, f"{OBJECTS.name}/{path}"))
            rows = pq.ParquetFile(body).read(columns=["log_object", "ingested_at"], use_threads=False)
            found += rows.filter(pc.is_in(rows.column("log_object"), value_set=wanted)).to_pylist()
    return [row["ingested_at"] for row in found] if {row["log_object"] for row in found} == uris else []
