"""The ledger: which source objects are already in the lake. What is new is decided here, never by a time watermark."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pyarrow as pa

from ingest.lake import contents
from ingest.lake.declarations import OBJECTS
from ingest.lake.tables import Lake

# An inner join, not an anti join: the engine then hashes the listing, which is small, and streams the ledger past it.
_KNOWN = """
select listed.at, bool_or(known.etag = listed.etag)
from known
inner join listed using (log_object)
group by listed.at
"""


def unknown(lake: Lake, uris: Sequence[str], etags: Sequence[str]) -> dict[int, bool]:
    """Indices of the objects (URI and ETag, pairwise) that the ledger does not hold, in the given order.

    The value tells whether the ledger holds another version of the object: it was rewritten since.
    """
    handle = lake.open(OBJECTS)
    if handle is None or not uris:
        return dict.fromkeys(range(len(uris)), False)
    listed = pa.table({"log_object": list(uris), "etag": list(etags), "at": list(range(len(uris)))})
    with duckdb.connect() as connection:
        connection.register("listed", listed)
        if lake.is_local:
            files = [file.uri for file in lake.snapshot(OBJECTS).files]
            if not files:
                return dict.fromkeys(range(len(uris)), False)
            connection.read_parquet(files).create_view("known")
        else:
            connection.register("known", contents.dataset(handle, OBJECTS))
        same_version: dict[int, bool] = dict(connection.execute(_KNOWN).fetchall())
    return {at: at in same_version for at in range(len(uris)) if not same_version.get(at)}
