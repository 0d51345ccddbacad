"""DuckDB's own shell on a lake: an init script with the session, the reports as table macros, and a banner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from ingest.errors import QueryError
from ingest.lake.declarations import ROLLUPS, SOURCE_TABLES
from queries import catalog, comments
from queries.prices_file import Prices, prices_statement, read_prices
from queries.scorecard import FOLDER
from queries.session import Session
from queries.statements import PUBLIC_VIEWS
from queries.storage import secret_statement

_COMMANDS = ("c", "s", "f")
"""Options of DuckDB's shell that name what is to be run, after which it ends."""


def init_script(session: Session, *, with_keys: bool, prices: Prices | None = None, with_banner: bool = True) -> str:
    """All of the session as a script for `duckdb -init`; credentials only `with_keys`, never when it is printed.

    `prices` (None: the shipped ones) are what the practice path_costs reckons with.
    """
    secret = secret_statement(session.lake, with_keys=with_keys)
    setup, rest = session.setup, session.statements[len(session.setup) :]
    script = [*setup, *([secret] if secret else []), *rest, *asked(session, prices), *comments.statements()]
    body = "".join(f"{statement.rstrip().rstrip(';')};\n\n" for statement in script)
    return body + "".join(f'.print "{line}"\n' for line in (banner(session) if with_banner else ()))


def asked(session: Session, prices: Prices | None = None) -> list[str]:
    """Statements that make every report and every practice of the guide a table macro."""
    questions = [*catalog.load().values(), *catalog.load(FOLDER).values()]
    return [prices_statement(prices or read_prices(None)), *(question.macro(session) for question in questions)]


def banner(session: Session) -> list[str]:
    """What is there: the lake, its span, rows by table, views and reports. Nothing in it comes from a log line."""
    counts = {table.name: session.rows[table.name] for table in SOURCE_TABLES}
    since, until = session.window()
    filled = [f"{name} {rows:,}" for name, rows in counts.items() if rows]
    span = f"{since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC" if filled else "no data yet: eastwest ingest SOURCE"
    reports = [f"           {topic}: {', '.join(names)}" for topic, names in catalog.by_topic().items()]
    return [
        f"eastwest: {session.lake.uri}",
        f"  span     {span}",
        f"  rows     {', '.join(filled) or 'none'}",
        f"  views    {', '.join(PUBLIC_VIEWS)}, {', '.join(table.name for table in ROLLUPS)}, objects, rejects",
        "  reports",
        *reports,
        f"  guide    {', '.join(catalog.load(FOLDER))}",
        "  try      from denied_callers();   from call_graph(min_requests := 100);   describe requests;",
        "",
    ]


def run_shell(session: Session, arguments: list[str], prices: Prices | None = None) -> int:
    """Start DuckDB's shell on the session and wait for it; its exit code."""
    handle, path = tempfile.mkstemp(prefix="eastwest-", suffix=".sql")  # mode 0600: it may hold the lake's keys
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            greets = _is_interactive(arguments)
            file.write(init_script(session, with_keys=True, prices=prices, with_banner=greets))
        # Ctrl-C belongs to the shell: it ends a query, not this process.
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            return subprocess.run(
                [str(_executable()), "-init", path, *arguments],
                check=False,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            ).returncode
        finally:
            signal.signal(signal.SIGINT, previous)
    finally:
        Path(path).unlink(missing_ok=True)


def _is_interactive(arguments: Sequence[str]) -> bool:
    """Whether somebody sits before the shell: what it prints is no data then."""
    is_told = any(argument.lstrip("-") in _COMMANDS for argument in arguments if argument.startswith("-"))
    return not is_told and sys.stdin.isatty() and sys.stdout.isatty()


def _executable() -> Path:
    package = find_spec("duckdb_cli")
    path = Path(package.origin).parent / "duckdb" if package and package.origin else None
    if path is None or not path.is_file():
        raise QueryError("DuckDB's shell is not installed; install duckdb-cli, or use eastwest shell --print-init")
    return path
