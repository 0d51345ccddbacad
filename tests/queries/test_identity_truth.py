"""Generated traffic of 50 services against the truth about each request: nobody is taken for anybody else."""

from __future__ import annotations

import json

import pytest

from bench.identity_truth import TRUE, WRONG, Score, judge
from queries.session import open_session
from sample_logs.simulation.run import simulate
from tests import lakes

START = 1_773_133_200.0  # 2026-03-10T09:00:00Z


@pytest.fixture(scope="module")
def score(tmp_path_factory: pytest.TempPathFactory) -> Score:
    """50 services and the crowd: all deploy within one hour, and addresses are reused after 12 minutes."""
    folder = tmp_path_factory.mktemp("identity")
    truth = folder / "requests.jsonl.gz"
    simulate(
        folder / "logs",
        seed=11,
        start=START,
        minutes=60,
        rps=0.4,
        services=50,
        incidents=[],
        ground_truth=truth,
        crowded=True,
    )
    with open_session(lakes.ingested(folder / "logs", folder / "lake")) as session:
        return judge(session, json.loads((folder / "logs" / "truth.json").read_text()), truth)


def test_nobody_is_taken_for_anybody_else(score: Score) -> None:
    assert score.wrong == {}
    assert score.both[WRONG] == 0


def test_every_callee_is_told(score: Score) -> None:
    assert score.callees == {TRUE: score.requests}


def test_callers_are_true_or_kept_apart_for_a_reason_that_holds(score: Score) -> None:
    assert score.requests > 5_000
    assert score.right >= 0.99 * score.requests, score.unexplained
    # The traps are in the data: without them nothing would be kept apart, and the two tests above would say little.
    traps = (
        "several services",
        "others call from its",
        "changed hands",
        "a NAT",
        "connect to it directly",
        "says no VPC",
    )
    assert [trap for trap in traps if not any(trap in reason for reason in score.reasons)] == []
