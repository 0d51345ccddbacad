"""`python -m bench`: rows a second and peak memory of `eastwest ingest`, beside the floor: gunzip and Parquet write."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROWS = {"alb_access": 1_000_000, "lattice_access": 1_000_000, "vpc_flow": 5_000_000}


def timed(command: list[str], log: Path) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak RSS in MiB of a command; its output goes to `log`."""
    with log.open("w") as out:
        started = time.monotonic()
        process = subprocess.Popen(command, stdout=out, stderr=out, cwd=ROOT)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed:\n{log.read_text()[-2000:]}")
    return time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def measure(table: str, rows: int, rows_per_file: int, folder: Path) -> None:
    """Generate one load, ingest it, measure the floor, print a line."""
    logs, lake = folder / table, folder / f"{table}-lake"
    generate = [sys.executable, "sample_logs/generate.py", "--rows", str(rows), "--format", table]
    timed([*generate, "--rows-per-file", str(rows_per_file), "--out", str(logs)], folder / "generate.log")
    eastwest = Path(sys.executable).with_name("eastwest")
    wall, cpu, rss = timed([str(eastwest), "ingest", str(logs), "--lake", str(lake)], folder / "ingest.log")
    floor = subprocess.run(
        [sys.executable, "-m", "bench.floor", str(logs), str(lake), table],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    gunzip, total = map(float, floor.stdout.split())
    stored = sum(path.stat().st_size for path in logs.rglob("*") if path.is_file()) / 1e6
    print(
        f"{table:16} {rows:>10,} {stored:>8.1f} {wall:>7.2f} {cpu:>7.2f} {rows / wall:>11,.0f} {rss:>9,.0f}"
        f" {gunzip:>7.2f} {total:>7.2f} {wall / total:>7.2f}",
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
