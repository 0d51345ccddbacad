from __future__ import annotations
import argparse, json, os, sys, tempfile, time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any
from bench.incident import make, hit_by_edge
from queries import catalog
from queries.session import open_session
import structlog, logging

SERIES = (Path(__file__).parent / "edge_series.sql").read_text()


def measure(seed: int, folder: str, steps=(10, 60)) -> dict[str, Any]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    where = Path(folder) / str(seed)
    incident = make(seed, where)
    with open_session(incident.lake, options={"threads": "1"}) as session:
        hit = hit_by_edge(incident, session)
        t = time.process_time()
        found = catalog.report("suspects").run(session, {"since": incident.since, "until": incident.until}).to_pylist()
        cpu = time.process_time() - t
        for step in steps:
            f = where / f"series{step}.json"
            if not f.exists():
                rows = session.query(SERIES, {"step": step}).to_pylist()
                f.write_text(
                    json.dumps(
                        {
                            "step": step,
                            "start": incident.fault["start"],
                            "until": incident.until.timestamp(),
                            "rows": rows,
                        }
                    )
                )
    rank = next((row["rank"] for row in found if (row["caller"], row["callee"]) in hit), None)
    return {
        "seed": seed,
        "services": incident.services,
        "fault": incident.fault,
        "hit": [[*e, n] for e, n in hit.items()],
        "rank": rank,
        "found": found,
        "cpu": cpu,
    }


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seeds", default="1000:1060")
    p.add_argument("--keep", type=Path)
    p.add_argument("--verbose", action="store_true")
    o = p.parse_args()
    a, b = map(int, o.seeds.split(":"))
    o.keep.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(1) as pool:
        results = list(pool.map(measure, range(a, b), [str(o.keep)] * (b - a)))
    (o.keep / "results.json").write_text(json.dumps(results, default=str))
    kinds = {}
    for r in results:
        k = kinds.setdefault(r["fault"]["kind"], [0, 0, 0])
        k[0] += 1
        k[1] += r["rank"] == 1
        k[2] += r["rank"] is not None and r["rank"] <= 3
    for k, v in kinds.items():
        print(k, *v)
    n = len(results)
    print(
        "top1",
        sum(r["rank"] == 1 for r in results) / n,
        "top3",
        sum((r["rank"] or 99) <= 3 for r in results) / n,
        "cpu",
        sum(r["cpu"] for r in results) / n,
    )
    if o.verbose:
        for r in results:
            if r["rank"] != 1:
                f = r["fault"]
                print(
                    "\n",
                    r["seed"],
                    r["services"],
                    f["kind"],
                    f["caller"],
                    "->",
                    f["callee"],
                    {k: f[k] for k in ("share", "factor", "delay", "status", "ramp")},
                    [(h["caller"], h["requests"]) for h in f["hit"]],
                    "rank",
                    r["rank"],
                    r["hit"],
                )
                for x in r["found"][:5]:
                    print(
                        "   ",
                        x["rank"],
                        x["verdict"],
                        x["caller"],
                        "->",
                        x["callee"],
                        x["kind"],
                        *(round(x[c], 2) for c in ("score", "excess", "own_excess")),
                        x["requests"],
                        x["failed_share"],
                        x["mean_ms"] and round(x["mean_ms"]),
                        x["mean_before_ms"] and round(x["mean_before_ms"]),
                        str(x["worse_from"])[11:16],
                        x["downstream"],
                    )


if __name__ == "__main__":
    main()
