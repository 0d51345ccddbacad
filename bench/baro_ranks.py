"""BARO's ranking of edges, read from series: run by a Python that has RCAEval, which need not be eastwest's.

`python bench/baro_ranks.py [--bocpd] FILE...`: each FILE is JSON with `start` (true start of the anomaly, epoch
seconds), `until` and `rows` (caller, callee, at, requests, failed, denied, p50_ms, p99_ms per minute); prints one JSON
line a file. BARO's own code does the work: `baro` of RCAEval, given the true start, or with `--bocpd` the first change
that BARO's BOCPD finds (that half is only in the authors' other package, fse-baro). It ranks columns; an edge ranks
where its best column does. RCAEval's package imports every other method; its `baro.py` is loaded alone, which needs
pandas and scikit-learn only.

The form of the series is the one that served BARO best on the tuning seeds, of 24 tried: a minute a step (10 s were
worse), shares as percent (as fractions they drown among milliseconds, for a column without spread is not scaled), and
every column kept (`dataset` None: else columns that never moved before are dropped, errors among them).
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd  # type: ignore[import-untyped]

STEP = 60


def baro_of_rcaeval() -> Any:
    """The function `baro`; ends the program where RCAEval is missing."""
    package = importlib.util.find_spec("RCAEval")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("no RCAEval in this Python")
    path = Path(package.submodule_search_locations[0]) / "e2e" / "baro.py"
    spec = importlib.util.spec_from_file_location("rcaeval_baro", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.baro


def series(content: dict[str, Any]) -> pd.DataFrame:
    """A row a minute, a column an edge and measure, and `time`. Without requests: no errors, the last latency."""
    rows = pd.DataFrame(content["rows"])
    rows["edge"] = rows["caller"] + "\t" + rows["callee"]
    rows["failed_error"] = 100 * rows["failed"] / rows["requests"]
    rows["denied_error"] = 100 * rows["denied"] / rows["requests"]
    rows = rows.rename(columns={"p50_ms": "latency-50", "p99_ms": "latency-99"})
    minutes = range(int(rows["at"].min()), int(content["until"]), STEP)
    parts = []
    for measure in ("failed_error", "denied_error", "latency-50", "latency-99"):
        part = rows.pivot(index="at", columns="edge", values=measure).reindex(minutes)
        part = part.ffill().bfill().fillna(0) if measure.startswith("latency") else part.fillna(0)
        parts.append(part.add_suffix("\t" + measure))
    return pd.concat([pd.Series(minutes, index=minutes, name="time"), *parts], axis=1).reset_index(drop=True)


def ranked_edges(content: dict[str, Any], bocpd: bool) -> list[list[str]]:
    """Edges in the order of their best column; none where BOCPD finds no change."""
    data = series(content)
    given: dict[str, Any] = {"inject_time": content["start"] // STEP * STEP}
    if bocpd:
        from baro.anomaly_detection import bocpd as changes

        found = [change for change in changes(data.drop(columns="time")) if change > 1]
        if not found:
            return []
        given = {"anomalies": found}
    ranks = baro_of_rcaeval()(data, **given)["ranks"]
    return [list(edge) for edge in dict.fromkeys(tuple(c.split("\t")[:2]) for c in ranks if "\t" in c)]


def main() -> None:
    """Rank each file."""
    bocpd = "--bocpd" in sys.argv
    for name in sys.argv[1:]:
        if name != "--bocpd":
            edges = ranked_edges(json.loads(Path(name).read_text()), bocpd)
            print(json.dumps({"file": name, "edges": edges}), flush=True)


if __name__ == "__main__":
    main()
