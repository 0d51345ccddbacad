"""`python -m bench.soak_compaction`: two compactors race each other and an appender; every round must be exact.

The appender commits objects to two closed days of a source table and of a rollup, each batch with half of the one
before once more; both compactors rewrite both days of both tables as fast as they can. CI runs a few small rounds of
the same race (tests/ingest/lake/test_maintenance_races.py).
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from ingest.lake import compaction
from ingest.lake.declarations import CALL_MINUTES, REJECTS
from ingest.lake.tables import Lake
from ingest.lake.unit import Unit

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAYS = (NOON.date(), NOON.date() + timedelta(days=1))
LINES = 3
BATCH = 20


@dataclass(frozen=True)
class Round:
    """What a race left: how often each line is there, the rollup's sum, and how the writers fared."""

    lines: Counter[tuple[str, int]]
    requests: int
    rewrites: int
    given_up: int
    append_seconds: float

    def is_exact(self, objects: int) -> bool:
        """Whether every line of every object is there once and counted once."""
        expected = {(str(n), line): 1 for n in range(objects) for line in range(LINES)}
        return self.lines == expected and self.requests == objects


def _lines_of(units: set[Unit]) -> pa.Table:
    rows = [
        {"log_object": unit.uri, "log_line": line, "rejected_at": NOON, "day": DAYS[int(unit.uri) % 2]}
        for unit in sorted(units)
        for line in range(LINES)
    ]
    return pa.Table.from_pylist(rows, schema=REJECTS.arrow)


def _minutes_of(units: set[Unit]) -> pa.Table:
    rows = [
        {"minute": NOON, "requests": 1, "bytes_in": 0, "bytes_out": 0, "day": DAYS[int(unit.uri) % 2]}
        for unit in sorted(units)
    ]
    return pa.Table.from_pylist(rows, schema=CALL_MINUTES.arrow)


def append(uri: str, objects: int) -> None:
    """Commit so many objects, in batches."""
    lake = Lake(uri)
    for at in range(0, objects, BATCH):
        units = {Unit(str(n), "etag") for n in range(max(0, at - BATCH // 2), min(objects, at + BATCH))}
        lake.append(REJECTS, units, _lines_of)
        lake.append(CALL_MINUTES, units, _minutes_of)


def compact(uri: str, stop: str, tally: str) -> None:
    """Rewrite every day of both tables until the file `stop` is there; rewrites and refusals go to the file `tally`."""
    lake = Lake(uri)
    rewrites = given_up = 0
    while not Path(stop).exists():
        for table in (REJECTS, CALL_MINUTES):
            for day in DAYS if lake.open(table) else ():
                went_through = compaction.compact(lake, table, day, memory_limit="256MiB") is not None
                rewrites, given_up = rewrites + went_through, given_up + (not went_through)
    Path(tally).write_text(f"{rewrites} {given_up}")


def race(folder: Path, objects: int) -> Round:
    """One round in an empty folder."""
    lake, stop = Lake(str(folder / "lake")), folder / "stop"
    tallies = [folder / "first", folder / "second"]
    compactors = [_start(compact, lake.uri, str(stop), str(tally)) for tally in tallies]
    started = time.monotonic()
    appender = _start(append, lake.uri, objects)
    appender.join()
    seconds = time.monotonic() - started
    stop.touch()
    for process in compactors:
        process.join()
    codes = [process.exitcode for process in (appender, *compactors)]
    if any(codes):
        raise RuntimeError(f"writers ended with {codes}")
    counts = [tuple(map(int, tally.read_text().split())) for tally in tallies]
    rows = _rows(lake)
    return Round(*rows, sum(count[0] for count in counts), sum(count[1] for count in counts), seconds)


def _start(target: Callable[..., None], *arguments: object) -> multiprocessing.process.BaseProcess:
    process = multiprocessing.get_context("spawn").Process(target=target, args=arguments)
    process.start()
    return process


def _rows(lake: Lake) -> tuple[Counter[tuple[str, int]], int]:
    lines, minutes = lake.open(REJECTS), lake.open(CALL_MINUTES)
    if lines is None or minutes is None:
        return Counter(), 0
    held = lines.to_pyarrow_table(columns=["log_object", "log_line"]).to_pylist()
    counted = minutes.to_pyarrow_table(columns=["requests"]).to_pylist()
    return Counter((row["log_object"], row["log_line"]) for row in held), sum(row["requests"] for row in counted)


def main() -> None:
    """Race so many rounds; exit 1 when one was not exact."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--objects", type=int, default=600)
    options = parser.parse_args()
    inexact = 0
    print(f"{'round':>5} {'lines':>8} {'requests':>8} {'rewrites':>8} {'given up':>8} {'append s':>8}  exact")
    for number in range(1, options.rounds + 1):
        with tempfile.TemporaryDirectory(prefix="eastwest-soak-") as folder:
            result = race(Path(folder), options.objects)
        exact = result.is_exact(options.objects)
        inexact += not exact
        print(
            f"{number:>5} {result.lines.total():>8,} {result.requests:>8,} {result.rewrites:>8} {result.given_up:>8}"
            f" {result.append_seconds:>8.1f}  {'yes' if exact else 'NO'}",
            flush=True,
        )
    raise SystemExit(1 if inexact else 0)


if __name__ == "__main__":
    main()
