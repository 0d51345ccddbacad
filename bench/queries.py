"""`python -m bench.queries`: what questions cost on a lake of 20 M requests and 50 M flows a day.

Beside them the same questions asked of the raw Parquet in plain DuckDB and in chdb, what a lake of 30 days costs
against one of a day (on S3 in requests too), and the rollup's size and error. Lakes are built below --folder and kept.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise, product
from pathlib import Path
from typing import Any

from bench.query_lake import build_day, build_month, sizes
from dashboard.data import FIRST_HISTORY
from ingest.lake.declarations import OBJECTS, ROLLUPS, SOURCE_TABLES
from ingest.lake.tables import Lake
from ingest.settings import Settings
from ingest.sources.s3_access import storage_options
from queries import catalog
from queries.session import Session, open_session

ROOT = Path(__file__).parent.parent
FIRST_SCREEN = ("edge_health", "denied_callers", "new_edges", "gone_edges")
"""Graph and KPIs, denials, changes."""
WITH_SOURCES = (*FIRST_SCREEN, "source_freshness", "silent_source")
"""And whether a source is quiet, which the dashboard asks beside them."""
HISTORY_HOURS = 168
_ALWAYS_HELD = ("denials", "delivered_objects", "recent_calls", "earlier_calls", "present_calls", "failed_minutes")
HELD = {"-1h": (*_ALWAYS_HELD, "timed_requests"), "-24h": _ALWAYS_HELD}
"""What a session that asks often keeps in memory (Session.hold), by window."""


@dataclass(frozen=True)
class Cost:
    """Median wall seconds and CPU seconds of some runs, and rows of the last one."""

    wall: float
    cpu: float
    rows: int

    def __str__(self) -> str:
        return f"{self.wall:8.3f} {self.cpu:8.3f} {self.rows:10,}"


def cost(ask: Callable[[], int], runs: int) -> Cost:
    """What a question costs when it has been asked before."""
    taken, rows = [], ask()
    for _ in range(runs):
        wall, cpu = time.perf_counter(), time.process_time()
        rows = ask()
        taken.append((time.perf_counter() - wall, time.process_time() - cpu))
    walls, cpus = zip(*taken, strict=True)
    return Cost(statistics.median(walls), statistics.median(cpus), rows)


def question(session: Session, name: str, **given: object) -> tuple[catalog.Report, dict[str, object]]:
    """A report or check and its parameters; a check's baseline is the one it declares."""
    report = catalog.load("reports").get(name) or catalog.load("checks")[name]
    if "baseline_since" in report.parameters:
        given["baseline_since"] = session.window()[0] - timedelta(hours=report.history_hours)
    return report, given


def asked(session: Session, name: str, **given: object) -> Callable[[], int]:
    """A report or check, ready to be run."""
    report, values = question(session, name, **given)
    return lambda: report.run(session, values).num_rows


def all_asked(session: Session, names: Sequence[str]) -> Callable[[], int]:
    """Several of them, ready to be run at the same time, as the dashboard does."""
    questions = [question(session, name) for name in names]
    return lambda: sum(rows.num_rows for rows in catalog.run_all(session, questions))


@contextmanager
def opened(
    lake: Lake, window: str, hours: float, held: tuple[str, ...] = (), around: float = 0
) -> Iterator[tuple[Session, float, float]]:
    """A session with the seconds that opening it and holding views took."""
    begun = time.perf_counter()
    with open_session(lake, window, history_hours=hours, around_minutes=around) as session:
        ready = time.perf_counter()
        session.hold(*held)
        yield session, ready - begun, time.perf_counter() - ready


def first_screen(lake: Lake, window: str, runs: int) -> None:
    """The first screen's questions one by one, their sum, all of them at the same time, and what one asks next."""
    with opened(lake, window, HISTORY_HOURS, HELD[window]) as (session, opening, holding):
        begun = time.perf_counter()
        all_asked(session, WITH_SOURCES)()
        first = time.perf_counter() - begun
        print(
            f"\n## first screen, {window}: {opening:.2f} s to open, {holding:.2f} to hold, {first:.2f} the first time"
        )
        costs = {name: cost(asked(session, name), runs) for name in WITH_SOURCES}
        report(costs)
        summed = sum(c.wall for c in costs.values()), sum(c.cpu for c in costs.values())
        print(f"{'one after the other':24} {summed[0]:8.3f} {summed[1]:8.3f}")
        print(f"{'all of it, at once':24} {cost(all_asked(session, WITH_SOURCES), runs)}")
        print(f"{'without sources, at once':24} {cost(all_asked(session, FIRST_SCREEN), runs)}")
        print(f"{'latency_by_edge':24} {cost(asked(session, 'latency_by_edge'), runs)}")


def other_questions(lake: Lake, runs: int) -> None:
    """One edge's flows, the views, the baselines and the checks, for the last hour."""
    around = max(report.around_minutes for report in catalog.load().values())
    with opened(lake, "-1h", HISTORY_HOURS, around=around) as (session, _, _):
        edge = session.query(
            "select caller, callee from calls where front_door = 'lattice' and minute >= $since"
            " group by all order by sum(requests) desc, caller, callee limit 1",
            {"since": session.window()[0]},
        ).to_pylist()[0]
        only = {"only_caller": edge["caller"], "only_callee": edge["callee"]}
        print("\n## the last hour, nothing held")
        report(
            {
                "request_flows, one edge": cost(asked(session, "request_flows", **only), runs),
                "call_graph": cost(asked(session, "call_graph"), runs),
                "broke_at": cost(asked(session, "broke_at"), 1),
                "view denials": cost(_counted(session, "denials"), runs),
                "view flows": cost(_counted(session, "flows"), runs),
                "bypass (report)": cost(asked(session, "bypass"), 1),
            }
        )
        print("\n## 7-day baselines from the rollups")
        report(
            {
                **{name: cost(asked(session, name), runs) for name in ("new_edges", "gone_edges", "latency_by_edge")},
                "of that the baseline": cost(_latency_baseline(session), runs),
            }
        )
        print("\n## checks on the last hour")
        report({name: cost(asked(session, name), 1) for name in catalog.load("checks")})


def _latency_baseline(session: Session) -> Callable[[], int]:
    """What `latency_by_edge` compares with, without the exact quantiles of the window's requests."""
    since = session.window()[0]
    values = {"since": since, "begin": since - timedelta(hours=HISTORY_HOURS)}
    sql = (
        "select caller, callee, p50(bucket, requests), p90(bucket, requests), p99(bucket, requests)"
        " from edge_latencies($begin, hour_of($since)) group by caller, callee"
    )
    return lambda: session.query(sql, values).num_rows


def _counted(session: Session, view: str) -> Callable[[], int]:
    return lambda: int(session.query(f"select count(*) as n, max(time) as newest from {view}").to_pylist()[0]["n"])


def report(costs: Mapping[str, Cost]) -> None:
    """Print a table of costs."""
    print(f"{'question':24} {'wall s':>8} {'CPU s':>8} {'rows':>10}")
    for name, found in costs.items():
        print(f"{name:24} {found}", flush=True)


def by_age(lakes: Sequence[Lake], runs: int) -> None:
    """The last hour of a lake of one day against one of thirty, asked in turn: speed changes by the minute.

    Without history, with what the dashboard shows first, and with the week that it reads after that.
    """
    print("\n## the last hour: lake of one day, lake of thirty")
    print(f"{'':34} {'1 day':>8} {'30 days':>8} {'ratio':>6}")
    for hours in (0, FIRST_HISTORY, HISTORY_HOURS):
        with ExitStack() as stack:
            figures = {"open": _in_turn([_opening(lake, hours) for lake in lakes], min(runs, 3))}
            if hours > FIRST_HISTORY:
                bare = [Lake(lake.uri) for lake in lakes]
                figures["open, nothing kept"] = _in_turn([_opening(lake, hours) for lake in bare], min(runs, 3))
            sessions = [stack.enter_context(opened(lake, "-1h", hours))[0] for lake in lakes]
            for name in ("edge_health", "call_graph", "denied_callers", "new_edges", "gone_edges"):
                figures[name] = _in_turn([asked(session, name) for session in sessions], runs)
            for session in sessions:
                session.hold(*HELD["-1h"])
            figures["first screen"] = _in_turn([all_asked(session, WITH_SOURCES) for session in sessions], runs)
        for name, (one, thirty) in figures.items():
            print(f"{name + f', {hours:.0f} h of history':34} {one:8.3f} {thirty:8.3f} {thirty / one:6.2f}", flush=True)


def _opening(lake: Lake, hours: float) -> Callable[[], int]:
    """Open a session of the last hour, and close it."""

    def once() -> int:
        with opened(lake, "-1h", hours):
            return 0

    return once


def _in_turn(questions: Sequence[Callable[[], int]], runs: int) -> list[float]:
    """Median wall seconds of each, once warm."""
    taken: list[list[float]] = []
    for _ in range(runs + 1):
        taken.append([])
        for ask in questions:
            begun = time.perf_counter()
            ask()
            taken[-1].append(time.perf_counter() - begun)
    return [statistics.median(walls) for walls in zip(*taken[1:], strict=True)]


def on_s3(lakes: Mapping[str, Path]) -> None:
    """Requests that the last hour costs on S3 (moto on loopback, behind a proxy that counts them), cold."""
    from tests.fault_proxy import faulty
    from tests.servers import run_moto

    print("\n## the last hour on S3, requests: open a session, ask edge_health and denied_callers once")
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    os.environ.update(keys)
    with tempfile.TemporaryDirectory() as logs, run_moto(Path(logs) / "moto.log") as server:
        assert server.endpoint_url is not None
        bucket = server.bucket("lakes")
        for name, folder in lakes.items():
            for path in folder.rglob("*"):
                if path.is_file():
                    bucket.put(f"{name}/{path.relative_to(folder)}", path.read_bytes())
        with faulty(server.endpoint_url, (), 0) as proxy:
            storage = storage_options(bucket.uri, Settings(endpoint_url=proxy.url, region="us-east-1"))
            storage |= keys
            for hours in (0, FIRST_HISTORY, HISTORY_HOURS):
                for name, copies in product(lakes, (None, Path(logs) / f"copies-{hours}")):
                    for turn in ("first",) if copies is None else ("first", "again"):
                        lake = Lake(bucket.uri + name, storage, copies)
                        said = f"{name:8} {hours:4.0f} h of history, {'no' if copies is None else turn:5} copies"
                        print(f"{said}: {_requests(lake, hours, proxy.methods)}", flush=True)


def _requests(lake: Lake, hours: float, methods: Counter[str]) -> str:
    """How many it takes to open the last hour and to ask two questions, and of which kinds."""
    methods.clear()
    marks = [0]
    with open_session(lake, "-1h", history_hours=hours) as session:
        marks.append(methods.total())
        for question in ("edge_health", "denied_callers"):
            asked(session, question)()
            marks.append(methods.total())
    opening, edges, denied = (after - before for before, after in pairwise(marks))
    kinds = ", ".join(f"{method} {n}" for method, n in sorted(methods.items()))
    return f"{opening:5} to open, {edges:5} edge_health, {denied:5} denied_callers, {marks[-1]:5} in all ({kinds})"


def peers(lake: Path, session_window: Mapping[str, tuple[str, str]], chdb_python: str | None, runs: int) -> None:
    """The raw Parquet of the newest day, asked by plain DuckDB and by chdb."""
    print("\n## the same of the raw Parquet (no names, no identity, nothing counted once), p50 in seconds")
    for engine, python in (("duckdb", sys.executable), ("chdb", chdb_python)):
        for window, (since, until) in session_window.items():
            if python is None:
                print("chdb: skipped, --chdb-python names no Python that has it")
                break
            command = [python, str(ROOT / "bench" / "raw_peers.py"), engine, str(lake), since, until, str(runs)]
            answer = subprocess.run(command, capture_output=True, text=True)
            if answer.returncode:
                print(f"{engine}: skipped, {answer.stderr.strip().splitlines()[-1]}")
                break
            found: dict[str, float] = json.loads(answer.stdout.strip().splitlines()[-1])
            print(f"{engine:8} {window:5} " + ", ".join(f"{name} {seconds:.3f}" for name, seconds in found.items()))


def rollups(lake: Lake) -> None:
    """How large tables are, and how far the rollup's quantiles are from the exact ones of the newest day."""
    print("\n## tables of the newest day\n" + f"{'table':24} {'files':>6} {'rows':>12} {'MB':>8}")
    for name, (files, rows, size) in sizes(lake, (*SOURCE_TABLES, *ROLLUPS, OBJECTS)).items():
        if files:
            print(f"{name:24} {files:6} {rows:12,} {size / 1e6:8.1f}")
    with open_session(lake, options={"temp_directory": tempfile.gettempdir()}) as session:
        row: dict[str, Any] = session.query((ROOT / "bench" / "rollup_error.sql").read_text()).to_pylist()[0]
    print(f"error of the hourly rollup over {row.pop('edges')} edges with 1,000 requests or more in 24 h:")
    print("  " + ", ".join(f"{name} {100 * value:.2f} %" for name, value in row.items()))


def main() -> None:
    """Build what is missing, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".bench/lakes"), help="the lakes; built when missing")
    parser.add_argument("--scale", type=float, default=1.0, help="1.0 is 20 M requests and 50 M flows a day")
    parser.add_argument("--days", type=int, default=30, help="days of the larger lake; 1: the newest day alone")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--chdb-python", default=os.environ.get("CHDB_PYTHON"), help="a Python that has chdb")
    parser.add_argument("parts", nargs="*", default=["rollups", "screen", "others", "peers", "age", "s3"])
    options = parser.parse_args()
    folder: Path = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    day = build_day(folder / "day", options.scale)
    month = build_month(folder / "month", folder / "day", options.days) if options.days > 1 else day
    # Where sessions keep identity of days that are over.
    day, month = (Lake(lake.uri, copies=folder / "kept") for lake in (day, month))
    print(f"{os.cpu_count()} cores; load {os.getloadavg()[0]:.1f}; p50 of {options.runs} runs unless said otherwise")
    with open_session(day) as session:
        until = session.window()[1]
    if "rollups" in options.parts:
        rollups(day)
    if "screen" in options.parts:
        for window in HELD:
            first_screen(month, window, options.runs)
    if "others" in options.parts:
        other_questions(month, options.runs)
    if "peers" in options.parts:
        spans = {
            name: (f"{until - span:%Y-%m-%d %H:%M:%S}", f"{until:%Y-%m-%d %H:%M:%S}")
            for name, span in (("-1h", timedelta(hours=1)), ("-24h", timedelta(hours=24)))
        }
        peers(folder / "day", spans, options.chdb_python, options.runs)
    if "age" in options.parts:
        by_age((day, month), options.runs)
    if "s3" in options.parts:
        small = folder / "hundredth"
        build_day(small / "day", options.scale / 100)
        build_month(small / "month", small / "day", options.days)
        on_s3({"day": small / "day", "month": small / "month"})


if __name__ == "__main__":
    main()
