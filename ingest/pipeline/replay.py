"""Reading objects again that have rejects, after whatever made them rejects is mended.

Promises: an object's rows, rejects and contribution to the rollups are replaced, exactly once, also when the replay is
killed and run again: the id under which it commits is derived from the batch that the ledger names, which changes last.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Event
from typing import Any

from ingest.errors import SourceError
from ingest.lake.tables import Lake
from ingest.pipeline.plan import Found, batches
from ingest.pipeline.rules import Rules
from ingest.pipeline.run import Limits, Summary, ingest_batch
from ingest.sources import Body, Source, SourceObject

_ATTEMPT_DIGITS = 15
_OVERTAKEN = "{}: another process began to replace it meanwhile"
_EXPIRED = "{}: rows of it have expired, so what it gave to the rollups can no longer be taken back"


def replay(
    lake: Lake, known: Sequence[Mapping[str, Any]], open_: Callable[[str], Source], limits: Limits, rules: Rules
) -> Summary:
    """Read the objects again (rows of the ledger, as `objects_with_rejects` gives them) and replace what they gave.

    `open_` gives the source of an object's URI. An object that was rewritten, is gone or has expired is in the
    summary's `failed`, and what the lake has of it stays.
    """
    objects = [
        SourceObject(
            uri=row["log_object"],
            etag=row["etag"],
            size=row["size_bytes"],
            last_modified=row["last_modified"],
            rewritten=True,
            attempt=int(row["batch_id"][:_ATTEMPT_DIGITS], 16),
        )
        for row in known
        if not row["expired"]
    ]

    def read(wanted: Sequence[SourceObject]) -> Iterator[tuple[SourceObject, Body | SourceError]]:
        for item in wanted:
            try:
                source = open_(item.uri)
            except SourceError as error:
                yield item, error
            else:
                yield from source.read([item])

    total = Summary()
    total.failed += [(row["log_object"], _EXPIRED.format(row["log_object"])) for row in known if row["expired"]]
    started = time.monotonic()
    for batch in batches([objects], limits.batch_objects, limits.batch_bytes):
        total.add(ingest_batch(lake, Found(batch, time.time()), read, rules, Event()))
    total.failed += [(uri, _OVERTAKEN.format(uri)) for uri in total.overtaken]
    total.seconds = time.monotonic() - started
    return total
