"""What is imported at run time: the contracts in pyproject.toml read the code only, this looks at a running Python."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = sorted(path for package in ("ingest", "queries", "dashboard") for path in (ROOT / package).rglob("*.py"))
QUERIES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in CODE
    if path.is_relative_to(ROOT / "queries")
]


def loaded_by(statement: str, *names: str) -> list[str]:
    """Which of the modules a fresh Python has loaded after the statement."""
    look = f"{statement}\nimport sys\nprint(*sorted(set({names!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_queries_load_neither_dashboard_nor_aws() -> None:
    imports = "\n".join(f"import {module}" for module in QUERIES)

    assert loaded_by(imports, "streamlit", "boto3", "ingest.sources", "ingest.formats") == []


def test_a_folder_is_opened_without_loading_boto3() -> None:
    opening = (
        "from ingest.settings import Settings; from ingest.sources import open_source; open_source('.', Settings())"
    )

    assert loaded_by(opening, "boto3", "obstore", "ingest.sources.folder") == ["ingest.sources.folder"]


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nobody_imports_the_command(path: Path) -> None:
    imported = {
        name
        for node in ast.walk(ast.parse(path.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }

    assert "eastwest" not in imported


NEEDED_BY_FEW = ("pandas", "boto3", "streamlit", "pyarrow.dataset", "pydantic")


def test_the_command_starts_without_what_few_commands_need() -> None:
    assert loaded_by("import eastwest, ingest.cli, queries.cli", *NEEDED_BY_FEW) == []


def test_an_ingest_needs_none_of_that_either(tmp_path: Path) -> None:
    arguments = ["eastwest", "ingest", str(ROOT / "sample_logs"), "--lake", str(tmp_path / "lake")]
    run = f"import sys, eastwest\nsys.argv, sys.stdout = {arguments!r}, sys.stderr\neastwest.main()"

    assert loaded_by(f"{run}\nsys.stdout = sys.__stdout__", *NEEDED_BY_FEW) == []


def test_arrow_takes_lists_without_pandas() -> None:
    """Pandas is installed, for the dashboard; pyarrow would import it at the first list that it is given."""
    told = "from ingest.without_pandas import leave_out_pandas; import pyarrow as pa; leave_out_pandas(); pa.array([1])"
    assert loaded_by("import pyarrow as pa; pa.array([1])", "pandas") == ["pandas"]
    assert loaded_by(told, "pandas") == []
    assert loaded_by(f"{told}; import pandas; pa.table({{'a': [1]}}).to_pandas()", "pandas") == ["pandas"]


def test_every_bench_can_be_started() -> None:
    """They run for minutes and so never here; at least what they import is there."""
    names = sorted(path.stem for path in (ROOT / "bench").glob("*.py") if path.stem != "__init__")
    lines = "".join(f"import bench.{name}\n" for name in names)
    done = subprocess.run([sys.executable, "-c", lines], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "ingest" in names
