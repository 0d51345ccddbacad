"""`make bench-ingest`: eastwest beside the floor, other engines and the parsers that people use, on the same logs.

    python -m bench.ingest [--gigabytes 1] [--rounds 3] [--peers PYTHON] [FORMAT ...]

Generates about so many GB of text a format, in files of 10,000 rows, once more in files of 20 KB, and the lines of
these joined to files of 10,000 (a load in small files spans a longer time, so its rollups have more rows), and prints,
one after the other on an otherwise idle machine:

* `eastwest ingest`, complete: lineage, rejects, rollups, Delta commits, ledger;
* the floor: isal gunzip of every object and a bare Parquet write of the same rows (bench/floor.py);
* bare scripts for DuckDB, polars, pyarrow and chdb, and the pure Python parsers (bench/peers.py), of which the last
  read a twentieth of the files, and their time is multiplied;
* goaccess, where it is installed (load-balancer logs; it counts, and writes no rows).

What is compared with a target (the floor; small files with large ones) is run in turn, so many rounds: the speed of a
machine changes by the minute. Medians, and the ratio of every round.

PYTHON is an interpreter with the peers installed, none of which eastwest needs:

    python3 -m venv peers && peers/bin/pip install duckdb polars pyarrow isal chdb aws-log-parser flowlogs-reader
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import orjson

from bench.measure import Run, timed
from ingest.formats import alb_access, lattice_access, vpc_flow
from ingest.lake.schema import Type

FORMATS = {module.TABLE.name: module for module in (lattice_access, alb_access, vpc_flow)}
BYTES_A_ROW = {"lattice_access": 1420, "alb_access": 647, "vpc_flow": 236}
ROWS_A_FILE = 10_000
SMALL_FILE_BYTES = 20_000
SHARE_FOR_PYTHON = 20
TYPES = {Type.TEXT: "text", Type.INT: "long", Type.LONG: "long", Type.REAL: "real", Type.TIME: "time"}
EASTWEST = Path(sys.executable).with_name("eastwest")


def generate(table: str, rows: int, rows_per_file: int, out: Path) -> None:
    """Write a load of logs."""
    size = ["--rows", str(rows), "--rows-per-file", str(rows_per_file)]
    timed([sys.executable, "sample_logs/generate.py", "--format", table, *size, "--out", out])
    os.sync()  # else the kernel writes them to the disk while what reads them is timed


def join(table: str, logs: Path, out: Path, count: int) -> None:
    """The same lines in fewer files: so many after the other become one, under the first one's name."""
    files = sorted(logs.rglob("*.gz"))
    for first in range(0, len(files), count):
        texts = [gzip.decompress(path.read_bytes()) for path in files[first : first + count]]
        if table == vpc_flow.TABLE.name:  # one header is enough
            texts = [text if at == 0 else text.partition(b"\n")[2] for at, text in enumerate(texts)]
        target = out / files[first].relative_to(logs)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(gzip.compress(b"".join(texts), 1))
    os.sync()


def spec_of(table: str, folder: Path) -> str:
    """What bench/peers.py is told of a format: the fields of a line, in order, and their types."""
    module = FORMATS[table]
    with gzip.open(next(folder.rglob("*.gz")), "rb") as lines:
        first = lines.readline()
    if module is lattice_access:
        names = list(orjson.loads(first))
    elif module is vpc_flow:
        names = first.decode().split()
    else:
        names = alb_access.SHAPE.names(int(alb_access.layout(first)))
    kinds = {
        field.name: module.TABLE.column(field.columns[0]).type for field in module.FIELDS if len(field.columns) == 1
    }
    # The seconds since 1970 of a flow log are numbers to anyone who is not told.
    types = [TYPES[kinds.get(name, Type.TEXT)] for name in names]
    if module is vpc_flow:
        types = ["long" if type_ == "time" else type_ for type_ in types]
    return json.dumps({"table": table, "fields": list(zip(names, types, strict=True))})


def eastwest(logs: Path, lake: Path) -> Run:
    """A whole ingest into a new lake."""
    shutil.rmtree(lake, ignore_errors=True)
    return timed([EASTWEST, "ingest", logs, "--lake", lake])


def floor(table: str, logs: Path, lake: Path) -> Run:
    """The floor: its seconds are those it says, without its start and what it reads to be able to begin."""
    run = timed([sys.executable, "-m", "bench.floor", logs, lake, table])
    return replace(run, wall=float(run.output.split()[1]))


def ratios(runs: Sequence[Run], others: Sequence[Run]) -> str:
    """By how much each run took longer than the other of its round."""
    return ", ".join(f"{run.wall / other.wall:.2f}" for run, other in zip(runs, others, strict=True))


def peers(table: str, python: str, logs: Path, folder: Path) -> Iterator[tuple[str, Run, int]]:
    """Each engine's run, and by how much its time is to be multiplied."""
    spec = spec_of(table, logs)
    for engine in ("duckdb", "polars", "pyarrow", "chdb"):
        yield engine, timed([python, "bench/peers.py", engine, logs, folder / f"{engine}.out"], spec), 1
    sample = folder / "sample"
    files = sorted(logs.rglob("*.gz"))
    for file in files[:: max(SHARE_FOR_PYTHON, 1)]:
        target = sample / file.relative_to(logs)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    share = len(files) / len(list(sample.rglob("*.gz")))
    yield "pure Python", timed([python, "bench/peers.py", "python", sample, folder / "python.out"], spec), round(share)
    if table == alb_access.TABLE.name and shutil.which("goaccess"):
        lines = f"find {logs} -name '*.gz' | xargs zcat"
        count = f"{lines} | goaccess - --log-format=AWSALB --no-global-config -o {folder}/g.json"
        yield "goaccess", timed(["sh", "-c", count]), 1


def in_turn(count: int, *sides: Callable[[], Run]) -> list[list[Run]]:
    """Runs of each side, a round of all of them at a time."""
    rounds = [[side() for side in sides] for _ in range(count)]
    return [list(runs) for runs in zip(*rounds, strict=True)]


def median(runs: Sequence[Run]) -> Run:
    """The run of the median wall time."""
    return sorted(runs, key=lambda run: run.wall)[len(runs) // 2]


def measure(table: str, gigabytes: float, rounds: int, python: str | None, folder: Path) -> None:
    """Generate one format's load and print a line for each contender."""
    rows = round(gigabytes * 1e9 / BYTES_A_ROW[table] / ROWS_A_FILE) * ROWS_A_FILE
    logs, lake = folder / "logs", folder / "lake"
    generate(table, rows, ROWS_A_FILE, logs)
    stored = sum(path.stat().st_size for path in logs.rglob("*.gz")) / 1e6
    print(f"\n{table}: {rows:,} rows, {stored:.0f} MB gz", flush=True)
    print(f"{'':28} {'wall s':>8} {'CPU s':>8} {'RSS MiB':>8} {'rows/s':>10} {'x floor':>8} {'x eastwest':>10}")
    wholes, floors = in_turn(rounds, lambda: eastwest(logs, lake), lambda: floor(table, logs, lake))
    ours, least = median(wholes), median(floors).wall

    def show(name: str, wall: float, cpu: float | None, rss: float | None, count: int = rows) -> None:
        known = (f"{cpu:8.1f}" if cpu else " " * 8) + " " + (f"{rss:8,.0f}" if rss else " " * 8)
        of_floor, of_ours = (wall * rows / count / whole for whole in (least, ours.wall))
        figures = f"{wall:8.1f} {known} {count / wall:10,.0f} {of_floor:8.2f} {of_ours:10.2f}"
        print(f"{name:28} {figures}", flush=True)

    show("eastwest ingest", ours.wall, ours.cpu, ours.rss)
    show("floor: gunzip, Parquet", least, None, None)
    print(f"x floor, round by round: {ratios(wholes, floors)}", flush=True)
    if python:
        for name, run, times in peers(table, python, logs, folder):
            show(name if times == 1 else f"{name} (1/{times} of it)", run.wall * times, run.cpu * times, run.rss)
    shutil.rmtree(logs)
    small = max(1, SMALL_FILE_BYTES * rows // round(stored * 1e6))
    some = min(rows, 5_000 * small)
    generate(table, some, small, logs)
    join(table, logs, folder / "joined", ROWS_A_FILE // small)
    joined = folder / "joined"
    smalls, larges = in_turn(rounds, lambda: eastwest(logs, lake), lambda: eastwest(joined, lake))
    for name, load, runs in (("20 KB", logs, smalls), (f"{ROWS_A_FILE // small * small:,} rows", joined, larges)):
        run = median(runs)
        show(f"eastwest, {len(list(load.rglob('*.gz'))):,} files of {name}", run.wall, run.cpu, run.rss, some)
    print(f"rate of small files in that of large ones, round by round: {ratios(larges, smalls)}", flush=True)


def main() -> None:
    """Measure each format in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=1.0, help="text a format (default: 1)")
    parser.add_argument(
        "--peers", metavar="PYTHON", help="an interpreter with the peers installed; without it none run"
    )
    parser.add_argument("--rounds", type=int, default=3, help="of what is compared with a target (default: 3)")
    parser.add_argument("formats", nargs="*", default=list(FORMATS))
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores; files of {ROWS_A_FILE:,} rows")
    for table in options.formats:
        with tempfile.TemporaryDirectory(prefix="eastwest-bench-") as folder:
            measure(table, options.gigabytes, options.rounds, options.peers, Path(folder))


if __name__ == "__main__":
    main()
