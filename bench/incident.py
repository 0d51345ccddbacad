"""One generated incident with one fault: its logs, its lake by the real pipeline, and who was really hit.

The truth, fixed before anything was tuned: the true edges of an incident are those with requests that the fault hit
itself, as the generator counts them. A fault on the way between two services, or of one caller's requests, has one true
edge. A fault of a service as a whole (slow, failing, unreachable, a bad canary) has every edge into it that asked while
it lasted: any of them names the service at fault, and `hit` says which was hit most. An edge as the lake names it is a
true one when most of its requests in the window, looked up one by one in the generator's own list, are of true edges.
"""

from __future__ import annotations

import gzip
import json
import shutil
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from ingest.lake.tables import Lake
from ingest.pipeline.run import Limits, Summary, ingest
from ingest.settings import Settings
from ingest.sources import open_source
from queries.session import Session
from sample_logs.simulation.faults import FAULTS
from sample_logs.simulation.run import simulate

START = datetime(2026, 3, 10, 9, tzinfo=UTC)
MINUTES = 40
Edge = tuple[str, str]


class Quiet:
    """A progress display that shows nothing."""

    def found(self, objects: int, bytes_: int) -> None:
        """Ignored."""

    def done(self, batch: Summary) -> None:
        """Ignored."""


@dataclass
class Incident:
    """What `make` made: the lake, the fault as `truth.json` has it, and true caller and callee by table and id."""

    seed: int
    services: int
    lake: Lake
    fault: dict[str, Any]
    asked: dict[tuple[str, str], Edge]

    @property
    def since(self) -> datetime:
        """Start of the failing window: the fault's, to the minute."""
        return datetime.fromtimestamp(self.fault["start"] // 60 * 60, UTC)

    @property
    def until(self) -> datetime:
        """Its end: that of the logs."""
        return START + timedelta(minutes=MINUTES)


def make(seed: int, folder: Path, most_services: int = 40) -> Incident:
    """The incident of a seed, in a system of 14 to `most_services`; one that is in `folder` is taken as it is."""
    rng = Random(f"incident-{seed}")
    kind, services, rps = FAULTS[seed % len(FAULTS)], rng.randint(14, most_services), rng.uniform(0.4, 0.7)
    logs, requests = folder / "logs", folder / "requests.jsonl.gz"
    lake = Lake(str(folder / "lake"))
    if not (folder / "truth.json").exists():
        logs.mkdir(parents=True)
        simulate(
            logs,
            seed=seed,
            start=START.timestamp(),
            minutes=MINUTES,
            rps=rps,
            services=services,
            incidents=[],
            ground_truth=requests,
            fault=kind,
        )
        summary = ingest(open_source(str(logs), Settings()), lake, Limits(500, 16 << 20, 1), Quiet())
        if summary.failed:
            raise SystemExit(f"seed {seed}: not ingested: {summary.failed}")
        (logs / "truth.json").rename(folder / "truth.json")
        shutil.rmtree(logs)
    truth = json.loads((folder / "truth.json").read_text())
    rows = [json.loads(line) for line in gzip.decompress(requests.read_bytes()).splitlines()]
    asked = {(row["table"], row["id"]): (row["caller"], row["callee"]) for row in rows}
    return Incident(seed, services, lake, truth["faults"][0], asked)


def hit_by_edge(incident: Incident, session: Session) -> dict[Edge, int]:
    """The true edges as the lake names them, with the requests hit on the true edge that most of theirs are of."""
    hit = {(row["caller"], row["callee"]): row["requests"] for row in incident.fault["hit"]}
    seen: defaultdict[Edge, Counter[Edge]] = defaultdict(Counter)
    rows = session.query(
        "select caller, callee, front_door, coalesce(request_id, trace_id) as id"
        " from edge_requests where time >= $since and time < $until",
        {"since": incident.since, "until": incident.until},
    )
    for row in rows.to_pylist():
        true = incident.asked[f"{row['front_door']}_access", row["id"]]
        seen[row["caller"], row["callee"]][true] += 1
    found = {}
    for edge, counted in seen.items():
        if 2 * sum(n for true, n in counted.items() if true in hit) > counted.total():
            found[edge] = hit.get(counted.most_common(1)[0][0], 0)
    return found
