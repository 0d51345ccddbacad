"""`python -m bench.growth`: what a new object costs in a lake of 1, 10 and 100 days, and a rewritten one.

Each lake is made as ingest and compaction leave it: closed days as one sorted file a table, the newest day in the small
files of its batches, a ledger row an object, guards of a day in the logs. One day's rows are parsed once and
written under every day, moved in time. Then the same 200 new objects, and after them 20 of these rewritten, are read
by `eastwest ingest`, each in a process of its own: milliseconds and CPU milliseconds an object, start-up included. The
lakes take turns, for a machine is faster in one minute than in the next.
"""

from __future__ import annotations

import argparse
import gzip
import logging
import shutil
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, Transaction

from bench.measure import timed
from ingest import logs
from ingest.lake import files, retention
from ingest.lake.declarations import OBJECTS, SOURCE_TABLES, TABLES
from ingest.lake.schema import Table, Type
from ingest.lake.store import open_store
from ingest.lake.tables import Lake
from ingest.lake.unit import key_of
from sample_logs.simulation.run import simulate
from tests import lakes

logs.configure(logging.WARNING)

END = datetime(2026, 6, 10, tzinfo=UTC)
"""Where every lake ends, and the new objects begin."""
DAY = timedelta(days=1)
BATCH = 500
LINES = 20
"""Of each old object, so that 100 days are made in minutes: what grows is files, guards and the ledger."""


def moved(table: Table, rows: pa.Table, by: timedelta) -> pa.Table:
    """The rows that much later: times, day, and the time in the names of their objects."""
    for column in table.columns:
        at = rows.column_names.index(column.name)
        if column.type is Type.TIME:
            rows = rows.set_column(at, rows.field(at), pc.add(rows.column(at), pa.scalar(by, pa.duration("us"))))
    if "day" in table.names:
        at = rows.column_names.index("day")
        rows = rows.set_column(at, rows.field(at), pc.cast(rows.column(table.time), pa.date32()))
    if "log_object" in table.names:
        at = rows.column_names.index("log_object")
        objects = rows.column(at).cast(pa.string())
        for old, new in (
            (f"{END - DAY:%Y/%m/%d}", f"{END - DAY + by:%Y/%m/%d}"),
            (f"{END - DAY:%Y%m%d}", f"{END - DAY + by:%Y%m%d}"),
        ):
            objects = pc.replace_substring(objects, old, new)
        rows = rows.set_column(at, rows.field(at), objects)
    return rows.cast(table.arrow)


def one_day(folder: Path, repeats: int) -> dict[str, pa.Table]:
    """Every table's rows of the day before `END`: a simulated day, each of its objects so many times."""
    logs = folder / "day"
    simulate(logs, start=(END - DAY).timestamp(), minutes=24 * 60, rps=0.02, incidents=[])
    lake = lakes.ingested(logs, folder / "day-lake")
    found = {}
    for name, table in TABLES.items():
        handle = lake.open(table)
        if handle is None:
            continue
        rows = handle.to_pyarrow_table().select(table.names).cast(table.arrow)
        if "log_line" in table.names:
            rows = rows.filter(pc.less_equal(rows.column("log_line"), pa.scalar(LINES)))
        copies = [rows]
        if "log_object" in table.names:
            at = table.names.index("log_object")
            join: Any = pc.binary_join_element_wise
            for n in range(1, repeats):
                copies.append(rows.set_column(at, rows.field(at), join(rows.column(at), f"{n:04x}.gz", ".")))
        found[name] = pa.concat_tables(copies)
    return found


def write(lake: Lake, table: Table, rows: pa.Table, objects: list[str], days_ago: int) -> None:
    """One day of a table: the newest one in a file a batch and in the guards, others in one file."""
    store = open_store(lake.uri, lake.storage)
    handle = lake.create(table)
    parts = [rows.sort_by(table.time)]
    if days_ago == 0 and rows.num_rows:
        size = max(1, rows.num_rows // (len(objects) // BATCH + 1))
        parts = [rows.slice(start, size) for start in range(0, rows.num_rows, size)]
    now = int(time.time() * 1000)
    named = objects if days_ago < 1 else []
    handle.create_write_transaction(
        [action for part in parts for action in files.write(store, table, part)],
        mode="append",
        schema=handle.schema(),
        partition_by=[table.partition] if table.partition else None,
        commit_properties=CommitProperties(app_transactions=[Transaction(key_of(uri), 1, now) for uri in named]),
    )
    lake.tend(table, handle)


def make(lake: Lake, day: dict[str, pa.Table], days: int) -> None:
    """A lake of so many days, the last one ending at `END`."""
    for ago in reversed(range(days)):
        objects = [str(uri) for uri in moved(OBJECTS, day[OBJECTS.name], -ago * DAY).column("log_object").to_pylist()]
        for name, rows in day.items():
            if rows.num_rows:
                write(lake, TABLES[name], moved(TABLES[name], rows, -ago * DAY), objects, ago)
    for table in TABLES.values():
        if lake.open(table):
            retention.vacuum(lake, table, timedelta(0), force=True)


def new_objects(folder: Path, count: int) -> None:
    """So many objects that begin at `END`."""
    simulate(folder, seed=11, start=END.timestamp(), minutes=max(10, count // 15 * 5), rps=0.5, incidents=[])
    wanted = set(sorted((folder / "AWSLogs").rglob("*.gz"))[:count])
    for path in (folder / "AWSLogs").rglob("*"):
        if path.is_file() and path not in wanted:
            path.unlink()


def rewrite(paths: list[Path]) -> None:
    """Other content under their keys: all but the first line."""
    for path in paths:
        lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
        path.write_bytes(gzip.compress(b"".join([*lines[:1], *lines[2:]])))


def size_of(folder: Path) -> float:
    """Megabytes below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


Costs = dict[str, list[tuple[float, float]]]
"""Wall and CPU milliseconds an object in each round, of new and of rewritten ones."""


def measure(folder: Path, made: Path) -> dict[str, tuple[float, float]]:
    """Ingest the new objects into a copy of a lake, then some of them rewritten: wall and CPU milliseconds each."""
    copy, logs = folder / "copy", folder / "logs"
    shutil.copytree(made, copy)
    shutil.copytree(folder / "new", logs)
    paths = sorted((logs / "AWSLogs").rglob("*.gz"))
    found = {}
    for what, changed in (("new", paths), ("rewritten", paths[:: len(paths) // 20][:20])):
        if what == "rewritten":
            rewrite(changed)
        run = timed([str(lakes.EASTWEST), "ingest", str(logs), "--all", "--lake", str(copy)])
        found[what] = (run.wall / len(changed) * 1000, run.cpu / len(changed) * 1000)
    shutil.rmtree(copy)
    shutil.rmtree(logs)
    return found


def lines(made: Path, days: int, costs: Costs) -> Iterator[str]:
    """What a lake is, and the medians of its rounds."""
    lake = Lake(str(made))
    objects = sum(file.rows for file in lake.snapshot(OBJECTS).files)
    held = sum(len(lake.snapshot(table).files) for table in TABLES.values())
    rows = sum(file.rows for table in SOURCE_TABLES for file in lake.snapshot(table).files)
    for what, rounds in costs.items():
        wall, cpu = (statistics.median(column) for column in zip(*rounds, strict=True))
        least = min(wall for wall, _ in rounds)
        lake_is = f"{days:>5} {objects:>10,} {rows:>12,} {held:>7,} {size_of(made):>8,.0f}"
        yield f"{lake_is}  {what:10} {wall:>9.1f} {least:>9.1f} {cpu:>9.1f}"


def main() -> None:
    """Measure each lake in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, nargs="*", default=[1, 10, 100])
    parser.add_argument("--objects", type=int, default=200, help="new objects")
    parser.add_argument("--repeats", type=int, default=2, help="how often each of a day's 4,900 objects is there")
    parser.add_argument("--rounds", type=int, default=5, help="of each lake, in turn; their median counts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eastwest-growth-") as name:
        folder = Path(name)
        day = one_day(folder, options.repeats)
        new_objects(folder / "new", options.objects)
        made = {days: folder / f"lake-{days}" for days in options.days}
        for days, path in made.items():
            make(Lake(str(path)), day, days)
        costs: dict[int, Costs] = {days: defaultdict(list) for days in made}
        for _ in range(options.rounds):
            for days, path in made.items():
                for what, cost in measure(folder, path).items():
                    costs[days][what].append(cost)
        print(
            f"{'days':>5} {'objects':>10} {'rows':>12} {'files':>7} {'MB':>8}  {'':10}"
            f" {'ms each':>9} {'least':>9} {'CPU ms':>9}"
        )
        for days, path in made.items():
            print("\n".join(lines(path, days, costs[days])))


if __name__ == "__main__":
    main()
