"""`python -m bench.soak_kill`: 2,000 objects through a queue into five tables by two workers, killed all the time.

Every message is delivered twice. Two `eastwest ingest --queue` processes race for them; at random moments one of
them dies by SIGKILL and is started again, and objects are rewritten under their keys while all that goes on. At the end
the lake must be what one undisturbed run makes of the bucket as it then is: rows of every table, rollups and ledger
exact, `lake verify` clean, and no row read from the files that killed workers left behind. S3 and SQS are moto's, on
loopback. CI runs a small round of the same (tests/ingest/pipeline/test_follow.py).
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote_plus

import pyarrow.parquet as pq

from ingest.lake.declarations import OBJECTS, REJECTS, SOURCE_TABLES, TABLES
from ingest.lake.tables import Lake
from ingest.lake.verification import verify
from sample_logs.simulation.run import simulate
from tests import lakes, servers
from tests.queues import Announced, announced

START = datetime(2026, 3, 10, 9, tzinfo=UTC)
RPS = 0.1
VISIBILITY = 8
"""Seconds until a dead worker's messages come back; AWS's least is 0, ours 5."""


@dataclass
class Soak:
    """The logs, the queue that announces them, and the two workers."""

    queue: Announced
    lake: Path
    env: dict[str, str]
    rng: random.Random
    workers: list[subprocess.Popen[bytes]]
    errors: Path

    def start(self, batch_objects: int) -> None:
        """One more worker."""
        command = [str(lakes.EASTWEST), "ingest", self.queue.bucket.uri, "--queue", self.queue.url]
        with self.errors.open("ab") as errors:
            self.workers.append(
                subprocess.Popen(
                    [*command, "--lake", str(self.lake)],
                    env={**self.env, "EASTWEST_BATCH_OBJECTS": str(batch_objects)},
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                )
            )

    def kill(self) -> tuple[bool, bool]:
        """SIGKILL one worker and start another; whether it was alive, and whether messages were held then."""
        victim = self.workers.pop(self.rng.randrange(len(self.workers)))
        held = self.queue.waiting()[1] > 0
        alive = victim.poll() is None
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        self.start(self.rng.choice((23, 37, 60)))
        return alive, held


def put(queue: Announced, paths: Sequence[Path], folder: Path) -> None:
    """Write objects into the bucket, which announces each; then every message is there once more."""
    again = []
    for path in paths:
        body, key = path.read_bytes(), path.relative_to(folder).as_posix()
        queue.bucket.put(key, body)
        about = {"key": quote_plus(key, safe="/"), "size": len(body), "eTag": hashlib.md5(body).hexdigest()}
        event = {
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "eventTime": datetime.now(UTC).isoformat(),
            "s3": {"bucket": {"name": queue.bucket.name}, "object": about},
        }
        again.append(json.dumps({"Records": [event]}))
    queue.send(*again)


def rewrite(paths: Sequence[Path]) -> None:
    """Give each file other content: the first half of its lines, and one that cannot be read."""
    for path in paths:
        lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
        path.write_bytes(gzip.compress(b"".join([*lines[: len(lines) // 2 + 1], b"{cut\n"]), mtime=0))


def soak(folder: Path, minutes: int, kills: int, rewritten: int, seed: int) -> bool:
    """One soak; whether the lake is exact."""
    logs = folder / "logs"
    simulate(
        logs, seed=seed, start=START.timestamp(), minutes=minutes, rps=RPS, services=14, incidents=[], ground_truth=None
    )
    paths = sorted(path for path in (logs / "AWSLogs").rglob("*") if path.is_file())
    print(f"{len(paths):,} objects, {kills} kills, {rewritten} rewritten after each, seed {seed}", flush=True)
    rng = random.Random(seed)
    with servers.run_moto(folder / "moto.log") as server:
        queue = announced(server)
        rng.shuffle(paths)
        env = {**os.environ, **server.environ, "EASTWEST_VISIBILITY_SECONDS": str(VISIBILITY)}
        run = Soak(queue, folder / "lake", env, rng, [], folder / "workers.log")
        run.start(37)
        run.start(60)
        moments: Counter[tuple[bool, bool]] = Counter()
        share = -(-len(paths) // kills)
        started = time.monotonic()
        for turn in range(kills):
            known = paths[: (turn + 1) * share]
            put(queue, known[turn * share :], logs)
            queue.until_held()
            time.sleep(rng.uniform(0, 4))
            moments[run.kill()] += 1
            changed = rng.sample([path for path in known if path.suffix == ".gz"], rewritten)
            rewrite(changed)
            put(queue, changed, logs)
        while queue.waiting() != (0, 0):
            time.sleep(0.5)
        seconds = time.monotonic() - started
        for worker in run.workers:
            worker.send_signal(signal.SIGTERM)
        codes = [worker.wait(120) for worker in run.workers]
        etags = listed_etags(queue)
        print(
            f"{moments.total()} kills, {moments[True, True]} while messages were held; {seconds:.0f} s until the queue"
            f" was empty; the last two workers ended with {codes}",
            flush=True,
        )
        return check(folder, logs, queue, etags) and not any(codes)


def listed_etags(queue: Announced) -> dict[str, str]:
    """URI and ETag of every object in the bucket."""
    pages = queue.bucket.client.get_paginator("list_objects_v2").paginate(Bucket=queue.bucket.name)
    found = (item for page in pages for item in page["Contents"])
    return {f"s3://{queue.bucket.name}/{item['Key']}": item["ETag"].strip('"') for item in found}


def check(folder: Path, logs: Path, queue: Announced, etags: dict[str, str]) -> bool:
    """Print, for each promise, whether it was kept."""
    lake = Lake(str(folder / "lake"))
    undisturbed = lakes.ingested(logs, folder / "undisturbed")
    found, expected = lakes.counts(lake), lakes.counts(undisturbed)
    print(f"{'table':24} {'expected':>9} {'found':>9} {'in files':>9}  orphans")
    for name, table in TABLES.items():
        if not expected[name] and not found[name]:
            continue
        stored = sorted((folder / "lake" / name).rglob("*.parquet"))
        known = {Path(file.uri) for file in lake.snapshot(table).files}
        orphans = [path for path in stored if path not in known and "_delta_log" not in path.parts]
        lying = sum(pq.read_metadata(path).num_rows for path in stored if "_delta_log" not in path.parts)
        print(f"{name:24} {expected[name]:>9,} {found[name]:>9,} {lying:>9,}  {len(orphans)}")
    ledger = {row["log_object"]: row["etag"] for row in lakes.rows(lake, OBJECTS.name, ["log_object", "etag"])}
    differences = list(verify(lake))
    promises = {
        "rows of every table and rollup": found == expected,
        "the lines themselves": lines(lake, "s3://" + queue.bucket.name + "/")
        == lines(undisturbed, "file://" + str(logs) + "/"),
        "the ledger: every object, in its last version": ledger == etags and found["objects"] == len(etags),
        f"lake verify ({len(differences)} differences)": not differences,
        "nothing in the dead-letter queue": queue.take_all(queue.dead_url) == [],
        "what SQL reads": read_by_sql(lake.uri) == {table.name: expected[table.name] for table in SOURCE_TABLES},
    }
    for difference in differences[:20]:
        print(f"  {difference}")
    for promise, kept in promises.items():
        print(f"{'exact' if kept else 'NOT EXACT'}: {promise}")
    return all(promises.values())


def lines(lake: Lake, root: str) -> Counter[tuple[str, str, int]]:
    """Table, object and line of every row and reject."""
    return Counter(
        (table.name, row["log_object"].removeprefix(root), row["log_line"])
        for table in (*SOURCE_TABLES, REJECTS)
        for row in lakes.rows(lake, table.name, ["log_object", "log_line"])
    )


def read_by_sql(lake: str) -> dict[str, int]:
    """Rows of the source tables as a session of `queries` counts them."""
    from queries.session import open_session

    connection = open_session(Lake(lake)).connection
    return {
        table.name: int(connection.execute(f"select count(*) from {table.name}").fetchall()[0][0])
        for table in SOURCE_TABLES
    }


def main() -> None:
    """Soak once; exit 1 when anything is not exact."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=600, help="of logs: 600 are 2,000 objects")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--rewritten", type=int, default=5, help="objects rewritten after each kill")
    parser.add_argument("--seed", type=int, default=20260310)
    options = parser.parse_args()
    os.environ |= servers.ALONE
    with tempfile.TemporaryDirectory(prefix="eastwest-soak-") as folder:
        sys.exit(not soak(Path(folder), options.minutes, options.kills, options.rewritten, options.seed))


if __name__ == "__main__":
    main()
