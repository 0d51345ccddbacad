"""`python -m bench.identity`: of generated requests, how many have the true caller and callee, and are any wrong?

50 services that all deploy once, addresses reused after it, two services on shared hosts, callers behind a NAT and
behind proxies, VPCs with the same range, and callers that share addresses with services (`sample_logs`' crowd).
What true, wrong and kept apart mean is defined in `bench/identity_truth.py`. Exits 1 when the bar is missed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.identity_truth import APART, TRUE, WRONG, Score, judge
from ingest.lake.tables import Lake
from queries.session import open_session
from sample_logs.simulation.run import simulate

BAR = 0.99
START = 1_773_133_200.0  # 2026-03-10T09:00:00Z


def measure(folder: Path, seed: int, *, services: int, minutes: int, rps: float, crowded: bool) -> tuple[Score, float]:
    """The score of one generated run, and the seconds its session took to open."""
    logs, truth = folder / "logs", folder / "requests.jsonl.gz"
    simulate(
        logs,
        seed=seed,
        start=START,
        minutes=minutes,
        rps=rps,
        services=services,
        incidents=[],
        ground_truth=truth,
        crowded=crowded,
    )
    lake = Lake(str(folder / "lake"))
    eastwest = Path(sys.executable).with_name("eastwest")
    subprocess.run([str(eastwest), "ingest", str(logs), "--lake", lake.uri], check=True, capture_output=True)
    started = time.monotonic()
    with open_session(lake) as session:
        opened = time.monotonic() - started
        return judge(session, json.loads((logs / "truth.json").read_text()), truth), opened


def line(label: str, score: Score) -> str:
    """One line of the table."""
    n = score.requests
    right = score.reasons.total()
    return (
        f"{label:>8} {n:>9,} {score.both[TRUE] / n:>8.2%} {right / n:>8.2%} {score.right / n:>8.2%}"
        f" {(score.both[APART] - right) / n:>12.2%} {score.both[WRONG]:>6}"
    )


def main() -> int:
    """Measure each seed, then all of them together."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="101,102,103,104,105", help="comma-separated; the tests use others")
    parser.add_argument("--services", type=int, default=50)
    parser.add_argument("--minutes", type=int, default=180)
    parser.add_argument("--rps", type=float, default=0.5, help="requests per second at the edge")
    parser.add_argument("--plain", action="store_true", help="without the callers that share addresses")
    options = parser.parse_args()
    total, opening = Score(), 0.0
    print(f"{'seed':>8} {'requests':>9} {'true':>8} {'apart':>8} {'right':>8} {'apart, not':>12} {'wrong':>6}")
    for seed in map(int, options.seeds.split(",")):
        with tempfile.TemporaryDirectory(prefix="eastwest-bench-") as folder:
            score, opened = measure(
                Path(folder),
                seed,
                services=options.services,
                minutes=options.minutes,
                rps=options.rps,
                crowded=not options.plain,
            )
        print(line(str(seed), score), flush=True)
        total, opening = total + score, max(opening, opened)
    print(line("all", total))
    print(f"true by an address alone, of callers that never sign: {total.by_address / total.requests:.2%}")
    print(f"slowest session opened in {opening:.1f} s")
    for title, counted in (
        ("kept apart, rightly", total.reasons),
        ("kept apart, not explained or not needed", total.unexplained),
        ("WRONG", total.wrong),
    ):
        print(f"{title}: {counted.total():,}")
        for what, n in counted.most_common(40):
            print(f"  {n:>8,} {n / total.requests:>7.2%}  {what}")
    return 0 if total.right >= BAR * total.requests and not total.wrong else 1


if __name__ == "__main__":
    sys.exit(main())
