"""The command as a whole: what its layers share."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import eastwest
from ingest.logs import Log


def test_log_lines_go_to_the_stderr_of_the_moment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A command configures logging for its process, whose stderr may be another one afterwards."""
    with io.StringIO() as first:
        monkeypatch.setattr(sys, "stderr", first)
        CliRunner().invoke(eastwest.app, ["ingest", str(tmp_path), "--lake", str(tmp_path / "lake")])
    second = io.StringIO()
    monkeypatch.setattr(sys, "stderr", second)
    Log().warning("said now", of="it")
    assert "said now" in second.getvalue()
