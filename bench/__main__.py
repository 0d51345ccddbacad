"""`python -m bench`: rows a second and peak memory of `eastwest ingest`, beside the floor: gunzip and Parquet write."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from bench.ingest import eastwest, generate
from bench.measure import timed

ROWS = {"alb_access": 1_000_000, "lattice_access": 1_000_000, "vpc_flow": 5_000_000}


def measure(table: str, rows: int, rows_per_file: int, folder: Path) -> None:
    """Generate one load, ingest it, measure the floor, print a line."""
    logs, lake = folder / table, folder / f"{table}-lake"
    generate(table, rows, rows_per_file, logs)
    run = eastwest(logs, lake)
    gunzip, total = map(float, timed([sys.executable, "-m", "bench.floor", logs, lake, table]).output.split())
    stored = sum(path.stat().st_size for path in logs.rglob("*") if path.is_file()) / 1e6
    print(
        f"{table:16} {rows:>10,} {stored:>8.1f} {run.wall:>7.2f} {run.cpu:>7.2f} {rows / run.wall:>11,.0f}"
        f" {run.rss:>9,.0f} {gunzip:>7.2f} {total:>7.2f} {run.wall / total:>7.2f}",
        flush=True,
    )


def main() -> None:
    """Measure each format in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="1.0 is 1 M requests a format and 5 M flows")
    parser.add_argument("--rows-per-file", type=int, default=10_000)
    parser.add_argument("formats", nargs="*", default=list(ROWS))
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores; files of {options.rows_per_file:,} rows")
    print(
        f"{'format':16} {'rows':>10} {'MB gz':>8} {'wall s':>7} {'CPU s':>7} {'rows/s':>11} {'RSS MiB':>9}"
        f" {'gunzip':>7} {'floor s':>7} {'x floor':>7}"
    )
    for table in options.formats:
        with tempfile.TemporaryDirectory(prefix="eastwest-bench-") as folder:
            measure(table, int(ROWS[table] * options.scale), options.rows_per_file, Path(folder))


if __name__ == "__main__":
    main()
