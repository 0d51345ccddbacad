"""`python -m bench.ledger_growth`: how a ledger of 10 million objects behaves when a listing finds 100 new ones.

Makes the ledger as ingest and compaction leave it (a sorted file per day of ingest, small files for today), then in a
process of its own: lists the look-back's objects and 100 new ones, and takes the time until work on the new ones could
start, with the peak memory of that process. Guards: a table's log with a million ids, asked about a batch of 500.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import CommitProperties, Transaction

from ingest.lake import compaction, files, guards, retention
from ingest.lake.declarations import OBJECTS
from ingest.lake.store import open_store
from ingest.lake.tables import Lake
from ingest.lake.unit import key_of
from ingest.pipeline.plan import new_objects
from ingest.sources import SourceObject
from ingest.without_pandas import leave_out_pandas

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
BATCH = 500
HEX = np.frombuffer(b"0123456789abcdef", dtype="S1")
LETTERS = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz0123456789", dtype="S1")


def words(alphabet: npt.NDArray[np.bytes_], length: int, count: int, seed: int) -> Any:
    """So many random words over an alphabet."""
    drawn = np.random.default_rng(seed).integers(0, len(alphabet), (count, length))
    return pa.array(np.ascontiguousarray(alphabet[drawn]).view(f"S{length}").ravel().astype(str))


def objects_of(day: int, count: int) -> pa.Table:
    """The ledger's rows of a day: load balancers' access logs of 50 accounts' worth of nodes, every five minutes."""
    at: Any = np.arange(count)
    when = FIRST + timedelta(days=day)
    balancer = pa.array([f"app.edge-{n:03}.{n:016x}" for n in range(50)]).take(pa.array(at % 50))
    slot = [f"{when + timedelta(minutes=5 * n):%Y%m%dT%H%MZ}" for n in range(288)]
    account = pa.array([f"{111122223333 + n % 5}" for n in range(50)]).take(pa.array(at % 50))
    join: Any = pc.binary_join_element_wise
    uri = join(
        join(
            "s3://logs-111122223333-eu-west-1/AWSLogs/",
            account,
            f"/elasticloadbalancing/eu-west-1/{when:%Y/%m/%d}/",
            account,
            "_elasticloadbalancing_eu-west-1_",
            balancer,
            "_",
            "",
        ),
        pa.array(slot).take(pa.array(at * 288 // count)),
        join("_10.0.", pa.array((at % 250).astype(str)), ".7_", ""),
        words(LETTERS, 8, count, day),
        pa.scalar(".log.gz"),
        "",
    )
    start = int(when.timestamp() * 1_000_000)
    times = pa.array(start + at * 86_400_000_000 // count, pa.timestamp("us", tz="UTC"))
    number = pa.array(np.random.default_rng(day).integers(1_000, 50_000, count), pa.int64())
    columns = {
        "log_object": uri,
        "etag": words(HEX, 32, count, day + 1_000_000),
        "size_bytes": number,
        "format": pa.array(["alb_access"] * count),
        "records": number,
        "rows": number,
        "rejects": pa.array(np.zeros(count), pa.int64()),
        "dropped": pa.array(np.zeros(count), pa.int64()),
        "skipped": pa.array(np.zeros(count), pa.int64()),
        "min_time": times,
        "max_time": times,
        "last_modified": times,
        "ingested_at": times,
        "batch_id": pa.array([f"{n:032x}" for n in range(count // BATCH + 1)]).take(pa.array(at // BATCH)),
    }
    return pa.table(columns).select(OBJECTS.names).cast(OBJECTS.arrow)


def make(lake: Lake, days: int, per_day: int, ids: int) -> None:
    """The ledger, its newest day in small files; the newest `ids` objects are in its log as guards."""
    lake.append(OBJECTS, set(), lambda _: OBJECTS.empty())
    handle = lake.open(OBJECTS)
    assert handle is not None
    store = open_store(lake.uri, lake.storage)
    carried = 0
    for day in reversed(range(days)):
        rows = objects_of(day, per_day)
        if day == days - 1:
            parts = [rows.slice(at, BATCH) for at in range(0, per_day, BATCH)]
        else:
            parts = [rows.sort_by("log_object")]
        added = [action for part in parts for action in files.write(store, OBJECTS, part)]
        now = int(time.time() * 1000)
        named = [key_of(str(uri)) for uri in rows.column("log_object").to_pylist()[: max(0, ids - carried)]]
        carried += len(named)
        handle.create_write_transaction(
            added,
            mode="append",
            schema=handle.schema(),
            commit_properties=CommitProperties(app_transactions=[Transaction(key, 1, now) for key in named]),
        )
        handle = lake.open(OBJECTS) or handle
    for day in range(days - 1):
        compaction.compact(lake, OBJECTS, (FIRST + timedelta(days=day)).date())
    retention.vacuum(lake, OBJECTS, timedelta(0), force=True)


class Listing:
    """A source that lists objects read from a file, in the order of their keys, and 100 new ones at the end."""

    uri = "s3://logs-111122223333-eu-west-1"
    requests = 0

    def __init__(self, path: Path) -> None:
        self.file = pq.ParquetFile(path)

    def list(self, since: datetime | None, until: datetime | None) -> Iterator[list[SourceObject]]:
        """Chunks of 1,000."""
        for batch in self.file.iter_batches(1_000):
            pairs = zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True)
            yield [SourceObject(str(uri), str(etag), 20_000, FIRST) for uri, etag in pairs]
        yield [SourceObject(f"{self.uri}/AWSLogs/new-{n}", "0" * 32, 20_000, FIRST) for n in range(100)]


def peak() -> int:
    """Peak RSS of this process in MiB; not `ru_maxrss`, which a child takes over from its parent."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def find(lake_uri: str, listing: Path) -> None:
    """Print the seconds until the new objects were found, and the peak RSS before and after, in MiB."""
    leave_out_pandas()
    gc.freeze()  # as the command does, once it has imported everything
    source = Listing(listing)
    before = peak()
    started, cpu = time.monotonic(), time.process_time()
    found = [item for chunk in new_objects(source, Lake(lake_uri), None, None) for item in chunk.objects]  # type: ignore[arg-type]
    seconds = time.monotonic() - started
    assert len(found) == 100, len(found)
    after = peak()
    cpu = time.process_time() - cpu
    print(
        json.dumps(
            {
                "listed": source.file.metadata.num_rows,
                "seconds": seconds,
                "cpu": cpu,
                "rss_before": before,
                "rss": after,
            }
        )
    )


def ask_guards(lake_uri: str) -> None:
    """Print the seconds of a process's first and second look-up of a batch, and the peak RSS."""
    lake = Lake(lake_uri)
    asked = {f"s3://logs/AWSLogs/new-{n}" for n in range(BATCH)}
    started = time.monotonic()
    assert not guards.present(open_store(lake.uri, lake.storage), OBJECTS.name, asked)
    seconds = time.monotonic() - started
    started = time.monotonic()
    assert not guards.present(open_store(lake.uri, lake.storage), OBJECTS.name, asked)
    again = time.monotonic() - started
    opened = time.monotonic()
    handle = lake.open(OBJECTS)
    assert handle is not None
    opening = time.monotonic() - opened
    rss = peak()
    print(json.dumps({"seconds": seconds, "again": again, "opening": opening, "rss": rss}))


def child(*arguments: object) -> dict[str, float]:
    """What this module prints in a process of its own."""
    command = [sys.executable, "-m", "bench.ledger_growth", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def size_of(folder: Path) -> int:
    """Bytes below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def measure(folder: Path, days: int, per_day: int, ids: int) -> None:
    """Make the ledger and print what it costs."""
    lake = Lake(str(folder / "lake"))
    if not (folder / "lake").exists():
        make(lake, days, per_day, ids)
    log = size_of(folder / "lake" / "objects" / "_delta_log")
    data = size_of(folder / "lake" / "objects") - log
    print(
        f"{days * per_day:,} objects, {len(lake.snapshot(OBJECTS).files)} files: {data / 1e6:,.0f} MB;"
        f" log with {ids:,} ids {log / 1e6:,.0f} MB"
    )
    for label, listed in (("look-back of 3 days", range(days - 3, days)), ("30 days", range(days - 30, days))):
        path = folder / "listing.parquet"
        rows = [objects_of(day, per_day).select(["log_object", "etag"]) for day in listed]
        pq.write_table(pa.concat_tables(rows).sort_by("log_object"), path, row_group_size=50_000)
        result = child("find", lake.uri, path)
        print(
            f"{label}: {result['listed']:,.0f} known and 100 new listed; found after {result['seconds']:.2f} s"
            f" ({result['cpu']:.2f} s of CPU),"
            f" RSS {result['rss_before']:.0f} -> {result['rss']:.0f} MiB",
            flush=True,
        )
    result = child("guards", lake.uri)
    print(
        f"guards of {ids:,} ids: asked for {BATCH} {result['seconds']:.2f} s, then {result['again']:.3f} s;"
        f" table opened {result['opening']:.2f} s; RSS {result['rss']:.0f} MiB"
    )


def main() -> None:
    """Measure, or be one of the measured processes."""
    if sys.argv[1:2] == ["find"]:
        find(sys.argv[2], Path(sys.argv[3]))
        return
    if sys.argv[1:2] == ["guards"]:
        ask_guards(sys.argv[2])
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=100)
    parser.add_argument("--per-day", type=int, default=100_000)
    parser.add_argument("--ids", type=int, default=100_000, help="Guards in the log: a day of objects.")
    parser.add_argument("--keep", type=Path, help="Folder to make it in, or to find it in again.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eastwest-bench-") as folder:
        measure(options.keep or Path(folder), options.days, options.per_day, options.ids)


if __name__ == "__main__":
    main()
