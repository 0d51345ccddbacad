"""`suspects` on generated incidents with one fault each: `bench/root_cause.py` in small, with seeds of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.incident import hit_by_edge, make
from queries import catalog
from queries.session import open_session
from sample_logs.simulation.estate import EstateBuilder
from sample_logs.simulation.faults import FAULTS, place


@pytest.mark.parametrize("seed", range(100, 106), ids=lambda seed: FAULTS[seed % len(FAULTS)])
def test_an_edge_that_the_fault_hit_is_among_the_first_three(seed: int, tmp_path: Path) -> None:
    incident = make(seed, tmp_path / "incident", most_services=14)
    with open_session(incident.lake) as session:
        hit = hit_by_edge(incident, session)
        found = catalog.report("suspects").run(session, {"since": incident.since, "until": incident.until}).to_pylist()
    assert sum(hit.values()) > 0
    assert hit.keys() & {(row["caller"], row["callee"]) for row in found[:3]}


def test_a_session_for_the_window_alone_knows_what_was_before(tmp_path: Path) -> None:
    """The past comes from the rollups: raw rows before the window are not in such a session."""
    incident = make(100, tmp_path / "incident", most_services=14)
    report, window = catalog.report("suspects"), {"since": incident.since, "until": incident.until}
    with open_session(incident.lake) as session:
        whole = report.run(session, window)
    with open_session(incident.lake, incident.since, incident.until, history_hours=report.history_hours) as session:
        (first,) = session.query("select min(time) as at from requests").to_pylist()
        windowed = report.run(session, window)
    assert first["at"] >= incident.since
    assert len(whole) > 0
    columns = ["rank", "verdict", "caller", "callee", "kind"]
    assert windowed.select(columns) == whole.select(columns)


def test_an_unknown_fault_is_refused_by_name() -> None:
    topology = EstateBuilder(1, 0, 2400, 14).build()
    with pytest.raises(ValueError, match="meteor"):
        place("meteor", topology, 1, 0, 2400, [])
