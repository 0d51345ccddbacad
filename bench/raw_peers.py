"""The same questions of the same Parquet files, without eastwest: plain DuckDB, and chdb (ClickHouse in a process).

`python bench/raw_peers.py ENGINE LAKE SINCE UNTIL RUNS`, one process an engine; chdb's Python may be another one's.
Prints a JSON object of seconds by question. The files are those below the lake's folder, which is right only of a lake
that was just vacuumed; eastwest never reads a lake so.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

QUESTIONS = ("graph", "refusals", "changes")
_RAW = Path(__file__).parent / "raw"


def duckdb_answer() -> Callable[[str], object]:
    """Runs a statement in DuckDB and fetches its rows."""
    import duckdb

    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    return lambda sql: connection.execute(sql).to_arrow_table()


def chdb_answer() -> Callable[[str], object]:
    """Runs a statement in chdb and fetches its rows."""
    import chdb

    return lambda sql: chdb.query(sql, "Arrow").bytes()


def main(engine: str, lake: str, since: str, until: str, runs: str) -> None:
    """Print the p50 of some warm runs of every question."""
    answer = {"duckdb": duckdb_answer, "chdb": chdb_answer}[engine]()
    found = {}
    for question in QUESTIONS:
        sql = (_RAW / f"{question}.{engine}.sql").read_text()
        zone = "+00" if engine == "duckdb" else ""
        for name, value in (("LAKE", lake), ("SINCE", since + zone), ("UNTIL", until + zone)):
            sql = sql.replace(name, value)
        answer(sql)
        seconds = []
        for _ in range(int(runs)):
            begun = time.perf_counter()
            answer(sql)
            seconds.append(time.perf_counter() - begun)
        found[question] = statistics.median(seconds)
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
