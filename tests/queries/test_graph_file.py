"""The graph as a file: exported and read again it expects the same edges; what is unexpected ends with exit code 1."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import eastwest
from ingest.errors import QueryError, SettingsError
from queries.graph_file import Edge, as_dot, as_json, as_toml, read_graph
from tests.queries.lake_of import denied, lake_of, lattice

NAME = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> str:
    rows = [
        lattice("batch", "ledger", ip="10.0.0.1", target="10.0.1.1"),
        lattice("sync", "ledger", ip="10.0.0.2", target="10.0.1.1"),
        denied("stranger", "ledger", "Service", ip="10.0.0.3"),
    ]
    return lake_of(tmp_path_factory.mktemp("lake"), {"lattice_access": rows}).uri


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(eastwest.app, ["graph", *arguments])
    if isinstance(result.exception, Exception):
        raise result.exception
    return result.exit_code, result.stdout


def test_what_was_exported_holds_save_for_who_was_refused(lake: str, tmp_path: Path) -> None:
    file = tmp_path / "graph.toml"
    assert run("export", "--lake", lake, "-o", str(file)) == (0, "")
    assert tomllib.loads(file.read_text()) == {"callees": {"ledger": ["batch", "sync"]}}
    assert run("assert", str(file), "--lake", lake) == (1, "stranger -> ledger: 1 requests, 1 refused\n")


def test_a_glob_stands_for_callers_and_gone_edges_count_when_asked(lake: str, tmp_path: Path) -> None:
    file = tmp_path / "graph.toml"
    file.write_text('[callees]\nledger = ["s*", "batch"]\norders = ["batch"]\n')
    assert run("assert", str(file), "--lake", lake) == (0, "")
    assert run("assert", str(file), "--lake", lake, "--gone") == (1, "")


def test_nothing_to_compare_is_an_error(lake: str, tmp_path: Path) -> None:
    file = tmp_path / "graph.toml"
    file.write_text("[callees]\n")
    with pytest.raises(QueryError, match="nothing was compared"):
        run("assert", str(file), "--lake", lake, "--since", "2027-01-01")


def test_dot_and_json(lake: str) -> None:
    dot = run("export", "--lake", lake, "--format", "dot")[1]
    assert '  "batch" -> "ledger" [label="1"];' in dot
    edges = json.loads(run("export", "--lake", lake, "--format", "json")[1])
    assert [(edge["caller"], edge["denied"]) for edge in edges] == [("batch", 0), ("stranger", 1), ("sync", 0)]


@given(edges=st.lists(st.builds(Edge, NAME, NAME), max_size=6))
def test_any_names_come_back(edges: list[Edge], tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("graph") / "graph.toml"
    file.write_text(as_toml(edges), encoding="utf-8", newline="")
    expected = read_graph(file)
    assert all(expected.fits(edge) for edge in edges)
    assert expected.unseen(edges) == []
    assert len(json.loads(as_json(edges))) == len(edges)


@given(exported=NAME, other=NAME)
def test_no_other_name_fits_an_exported_one(
    exported: str, other: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("graph") / "graph.toml"
    file.write_text(as_toml([Edge(exported, "ledger")]), encoding="utf-8", newline="")
    assert read_graph(file).fits(Edge(other, "ledger")) is (other == exported)


@pytest.mark.parametrize("stranger", ["rogue.corp", "[*].corp", "*.corp.evil"])
def test_a_callers_name_is_no_glob(tmp_path: Path, stranger: str) -> None:
    """A certificate may be for *.corp."""
    file = tmp_path / "graph.toml"
    file.write_text(as_toml([Edge("*.corp", "ledger"), Edge("[a]?", "ledger")]))
    expected = read_graph(file)
    assert expected.fits(Edge("*.corp", "ledger"))
    assert expected.fits(Edge("[a]?", "ledger"))
    assert not expected.fits(Edge(stranger, "ledger"))


def test_dot_quotes_hostile_names() -> None:
    assert r'"a\"];x\\\\n" -> "b"' in as_dot([Edge('a"];x\\\n', "b")])


@pytest.mark.parametrize("write", [as_dot, as_toml, as_json])
def test_no_form_carries_what_rewrites_a_terminal(write: Callable[[list[Edge]], str]) -> None:
    text = write([Edge("a\x1b[2J\u202eb\x7f\x85\u2028\U000e0001", "b\x1b")])
    assert all(c.isprintable() for c in text.replace("\n", ""))
    assert "u202e" in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[caller]\n", "graph.toml:caller: unknown key"),
        ("callees = 3\n", "graph.toml:callees: expected a section"),
        ('[callees]\nledger = "batch"\n', "callees.ledger: 'batch' is wrong"),
        ("[callees", "is not TOML"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "graph.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=message):
        read_graph(file)
    with pytest.raises(SettingsError, match="no such file; make one with"):
        read_graph(tmp_path / "none.toml")
