"""`python -m bench.soak_faults`: 2,000 objects into a lake on S3, with every request to S3 spoilt twice.

Bucket and lake lie on moto's S3, on loopback, behind a proxy that resets connections, answers 503 and 500, cuts
answers, loses the answers of what was done (commits among it), and now and then hangs until it is given up. Every
twentieth object is delivered late, when the others have been ingested and its key lies among theirs. At the end the
lake must be what one undisturbed run makes of the same objects. CI runs small rounds of the same
(tests/ingest/pipeline/test_bad_network.py, test_damage.py).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.soak_kill import RPS, START, lines
from ingest.lake.declarations import OBJECTS, TABLES
from ingest.lake.tables import Lake
from ingest.lake.verification import verify
from ingest.settings import Settings
from ingest.sources.s3_access import storage_options
from sample_logs.simulation.run import simulate
from tests import lakes, servers
from tests.fault_proxy import Fault, faulty

SPOILT = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE"})
PASSING = tuple(fault for fault in Fault if fault is not Fault.STALL)
SHARE_LATE = 20


def put(bucket: servers.Bucket, paths: Sequence[Path], folder: Path) -> None:
    """Deliver these files."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda path: bucket.put(path.relative_to(folder).as_posix(), path.read_bytes()), paths))


def soak(folder: Path, minutes: int, each: int, between_stalls: int) -> bool:
    """One soak; whether the lake is exact."""
    logs = folder / "logs"
    simulate(
        logs, seed=1, start=START.timestamp(), minutes=minutes, rps=RPS, services=14, incidents=[], ground_truth=None
    )
    paths = sorted(path for path in (logs / "AWSLogs").rglob("*") if path.is_file())
    faults = [*PASSING * (between_stalls // len(PASSING)), Fault.STALL]
    with servers.run_moto(folder / "moto.log") as server:
        assert server.endpoint_url
        os.environ |= server.environ
        bucket = server.bucket()
        lake = f"{server.bucket().uri}lake"
        late = paths[::SHARE_LATE]
        codes = []
        for delivered in (sorted({*paths} - {*late}), late):
            put(bucket, delivered, logs)
            with faulty(server.endpoint_url, faults, each, spoilt=SPOILT) as proxy:
                started = time.monotonic()
                env = {**os.environ, "AWS_ENDPOINT_URL": proxy.url, "EASTWEST_BATCH_OBJECTS": "200"}
                command = [str(lakes.EASTWEST), "ingest", bucket.uri, "--lake", lake, "--all"]
                code = subprocess.run(command, env=env, stdout=subprocess.DEVNULL, check=False).returncode
            codes.append(code)
            dealt = ", ".join(f"{count:,} {fault}" for fault, count in sorted(proxy.dealt.items()))
            lost = ", ".join(f"{count:,} {method}" for method, count in sorted(proxy.lost.items()))
            seconds = time.monotonic() - started
            print(f"{len(delivered):,} objects: exit code {code} in {seconds:.0f} s", flush=True)
            print(f"dealt {dealt}; done without an answer: {lost}", flush=True)
        found = Lake(lake, storage_options(lake, Settings()))
        return check(found, bucket, logs, folder, len(paths)) and not any(codes)


def check(lake: Lake, bucket: servers.Bucket, logs: Path, folder: Path, objects: int) -> bool:
    """Print, for each promise, whether it was kept."""
    undisturbed = lakes.ingested(logs, folder / "undisturbed")
    found, expected = lakes.counts(lake), lakes.counts(undisturbed)
    for name in TABLES:
        if found[name] or expected[name]:
            print(f"{name:24} {expected[name]:>9,} expected {found[name]:>9,} found")
    ledger = [row["log_object"] for row in lakes.rows(lake, OBJECTS.name, ["log_object"])]
    differences = list(verify(lake))
    promises = {
        "rows of every table and rollup": found == expected,
        "the lines themselves": lines(lake, bucket.uri) == lines(undisturbed, f"file://{logs}/"),
        "the ledger: every object once": len(ledger) == len(set(ledger)) == objects,
        f"lake verify ({len(differences)} differences)": not differences,
    }
    for promise, kept in promises.items():
        print(f"{'exact' if kept else 'NOT EXACT'}: {promise}")
    return all(promises.values())


def main() -> None:
    """Soak once; exit 1 when anything is not exact."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=600, help="of logs: 600 are 2,000 objects")
    parser.add_argument("--each", type=int, default=2, help="how many requests for each path and method are spoilt")
    parser.add_argument("--between-stalls", type=int, default=600, help="other faults between two that hang")
    options = parser.parse_args()
    os.environ |= servers.ALONE
    with tempfile.TemporaryDirectory(prefix="eastwest-soak-") as folder:
        sys.exit(not soak(Path(folder), options.minutes, options.each, options.between_stalls))


if __name__ == "__main__":
    main()
