"""`python -m bench.huge_line`: what very large objects do to memory: one line of 2 GB, one object of 1 GB of records.

Prints, for each, the object's size as stored and as text, wall seconds, peak RSS of `eastwest ingest`, and what came of
it: rows and rejects.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.measure import ROOT, timed

KEY = "AWSLogs/123456789012/VpcLattice/AccessLogs/us-east-1/2026/03/10/svc-0123456789abcdef0/"
NAME = "123456789012_VpcLatticeAccessLogs_us-east-1_svc-0123456789abcdef0_20260310T0900Z_{}.json"
RECORD = {
    "startTime": "2026-03-10T09:00:00Z",
    "requestPath": "/a",
    "responseCode": 200,
    "sourceIpPort": "10.0.0.1:4000",
}
PART = 16 << 20


def one_line(size: int) -> Iterator[bytes]:
    """A record, a line of `size` bytes, a record."""
    record = json.dumps(RECORD).encode() + b"\n"
    yield record + b'{"requestPath":"'
    for _ in range(size // PART):
        yield b"x" * PART
    yield b'"}\n' + record


def records(size: int, folder: Path, table: str) -> Iterator[bytes]:
    """Generated log lines of a format, over and over, about `size` bytes."""
    command = [
        sys.executable,
        "sample_logs/generate.py",
        "--rows",
        "100000",
        "--format",
        table,
        "--rows-per-file",
        "100000",
    ]
    subprocess.run([*command, "--out", str(folder)], cwd=ROOT, check=True, capture_output=True)
    (path,) = [path for path in (folder / "AWSLogs").rglob("*.gz") if path.is_file()][:1]
    text = gzip.decompress(path.read_bytes())
    for _ in range(size // len(text) + 1):
        yield text


def measure(name: str, key: str, parts: Iterator[bytes], folder: Path, packed: bool) -> None:
    """Write one object, ingest it, print a line."""
    path = folder / "logs" / (key + (".gz" if packed else ""))
    path.parent.mkdir(parents=True)
    size = 0
    with gzip.open(path, "wb", 1) if packed else path.open("wb") as file:
        for part in parts:
            size += len(part)
            file.write(part)
    lake = folder / "lake"
    eastwest = str(Path(sys.executable).with_name("eastwest"))
    run = timed([eastwest, "ingest", folder / "logs", "--lake", lake])
    said = "; ".join(" ".join(line.replace("│", " ").split()) for line in run.output.splitlines() if "│" in line)
    print(
        f"{name:24} {path.stat().st_size / 1e6:>9,.0f} {size / 1e6:>9,.0f} {run.wall:>7.1f} {run.rss:>9,.0f}  {said}",
        flush=True,
    )


def main() -> None:
    """Measure each object in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="1.0 is a line of 2 GB and objects of 1 GB")
    options = parser.parse_args()
    print(f"{'object':24} {'MB stored':>9} {'MB text':>9} {'wall s':>7} {'RSS MiB':>9}  came of it")
    for packed in (True, False):
        with tempfile.TemporaryDirectory(prefix="eastwest-bench-") as name:
            measure(
                f"one line, {'gzip' if packed else 'plain'}",
                KEY + NAME.format("a"),
                one_line(int(2e9 * options.scale)),
                Path(name),
                packed,
            )
    for table, key in (
        ("lattice_access", KEY + NAME.format("a")),
        ("alb_access", "AWSLogs/a.log"),
        ("vpc_flow", "AWSLogs/b.log"),
    ):
        with tempfile.TemporaryDirectory(prefix="eastwest-bench-") as name:
            folder = Path(name)
            measure(f"{table}, gzip", key, records(int(1e9 * options.scale), folder / "made", table), folder, True)


if __name__ == "__main__":
    main()
