"""What every .sql file has to keep, checked: `python -m queries.lint` prints what does not, and exits 1.

Keywords in lower case; a complete header on reports, checks and public views; declared parameters and columns are the
real ones (on an empty lake); no column read by the bare name of a parameter, because in the table macro that a report
becomes in the shell the name would mean the parameter; an example's object and line are those of one row; the most
frequent value is the same in whatever order the rows come; no window over all rows, at which DuckDB 1.5.5 may fail.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb

from ingest.errors import EastwestError, QueryError
from ingest.lake.tables import Lake
from queries import catalog, scorecard
from queries.catalog import Report
from queries.header import split_header
from queries.prices_file import prices_statement, read_prices
from queries.session import Session, open_session
from queries.statements import PUBLIC_VIEWS, view_header

FOLDERS = ("queries", "ingest/lake/vocabulary", "ingest/lake/statements", "ingest/lake/rejects_sql")
_CHOICE = re.compile(r"\b(?:arg_(?:max|min)|(?:max|min)_by|arg(?:max|min))\s*\(")
_MODE = re.compile(r"\bmode\s*\(")
_WHOLE_WINDOW = re.compile(r"\bover\s*\(\s*\)")
_EXAMPLE = re.compile(r"\b(log_object|log_line)\s*$")
_COMMENT_OR_TEXT = re.compile(r"--[^\n]*|'(?:[^']|'')*'")


def keywords_not_lower(sql: str) -> Iterator[tuple[int, str]]:
    """Line and word of every keyword that is not in lower case."""
    encoded = sql.encode()
    for offset, kind in duckdb.tokenize(sql):
        if kind == duckdb.token_type.keyword:
            word = re.match(rb"\w+", encoded[offset:])
            if word and word[0] != word[0].lower():
                yield encoded[:offset].count(b"\n") + 1, word[0].decode()


def loose_examples(sql: str) -> Iterator[int]:
    """Line of each log_object or log_line chosen by what several rows may have: examples would mix, or change."""
    for found in _CHOICE.finditer(sql):
        chosen, by = _two_arguments(sql[found.end() :])
        example = _EXAMPLE.search(chosen)
        if example and not {"log_object", example[1]} <= set(re.findall(r"\w+", by)):
            yield sql[: found.start()].count("\n") + 1


def loose_modes(sql: str) -> Iterator[int]:
    """Line of each mode() that leaves it to the order of the rows which of several most frequent values it is."""
    for found in _MODE.finditer(sql):
        if not re.search(r"\border by\b", " ".join(_two_arguments(sql[found.end() :]))):
            yield sql[: found.start()].count("\n") + 1


def whole_windows(sql: str) -> Iterator[int]:
    """Line of each window over all rows: DuckDB 1.5.5 fails at one now and then (its issues 22352 and 25713)."""
    for found in _WHOLE_WINDOW.finditer(_COMMENT_OR_TEXT.sub(lambda kept: re.sub(r"[^\n]", " ", kept[0]), sql)):
        yield sql[: found.start()].count("\n") + 1


def _two_arguments(call: str) -> tuple[str, str]:
    """The first argument of a call and the rest of them, of the text after its opening parenthesis."""
    depth, comma = 0, 0
    for place, letter in enumerate(call):
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0 and not comma:
            comma = place
        if depth < 0:
            return call[:comma], call[comma:place]
    return call[:comma], call[comma:]


def shadowed(report: Report) -> Iterator[str]:
    """Parameters whose bare name the report uses as a column. `t.name` and `as name` are fine."""
    bare = _COMMENT_OR_TEXT.sub(" ", report.sql)
    for name in report.parameters:
        if re.search(rf"(?<![\w.$])(?<!\bas ){name}\b(?!\s*:?=>?\s*\$)", bare):
            yield name


def problems_of(report: Report, session: Session) -> Iterator[str]:
    """Where a report and its header differ."""
    statements = duckdb.extract_statements(report.sql)
    if len(statements) != 1:
        yield f"{len(statements)} statements; one is wanted"
        return
    used = set(statements[0].named_parameters)
    for name in sorted(used ^ set(report.parameters)):
        yield f"parameter {name} is {'used and not declared' if name in used else 'declared and not used'}"
    for name in shadowed(report):
        yield f"column {name} is named like a parameter: qualify it"
    if used == set(report.parameters):
        try:
            description = session.connection.execute(report.sql, report.bind(session)).description or []
        except duckdb.Error as error:
            yield f"does not run on an empty lake: {error}"
            return
        yield from _compare([(d[0], str(d[1])) for d in description], [(c.name, c.type) for c in report.columns])


def _macro_problems(report: Report, session: Session) -> Iterator[str]:
    try:
        session.query(report.macro(session))
        session.query(f'from "{report.name}"()')
    except QueryError as error:
        yield f"as a table macro of the shell: {error}"


def _compare(real: list[tuple[str, str]], declared: list[tuple[str, str]]) -> Iterator[str]:
    for position in range(max(len(real), len(declared))):
        is_, said = (row[position] if position < len(row) else None for row in (real, declared))
        if is_ is None or said is None or is_[0] != said[0] or is_[1].lower() != said[1].lower():
            yield f"column {position + 1}: declared {said}, returned {is_}"
            return


def _file_problems(root: Path) -> Iterator[str]:
    for folder in FOLDERS:
        for file in sorted((root / folder).rglob("*.sql")):
            text = file.read_text(encoding="utf-8")
            sql = split_header(text, str(file))[1] if text.startswith("-- ---") else text
            missing = text[: len(text) - len(sql)].count("\n")
            for line, word in keywords_not_lower(sql):
                yield f"{file.relative_to(root)}:{line + missing}: {word}: keywords are lower case"
            for line in loose_examples(sql):
                yield f"{file.relative_to(root)}:{line + missing}: an example is chosen by (..., log_object, log_line)"
            for line in loose_modes(sql):
                yield f"{file.relative_to(root)}:{line + missing}: of ties, mode(x order by x) takes the first"
            for line in whole_windows(sql):
                yield f"{file.relative_to(root)}:{line + missing}: over () may fail: ask a subquery for it"


def problems(root: Path) -> Iterator[str]:
    """Every problem of every .sql file below `root`, the checkout."""
    yield from _file_problems(root)
    with tempfile.TemporaryDirectory() as empty, open_session(Lake(empty)) as session:
        session.query(prices_statement(read_prices(None)))
        scorecard.practices()
        for folder in ("reports", "checks", scorecard.FOLDER):
            for report in catalog.load(folder).values():
                yield from (f"{report.where}: {problem}" for problem in problems_of(report, session))
                if folder != "checks":
                    yield from (f"{report.where}: {problem}" for problem in _macro_problems(report, session))
        for view in PUBLIC_VIEWS:
            description = session.connection.execute(f"select * from {view}").description or []
            declared = [(name, spec["type"]) for name, spec in view_header(view)["columns"].items()]
            for problem in _compare([(d[0], str(d[1])) for d in description], declared):
                yield f"queries/views/{view}.sql: {problem}"


def main() -> int:
    """Print the problems; 1 when there are any."""
    try:
        found = list(problems(Path(__file__).parent.parent))
    except EastwestError as error:
        found = [str(error)]
    print("\n".join(found) or "every .sql file keeps the rules")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
