"""Which objects a Delta table already holds: the guard against doing twice what a crash or a race left half done.

Every commit carries its objects as Delta application transactions (`Unit`). delta-rs refuses one that was committed
after a handle's snapshot, but accepts one committed before it; and it looks them up one at a time (4 ms each at 30,000,
measured). So they are read here in bulk, from the newest checkpoint and the commits after it. Files of a log never
change, so a process reads each once.
"""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import CommitProperties, Transaction
from deltalake.exceptions import CommitFailedError
from obstore.store import ObjectStore

from ingest.lake.store import entries, fetch
from ingest.lake.unit import Claim, Unit, key_of

_CARRIED = pa.schema({"key": pa.string(), "version": pa.int64(), "written": pa.int64()})  # type: ignore[arg-type]
_SAME_DATE = 10
"""Seconds of which all guards have one date."""
_REMEMBERED_BYTES = 128 * 1024 * 1024


class _Txn(msgspec.Struct, gc=False):
    """An application transaction as Delta's protocol writes it."""

    appId: str
    version: int
    lastUpdated: int | None = None


class _Action(msgspec.Struct, gc=False):
    """A line of a commit, of which other actions do not matter here."""

    txn: _Txn | None = None


# A batch of small objects carries as many of them as it has objects, in every table: others take twice as long to read.
_actions = msgspec.json.Decoder(_Action)


def carrying(units: Collection[Unit]) -> CommitProperties:
    """What makes a commit carry the versions of these objects."""
    return _carrying(frozenset(units), int(time.time()) // _SAME_DATE * _SAME_DATE)


@lru_cache(2)
def _carrying(units: frozenset[Unit], date: int) -> CommitProperties:
    # A batch's objects are the same for nearly all of the tables that it is committed to, one after the other.
    return _transactions({unit.key: unit.version for unit in units}, date)


def claiming(units: Collection[Unit], claim: Claim) -> CommitProperties:
    """What makes a commit say that these objects are being replaced."""
    return _transactions(dict.fromkeys((unit.key for unit in units), claim.number), int(time.time()))


def _transactions(versions: Mapping[str, int], date: int) -> CommitProperties:
    return CommitProperties(app_transactions=[Transaction(key, versions[key], date * 1000) for key in sorted(versions)])


def present(store: ObjectStore, table: str, uris: Collection[str], version: int = -1) -> dict[str, int]:
    """Of these objects, those that a commit of the table (a folder in `store`) carries, with the version it holds.

    Raises:
        CommitFailedError: the log ends before `version`: the table was deleted after a handle was opened at it.
    """
    if not uris:
        return {}
    uri_of, wanted = _by_key(frozenset(uris))
    rows = carried(store, table, version)
    found = rows.filter(pc.is_in(rows.column("key"), value_set=wanted)).to_pylist()
    return {uri_of[row["key"]]: row["version"] for row in found}


@lru_cache(2)
def _by_key(uris: frozenset[str]) -> tuple[dict[str, str], pa.StringArray]:
    # The same for nearly all of the tables that a batch is committed to.
    uri_of = {key_of(uri): uri for uri in uris}
    return uri_of, pa.array(sorted(uri_of), pa.string())


def claimed(store: ObjectStore, table: str) -> set[str]:
    """Keys of the objects of which the newest that the table holds is a claim (`unit.Claim`)."""
    rows = carried(store, table)
    ever = pc.unique(rows.filter(pc.field("version") < 0).column("key"))
    if not len(ever):
        return set()
    theirs = rows.filter(pc.is_in(rows.column("key"), value_set=ever)).to_pylist()
    newest = {row["key"]: row["version"] for row in theirs}
    return {key for key, version in newest.items() if version < 0}


def since(store: ObjectStore, table: str, version: int) -> dict[str, int] | None:
    """What commits after a version of the table carry, by key; None where the log no longer holds all of them."""
    log = f"{table}/_delta_log/"
    files = entries(store, log, after=f"{version:020d}.json")
    commits = sorted(name for name in files if name.endswith(".json") and name[:20].isdigit())
    if [int(name[:20]) for name in commits] != list(range(version + 1, version + 1 + len(commits))):
        return None
    found: dict[str, int] = {}
    for name in commits:
        rows = remembered(store, log + name, str(files[name]), _in_commit).to_pylist()
        found |= {row["key"]: row["version"] for row in rows}
    return found


def carried(store: ObjectStore, table: str, version: int = -1) -> pa.Table:
    """What the commits of the table carry: a row (key, version, ms since 1970) each, oldest first.

    Those of a checkpoint are there once, with their newest version. `version` and errors as for `present`.
    """
    log = f"{table}/_delta_log/"
    files = entries(store, log)
    newest = max((int(name[:20]) for name in files if name[:20].isdigit()), default=-1)
    if newest < version:
        raise CommitFailedError(f"the log of {table} ends at version {newest}, not {version}: the table was deleted")
    checkpoint = _newest_checkpoint(store, log) if "_last_checkpoint" in files else -1
    parts = [_CARRIED.empty_table()]
    if checkpoint >= 0:
        name = f"{checkpoint:020d}.checkpoint.parquet"
        parts.append(remembered(store, log + name, str(files.get(name, "")), _in_checkpoint))
    for name in sorted(files):
        if name.endswith(".json") and name[:20].isdigit() and int(name[:20]) > checkpoint:
            parts.append(remembered(store, log + name, str(files[name]), _in_commit))
    return pa.concat_tables(parts)


def _newest_checkpoint(store: ObjectStore, log: str) -> int:
    return int(json.loads(bytes(fetch(store, log + "_last_checkpoint")))["version"])


def _in_checkpoint(body: pa.Buffer) -> pa.Table:
    txn = pq.ParquetFile(pa.BufferReader(body)).read(columns=["txn.appId", "txn.version", "txn.lastUpdated"])
    names = ("appId", "version", "lastUpdated")
    columns = [pc.struct_field(txn.column("txn"), name) for name in names]
    rows = pa.table(columns, names=_CARRIED.names)
    return rows.filter(pc.is_valid(rows.column("key"))).cast(_CARRIED)


def _in_commit(body: pa.Buffer) -> pa.Table:
    found = [action.txn for action in _actions.decode_lines(body) if action.txn is not None]
    columns: dict[str, list[Any]] = {
        "key": [txn.appId for txn in found],
        "version": [txn.version for txn in found],
        "written": [txn.lastUpdated for txn in found],
    }
    return pa.table(columns, _CARRIED)


class _Memory:
    """What files of logs carry, the ones asked for last."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._kept: OrderedDict[tuple[str, str, str], pa.Table] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, name: tuple[str, str, str]) -> pa.Table | None:
        """What that file carries; None where it is not remembered."""
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
            return self._kept.get(name)

    def keep(self, name: tuple[str, str, str], rows: pa.Table) -> None:
        """Remember it, and forget others where that is too much."""
        with self._lock:
            if name not in self._kept:
                # Added up as they come: to ask each for its size takes as long as reading a file.
                self._kept[name] = rows
                self._bytes += rows.nbytes
            while len(self._kept) > 1 and self._bytes > _REMEMBERED_BYTES:
                _, forgotten = self._kept.popitem(last=False)
                self._bytes -= forgotten.nbytes


_memory = _Memory()


def remembered(store: ObjectStore, path: str, listed_as: str, read: Callable[[pa.Buffer], pa.Table]) -> pa.Table:
    """What `read` finds in a file that never changes, of a log or of the ledger; each is read once.

    `listed_as` (size, time, ETag) tells it from a namesake in another lake; not needed where its name is unique.
    """
    name = (repr(store), path, listed_as)
    rows = _memory.get(name)
    if rows is None:
        rows = read(fetch(store, path))
        _memory.keep(name, rows)
    return rows
