"""Output: hostile text stays text, and every form is whole for zero rows too."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.errors import QueryError
from ingest.terminal import visible
from queries.fitting import broken, widths
from queries.output import Format, write

ROWS = pa.table(
    {
        "agent": ["[red]x[/red]", "\x1b[2Jgone\u202e", None],
        "n": pa.array([1, 2, None], pa.int64()),
        "when": pa.array([datetime(2026, 3, 10, 9, tzinfo=UTC)] * 3, pa.timestamp("us", tz="UTC")),
    }
)


def written(rows: pa.Table, form: Format, tmp_path: Path) -> bytes:
    path = tmp_path / "out"
    write(rows, form, path)
    return path.read_bytes()


def test_tables_show_markup_and_control_characters_as_text(tmp_path: Path) -> None:
    text = written(ROWS, Format.TABLE, tmp_path).decode()
    assert "[red]x[/red]" in text
    assert r"\x1b[2Jgone\u202e" in text
    assert "\x1b" not in text
    assert "2026-03-10 09:00:00" in text


def test_column_names_are_not_markup_either(tmp_path: Path) -> None:
    assert "[bold]" in written(pa.table({"[bold]": [1]}), Format.TABLE, tmp_path).decode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [("plain text", "plain text"), ("a\nb", r"a\nb"), ("\u2066x", r"\u2066x"), ("größe 東京", "größe 東京")],
)
def test_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([-0.033, 90.0], ["-0.03", "90.0"]),
        ([0.0002, 0.5], ["0.0002", "0.500"]),
        ([-0.0, 2.0], ["0.0", "2.0"]),
        ([1e-9, 2.0], ["0.0", "2.0"]),
        ([1234.56, 0.04], ["1,234.6", "0.04"]),
    ],
)
def test_a_small_number_is_not_shown_as_nothing(values: list[float], shown: list[str], tmp_path: Path) -> None:
    lines = written(pa.table({"days_left": values}), Format.TABLE, tmp_path).decode().splitlines()
    assert [line.strip() for line in lines[1:]] == shown


def test_csv_has_a_header_without_rows(tmp_path: Path) -> None:
    assert written(ROWS.slice(0, 0), Format.CSV, tmp_path).decode().strip() == '"agent","n","when"'


def test_csv_of_lists_is_json_text(tmp_path: Path) -> None:
    assert written(pa.table({"l": [[1, 2]]}), Format.CSV, tmp_path).decode().splitlines() == ['"l"', '"[1,2]"']


def test_json_keeps_everything(tmp_path: Path) -> None:
    rows = ROWS.append_column("sum", pa.array([Decimal(3), Decimal("2.5"), None], pa.decimal128(38, 1)))
    found = json.loads(written(rows, Format.JSON, tmp_path))
    assert found[1]["agent"] == "\x1b[2Jgone\u202e"
    assert [row["sum"] for row in found] == [3, 2.5, None]
    assert found[0]["when"] == "2026-03-10T09:00:00+00:00"


def test_parquet_comes_back_equal(tmp_path: Path) -> None:
    write(ROWS, Format.PARQUET, tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet").equals(ROWS)


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="no-such-folder"):
        write(ROWS, Format.CSV, tmp_path / "no-such-folder" / "out")


def test_csv_is_the_form_of_pipes(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr("sys.stdout", pipe)
    write(ROWS.select(["n"]), None, None)
    assert pipe.buffer.getvalue().decode().splitlines()[0] == '"n"'


def test_columns_of_one_name_are_told_apart(tmp_path: Path) -> None:
    rows = pa.table([[1], [2], [3]], names=["n", "n", "n_1"])
    assert json.loads(written(rows, Format.JSON, tmp_path)) == [{"n": 1, "n_2": 2, "n_1": 3}]
    assert written(rows, Format.CSV, tmp_path) == b'"n","n_2","n_1"\n1,2,3\n'
    assert written(rows, Format.TABLE, tmp_path).decode().split() == ["n", "n_2", "n_1", "1", "2", "3"]


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Callable[[pa.Table, int], tuple[str, str]]:
    """What a terminal of that width shows of rows: stdout and stderr."""

    def show(rows: pa.Table, width: int) -> tuple[str, str]:
        out, err = Terminal(), io.StringIO()
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr("sys.stdout", out)
        monkeypatch.setattr("sys.stderr", err)
        write(rows, Format.TABLE, None)
        return re.sub(r"\x1b\[[\d;]*m", "", out.getvalue()), err.getvalue()

    return show


EDGES = pa.table(
    {
        "caller": ["partner-sync.example.com", "10.1.200.29 (vpc-e2ef9bd637c9865b7)"] * 4,
        "callee": ["notifications", "internal-edge"] * 4,
        "server_errors": [1, 2] * 4,
        "reason": ["Failed:ClientCertExpired", "REJECT"] * 4,
        "first_seen": pa.array([datetime(2026, 3, 10, 9, 1, tzinfo=UTC)] * 8, pa.timestamp("us", tz="UTC")),
    }
)


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_on_a_narrow_terminal_no_word_is_broken(shown: Callable[[pa.Table, int], tuple[str, str]], width: int) -> None:
    text, _ = shown(EDGES, width)
    words = set(text.split())
    assert {"partner-sync.example.com", "10.1.200.29", "(vpc-e2ef9bd637c9865b7)", "notifications"} <= words
    assert max(map(len, text.splitlines())) <= width


def test_what_does_not_fit_is_left_out_and_named(shown: Callable[[pa.Table, int], tuple[str, str]]) -> None:
    text, said = shown(EDGES, 70)
    assert "09:01:00" in text
    assert "2026-03-10" not in text
    assert "REJECT" not in text
    assert "times are of 2026-03-10, UTC" in said
    assert "too wide for this terminal: reason; --format csv has everything" in said
    text, said = shown(EDGES, 200)
    assert "2026-03-10 09:01:00" in text
    assert said == ""


def test_few_rows_that_do_not_fit_stand_in_blocks(shown: Callable[[pa.Table, int], tuple[str, str]]) -> None:
    text, said = shown(EDGES.slice(0, 2), 80)
    assert said == ""
    assert [line.split()[0] for line in text.splitlines() if line.strip()] == EDGES.column_names * 2
    assert "2026-03-10 09:01:00" in text
    assert "Failed:ClientCertExpired" in text


def test_no_rows_have_a_heading_all_the_same(shown: Callable[[pa.Table, int], tuple[str, str]]) -> None:
    assert shown(EDGES.slice(0, 0), 20)[0].split()[:1] == ["caller"]


def test_a_file_has_every_column_however_wide(tmp_path: Path) -> None:
    rows = pa.table({f"column_{k}": [f"a-name-of-thirty-characters-{k:02}"] * 9 for k in range(12)})
    text = written(rows, Format.TABLE, tmp_path).decode()
    assert all(f"a-name-of-thirty-characters-{k:02}" in text for k in range(12))


def test_spare_room_goes_where_little_is_needed() -> None:
    rows = [["ab cd", "ab cd ef gh"]]
    assert widths(["x", "y"], rows, 6) == {0: 2, 1: 2}
    assert widths(["x", "y"], rows, 10) == {0: 5, 1: 3}
    assert broken("server_errors", 8) == "server_\nerrors"
