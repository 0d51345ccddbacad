"""The first version of a rollup that adds up another one, in a lake that holds the other already.

Older releases wrote the other alone. What it holds is counted and committed as version 0, together with the guards of
the objects it was counted from: an object between its two commits is counted here or by its writer, never by both, and
whoever finds the rollup finds it complete. Two that make it at once: one is refused and takes the other's.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import obstore
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake import Schema as DeltaSchema
from deltalake.transaction import AddAction, create_table_with_add_actions
from obstore.exceptions import AlreadyExistsError
from obstore.store import ObjectStore

from ingest.lake import contents, files, guards, vocabulary
from ingest.lake.schema import Table
from ingest.lake.store import fetch

_MEMORY_LIMIT = "1GiB"
_OWN_SETTINGS = "eastwest."


FIRST_COMMIT = "_delta_log/00000000000000000000.json"


def seed(
    rollup: Table,
    base: Table,
    open_base: Callable[[], DeltaTable],
    store: ObjectStore,
    configuration: Mapping[str, str],
) -> None:
    """Make the rollup, below `store`'s root, from all that `base` holds; AlreadyExistsError when it exists by now."""
    handle, carried = _settled(base, open_base, store)
    added: list[Any] = [
        action for rows in _counted(rollup, base, handle) for action in files.write(store, rollup, rows)
    ]
    inherited = {key: value for key, value in handle.metadata().configuration.items() if key.startswith(_OWN_SETTINGS)}
    with tempfile.TemporaryDirectory(prefix="eastwest-") as folder:
        create_table_with_add_actions(
            folder,
            schema=DeltaSchema.from_arrow(rollup.commented),
            add_actions=added,
            mode="error",
            partition_by=[rollup.partition] if rollup.partition else None,
            configuration={**configuration, **inherited},
            commit_properties=CommitProperties(app_transactions=carried),
        )
        commit = (Path(folder) / FIRST_COMMIT).read_bytes()
    _make(store, rollup, commit, added)


def _make(store: ObjectStore, rollup: Table, commit: bytes, added: Collection[AddAction]) -> None:
    """Put version 0 there, or leave nothing behind where another writer was faster."""
    path = f"{rollup.name}/{FIRST_COMMIT}"
    try:
        # delta-rs would make it version 1 then, and count that writer's objects twice.
        obstore.put(store, path, commit, mode="create")
    except AlreadyExistsError:
        # A put whose answer was lost is sent again, and then finds its own.
        if bytes(fetch(store, path)) == commit:
            return
        obstore.delete(store, [f"{rollup.name}/{action.path}" for action in added])
        raise


def _settled(
    base: Table, open_base: Callable[[], DeltaTable], store: ObjectStore
) -> tuple[DeltaTable, list[Transaction]]:
    """A version of `base` and the guards of exactly that version, none of which came later."""
    handle = open_base()
    while True:
        rows = guards.carried(store, base.name).to_pylist()
        newest = open_base()
        if newest.version() == handle.version():
            break
        handle = newest
    now = int(time.time() * 1000)
    # What rebuilds leave there ("rebuild 2026-03-10") is no object.
    held = {row["key"]: row for row in rows if " " not in row["key"]}
    return handle, [Transaction(key, row["version"], row["written"] or now) for key, row in sorted(held.items())]


def _counted(rollup: Table, base: Table, handle: DeltaTable) -> Iterator[pa.Table]:
    """What the rollup has to hold, day by day."""
    with contents.bounded(_MEMORY_LIMIT) as connection:
        connection.execute(vocabulary.sql(vocabulary.MACROS))
        for day in contents.days(handle, base):
            # Not a stream: a view over one is empty when it is read.
            connection.register(base.name, contents.dataset(handle, base, day))
            rows = connection.execute(vocabulary.added_up(rollup.name)).to_arrow_table()
            yield rows.select(rollup.names).cast(rollup.arrow).sort_by(rollup.time)
