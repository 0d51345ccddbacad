"""The ledger: which source objects are already in the lake. What is new is decided here, never by a time watermark.

A process keeps two 64-bit hashes an object, of its URI and of its ETag: 160 MB for ten million, filled by one pass over
the ledger and from then on by its new files. An object would be taken for known by mistake if both agreed: of ten
million known and ten million listed objects, once in 10^24 ledgers.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from weakref import WeakKeyDictionary

import duckdb
import obstore
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from ingest.lake.declarations import OBJECTS
from ingest.lake.statements import sql
from ingest.lake.store import open_store
from ingest.lake.tables import Lake

_HASHES = "hash(log_object) as object, hash(etag) as version"


class _Known:
    """What the ledger's files hold, as hashes; it follows the ledger as that grows."""

    def __init__(self) -> None:
        self._connection = duckdb.connect()
        self._handle: DeltaTable | None = None
        self._files: set[str] = set()
        self._lock = threading.Lock()
        self._empty()

    def look_up(self, lake: Lake, listed: pa.Table) -> dict[int, bool]:
        """Index of each listed object that is known, and whether in its listed version."""
        with self._lock:
            self._follow(lake)
            self._connection.register("listed", listed)
            return dict(self._connection.execute(sql("ledger_lookup")).fetchall())

    def _newest(self, lake: Lake) -> set[str]:
        """Paths of the ledger's files; the handle is kept, for opening one reads the whole checkpoint of its log."""
        try:
            if self._handle is not None:
                self._handle.update_incremental()
        except (DeltaError, OSError):
            self._handle = None
        self._handle = self._handle or lake.open(OBJECTS)
        if self._handle is None:
            return set()
        return set(map(str, pa.table(self._handle.get_add_actions(flatten=True)).column("path").to_pylist()))

    def _follow(self, lake: Lake) -> None:
        files = self._newest(lake)
        if not self._files <= files:
            # Rewritten by compaction or because an object was replaced, whose old version is no longer known.
            self._empty()
        added = sorted(files - self._files)
        if not added:
            return
        if lake.is_local:
            paths = [f"{lake.table_uri(OBJECTS)}/{path}" for path in added]
            self._connection.read_parquet(paths).project(_HASHES).insert_into("known")
        else:
            self._fetch(lake, added)
        self._files |= set(added)

    def _fetch(self, lake: Lake, added: Collection[str]) -> None:
        store = open_store(lake.uri, lake.storage)
        for path in added:
            body = pa.BufferReader(obstore.get(store, f"{OBJECTS.name}/{path}").bytes())
            rows = pq.read_table(body, columns=["log_object", "etag"])
            self._connection.from_arrow(rows).project(_HASHES).insert_into("known")

    def _empty(self) -> None:
        nothing = self._connection.from_arrow(OBJECTS.empty()).project(_HASHES)
        self._connection.execute("drop table if exists known")
        nothing.create("known")
        self._files = set()


_known: WeakKeyDictionary[Lake, _Known] = WeakKeyDictionary()
_guard = threading.Lock()


def unknown(lake: Lake, uris: Sequence[str], etags: Sequence[str]) -> dict[int, bool]:
    """Indices of the objects (URI and ETag, pairwise) that the ledger does not hold, in the given order.

    The value tells whether the ledger holds another version of the object: it was rewritten since.
    """
    if not uris:
        return {}
    with _guard:
        known = _known.setdefault(lake, _Known())
    listed = pa.table({"log_object": list(uris), "etag": list(etags), "at": list(range(len(uris)))})
    same_version = known.look_up(lake, listed)
    return {at: at in same_version for at in range(len(uris)) if not same_version.get(at)}
