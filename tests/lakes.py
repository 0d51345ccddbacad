"""Lakes for tests: made by the real pipeline, counted without it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ingest.lake.declarations import EDGE_LATENCY_HOURS, OBJECTS, ROLLUPS, SOURCE_TABLES, TABLES
from ingest.lake.tables import Lake
from ingest.pipeline.run import Limits, Summary, ingest
from ingest.settings import Settings
from ingest.sources import open_source

SAMPLE = Path(__file__).parent.parent / "sample_logs"
EASTWEST = Path(sys.executable).with_name("eastwest")


class Quiet:
    """A progress display that shows nothing."""

    def found(self, objects: int, bytes_: int) -> None:
        """Ignored."""

    def done(self, batch: Summary) -> None:
        """Ignored."""


def ingested(logs: Path, lake: Path, batch_objects: int = 1000) -> Lake:
    """The logs of a folder in a new lake."""
    target = Lake(str(lake))
    summary = ingest(open_source(str(logs), Settings()), target, Limits(batch_objects, 16 << 20, 2), Quiet())
    assert summary.failed == []
    return target


def truth(folder: Path = SAMPLE) -> dict[str, Any]:
    """What the generator says it wrote."""
    loaded: dict[str, Any] = json.loads((folder / "truth.json").read_text())
    return loaded


def rows(lake: Lake, table: str, columns: list[str] | None = None) -> list[dict[str, Any]]:
    """Rows of a table as its own Delta log says."""
    handle = lake.open(TABLES[table])
    return [] if handle is None else list(handle.to_pyarrow_table(columns=columns).to_pylist())


def counts(lake: Lake) -> dict[str, int]:
    """Rows of every table; of rollups also what they count."""
    found = {name: sum(file.rows for file in lake.snapshot(table).files) for name, table in TABLES.items()}
    for table in ROLLUPS:
        # The first measure counts the rest's things too, but for latencies, which are counted in eight columns.
        measures = table.measures if table is EDGE_LATENCY_HOURS else table.measures[:1]
        found[table.name] = sum(row[name] for row in rows(lake, table.name, list(measures)) for name in measures)
    return found


def check_exact(lake: Lake) -> None:
    """Every ledger row once, its counts those of the tables, and no line of any object twice."""
    ledger = rows(lake, OBJECTS.name)
    assert len({(row["log_object"], row["etag"]) for row in ledger}) == len(ledger)
    assert all(row["records"] == row["rows"] + row["rejects"] + row["dropped"] for row in ledger)
    lines: list[tuple[str, int]] = []
    for table in (*(table.name for table in SOURCE_TABLES), "rejects"):
        lines += [(row["log_object"], row["log_line"]) for row in rows(lake, table, ["log_object", "log_line"])]
    assert len(set(lines)) == len(lines)
    assert len(lines) == sum(row["records"] for row in ledger)


def start(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    """The real command in a process of its own."""
    return subprocess.Popen(
        [str(EASTWEST), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """The real command, to its end."""
    return subprocess.run([str(EASTWEST), *arguments], capture_output=True, text=True, timeout=120, **options)
